"""Does an answer hold the JSON that a schema asks for? In words, in bounded time, and nothing is ever fetched.

The work is in `app.lab.schema_check`, imported with the first schema: jsonschema takes 60 ms to import.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.errors import TandemError

SCHEMA_CHARACTERS = 200_000
ANSWER_CHARACTERS = 2_000_000
LEVELS = 100  # objects and lists inside one another
VALID = "valid against the schema"

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """words: "valid against the schema", or "not valid: at items[2].price: 'x' is not a number"."""

    ok: bool
    words: str


def check(text: str) -> None:
    """Raise TandemError bad_schema if `text` is no JSON schema that an answer can be checked against."""
    _checker().check(parsed_schema(text))


def validate(schema_text: str, answer: str) -> Verdict:
    """The answer against the schema: the whole of it as JSON, or the JSON in its one fence. Raises bad_schema."""
    schema = parsed_schema(schema_text)
    try:
        value = found_json(answer)
    except ValueError as error:
        return Verdict(False, f"not valid: {error}")
    fault = _checker().fault(schema, value)
    return Verdict(not fault, f"not valid: {fault}" if fault else VALID)


def parsed_schema(text: str) -> Any:
    """The schema as a value. Raises TandemError bad_schema, with the place of the mistake."""
    if not text.strip():
        raise bad("The schema is empty.", 'Write one, e.g. {"type": "object"}.')
    if len(text) > SCHEMA_CHARACTERS:
        raise bad(f"The schema has {len(text):,} characters; at most {SCHEMA_CHARACTERS:,} can be checked.")
    try:
        schema = _loaded(text)
    except ValueError as error:
        raise bad(f"This is not JSON: {error}.") from error
    if not isinstance(schema, dict | bool):
        raise bad("A schema is a JSON object.", 'It begins with { and ends with }, e.g. {"type": "object"}.')
    return schema


def found_json(answer: str) -> Any:
    """The JSON value in an answer. Raises ValueError with why there is none."""
    text = answer.strip()
    if len(text) > ANSWER_CHARACTERS:
        raise ValueError(f"the answer is too long to check ({len(text):,} characters)")
    if not text:
        raise ValueError("the answer is empty")
    fences = _fenced(text)
    try:
        return _loaded(text)
    except ValueError as error:
        if not fences:
            raise ValueError(f"not JSON: {error}") from error
    if len(fences) > 1:
        raise ValueError(f"{len(fences)} code blocks, and only one can be the answer")
    try:
        return _loaded(fences[0])
    except ValueError as error:
        raise ValueError(f"the code block is not JSON: {error}") from error


def _fenced(text: str) -> list[str]:
    """What stands in the closed code blocks, in linear time: a model may write nothing but fences."""
    found: list[str] = []
    inside: list[str] = []
    mark = ""
    for line in text.splitlines(keepends=True):
        fence = _FENCE.match(line)
        if not mark:
            mark = fence[1] if fence is not None else ""
        elif fence is not None and fence[1].startswith(mark) and not fence[2].strip():
            found.append("".join(inside))
            inside, mark = [], ""
        else:
            inside.append(line)
    return found


def bad(message: str, hint: str = "Mend it, or turn the schema off.") -> TandemError:
    """What is wrong with a schema."""
    return TandemError("bad_schema", message, hint)


def _loaded(text: str) -> Any:
    """JSON as it is written down: NaN and Infinity are none. Raises ValueError in words."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        what = error.msg[:1].lower() + error.msg[1:]
        raise ValueError(f"{what} (line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    level, levels = [value], 0
    while level := [below for part in level for below in _below(part)]:
        levels += 1
        if levels > LEVELS:
            raise ValueError("it is nested too deeply")
    return value


def _below(part: Any) -> Iterable[Any]:
    if isinstance(part, dict):
        return part.values()
    return part if isinstance(part, list) else ()


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def _checker() -> Any:
    return importlib.import_module("app.lab.schema_check")
