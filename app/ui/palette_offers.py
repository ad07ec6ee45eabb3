"""What the command palette offers, and how well it fits what is typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Offer:
    """One line of the palette. detail: what kind of thing it is. always: listed also while nothing is typed."""

    title: str
    run: Callable[[], object]
    detail: str = ""
    shortcut: str = ""
    always: bool = False


Provider = Callable[[], Iterable[Offer]]


def score(query: str, title: str) -> int | None:
    """How well every word of `query` fits `title`; None where one does not. Case does not matter.

    A word fits as the beginning of one of the title's words (4), anywhere in it (3), as initials (2), or as letters
    in their order within one word (1).
    """
    title = title.lower()
    words = title.split()
    found = [_fit(wanted, title, words) for wanted in query.lower().split()]
    return sum(found) if all(found) else None


def _fit(wanted: str, title: str, words: Sequence[str]) -> int:
    if any(word.startswith(wanted) for word in words):
        return 4
    if wanted in title:
        return 3
    if "".join(word[0] for word in words).startswith(wanted):
        return 2
    return 1 if len(wanted) > 2 and any(_in_order(wanted, word) for word in words) else 0


def _in_order(wanted: str, word: str) -> bool:
    letters = iter(word)
    return all(letter in letters for letter in wanted)


def found(query: str, offers: Sequence[Offer]) -> list[Offer]:
    """Those that fit, best first; while nothing is typed those that are always listed, in their order."""
    if not query.strip():
        return [offer for offer in offers if offer.always]
    scored = [(points, offer) for offer in offers if (points := score(query, offer.title)) is not None]
    return [offer for _, offer in sorted(scored, key=lambda pair: -pair[0])]
