"""Two answers side by side: where they part, and which words they share."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

WORDS = re.compile(r"\s*(?:\w+|[^\w\s])\s*|\s+")  # a word or sign with the space around it, so that nothing is lost
LONGEST = 8_000  # words of two texts together that are aligned; beyond it only their common beginning is


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text. same: the other text has it too."""

    text: str
    same: bool


@dataclass(frozen=True, slots=True)
class Window:
    """Some lines of a text around a place. before, after: is there more text outside?"""

    text: str
    before: bool
    after: bool


def first_difference(ids_a: Sequence[int], ids_b: Sequence[int]) -> int | None:
    """The first token, counted from 1, in which two answers differ; one that ends sooner differs there. None: never."""
    for index, (a, b) in enumerate(zip(ids_a, ids_b, strict=False), 1):
        if a != b:
            return index
    return None if len(ids_a) == len(ids_b) else min(len(ids_a), len(ids_b)) + 1


def first_character(reference: str, other: str) -> int | None:
    """Where (from 0) two texts begin to differ; None: they are the same."""
    for index, (a, b) in enumerate(zip(reference, other, strict=False)):
        if a != b:
            return index
    return None if len(reference) == len(other) else min(len(reference), len(other))


def aligned(reference: str, other: str) -> tuple[Span, ...]:
    """`other` in pieces, in order and whole: those that stand in `reference` too, and those that do not."""
    theirs, mine = WORDS.findall(reference), WORDS.findall(other)
    pieces = _pieces(_bare(theirs), _bare(mine))
    return tuple(Span("".join(mine[start:end]), same) for start, end, same in pieces)


def same_words(reference: str, other: str) -> float:
    """The share (0–1) of the reference's words that stand in `other` too, in the same order; 1 where it has none."""
    theirs, mine = _bare(WORDS.findall(reference)), _bare(WORDS.findall(other))
    if not any(theirs):
        return 1.0
    shared = sum(end - start for start, end, same in _pieces(theirs, mine) if same)
    return shared / len(theirs)


def around(text: str, at_char: int, lines: int = 2) -> Window:
    """The line in which character `at_char` (from 0) stands, with so many lines before and after it."""
    parts = text.splitlines(keepends=True)
    line, passed = 0, 0
    for index, part in enumerate(parts):
        line = index
        passed += len(part)
        if passed > at_char:
            break
    first, last = max(0, line - lines), min(len(parts), line + lines + 1)
    return Window("".join(parts[first:last]).rstrip("\n"), first > 0, last < len(parts))


def _bare(words: Sequence[str]) -> list[str]:
    """The words without the space around them."""
    return [word.strip() for word in words]


def _pieces(theirs: list[str], mine: list[str]) -> list[tuple[int, int, bool]]:
    """(start, end, same) over all of `mine`, in order."""
    if len(theirs) + len(mine) > LONGEST:
        at = (first_difference([hash(w) for w in theirs], [hash(w) for w in mine]) or len(mine) + 1) - 1
        return [(0, min(at, len(mine)), True), (min(at, len(mine)), len(mine), False)]
    found: list[tuple[int, int, bool]] = []
    done = 0
    for block in difflib.SequenceMatcher(None, theirs, mine, autojunk=False).get_matching_blocks():
        found += [(done, block.b, False), (block.b, block.b + block.size, True)]
        done = block.b + block.size
    return [piece for piece in found if piece[1] > piece[0]]
