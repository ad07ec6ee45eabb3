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

_FENCE = re.compile(r"^( *)(`{3,}|~{3,})[ \t]*(.*)$")
_MARKER = re.compile(r"^(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)")
_CONTINUES = (" ", "\t", ">", "|", "[")
_DEFINITION = re.compile(r"^ {0,3}\[[^\]\n]+\]:[ \t]*\S+", re.MULTILINE)


class PieceKind(enum.Enum):
    """How a piece is shown."""

    PROSE = "prose"
    CODE = "code"


@dataclass(slots=True)
class Piece:
    """One part of the answer. `closed`: its text will not change. `language`: a code block's info word."""

    kind: PieceKind
    language: str = ""
    closed: bool = False
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


class Cutter:
    """Feed it deltas; `pieces` are the answer so far, all but the last closed. `partial` is the unfinished line."""

    def __init__(self, piece_chars: int = PIECE_CHARS) -> None:
        self.pieces: list[Piece] = []
        self._limit = piece_chars
        self._partial: list[str] = []
        self._waiting = 0  # characters in the unfinished line
        self._fence: _Fence | None = None
        self._blank = True
        self._in_list = False

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

    def tail(self) -> str:
        """The last piece's text with the unfinished line, as it is to be drawn now.

        A line that may yet become a fence is held back, so that no half fence flashes as text.
        """
        line = self.partial
        if line.lstrip(" ")[:1] in ("`", "~") and not line.strip("`~ "):
            line = ""
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
        while self._waiting >= HARD_CHARS and self._fence is None:
            line = self.partial
            at = line.rfind(" ", 1, HARD_CHARS) + 1 or HARD_CHARS
            self._prose().add(line[:at])
            self.pieces[-1].closed = True
            self._blank = False
            self._partial, self._waiting = [line[at:]], len(line) - at

    def _outside(self, line: str) -> None:
        fence = _opening(line)
        if fence is not None and fence.indent == 0:
            self._open_code(line, fence)
            return
        if self._may_cut(line):
            self.pieces[-1].closed = True
        self._fence = fence
        self._note_list(line)
        self._prose().add(line + "\n")

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

    def _note_list(self, line: str) -> None:
        if _MARKER.match(line):
            self._in_list = True
        elif self._blank and line.strip() and not line.startswith((" ", "\t")):
            self._in_list = False

    def _prose(self) -> Piece:
        if not self.pieces or self.pieces[-1].closed:
            self.pieces.append(Piece(PieceKind.PROSE))
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


def _closes(line: str, fence: _Fence) -> bool:
    word = line.strip(" \t")
    return len(word) >= fence.length and not word.strip(fence.mark)
