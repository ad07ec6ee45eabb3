"""The words: one entry for every knob, figure and technical term that is shown, read from resources/glossary.toml."""

from __future__ import annotations

import html
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """term: as shown; short: at most 160 characters; long: a paragraph; see: keys of related entries."""

    term: str
    short: str
    long: str = ""
    see: tuple[str, ...] = ()


class Glossary:
    """Entries by key. The file is read on the first question, not when the window opens."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def load(cls, resources: Path) -> Glossary:
        """The glossary in the project's `resources` folder."""
        return cls(resources / "glossary.toml")

    def entry(self, key: str) -> Entry:
        """The entry, found under its key or under one of its other names. Raises KeyError."""
        return self._entries[self._names.get(key, key)]

    def has(self, key: str) -> bool:
        """True if `entry(key)` would answer."""
        return self._names.get(key, key) in self._entries

    def keys(self) -> list[str]:
        """Every key, in the file's order."""
        return list(self._entries)

    def tooltip(self, key: str) -> str:
        """The entry as the rich text of a hover; "" if there is none."""
        if not self.has(key):
            return ""
        entry = self.entry(key)
        return f"<b>{html.escape(entry.term)}</b><br>{html.escape(entry.short)}"

    @cached_property
    def _table(self) -> dict[str, dict[str, object]]:
        return tomllib.loads(self._file.read_text(encoding="utf-8"))

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        return {key: _entry(fields) for key, fields in self._table.items()}

    @cached_property
    def _names(self) -> dict[str, str]:
        """Other names → key: one entry may serve several knobs."""
        return {str(name): key for key, fields in self._table.items() for name in _words(fields.get("also"))}


def _entry(fields: dict[str, object]) -> Entry:
    return Entry(
        term=str(fields["term"]),
        short=str(fields["short"]),
        long=str(fields.get("long", "")).strip(),
        see=tuple(_words(fields.get("see"))),
    )


def _words(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
