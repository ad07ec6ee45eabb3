"""Knobs: one setting, declared once as data; the form, the command line and the record follow from it."""

from __future__ import annotations

import enum
import json
import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from engines.errors import EngineError

Value = None | bool | int | float | str | list[str]
"""A knob's value. `None` means "not set" where the knob is nullable; "auto" is a str."""

AUTO = "auto"


class Kind(enum.StrEnum):
    """How a value is typed and edited."""

    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    CHOICE = "choice"
    TEXT = "text"
    TEXTS = "texts"  # a list of strings
    JSON = "json"  # text that must parse as JSON


class Scope(enum.StrEnum):
    """`LOAD` needs a reload, `RUN` does not."""

    LOAD = "load"
    RUN = "run"


class Effect(enum.StrEnum):
    """What changing the knob does to the output."""

    LOSSLESS = "lossless"
    NUMERIC = "numerically different"
    LOSSY = "lossy"
    OUTPUT = "changes the output"  # sampling: a different answer is the purpose


class Knob(msgspec.Struct, frozen=True, kw_only=True):
    """One setting. `minimum` and `maximum` are inclusive and in `unit`; `values` are a choice's words."""

    name: str
    title: str
    kind: Kind
    scope: Scope
    default: Value
    help: str
    concept: str  # key in resources/glossary.toml
    effect: Effect = Effect.LOSSLESS
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    auto: bool = False  # "auto" is allowed and resolved before use
    nullable: bool = False  # None ("off", "random") is allowed
    null_label: str = "off"  # how None is shown
    essential: bool = False  # among the first eight of its form
    log: bool = False  # slider on a logarithmic scale
    advanced: bool = False  # shown only under "All"
    weights: bool = False  # changes the stored weights and the arithmetic on them, not cache or attention
    flag: str = ""  # of an engine that is a command: how the command line says it ("--max-model-len")
    flag_off: str = ""  # how it says False, where that is not the command's own default


class Conflict(msgspec.Struct, frozen=True):
    """Values that cannot stand together: `when` maps each knob's name to the values that clash."""

    when: dict[str, tuple[Value, ...]]
    reason: str

    def applies(self, settings: Mapping[str, Value]) -> bool:
        """True if every named knob has one of the listed values."""
        return all(settings.get(name) in values for name, values in self.when.items())


class KnobState(msgspec.Struct, frozen=True):
    """What `Describe` found: why a knob, or single values of it, cannot be used here."""

    off: str = ""  # the whole knob, with its reason
    values_off: dict[str, str] = {}  # value → reason
    values: tuple[str, ...] = ()  # replaces the declared values where the machine decides


Settings = dict[str, Value]
"""Knob name → value, complete and validated."""


def defaults(knobs: Iterable[Knob]) -> Settings:
    """Every knob at its default."""
    return {knob.name: knob.default for knob in knobs}


def settle(knobs: Iterable[Knob], given: Mapping[str, Value], conflicts: Iterable[Conflict] = ()) -> Settings:
    """`given` completed with defaults and validated.

    Raises EngineError `unknown_knob`, `bad_knob` or `conflict`, each saying what to do.
    """
    table = {knob.name: knob for knob in knobs}
    unknown = sorted(set(given) - set(table))
    if unknown:
        known = ", ".join(sorted(table))
        raise EngineError("unknown_knob", f"There is no knob “{unknown[0]}” here.", f"Knobs: {known}.")
    settings = {name: check(knob, given.get(name, knob.default)) for name, knob in table.items()}
    for conflict in conflicts:
        if conflict.applies(settings):
            raise EngineError("conflict", conflict.reason, "Change " + " or ".join(conflict.when) + ".")
    return settings


def check(knob: Knob, value: Value) -> Value:
    """`value` in the knob's own type. Raises EngineError `bad_knob`."""
    if value is None and knob.nullable:
        return None
    if value == AUTO and knob.auto:
        return AUTO
    _CHECKS[knob.kind](knob, value)
    return float(value) if knob.kind is Kind.FLOAT and isinstance(value, int) else value


def parse(knob: Knob, text: str) -> Value:
    """The value that a person typed after `--set name=`. Raises EngineError `bad_knob`."""
    word = text.strip().lower()
    if knob.auto and word == AUTO:
        return AUTO
    if knob.nullable and word in ("none", "off", "null", knob.null_label):
        return None
    value: Value = text
    if knob.kind is Kind.BOOL:
        flags = {
            "true": True,
            "on": True,
            "yes": True,
            "1": True,
            "false": False,
            "off": False,
            "no": False,
            "0": False,
        }
        value = flags.get(word, text)
    elif knob.kind in (Kind.INT, Kind.FLOAT):
        try:
            value = int(word.replace(",", "").replace("_", "")) if knob.kind is Kind.INT else float(word)
        except ValueError:
            value = text
    elif knob.kind is Kind.TEXTS:
        value = _texts(text)
    return check(knob, value)


def differences(before: Mapping[str, Value], after: Mapping[str, Value]) -> dict[str, tuple[Value, Value]]:
    """Knob name → (before, after) for every value that differs."""
    names = [*before, *(name for name in after if name not in before)]
    return {n: (before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)}


def flags(knobs: Iterable[Knob], settings: Mapping[str, Value]) -> tuple[str, ...]:
    """The settings as a command's arguments: those of knobs with a `flag`, without what stands at its default,
    which is the command's own. On and off: `flag` and `flag_off` where both are there, else `flag` for on alone."""
    said: list[str] = []
    for knob in knobs:
        value = settings.get(knob.name, knob.default)
        if knob.flag and value is not None and value not in (AUTO, knob.default):
            said += _flag(knob, value)
    return tuple(said)


def _flag(knob: Knob, value: Value) -> list[str]:
    if isinstance(value, bool) or (knob.flag_off and value in ("on", "off")):
        flag = knob.flag if value in (True, "on") else knob.flag_off
        return [flag] if flag else []
    if isinstance(value, list):
        return [part for one in value for part in (knob.flag, one)]
    return [knob.flag, str(value)]


def show(knob: Knob, value: Value) -> str:
    """The value in words, with its unit and grouped digits."""
    if value is None:
        return knob.null_label
    if value == AUTO:
        return "Auto"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(json.dumps(v) for v in value) or "none"
    text = f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else value
    return f"{text} {knob.unit}".strip()


def _bool(knob: Knob, value: Value) -> None:
    if not isinstance(value, bool):
        raise _bad(knob, value, "on or off")


def _choice(knob: Knob, value: Value) -> None:
    if value not in knob.values:
        raise _bad(knob, value, "one of " + ", ".join(knob.values))


def _text_list(knob: Knob, value: Value) -> None:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise _bad(knob, value, "a list of texts")


def _text(knob: Knob, value: Value) -> None:
    if not isinstance(value, str):
        raise _bad(knob, value, "a text")


def _number(knob: Knob, value: Value) -> None:
    whole = knob.kind is Kind.INT
    wanted = "a whole number" if whole else "a number"
    typed = isinstance(value, int) if whole else isinstance(value, int | float)
    if isinstance(value, bool) or not typed or not _in_range_of_floats(value):
        raise _bad(knob, value, wanted)
    low, high = knob.minimum, knob.maximum
    if (low is not None and value < low) or (high is not None and value > high):  # type: ignore[operator]
        span = f"from {low:,g}" if high is None else f"up to {high:,g}" if low is None else f"{low:,g} to {high:,g}"
        raise _bad(knob, value, f"{wanted} {span}")


def _in_range_of_floats(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _json(knob: Knob, value: Value) -> None:
    if not isinstance(value, str):
        raise _bad(knob, value, "JSON text")
    try:
        json.loads(value)
    except ValueError as error:
        raise _bad(knob, value, f"JSON ({error})") from error


def _texts(text: str) -> list[str]:
    if text.strip().startswith("["):
        try:
            parsed: Any = json.loads(text)
        except ValueError:
            parsed = None
        if isinstance(parsed, list):
            return [str(item) for item in parsed]
    if not text:
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # "\8" is no escape and stays as it is
            plain = text.encode("latin-1", "backslashreplace").decode("unicode_escape")  # \n is a line's end
        plain.encode()
    except ValueError:
        plain = text
    return [plain]


def _bad(knob: Knob, value: Value, wanted: str) -> EngineError:
    extra = " or auto" if knob.auto else ""
    return EngineError("bad_knob", f"{knob.name} cannot be {value!r}.", f"Give {wanted}{extra}.")


_CHECKS: dict[Kind, Callable[[Knob, Value], None]] = {
    Kind.BOOL: _bool,
    Kind.INT: _number,
    Kind.FLOAT: _number,
    Kind.CHOICE: _choice,
    Kind.TEXT: _text,
    Kind.TEXTS: _text_list,
    Kind.JSON: _json,
}
