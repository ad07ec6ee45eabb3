"""Which engines load each variant and whether it fits here: computed in a thread, kept by variant, asked by every line."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.lab.estimates import Estimate, price
from app.lab.fit import largest_n_ctx
from app.library import SERVED, Variant
from app.store import LoadRecord
from app.ui.language import tr
from app.ui.state.ports import Services
from engines import hardware
from engines.knobs import Scope, Settings
from engines.protocol import Described
from engines.spec import EngineSpec

ORDER = {"fits": 0, "tight": 1, "no": 2}


@dataclass(frozen=True, slots=True)
class EngineLine:
    """One engine and one variant. ok: it can load it; why: why not. estimate: None where nothing says its size."""

    engine: str
    title: str
    ok: bool
    why: str = ""
    estimate: Estimate | None = None
    largest_n_ctx: int | None = None

    @property
    def verdict(self) -> str:
        """fits | tight | no, or "" where it cannot be said."""
        return self.estimate.verdict if self.ok and self.estimate is not None else ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is known of one variant on this machine. The best engine is the one in which it fits best."""

    engines: tuple[EngineLine, ...]

    @property
    def loads(self) -> tuple[EngineLine, ...]:
        """The engines that can load it."""
        return tuple(line for line in self.engines if line.ok)

    @property
    def loads_words(self) -> str:
        """Their names, or ""."""
        return ", ".join(line.title for line in self.loads)

    @property
    def best(self) -> EngineLine | None:
        """The engine in which it fits best; None where it cannot be said."""
        known = [line for line in self.loads if line.estimate is not None]
        return min(known, key=lambda line: ORDER[line.verdict], default=None)

    @property
    def verdict(self) -> str:
        """fits | tight | no, or ""."""
        return self.best.verdict if self.best is not None else ""

    @property
    def total_bytes(self) -> int | None:
        """What the best engine would take."""
        best = self.best
        return best.estimate.total_bytes if best is not None and best.estimate is not None else None


class Assessor:
    """Answers for many variants with one look at the machine. Every method runs in a job's thread.

    It keeps what it found by variant and engine until the machine has clearly other memory free, or another engine is
    there.
    """

    def __init__(self, services: Services, specs: Sequence[EngineSpec]) -> None:
        self._services, self.specs = services, tuple(specs)
        self._kept: dict[tuple[str, str, int, str], EngineLine] = {}
        self._key: tuple[object, ...] = ()
        self._past: dict[str, list[LoadRecord]] = {}
        self._described: dict[str, Described] = {}
        self._defaults: dict[str, Settings] = {spec.id: defaults(spec) for spec in self.specs}
        self._free = 0

    def look(self) -> None:
        """Ask anew what is free and which engines are there; forget answers that this makes stale."""
        services = self._services
        found = {spec.id: services.descriptions.get(spec) for spec in self.specs}
        self._described = {name: described for name, described in found.items() if described is not None}
        self._past = {spec.id: services.store.loads(spec.id) for spec in self.specs}
        self._free = hardware.free_memory()
        said = tuple((name, d.available, d.reason) for name, d in sorted(self._described.items()))
        counts = tuple((name, len(past), past[0].created if past else 0.0) for name, past in self._past.items())
        key = (round(self._free / 256e6), said, counts)
        if key != self._key:
            self._key = key
            self._kept.clear()

    def assess(self, variants: Sequence[Variant], cancelled: Callable[[], bool]) -> dict[str, Assessment]:
        """By ref. Stops between two variants when it is cancelled."""
        found: dict[str, Assessment] = {}
        engines_of = importlib.import_module("app.library.loading").engines_of
        for variant in variants:
            if cancelled():
                break
            lines = tuple(self._line(variant, can) for can in engines_of(variant, self.specs, self._described))
            found[variant.ref] = Assessment(lines)
        return found

    def with_contexts(self, variant: Variant, assessment: Assessment) -> Assessment:
        """The same with the largest context that fits, for each engine that loads it."""
        return Assessment(tuple(self._with_context(variant, line) for line in assessment.engines))

    def _line(self, variant: Variant, can: object) -> EngineLine:
        engine, ok, why = str(getattr(can, "engine", "")), bool(getattr(can, "ok", False)), str(getattr(can, "why", ""))
        key = (variant.ref, engine, variant.bytes, variant.problem)
        kept = self._kept.get(key)
        if kept is None or (kept.ok, kept.why) != (ok, why):
            kept = EngineLine(engine, str(getattr(can, "title", "")), ok, why, self._price(variant, engine, ok))
            self._kept[key] = kept
        return kept

    def _price(self, variant: Variant, engine: str, ok: bool) -> Estimate | None:
        spec = self._spec(engine)
        if not ok or spec is None or spec.remote or variant.format == SERVED:
            return None
        return price(self._past.get(engine, []), spec, variant, self._defaults[engine], self._free)

    def _with_context(self, variant: Variant, line: EngineLine) -> EngineLine:
        spec = self._spec(line.engine)
        if spec is None or line.estimate is None or spec.knob("n_ctx") is None:
            return line
        most = largest_n_ctx(self._past.get(spec.id, []), spec, variant, self._defaults[spec.id], self._free)
        return EngineLine(line.engine, line.title, line.ok, line.why, line.estimate, most)

    def _spec(self, engine: str) -> EngineSpec | None:
        return next((spec for spec in self.specs if spec.id == engine), None)


def defaults(spec: EngineSpec) -> Settings:
    """The engine's load settings as they are before anybody changes one."""
    return {knob.name: knob.default for knob in spec.knobs if knob.scope is Scope.LOAD}


def verdict_words(verdict: str) -> str:
    """The chip's word."""
    return {"fits": tr("fits"), "tight": tr("tight"), "no": tr("too large")}.get(verdict, "–")
