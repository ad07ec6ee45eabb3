"""The settings a person has made, engine by engine: kept between starts, never more than differs from the defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.ui.state.kept import Kept
from app.ui.state.presets import Shelf
from engines.errors import EngineError
from engines.knobs import Knob, Scope, Settings, Value, check, defaults, show
from engines.spec import EngineSpec


class KnobBook:
    """Settings by engine. Values that no longer fit their knob are dropped, not shown as errors."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self.shelf = Shelf(kept)
        self._given: dict[str, dict[str, Value]] = {}

    def settings(self, spec: EngineSpec, scope: Scope) -> Settings:
        """Every knob of `scope`: what was set, else the default."""
        knobs = [k for k in spec.knobs if k.scope is scope]
        given = self._of(spec)
        return defaults(knobs) | {k.name: given[k.name] for k in knobs if k.name in given}

    def put(self, spec: EngineSpec, name: str, value: Value) -> bool:
        """Set one knob; True if that changed something. Raises EngineError `bad_knob`, `unknown_knob`."""
        knob = spec.knob(name)
        if knob is None:
            raise EngineError("unknown_knob", f"{spec.title} has no knob “{name}”.")
        value = check(knob, value)
        given = self._of(spec)
        if given.get(name, knob.default) == value:
            return False
        given.pop(name, None)
        if value != knob.default:
            given[name] = value
        return True

    def reset(self, spec: EngineSpec, scope: Scope) -> None:
        """All knobs of `scope` back to their defaults."""
        kept = {k.name for k in spec.knobs if k.scope is not scope}
        given = self._of(spec)
        self._given[spec.id] = {name: value for name, value in given.items() if name in kept}

    def save(self, spec: EngineSpec) -> None:
        """Keep what was set for the next start."""
        self._kept.set(f"knobs.{spec.id}", dict(self._of(spec)))

    def presets(self) -> dict[str, dict[str, Value]]:
        """Name → run knobs of every preset."""
        return {preset.name: preset.run for preset in self.shelf.all()}

    def _of(self, spec: EngineSpec) -> dict[str, Value]:
        if spec.id not in self._given:
            self._given[spec.id] = _fitting(spec, self._kept.get(f"knobs.{spec.id}", {}))
        return self._given[spec.id]


def reload_words(knobs: tuple[Knob, ...], before: Settings, after: Settings, names: Iterable[str]) -> list[str]:
    """What a reload would change, in words: "context 4,096 → 8,192 tokens"."""
    table = {knob.name: knob for knob in knobs}
    return [
        f"{_small(table[name].title)} {_bare(table[name], before.get(name))} → {show(table[name], after.get(name))}"
        for name in names
        if name in table
    ]


def effective_words(
    knobs: Sequence[Knob], asked: Mapping[str, Value], effective: Mapping[str, Value], why: Mapping[str, str]
) -> dict[str, str]:
    """Knob name → what the engine made of it, where that is not what was asked: "Auto → 2 threads: the cores …"."""
    said: dict[str, str] = {}
    for knob in knobs:
        want, got = asked.get(knob.name), effective.get(knob.name)
        reason = why.get(knob.name, "")
        if reason:
            said[knob.name] = f"{show(knob, want)} → {reason}"
        elif knob.name in effective and knob.name in asked and got != want:
            said[knob.name] = f"{show(knob, want)} → {show(knob, got)}"
    return said


def _small(title: str) -> str:
    """A title in the middle of a sentence: "Context" → "context", but "K cache" and "GPU layers" stay."""
    first = title.split(" ", 1)[0]
    return title if len(first) == 1 or first.isupper() else title[:1].lower() + title[1:]


def _bare(knob: Knob, value: Value) -> str:
    text = show(knob, value)
    return text.removesuffix(f" {knob.unit}") if knob.unit else text


def _fitting(spec: EngineSpec, kept: Mapping[str, Any]) -> dict[str, Value]:
    fitting: dict[str, Value] = {}
    for name, value in kept.items():
        knob = spec.knob(name)
        try:
            if knob is not None:
                fitting[name] = check(knob, value)
        except EngineError:
            continue
    return fitting
