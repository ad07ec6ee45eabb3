"""The memory that a load would take, part by part, beside what is free and how good such estimates were here."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from app.library import Variant
from app.store import LoadRecord
from app.ui.state import words
from engines import hardware, memory
from engines.knobs import Settings
from engines.spec import EngineSpec


@dataclass(frozen=True, slots=True)
class Estimate:
    """parts: weights, kv, compute, other in bytes. verdict: "fits", "tight" or "no"."""

    parts: dict[str, int]
    free_bytes: int
    record: str

    @property
    def total(self) -> int:
        """All parts together, bytes."""
        return memory.total(self.parts)

    @property
    def verdict(self) -> str:
        """Whether it fits into what is free now, with 10 % to spare."""
        if self.total > self.free_bytes:
            return "no"
        return "fits" if self.total * 1.1 <= self.free_bytes else "tight"

    @property
    def headline(self) -> str:
        """The verdict in words."""
        opening = {"fits": "Fits", "tight": "Tight", "no": "Does not fit"}[self.verdict]
        return f"{opening}: about {words.size(self.total)} of {words.size(self.free_bytes)} free"

    @property
    def detail(self) -> str:
        """The parts in words: "weights 98 · KV 94 · compute 26 MB"."""
        names = {"weights": "weights", "kv": "KV", "compute": "compute", "other": "other"}
        shown = [f"{names[key]} {self.parts[key] / 1e6:,.0f}" for key in names if self.parts.get(key)]
        return " · ".join(shown) + " MB" if shown else ""


def estimate(variant: Variant, spec: EngineSpec, load: Settings, loads: Sequence[LoadRecord]) -> Estimate | None:
    """What loading would take; None where the header does not say the model's shape."""
    if variant.shape is None:
        return None
    overhead = _overhead(loads)
    parts = memory.estimate(variant.shape, spec.id, load, overhead)
    return Estimate(parts, hardware.free_memory(), record(spec, loads))


def record(spec: EngineSpec, loads: Sequence[LoadRecord]) -> str:
    """How estimates did here: "estimates for llama.cpp here: +3 %, worst −11 %, 14 loads"."""
    errors = [r.model_bytes / r.estimate_bytes - 1 for r in loads if r.model_bytes and r.estimate_bytes]
    if not errors:
        return "no loads to compare with yet"
    middle, worst = statistics.median(errors), max(errors, key=abs)
    count = f"{len(errors)} load{'s' if len(errors) > 1 else ''}"
    return f"estimates for {spec.title} here: {_signed(middle)}, worst {_signed(worst)}, {count}"


def _overhead(loads: Sequence[LoadRecord]) -> int | None:
    beyond = [r.model_bytes - r.estimate_bytes for r in loads if r.model_bytes and r.estimate_bytes]
    return round(statistics.median(beyond)) if beyond else None


def _signed(share: float) -> str:
    return f"{share * 100:+.0f} %".replace("-", "−")
