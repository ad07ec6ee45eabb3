"""Presets: settings under a name, for one model or for all, kept between starts and carried in files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from app.errors import TandemError
from app.ui.language import tr
from app.ui.state.kept import Kept
from engines.errors import EngineError
from engines.knobs import Value, check
from engines.spec import EngineSpec

KEY = "presets"
FILE_BYTES = 5_000_000  # more is no file of presets
NOT_KEPT = ("seed",)  # a preset says how to draw, not which draw


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """name: unique among all. model: a library id, or "" for all models. engine: where it was kept, or "" for any."""

    name: str
    model: str = ""
    engine: str = ""
    run: dict[str, Value] = {}
    load: dict[str, Value] = {}


STARTING = (
    Preset(name="Exact", run={"temperature": 0.0, "top_k": 1, "top_p": 1.0, "min_p": 0.0}),
    Preset(name="Balanced", run={"temperature": 0.7, "top_k": 40, "top_p": 0.95, "min_p": 0.05}),
    Preset(name="Inventive", run={"temperature": 1.1, "top_k": 0, "top_p": 1.0, "min_p": 0.08}),
)


class Shelf:
    """The person's own presets. One for all models, without load settings, is stored in the shape of earlier versions."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def own(self) -> list[Preset]:
        """Those that the person kept, in their order; what cannot be read is left out."""
        stored: dict[str, Any] = self._kept.get(KEY, {})
        found = [_from_stored(name, body) for name, body in stored.items()]
        return [preset for preset in found if preset is not None]

    def all(self) -> list[Preset]:
        """The starting ones, unless the person has one of that name, then the person's own."""
        own = self.own()
        taken = {preset.name for preset in own}
        return [preset for preset in STARTING if preset.name not in taken] + own

    def for_model(self, model: str) -> list[Preset]:
        """Those that are for all models or for this one."""
        return [preset for preset in self.all() if preset.model in ("", model)]

    def get(self, name: str) -> Preset | None:
        """The preset of that name."""
        return next((preset for preset in self.all() if preset.name == name), None)

    def is_own(self, name: str) -> bool:
        """True for a preset that the person kept."""
        return any(preset.name == name for preset in self.own())

    def keep(self, preset: Preset) -> None:
        """Keep it in its old place, or at the end; one of that name is replaced."""
        own = {old.name: old for old in self.own()}
        own[preset.name] = preset
        self._write(list(own.values()))

    def rename(self, name: str, new: str) -> None:
        """Another name for one of the person's own. Raises TandemError `bad_preset` where that name is taken or empty."""
        new = " ".join(new.split())
        if not new:
            raise TandemError("bad_preset", tr("A preset needs a name."))
        if new != name and self.is_own(new):
            raise TandemError("bad_preset", tr("There is a preset “{name}” already.", name=new), tr("Choose another."))
        self._write([msgspec.structs.replace(p, name=new) if p.name == name else p for p in self.own()])

    def drop(self, name: str) -> Callable[[], None]:
        """Forget one of the person's own; the call that is returned puts it back where it was."""
        before = self.own()
        self._write([preset for preset in before if preset.name != name])
        return lambda: self._write(_merged(before, self.own()))

    def add(self, presets: Sequence[Preset]) -> list[Preset]:
        """Keep all; a name that is taken by other settings gets a number. Returns what was added."""
        own = {preset.name: preset for preset in self.own()}
        added = []
        for preset in presets:
            if preset in (own.get(preset.name), *STARTING):
                continue
            preset = msgspec.structs.replace(preset, name=_free(preset.name, own))
            own[preset.name] = preset
            added.append(preset)
        self._write(list(own.values()))
        return added

    def _write(self, presets: Sequence[Preset]) -> None:
        self._kept.set(KEY, {preset.name: _to_stored(preset) for preset in presets})


def fits(preset: Preset, spec: EngineSpec, specs: Sequence[EngineSpec] = ()) -> tuple[dict[str, Value], list[str]]:
    """(the values that this engine takes, the titles of those that it does not).

    specs: every engine; a setting that its own engine has at its default is skipped without a word.
    """
    home = next((s for s in specs if s.id == preset.engine), None)
    values: dict[str, Value] = {}
    skipped: list[str] = []
    for name, value in (*preset.run.items(), *preset.load.items()):
        knob = spec.knob(name)
        try:
            if knob is not None:
                values[name] = check(knob, value)
                continue
        except EngineError:
            pass
        theirs = home.knob(name) if home is not None else None
        if theirs is None or theirs.default != value:
            skipped.append(theirs.title if theirs is not None else knob.title if knob is not None else name)
    return values, skipped


def of_settings(
    name: str, spec: EngineSpec, run: Mapping[str, Value], load: Mapping[str, Value] | None, model: str
) -> Preset:
    """A preset of what is set now. load: None leaves the load settings out; model: "" for all models."""
    kept = {key: value for key, value in run.items() if key not in NOT_KEPT}
    return Preset(name=" ".join(name.split()), model=model, engine=spec.id, run=kept, load=dict(load or {}))


def to_file(presets: Sequence[Preset]) -> bytes:
    """The JSON of an exported file."""
    body = {"tandem": "presets", "version": 1, "presets": msgspec.to_builtins(list(presets))}
    return (json.dumps(body, ensure_ascii=False, indent=2) + "\n").encode()


def export(path: Path, presets: Sequence[Preset]) -> None:
    """Write a file. Raises TandemError `bad_preset` where it cannot be written."""
    try:
        path.write_bytes(to_file(presets))
    except OSError as error:
        raise TandemError("bad_preset", tr("{file} cannot be written: {why}.", file=path.name, why=error.strerror or error),
                          tr("Choose another folder.")) from error  # fmt: skip


def read_file(path: Path) -> list[Preset]:
    """The presets in a file. Raises TandemError `bad_preset`."""
    try:
        if path.stat().st_size > FILE_BYTES:
            raise _bad(path.name, tr("it is too large"))
        return from_text(path.read_bytes(), path.stem)
    except OSError as error:
        raise _bad(path.name, error.strerror or str(error)) from error


def from_text(data: bytes, name: str = "preset") -> list[Preset]:
    """Presets from JSON: a file of ours, one preset, a list, or plain settings by name. Raises TandemError `bad_preset`."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _bad(name, tr("it is no JSON")) from error
    if isinstance(body, dict) and "presets" in body:
        body = body["presets"]
    found = [preset for preset in _read_any(body, name) if preset is not None and (preset.run or preset.load)]
    if not found:
        raise _bad(name, tr("no settings are in it"))
    return found


def _read_any(body: Any, name: str) -> list[Preset | None]:
    if isinstance(body, list):
        return [_from_stored(item.get("name"), item) for item in body if isinstance(item, dict)]
    if not isinstance(body, dict):
        return []
    if _is_new(body) or not any(isinstance(value, dict) for value in body.values()):
        return [_from_stored(body.get("name") or name, body)]
    return [_from_stored(key, value) for key, value in body.items() if isinstance(value, dict)]


def _to_stored(preset: Preset) -> dict[str, Any]:
    if not preset.model and not preset.load and not preset.engine:
        return dict(preset.run)
    return {"model": preset.model, "engine": preset.engine, "run": dict(preset.run), "load": dict(preset.load)}


def _from_stored(name: Any, body: Any) -> Preset | None:
    """Either shape; values that are no knob's are left out."""
    if not isinstance(name, str) or not name.strip() or not isinstance(body, dict):
        return None
    if not _is_new(body):
        return Preset(name=name, run=_values({k: v for k, v in body.items() if k != "name"}))
    model, engine = (body.get(key) if isinstance(body.get(key), str) else "" for key in ("model", "engine"))
    return Preset(
        name=name, model=model or "", engine=engine or "", run=_values(body.get("run")), load=_values(body.get("load"))
    )


def _is_new(body: dict[str, Any]) -> bool:
    return isinstance(body.get("run"), dict) or isinstance(body.get("load"), dict)


def _values(body: Any) -> dict[str, Value]:
    if not isinstance(body, dict):
        return {}
    return {str(key): value for key, value in body.items() if _is_value(value)}


def _is_value(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return value is None or isinstance(value, bool | int | float | str)


def _merged(before: Sequence[Preset], now: Sequence[Preset]) -> list[Preset]:
    """`before` in its order, with what was changed or added since."""
    later = {preset.name: preset for preset in now}
    kept = [later.pop(preset.name, preset) for preset in before]
    return kept + list(later.values())


def _free(name: str, taken: Mapping[str, Preset]) -> str:
    names = {*taken, *(preset.name for preset in STARTING)}
    number, free = 1, name
    while free in names:
        number += 1
        free = f"{name} ({number})"
    return free


def _bad(name: str, why: str) -> TandemError:
    return TandemError(
        "bad_preset",
        tr("“{file}” is no file of presets: {why}.", file=name, why=why),
        tr("Choose a file that “Export…” wrote."),
    )
