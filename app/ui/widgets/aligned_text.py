"""Where two answers differ, as stretches of characters, and the few lines around the first of them. No Qt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.lab.compare.texts import Span, aligned, first_character

MOST = 1_500
"""Words that are aligned one by one; beyond, everything after the first difference counts as different."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Characters start to end, without end."""

    start: int
    end: int


def differing(mine: str, theirs: str) -> tuple[Stretch, ...]:
    """The words of `mine` that do not stand in `theirs` at their place; () where no word differs.

    The first stretch always begins at the first difference: words that only `theirs` has are an empty one.
    """
    if mine.split() == theirs.split():
        return ()
    at = _first(mine, theirs)
    if max(len(mine[at:].split()), len(theirs[at:].split())) > MOST:
        return (Stretch(at, len(mine)),)
    found = list(_stretches(aligned(theirs[at:], mine[at:]), at))
    if not found or found[0].start > at:
        found.insert(0, Stretch(at, at))
    return tuple(found)


def excerpt(text: str, at: int, width: int, lines: int = 2) -> Stretch:
    """The line that holds character `at`, and so many lines before and after it, when a line holds `width` characters."""
    rows = _rows(text, max(8, width))
    here = next((i for i, row in enumerate(rows) if at < row.end), len(rows) - 1)
    return Stretch(rows[max(0, here - lines)].start, rows[min(len(rows) - 1, here + lines)].end)


def _first(mine: str, theirs: str) -> int:
    """Where the first word that differs begins."""
    at = first_character(theirs, mine) or 0
    inside = any(at < len(text) and not text[at].isspace() for text in (mine, theirs))
    while inside and at > 0 and not mine[at - 1].isspace():
        at -= 1
    return at


def _stretches(spans: Sequence[Span], at: int) -> Iterator[Stretch]:
    """Those of the pieces from character `at` on that the other text does not have, without the space around them."""
    for span in spans:
        word = span.text.strip()
        if word and not span.same:
            start = at + span.text.index(word)
            yield Stretch(start, start + len(word))
        at += len(span.text)


def _rows(text: str, width: int) -> list[Stretch]:
    """The text as it would be broken into lines: at line breaks, and at spaces after `width` characters."""
    rows: list[Stretch] = []
    at = 0
    for line in text.splitlines(keepends=True):
        end = at + len(line)
        while end - at > width:
            space = text.rfind(" ", at, at + width)
            cut = space + 1 if space > at else at + width
            rows.append(Stretch(at, cut))
            at = cut
        rows.append(Stretch(at, end))
        at = end
    return rows or [Stretch(0, 0)]
