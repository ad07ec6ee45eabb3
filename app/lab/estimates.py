"""The memory estimate before a load, with what this machine's own loads taught."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from app.library import Variant
from app.store import LoadRecord, Store
from engines import hardware, memory
from engines.knobs import Settings
from engines.spec import EngineSpec


@dataclass(frozen=True, slots=True)
class Estimate:
    """parts in bytes: weights, kv, compute, other. errors: past estimates' (estimate − measured) ÷ measured."""

    parts: dict[str, int]
    total_bytes: int
    free_bytes: int
    errors: tuple[float, ...]

    @property
    def verdict(self) -> str:
        """fits | tight | no: within 90 % of what is free, within it, beyond it."""
        if self.total_bytes > self.free_bytes:
            return "no"
        return "fits" if self.total_bytes * 1.1 <= self.free_bytes else "tight"

    @property
    def experience(self) -> str:
        """“estimates for this engine here: +3 %, worst −11 %, 14 loads”, or "" before the first."""
        if not self.errors:
            return ""
        worst = max(self.errors, key=abs)
        count = len(self.errors)
        return f"estimates here: {statistics.median(self.errors):+.0%}, worst {worst:+.0%}, {count} load{'s' * (count > 1)}"


def estimate(store: Store, spec: EngineSpec, variant: Variant, load: Settings, device: str = "cpu") -> Estimate | None:
    """None for a model whose header says nothing of its size."""
    if variant.shape is None:
        return None
    past = store.loads(spec.id, device)
    parts = memory.estimate(variant.shape, spec.id, load, overhead(past))
    return Estimate(parts, memory.total(parts), hardware.free_memory(), errors(past))


def overhead(past: list[LoadRecord]) -> int | None:
    """Median bytes by which this machine's loads went beyond the formula; None before the first."""
    gaps = [r.model_bytes - r.base_bytes for r in past if r.model_bytes is not None and r.base_bytes is not None]
    return int(statistics.median(gaps)) if gaps else None


def errors(past: list[LoadRecord]) -> tuple[float, ...]:
    pairs = [(r.estimate_bytes, r.model_bytes) for r in past]
    return tuple((guess - real) / real for guess, real in pairs if guess is not None and real)
