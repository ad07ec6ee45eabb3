"""Cuts a growing answer into pieces that can be rendered once and left alone, without Qt and in linear time.

Rendering the whole text anew for each token is quadratic. A prose piece ends where no later text can change how it is
drawn; a fenced block at the left edge is a piece of its own, so that it can be a card with a copy button.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field

PIECE_CHARS = 1500
"""A prose piece is closed at the first safe place after so many characters: rendering it stays under a millisecond."""

HARD_CHARS = 12_000
"""A paragraph or list as long as this is cut all the same: nobody writes one, a runaway model does."""

LINE_CHARS = 4_000
"""A line as long as this is cut at a space: laying out one paragraph anew costs what all of it costs."""

_FENCE = re.compile(r"^( *)(`{3,}|~{3,})[ \t]*(.*)$")
_MARKER = re.compile(r"^(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)")
_ITEM = re.compile(r"^(?:([-*+])|(\d{1,9})([.)]))(?:[ \t]+(\S)|[ \t]*$)")
_RULE = re.compile(r"^([-*_])(?:[ \t]*\1){2,}[ \t]*$")
_CONTINUES = (" ", "\t", ">", "|", "[")
_DEFINITION = re.compile(r"^ {0,3}\[[^\]\n]+\]:[ \t]*\S+", re.MULTILINE)


class PieceKind(enum.Enum):
    """How a piece is shown."""

    PROSE = "prose"
    CODE = "code"


@dataclass(slots=True)
class Piece:
    """One part of the answer. `closed`: its text will not change. `language`: a code block's info word.

    `start`: its first item's number where it goes on with a numbered list, else 0. `in_list`: it goes on with a list.
    `goes_on`: it goes on with a paragraph that was cut.
    """

    kind: PieceKind
    language: str = ""
    closed: bool = False
    start: int = 0
    in_list: bool = False
    goes_on: bool = False
    _parts: list[str] = field(default_factory=list)
    _length: int = 0

    @property
    def text(self) -> str:
        """Its markdown (prose) or its lines without the fences (code), as far as complete lines are known."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    @property
    def length(self) -> int:
        """Characters in `text`."""
        return self._length

    def add(self, text: str) -> None:
        """Append text."""
        self._parts.append(text)
        self._length += len(text)

    def since(self, length: int) -> str:
        """What was appended after the first `length` characters, without joining all of it."""
        wanted, found = self._length - length, []
        for part in reversed(self._parts):
            if wanted <= 0:
                break
            found.append(part[-wanted:])
            wanted -= len(part)
        return "".join(reversed(found))


@dataclass(slots=True)
class _Fence:
    mark: str
    length: int
    indent: int


@dataclass(slots=True)
class _List:
    """The list at the left edge that is open. sure: its first number and its items so far are known."""

    kind: str
    first: int
    items: int = 1
    sure: bool = True


class Cutter:
    """Feed it deltas; `pieces` are the answer so far, all but the last closed. `partial` is the unfinished line."""

    def __init__(self, piece_chars: int = PIECE_CHARS) -> None:
        self.pieces: list[Piece] = []
        self._limit = piece_chars
        self._partial: list[str] = []
        self._waiting = 0  # characters in the unfinished line
        self._fence: _Fence | None = None
        self._blank = True
        self._list: _List | None = None
        self._in_list = False
        self._goes_on = False  # the next piece goes on with a paragraph

    @property
    def partial(self) -> str:
        """The last line, not ended yet."""
        if len(self._partial) > 1:
            self._partial = ["".join(self._partial)]
        return self._partial[0] if self._partial else ""

    def feed(self, delta: str) -> None:
        """Add text, in linear time over all calls."""
        if "\n" not in delta:
            self._partial.append(delta)
            self._waiting += len(delta)
            self._cut_endless_line()
            return
        lines = (self.partial + delta).split("\n")
        self._partial = [lines.pop()]
        for line in lines:
            self._line(line)
        self._waiting = len(self._partial[0])
        self._cut_endless_line()

    def finish(self) -> None:
        """No more text: the last line is complete and the last piece is closed."""
        last, self._partial, self._waiting = self.partial, [], 0
        if last:
            self._line(last)
        if self.pieces:
            self.pieces[-1].closed = True

    @property
    def tail_length(self) -> int:
        """Characters of the open piece and the unfinished line."""
        is_open = bool(self.pieces) and not self.pieces[-1].closed
        return self._waiting + (self.pieces[-1].length if is_open else 0)

    def partial_shown(self) -> str:
        """The unfinished line, unless it may yet become a fence."""
        line = self.partial
        return "" if line.lstrip(" ")[:1] in ("`", "~") and not line.strip("`~ ") else line

    def tail(self) -> str:
        """The last piece's text with the unfinished line, as it is to be drawn now.

        A line that may yet become a fence is held back, so that no half fence flashes as text.
        """
        line = self.partial_shown()
        if not self.pieces or self.pieces[-1].closed:
            return line
        return self.pieces[-1].text + line

    def _line(self, line: str) -> None:
        if self._fence is not None:
            self._inside(line)
        else:
            self._outside(line)
        self._blank = not line.strip()

    def _cut_endless_line(self) -> None:
        """Close a piece inside a line that does not end, so that the tail stays short."""
        while self._waiting >= LINE_CHARS and self._fence is None:
            line = self.partial
            at = line.rfind(" ", 1, LINE_CHARS) + 1 or LINE_CHARS
            self._prose().add(line[:at])
            self.pieces[-1].closed = True
            self._blank, self._goes_on = False, True
            self._partial, self._waiting = [line[at:]], len(line) - at

    def _outside(self, line: str) -> None:
        fence = _opening(line)
        if fence is not None and fence.indent == 0:
            self._open_code(line, fence)
            return
        item = _ITEM.match(line)
        cut_in_list = self._may_cut_list(item, line)
        if cut_in_list or self._may_cut(line):
            self.pieces[-1].closed = True
        self._fence = fence
        self._note_list(line)
        self._count_item(item, line)
        piece = self._prose()
        if cut_in_list and self._list is not None:
            piece.in_list = True
            piece.start = self._list.first + self._list.items - 1 if self._list.kind in ".)" else 0
        piece.add(line + "\n")

    def _inside(self, line: str) -> None:
        fence = self._fence
        if fence is None:
            return
        if _closes(line, fence):
            self._fence = None
            if self._is_card:
                self.pieces[-1].closed = True
                return
        elif fence.indent and self._in_list and line.strip() and not line.startswith((" ", "\t")):
            self._fence = None  # a line at the left edge ends the list, and with it the block inside
            self._outside(line)
            return
        self.pieces[-1].add(line + "\n")

    @property
    def _is_card(self) -> bool:
        return bool(self.pieces) and self.pieces[-1].kind is PieceKind.CODE

    def _open_code(self, line: str, fence: _Fence) -> None:
        if self.pieces:
            self.pieces[-1].closed = True
        info = line[fence.length :].strip()
        self.pieces.append(Piece(PieceKind.CODE, info.split()[0] if info else ""))
        self._fence, self._in_list = fence, False
        self._list, self._goes_on = None, False

    def _may_cut(self, line: str) -> bool:
        if not self.pieces or self.pieces[-1].closed:
            return False
        if self.pieces[-1].length >= HARD_CHARS:
            return True
        if not self._blank or not line.strip():
            return False
        if self.pieces[-1].length < self._limit:
            return False
        return not line.startswith(_CONTINUES) and not _MARKER.match(line)

    def _may_cut_list(self, item: re.Match[str] | None, line: str) -> bool:
        """A next item at the left edge begins a piece of its own: the list goes on in it."""
        known = self._list
        if known is None or item is None or not self.pieces or self.pieces[-1].closed or _RULE.match(line):
            return False
        same = _kind(item) == known.kind and (known.sure or known.kind not in ".)")
        return same and self.pieces[-1].length >= self._limit

    def _count_item(self, item: re.Match[str] | None, line: str) -> None:
        """Know which list is open, and how many items it has."""
        known = self._list
        if item is None or _RULE.match(line):
            edge = bool(line.strip()) and not line.startswith((" ", "\t"))
            if edge and (self._blank or item is not None):
                self._list = None
            elif edge and known is not None:
                known.sure = False
            return
        kind, number = _kind(item), int(item.group(2) or 0)
        interrupts = item.group(4) is not None and (kind not in ".)" or number == 1)
        if known is not None and known.kind == kind:
            known.items += 1
        elif self._blank or interrupts:
            self._list = _List(kind, number)

    def _note_list(self, line: str) -> None:
        if _MARKER.match(line):
            self._in_list = True
        elif self._blank and line.strip() and not line.startswith((" ", "\t")):
            self._in_list = False

    def _prose(self) -> Piece:
        if not self.pieces or self.pieces[-1].closed:
            self.pieces.append(Piece(PieceKind.PROSE, goes_on=self._goes_on))
            self._goes_on = False
        return self.pieces[-1]


def cut(text: str, piece_chars: int = PIECE_CHARS) -> list[Piece]:
    """The pieces of a finished text."""
    cutter = Cutter(piece_chars)
    cutter.feed(text)
    cutter.finish()
    return cutter.pieces


def definitions(text: str) -> str:
    """The link definitions in `text` ("[ref]: url"), which every piece needs to know."""
    return "\n".join(_DEFINITION.findall(text))


def _opening(line: str) -> _Fence | None:
    found = _FENCE.match(line)
    if found is None:
        return None
    indent, mark, info = found.groups()
    if mark[0] == "`" and "`" in info:
        return None  # `` ```like this``` `` is code within a line
    return _Fence(mark[0], len(mark), len(indent))


def _kind(item: re.Match[str]) -> str:
    """What all items of one list share: the bullet, or what follows the number."""
    return item.group(1) or item.group(3)


def _closes(line: str, fence: _Fence) -> bool:
    word = line.strip(" \t")
    return len(word) >= fence.length and not word.strip(fence.mark)
