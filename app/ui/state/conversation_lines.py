"""The list of conversations as values: sections, their lines, and where in a text a search hit it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OPEN, SHUT = "\x02", "\x03"
"""Around a hit, in a snippet."""

Kind = Literal["pinned", "folder", "day", "hits"]


@dataclass(frozen=True, slots=True)
class Line:
    """One conversation. snippet: where it was found, the hit between \\x02 and \\x03. message_id: the message that was
    found, "" where it was the title."""

    id: str
    title: str
    snippet: str = ""
    pinned: bool = False
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under one heading. folder_id: "" unless kind is "folder". open: a closed folder's lines are there too."""

    title: str
    kind: Kind
    folder_id: str = ""
    lines: tuple[Line, ...] = ()
    open: bool = True


def pieces(text: str) -> list[tuple[str, bool]]:
    """`text` as (piece, hit?) in order; white space of any kind becomes one space."""
    made: list[tuple[str, bool]] = []
    for number, part in enumerate(" ".join(text.split()).split(OPEN)):
        hit, _, rest = part.partition(SHUT) if number else ("", "", part)
        made += [(hit, True)] if hit else []
        made += [(rest, False)] if rest else []
    return made


def plain(text: str) -> str:
    """`text` without its marks."""
    return "".join(piece for piece, _ in pieces(text))


def starting_at_hit(text: str, before: int = 12) -> list[tuple[str, bool]]:
    """`pieces`, with at most `before` characters left of the first hit, so that a narrow line shows it."""
    made = pieces(text)
    if len(made) > 1 and not made[0][1] and len(made[0][0]) > before + 1:
        made[0] = ("…" + made[0][0][-before:].lstrip(), False)
    return made
