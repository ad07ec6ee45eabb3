"""The memory estimate before a load, with what this machine's own loads taught. Quick: it is asked at every knob's change."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from app.library import Variant
from app.store import LoadRecord, Store
from engines import hardware, memory
from engines.knobs import Settings
from engines.spec import EngineSpec


@dataclass(frozen=True, slots=True)
class Estimate:
    """parts in bytes: weights, kv, compute, other; total_bytes: all of them, once the context is full.

    errors: past estimates' (estimate − measured) ÷ measured. at_load_bytes: what `model_bytes` will say right after the
    load, which is what those errors compare. base_bytes: the formula's part of it, without what was learnt.
    """

    parts: dict[str, int]
    total_bytes: int
    free_bytes: int
    errors: tuple[float, ...]
    at_load_bytes: int = 0
    base_bytes: int = 0

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
    """None for a model whose header says nothing of its size, and for one in another process."""
    return price(store.loads(spec.id, device), spec, variant, load, hardware.free_memory())


def price(
    past: Sequence[LoadRecord], spec: EngineSpec, variant: Variant, load: Settings, free_bytes: int
) -> Estimate | None:
    """The estimate by what is known already: nothing is read. past: this engine's loads, newest first."""
    if variant.shape is None or spec.remote:  # a server decides by itself what it takes
        return None
    formula = memory.estimate(variant.shape, spec.id, load, variant.mix)
    learnt = overhead(gaps(past, spec.id, variant, load)) or 0
    learnt = max(learnt, -formula.parts["other"])
    parts = formula.parts | {"other": formula.parts["other"] + learnt}
    base = formula.at_load_bytes
    return Estimate(parts, formula.total_bytes + learnt, free_bytes, errors(past), base + learnt, base)


def gaps(past: Sequence[LoadRecord], engine: str, variant: Variant, load: Settings) -> list[int]:
    """Bytes by which the loads that say most of this one went beyond the formula: those of this variant with settings of
    this kind (priced anew, by today's formula); without any, all of this kind; without any, of a kind that is alike."""
    kind, shape = memory.kind(engine, load), variant.shape
    known = [(r, r.model_bytes, memory.kind(engine, r.knobs)) for r in past if r.model_bytes is not None]
    own = [
        real - memory.estimate(shape, engine, r.knobs, variant.mix).at_load_bytes
        for r, real, its in known
        if shape is not None and its == kind and (r.model, r.variant) == (variant.id, variant.variant)
    ]
    stored = [(real - r.base_bytes, its) for r, real, its in known if r.base_bytes is not None]
    return own or [gap for gap, its in stored if its == kind] or [gap for gap, its in stored if its[0] == kind[0]]


def overhead(found: Sequence[int]) -> int | None:
    """Their median; None before the first."""
    return int(statistics.median(found)) if found else None


def errors(past: Sequence[LoadRecord]) -> tuple[float, ...]:
    """(estimate − measured) ÷ measured of each load that had both."""
    pairs = [(r.estimate_bytes, r.model_bytes) for r in past]
    return tuple((guess - real) / real for guess, real in pairs if guess is not None and real)
