"""A value against a JSON schema through jsonschema, within a second, without the network.

A pattern can take for ever on a short text and Python's own `re` cannot be stopped, so patterns are run by `regex`,
which can; references that could double the work again and again look at the same clock. Imported by `app.lab.schema`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import regex  # type: ignore[import-untyped]
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.validators import Draft202012Validator, extend, validator_for
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from referencing.exceptions import Unresolvable

from app.lab.impossible import impossible
from app.lab.schema import bad

SECONDS = 1.0
DEEPEST = 90  # steps inside one another; the library takes five or six frames of Python's 1,000 for each
STEPS = (
    "$ref", "$dynamicRef", "$recursiveRef", "properties", "items", "prefixItems", "additionalItems", "allOf", "anyOf",
    "oneOf", "not", "if", "contains", "dependentSchemas", "dependencies", "propertyNames", "unevaluatedItems",
    "unevaluatedProperties",
)  # fmt: skip
SHOWN = 80  # characters of a value in words

_clock = threading.local()


class _TooDeep(Exception):  # noqa: N818  it is an outcome
    """Steps inside one another without end."""


class _TooLong(Exception):  # noqa: N818  it is an outcome
    """The time is up. words: in what."""


def check(schema: Any) -> None:
    """Raise TandemError bad_schema with the place and the reason."""
    _check_addresses(schema)
    kind = _kind(schema)
    try:
        with _unbroken():
            kind.check_schema(schema)
    except SchemaError as error:
        raise bad(f"This is not a JSON schema: {_words(error)}.") from error
    except _TooDeep as error:
        raise bad("The schema is nested too deeply to be checked.") from error
    except regex.error as error:
        raise bad(f"A pattern in the schema is wrong: {error}.") from error
    _check_patterns(schema)
    _check_references(schema)
    why = impossible(schema)
    if why:
        raise bad(f"No answer can meet this schema: {why}.", "Change that, or every answer will be called not valid.")


def fault(schema: Any, value: Any) -> str:
    """What is wrong with the value, "" if nothing is. Raises TandemError bad_schema."""
    check(schema)
    _clock.end, _clock.depth = time.monotonic() + SECONDS, 0
    try:
        with _unbroken():
            error = best_match(_kind(schema)(schema, registry=REGISTRY).iter_errors(value))
    except _TooLong as late:
        return f"checking it took over {SECONDS:.0f} s ({late})"
    except _TooDeep:
        return "the schema refers to itself without end, or leads too deep"
    except Unresolvable as missing:
        raise bad(f"The schema refers to {_short(missing.ref)}, which it does not hold.") from missing
    return "" if error is None else _words(error)


@contextmanager
def _unbroken() -> Iterator[None]:
    """Running out of stack as one outcome. Raises _TooDeep."""
    try:
        yield
    except RecursionError as error:
        raise _TooDeep from error
    except BaseException as panic:  # its maps are written in Rust, and say so in their own way
        if type(panic).__name__ != "PanicException":
            raise
        raise _TooDeep from panic


def _kind(schema: Any) -> Any:
    found = validator_for(schema, default=Draft202012Validator) if isinstance(schema, dict) else Draft202012Validator
    return extend(found, _bounded(found))


def _bounded(kind: Any) -> dict[str, Any]:
    """The keywords of a draft with a look at the clock in each that leads on, and patterns that can be stopped."""
    known = kind.VALIDATORS
    made = {name: _watched(known[name]) for name in STEPS if name in known}
    made["pattern"] = _pattern
    made["patternProperties"] = _pattern_properties
    made["additionalProperties"] = _additional(known["additionalProperties"])
    return made


def _watched(keyword: Any) -> Any:
    def run(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        _left()
        depth = _clock.depth
        if depth >= DEEPEST:
            raise _TooDeep
        _clock.depth = depth + 1
        try:
            yield from keyword(validator, value, instance, schema) or ()
        finally:
            _clock.depth = depth

    return run


def _pattern(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not _matches(pattern, instance):
        yield ValidationError(f"{_short(instance)} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, below in patterns.items():
        for name, value in instance.items():
            if _matches(pattern, name):
                yield from validator.descend(value, below, path=name, schema_path=pattern)


def _additional(keyword: Any) -> Any:
    """jsonschema's own looks for patterns itself: it is shown only what no pattern takes."""

    def run(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        _left()
        if validator.is_type(instance, "object"):
            patterns = schema.get("patternProperties", {})
            free = {k: v for k, v in instance.items() if not any(_matches(p, k) for p in patterns)}
            plain = {k: v for k, v in schema.items() if k != "patternProperties"}
            yield from keyword(validator, rule, free, plain) or ()

    return run


def _matches(pattern: str, text: str) -> bool:
    try:
        return regex.search(pattern, text, timeout=_left()) is not None
    except TimeoutError as error:
        raise _TooLong(f"the pattern {_short(pattern)}") from error


def _left() -> float:
    left: float = getattr(_clock, "end", 0.0) - time.monotonic()
    if left <= 0:
        raise _TooLong("the schema asks for too much")
    return left


def _check_patterns(schema: Any) -> None:
    for part in _parts(schema):
        for pattern in [*part.get("patternProperties", ()), part.get("pattern")]:
            if isinstance(pattern, str):
                _check_pattern(pattern)
        if "patternProperties" in part and "unevaluatedProperties" in part:
            raise bad("“unevaluatedProperties” beside “patternProperties” cannot be checked here.")


def _check_pattern(pattern: str) -> None:
    try:
        regex.compile(pattern)
    except regex.error as error:
        raise bad(f"The pattern {_short(pattern)} is wrong: {error}.") from error


def _check_addresses(schema: Any) -> None:
    """Names that no library can take apart."""
    if isinstance(schema, dict) and not isinstance(schema.get("$schema", ""), str):
        raise bad("“$schema” is the address of a draft, in quotes.")
    for part in _parts(schema):
        for word in ("$id", "$ref", "$dynamicRef", "$recursiveRef"):
            address = part.get(word)
            try:
                urlsplit(address if isinstance(address, str) else "")
            except ValueError as error:
                raise bad(f"“{word}” is no address: {_short(address)}.") from error


def _check_references(schema: Any) -> None:
    """Every reference must lead to a place in the schema itself, or to a published draft."""
    names = {part["$id"] for part in _parts(schema) if isinstance(part.get("$id"), str)}
    resolver = _kind(schema)(schema, registry=REGISTRY)._resolver if isinstance(schema, dict) else None
    for part in _parts(schema):
        ref = part.get("$ref")
        if not isinstance(ref, str) or resolver is None:
            continue
        if "://" in ref and ref.partition("#")[0] not in names and ref.partition("#")[0] not in REGISTRY:
            raise bad(
                f"The schema refers to {_short(ref)}: nothing is fetched.",
                "Copy what it refers to under $defs and write #/$defs/….",
            )
        if not names and "://" not in ref:
            try:
                resolver.lookup(ref)
            except Unresolvable as error:
                raise bad(f"The schema refers to {_short(ref)}, which it does not hold.") from error


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object in the schema, whatever it is there for."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def _words(error: Any) -> str:
    where = _place(error.absolute_path)
    return f"at {where}: {_message(error)}" if where else _message(error)


def _message(error: Any) -> str:
    """jsonschema's words, where they would show a whole value in shorter ones."""
    if error.validator == "type" and isinstance(error.validator_value, str | list):
        kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        return f"{_short(error.instance)} is not {' or '.join(_article(kind) for kind in kinds)}"
    words = str(error.message)
    return words if len(words) <= 3 * SHOWN else f"{words[: 2 * SHOWN]} … {words[-SHOWN:]}"


def _article(kind: object) -> str:
    return "null" if kind == "null" else f"a{'n' if str(kind)[:1] in 'aeiou' else ''} {kind}"


def _place(path: Iterable[str | int]) -> str:
    """items[2].price"""
    made = ""
    for step in path:
        made += f"[{step}]" if isinstance(step, int) else f".{step}"
    return made.lstrip(".")


def _short(value: object) -> str:
    words = repr(value)
    return words if len(words) <= SHOWN else f"{words[: SHOWN - 1]}…"
