"""The memory estimate in words: does it fit, in which parts, and how good such estimates were here."""

from __future__ import annotations

import statistics

from app.lab.estimates import Estimate
from app.ui.state import words
from engines.spec import EngineSpec

PARTS = {"weights": "weights", "kv": "KV", "compute": "compute", "other": "other"}
OPENING = {"fits": "Fits", "tight": "Tight", "no": "Does not fit"}


def headline(found: Estimate) -> str:
    """The verdict: "Fits: about 218 MB of 23.1 GB free"."""
    return f"{OPENING[found.verdict]}: about {words.size(found.total_bytes)} of {words.size(found.free_bytes)} free"


def detail(found: Estimate) -> str:
    """The parts: "weights 98 · KV 94 · compute 26 MB"."""
    shown = [f"{name} {found.parts[key] / 1e6:,.0f}" for key, name in PARTS.items() if found.parts.get(key)]
    return " · ".join(shown) + " MB" if shown else ""


def record(found: Estimate, spec: EngineSpec) -> str:
    """The past: "estimates for llama.cpp here: +3 %, worst −11 %, 14 loads"."""
    if not found.errors:
        return "no loads here to learn from yet"
    worst = max(found.errors, key=abs)
    count = f"{len(found.errors):,} load{'s' if len(found.errors) > 1 else ''}"
    return (
        f"estimates for {spec.title} here: {_signed(statistics.median(found.errors))}, worst {_signed(worst)}, {count}"
    )


def _signed(share: float) -> str:
    return f"{share * 100:+.0f} %".replace("-", "−").replace(" %", "\N{NO-BREAK SPACE}%")
