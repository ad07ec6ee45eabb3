"""Where in a recipe's text something stands, so that a refusal names the line. tomllib knows lines of syntax errors only."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any

from app.errors import TandemError

Place = tuple[str | int, ...]
"""The way to a value: ("lane", 0, "knobs", "n_ctx")."""

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_INSIDE = re.compile(r"[{,]\s*([A-Za-z0-9_-]+)\s*=")
_PART = re.compile(r"[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'")


@dataclass(frozen=True, slots=True)
class Source:
    """A recipe's text and the name that refusals give it. lines: place → line, counted from 1."""

    name: str
    text: str
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """The line of the place, else of the nearest table around it."""
        for length in range(len(place), 0, -1):
            if place[:length] in self.lines:
                return self.lines[place[:length]]
        return 1

    def refused(self, place: Place, message: str, hint: str = "") -> TandemError:
        """The refusal of what stands at a place."""
        return bad_recipe(self.name, self.line(place), message, hint)


def bad_recipe(name: str, line: int, message: str, hint: str = "") -> TandemError:
    """Code `bad_recipe`; the message begins with the file's name and the line."""
    return TandemError("bad_recipe", f"{name}, line {line}: {message}", hint)


def parse(name: str, text: str) -> tuple[Source, dict[str, Any]]:
    """The text as TOML tables, and where everything stands. Raises TandemError `bad_recipe` with the line."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        what = re.sub(r"\s*\(at .*\)$", "", str(error))
        raise bad_recipe(name, line, f"this is not TOML: {what}.", "A recipe is a TOML file: key = value.") from error
    except RecursionError as error:
        raise bad_recipe(name, 1, "it is nested too deeply.", "A recipe is a flat TOML file.") from error
    return Source(name, text, index(text)), table


def index(text: str) -> dict[Place, int]:
    """Place → line of every table header and key; text inside multi-line strings is skipped."""
    found: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    until = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if until:
            until = "" if until in line else until
            continue
        header = _HEADER.match(line)
        key = _KEY.match(line)
        if header and not key:
            table = _table(header, counts)
            found.setdefault(table, number)
        elif key:
            _keys(found, table, key, line, number)
        until = _opened(line)
    return found


def _table(header: re.Match[str], counts: dict[Place, int]) -> Place:
    parts = [part.strip("\"'") for part in _PART.findall(header[2])]
    place: Place = ()
    for part in parts[:-1]:
        place = (*place, part)
        if place in counts:
            place = (*place, counts[place] - 1)
    place = (*place, parts[-1]) if parts else place
    if header[1] == "[[":
        counts[place] = counts.get(place, 0) + 1
        return (*place, counts[place] - 1)
    return place


def _keys(found: dict[Place, int], table: Place, key: re.Match[str], line: str, number: int) -> None:
    place: Place = (*table, *(part.strip("\"'") for part in _PART.findall(key[1])))
    for length in range(len(table) + 1, len(place) + 1):
        found.setdefault(place[:length], number)
    rest = line[key.end() :]
    if rest.lstrip().startswith("{"):
        for inner in _INSIDE.finditer(rest):
            found.setdefault((*place, inner[1]), number)


def _opened(line: str) -> str:
    """The mark that ends a multi-line string which begins in this line, "" if none does."""
    for mark in ('"""', "'''"):
        if line.count(mark) % 2:
            return mark
    return ""
