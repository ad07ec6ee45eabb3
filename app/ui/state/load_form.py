"""The load test's form: what a person typed, kept between starts, and the plan that it makes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from app.errors import TandemError
from app.lab.loadtest.plan import Limits, LoadMode, LoadPlan, LoadPreset, plan_of
from app.ui.language import tr


@dataclass(frozen=True, slots=True)
class Form:
    """What the person chose. requests "" : as many as a level needs. Times are texts as typed: ms, ms and s."""

    preset: str = "chat"
    mode: str = LoadMode.CLOSED.value
    users: tuple[int, ...] = (1, 2, 4, 8)
    rates: str = "0.5, 1, 2, 4"
    by_seconds: bool = False
    requests: str = ""
    seconds: str = "30"
    ttft_ms: str = "200"
    itl_ms: str = "50"
    e2e_s: str = ""


def plan_from(form: Form, known: Sequence[LoadPreset]) -> LoadPlan:
    """The form as a plan. Raises TandemError `bad_plan`."""
    preset = next(p for p in known if p.id == form.preset)
    closed = form.mode == LoadMode.CLOSED.value
    levels = tuple(sorted(float(n) for n in form.users)) if closed else _numbers(form.rates, tr("Arrival rate"))
    limits = Limits(
        ttft_s=_optional(form.ttft_ms, tr("Time to first token"), 1000), e2e_s=_optional(form.e2e_s, tr("Whole answer")),
        itl_s=_optional(form.itl_ms, tr("Between tokens"), 1000),
    )  # fmt: skip
    requests = 0 if form.by_seconds else int(_optional(form.requests, tr("Requests")) or 0)
    seconds = _optional(form.seconds, tr("Seconds")) if form.by_seconds else None
    return plan_of(preset, mode=LoadMode(form.mode), levels=levels, requests=requests, seconds=seconds, limits=limits)


def kept_form(kept: dict[str, Any], known: Sequence[LoadPreset]) -> Form:
    """As it was left; what no longer fits is as at first."""
    first = next(iter(known))
    texts = limit_texts(first.limits)
    made = Form(preset=first.id, ttft_ms=texts["ttft_ms"], itl_ms=texts["itl_ms"], e2e_s=texts["e2e_s"])
    with contextlib.suppress(msgspec.ValidationError):
        found = msgspec.convert(kept, Form) if kept else made
        modes = [mode.value for mode in LoadMode]
        return found if found.preset in {p.id for p in known} and found.mode in modes else made
    return made


def limit_texts(limits: Limits) -> dict[str, str]:
    def text(value: float | None, factor: float = 1.0) -> str:
        return "" if value is None else f"{value * factor:g}"

    return {
        "ttft_ms": text(limits.ttft_s, 1000), "itl_ms": text(limits.itl_s, 1000), "e2e_s": text(limits.e2e_s)
    }  # fmt: skip


def _optional(text: str, what: str, factor: float = 1.0) -> float | None:
    """A number over 0 as typed, in other units; None where nothing stands. Raises TandemError `bad_plan`."""
    if not text.strip():
        return None
    return _numbers(text, what)[0] / factor


def _numbers(text: str, what: str) -> tuple[float, ...]:
    """Numbers over 0, separated by commas or spaces. Raises TandemError `bad_plan`."""
    found = []
    for word in re.split(r"[,;\s]+", text.strip()):
        try:
            value = float(word)
        except ValueError:
            value = 0.0
        if not 0 < value < 1e9:
            words = tr("{what}: “{word}” is no number over 0.", what=what, word=word[:40])
            raise TandemError("bad_plan", words, tr("Write numbers, with a point for fractions."))
        found.append(value)
    return tuple(found)
