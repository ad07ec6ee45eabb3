"""What a lane can be made of on this machine: models, their variants, engines with their knobs, as the editor offers them."""

from __future__ import annotations

from msgspec.structs import replace

from app.lab.compare.lane import Lane
from app.library import Variant
from app.ui.language import tr
from app.ui.state import picks
from app.ui.state.model import ModelState
from app.ui.state.ports import Services
from engines.knobs import KnobState, Scope, Settings, defaults, differences
from engines.spec import EngineSpec


def current_lane(model: ModelState) -> Lane | None:
    """A lane as the Chat page is set now; None where nothing is chosen."""
    spec, variant = model.spec, model.variant
    if spec is None or variant is None:
        return None
    settings = {**model.settings(Scope.LOAD), **model.settings(Scope.RUN)}
    set_ones = {name: settings[name] for name in differences(defaults(spec.knobs), settings)}
    return Lane(name="", model=variant.id, engine=spec.id, variant=variant.variant, knobs=set_ones)


class LaneChoices:
    """Reads what the Chat page's state knows already; asks nothing of an engine."""

    def __init__(self, services: Services, model: ModelState) -> None:
        self._services, self._model = services, model

    def spec(self, lane: Lane) -> EngineSpec | None:
        """The lane's engine, or None where it is not known here."""
        return next((s for s in self._model.specs if s.id == lane.engine), None)

    def models(self) -> list[picks.Pick]:
        """The model picker's lines."""
        return self._model.models

    def engines(self) -> list[picks.Pick]:
        """The engine picker's lines, with why one cannot be used."""
        return self._model.engines

    def variants(self, lane: Lane) -> list[picks.Pick]:
        """Auto, then the variants of the lane's model that its engine can load."""
        spec = self.spec(lane)
        found = [picks.Pick("", tr("Auto"))]
        for variant in self._of(lane.model):
            off = variant.problem or ("" if spec is None or variant.format in spec.formats else _cannot(spec, variant))
            found.append(picks.Pick(variant.variant, picks.chip(variant), off))
        return found

    def knob_states(self, lane: Lane) -> dict[str, KnobState]:
        """Why knobs of the lane's engine are off here, as far as it was asked."""
        spec = self.spec(lane)
        described = self._services.descriptions.get(spec) if spec is not None else None
        return described.knobs if described is not None else {}

    def settings(self, lane: Lane) -> Settings:
        """Every knob of the lane, complete."""
        spec = self.spec(lane)
        return {} if spec is None else defaults(spec.knobs) | {n: v for n, v in lane.knobs.items() if spec.knob(n)}

    def with_variant(self, lane: Lane, variant: str) -> Lane:
        """Another precision of the same model."""
        return replace(lane, variant=variant)

    def with_model(self, lane: Lane, model: str) -> Lane:
        """Another model, in the variant that the engine prefers; in another engine where this one cannot have it."""
        if model == lane.model:
            return lane
        made, spec = replace(lane, model=model, variant=""), self.spec(lane)
        if (
            spec is not None
            and picks.choose(self._services.library, self._model.variants, model, spec, "")[0] is not None
        ):
            return made
        if spec is not None and picks.offer(self._services.library, self._model.variants, model, spec) is not None:
            return made
        found = picks.suiting(self._model.specs, self._of(model))
        return made if found is None else self.with_engine(made, found.id)

    def with_engine(self, lane: Lane, engine: str) -> Lane:
        """Another engine with what it shares of the lane's knobs; a variant that it cannot load is let go."""
        spec = next((s for s in self._model.specs if s.id == engine), None)
        if spec is None or engine == lane.engine:
            return lane
        fitting = {v.variant for v in self._of(lane.model) if v.format in spec.formats}
        knobs = {name: value for name, value in lane.knobs.items() if spec.knob(name) is not None}
        return replace(lane, engine=engine, variant=lane.variant if lane.variant in fitting else "", knobs=knobs)

    def _of(self, model: str) -> list[Variant]:
        return [v for v in self._model.variants if v.id == model]


def _cannot(spec: EngineSpec, variant: Variant) -> str:
    return tr("{title} does not load {format} files.", title=spec.title, format=variant.format)
