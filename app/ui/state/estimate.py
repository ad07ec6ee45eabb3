"""The memory estimate in words: does it fit, in which parts, and how good such estimates were here."""

from __future__ import annotations

import statistics

from app.lab.estimates import Estimate
from app.ui.language import tr
from app.ui.state import words
from engines.spec import EngineSpec

PARTS = ("weights", "kv", "compute", "other")
GROWS = 0.02  # from this share on it is said that a load takes less at first


def names() -> dict[str, str]:
    """What each part is called."""
    return {"weights": tr("weights"), "kv": tr("KV"), "compute": tr("compute"), "other": tr("other")}


def headline(found: Estimate) -> str:
    """The verdict: "Fits: about 346 MB of 23.1 GB free, 240 MB at first"; it counts a full context."""
    need, free = words.size(found.total_bytes), words.size(found.free_bytes)
    if found.verdict == "no":
        said = tr("Does not fit: about {need} of {free} free", need=need, free=free)
    elif found.verdict == "tight":
        said = tr("Tight: about {need} of {free} free", need=need, free=free)
    else:
        said = tr("Fits: about {need} of {free} free", need=need, free=free)
    return f"{said}, {_at_first(found)}" if _grows(found) else said


def _grows(found: Estimate) -> bool:
    """True where a load takes clearly less than the context will, once it is full."""
    return bool(found.at_load_bytes) and found.total_bytes - found.at_load_bytes > GROWS * found.total_bytes


def _at_first(found: Estimate) -> str:
    return tr("{size} at first", size=words.size(found.at_load_bytes))


def record(found: Estimate, spec: EngineSpec) -> str:
    """The past: "estimates for llama.cpp here: +3 %, worst −11 %, 14 loads"."""
    if not found.errors:
        return tr("no loads here to learn from yet")
    median, worst = _signed(statistics.median(found.errors)), _signed(max(found.errors, key=abs))
    count = len(found.errors)
    if count == 1:
        return tr("estimates for {engine} here: {median}, 1 load", engine=spec.title, median=median)
    return tr("estimates for {engine} here: {median}, worst {worst}, {count} loads", engine=spec.title, median=median,
              worst=worst, count=f"{count:,}")  # fmt: skip


def _signed(share: float) -> str:
    """ "+3 %", with a real minus, and a zero without a sign."""
    text = f"{share * 100:+.0f}"
    text = "0" if text in ("+0", "-0") else text.replace("-", "−")
    return f"{text}\N{NO-BREAK SPACE}%"
