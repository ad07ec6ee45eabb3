"""A lane: one column of a comparison. The same value serves the window, a recipe's file, the store and a report."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engines import registry
from engines.errors import EngineError
from engines.knobs import Knob, Scope, Settings, Value, defaults, show
from engines.spec import EngineSpec

LETTERS = "ABCD"
MOST = len(LETTERS)


class Lane(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A variant, an engine, load and run knobs.

    variant: a precision of the model, "" is the one that the engine loads by itself. knobs: of both scopes, only
    those that were set.
    """

    name: str
    model: str
    engine: str
    variant: str = ""
    knobs: Settings = {}

    @property
    def ref(self) -> str:
        """The model as the library is asked for it."""
        return f"{self.model}:{self.variant}" if self.variant else self.model

    def split(self) -> tuple[Settings, Settings]:
        """Complete (load, run) settings. Raises EngineError for an unknown engine or what does not fit."""
        return registry.spec(self.engine).split(dict(self.knobs))


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in which a lane differs from the reference lane. name: "model", "variant", "engine" or a knob.

    before, after: words for a person. concept: the glossary's key. weights: it changes the stored weights alone.
    """

    name: str
    title: str
    before: str
    after: str
    concept: str = ""
    weights: bool = False


def letter(index: int) -> str:
    """The lane's letter: 0 is A, the reference."""
    return LETTERS[index]


def differences(lane: Lane, reference: Lane) -> tuple[Difference, ...]:
    """Everything in which `lane` differs from `reference`: model, variant, engine, then knobs in their form's order.

    Knobs are compared as settled values: a default that is written out is no difference. Of two engines only the
    knobs that both have are compared, and those that one alone has and that were set.
    """
    found: list[Difference] = []
    if lane.model != reference.model:
        found.append(_plain("model", "Model", reference.model, lane.model))
    if lane.variant != reference.variant:
        found.append(_plain("variant", "Variant", reference.variant or "Auto", lane.variant or "Auto", weights=True))
    if lane.engine != reference.engine:
        found.append(_plain("engine", "Engine", title_of(reference.engine), title_of(lane.engine)))
    return (*found, *_knob_differences(lane, reference))


def words(found: Sequence[Difference]) -> str:
    """ "K cache f16 → q8_0"; several are listed as such: "several things differ: engine …, threads …"."""
    parts = [f"{d.title} {d.before} → {d.after}" for d in found]
    if len(parts) > 1:
        return "several things differ: " + ", ".join(parts)
    return parts[0] if parts else "the same settings"


def changed(lane: Lane, name: str, value: Value) -> Lane:
    """The lane with one knob set; a default is not written down. Raises EngineError `unknown_knob`, `bad_knob`."""
    spec = registry.spec(lane.engine)
    knob = spec.knob(name)
    if knob is None:
        raise EngineError("unknown_knob", f"{spec.title} has no knob “{name}”.")
    knobs = {n: v for n, v in lane.knobs.items() if n != name}
    if value != knob.default:
        knobs[name] = value
    made = msgspec.structs.replace(lane, knobs=knobs)
    made.split()
    return made


def title_of(engine: str) -> str:
    """An engine's title; its id where it is not known here."""
    found = registry.specs().get(engine)
    return found.title if found is not None else engine


def _plain(name: str, title: str, before: str, after: str, weights: bool = False) -> Difference:
    return Difference(name=name, title=title, before=before, after=after, concept=name, weights=weights)


def _knob_differences(lane: Lane, reference: Lane) -> list[Difference]:
    table = registry.specs()
    mine, theirs = table.get(lane.engine), table.get(reference.engine)
    if mine is None or theirs is None:
        return []
    ours, others = _settled(mine, lane.knobs), _settled(theirs, reference.knobs)
    found: list[Difference] = []
    for knob in mine.knobs:
        if knob.name in others:
            before = others[knob.name]
        elif knob.name in lane.knobs:
            before = knob.default
        else:
            continue
        after = ours[knob.name]
        if before != after:
            found.append(
                Difference(
                    name=knob.name, title=knob.title, before=_bare(knob, before), after=_after(knob, after),
                    concept=knob.concept, weights=knob.weights and knob.scope is Scope.LOAD,
                )
            )  # fmt: skip
    return found


def _bare(knob: Knob, value: Value) -> str:
    """A value without its unit: "4,096" of "4,096 → 8,192 tokens"."""
    text = show(knob, value)
    return text.removesuffix(f" {knob.unit}") if knob.unit else text


def _after(knob: Knob, value: Value) -> str:
    """With its unit, unless the title says it: "Threads 1 → 2"."""
    return _bare(knob, value) if knob.unit == knob.title.lower() else show(knob, value)


def _settled(spec: EngineSpec, given: Settings) -> Settings:
    return defaults(spec.knobs) | {n: v for n, v in given.items() if spec.knob(n) is not None}
