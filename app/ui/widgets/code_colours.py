"""Colours for code, a few milliseconds at a time: a long block never holds the window up, and none is coloured twice."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QTextCharFormat, QTextDocument, QTextLayout

from app.ui.theme import Theme

SLICE_S = 0.003
SLICE_GAP_MS = 12
SHARE = 20
"""While the text grows, a pass over it that took t is followed by 20 t without one."""

REST_S = 0.2
MOST_CHARS = 200_000
MOST_LINE = 4_000
"""A longer line is data, and patterns for code may take very long on it: such a block stays plain."""

ROLES: dict[str, str] = {
    "Token.Comment": "dim", "Token.Keyword": "lane_b", "Token.Operator.Word": "lane_b", "Token.Name.Tag": "lane_b",
    "Token.Literal.String": "lane_c", "Token.Literal.Number": "lane_a", "Token.Name.Constant": "lane_a",
    "Token.Keyword.Constant": "lane_a", "Token.Name.Function": "accent", "Token.Name.Class": "accent",
    "Token.Name.Namespace": "accent", "Token.Name.Decorator": "lane_d", "Token.Name.Builtin": "lane_d",
    "Token.Name.Attribute": "lane_d", "Token.Name.Variable": "lane_d", "Token.Generic.Heading": "accent",
    "Token.Generic.Deleted": "lane_a", "Token.Generic.Inserted": "lane_c", "Token.Generic.Subheading": "accent",
}  # fmt: skip
"""Pygments' kinds of token → roles of the theme; a kind without one takes its parent's, and text's in the end.
Each is in TEXT_PAIRS on `surface`, the card's ground, so its contrast is tested."""

Span = tuple[int, int, str]
"""(first UTF-16 unit in its line, units, role)."""


@lru_cache(maxsize=64)
def lexer_for(language: str) -> Any:
    """The lexer of a fence's info word; None where there is none. Takes up to 50 ms: call it in a thread."""
    try:
        return importlib.import_module("pygments.lexers").get_lexer_by_name(language)
    except Exception:  # noqa: BLE001 - pygments' ClassNotFound, or a lexer that does not import
        return None


def role_of(kind: Any) -> str:
    """The theme's role for a token's kind; "" for plain text."""
    while kind is not None:
        found = ROLES.get(str(kind))
        if found is not None:
            return found
        kind = kind.parent
    return ""


def spans(text: str, lexer: Any) -> Iterator[list[Span]]:
    """The coloured parts of each line of `text`, line by line, as they are found."""
    line: list[Span] = []
    column = at = 0
    for index, kind, value in lexer.get_tokens_unprocessed(text):
        role = role_of(kind)
        value = text[at:index] + value if index > at else value
        at = index + len(value) if index >= at else at
        for number, part in enumerate(value.split("\n")):
            if number:
                yield line
                line, column = [], 0
            length = _units(part)
            if role and length:
                line.append((column, length, role))
            column += length
    yield line


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


class Colourer(QObject):
    """Colours a document's lines. `touch` after each change; `finish` when the text is whole."""

    def __init__(self, document: QTextDocument, theme: Theme, language: str) -> None:
        super().__init__(document)
        self._document, self._theme, self._language = document, theme, language.lower()
        self._lines: list[list[Span]] = []  # as drawn
        self._formats: dict[str, QTextCharFormat] = {}
        self._pass: Iterator[list[Span]] | None = None
        self._line = 0
        self._spent = 0.0
        self._rest_until = 0.0
        self._stale = self._whole = False
        self._loading: threading.Thread | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._work)
        theme.changed.connect(self._recolour)

    @property
    def lines(self) -> list[list[Span]]:
        """What is drawn, line by line."""
        return self._lines

    @property
    def busy(self) -> bool:
        """True while something is left to do."""
        return self._timer.isActive()

    def touch(self) -> None:
        """The text has grown."""
        self._stale = True
        if self._language and not self._timer.isActive():
            self._timer.start(max(SLICE_GAP_MS, int((self._rest_until - time.perf_counter()) * 1000)))

    def finish(self) -> None:
        """The text is whole: the next pass is the last."""
        self._whole = True
        self._pass = None
        self._rest_until = 0.0
        self._timer.stop()
        self.touch()

    def _recolour(self) -> None:
        self._formats, self._lines = {}, []
        self.finish()

    def _work(self) -> None:
        if not self._ready():
            return
        start = time.perf_counter()
        while self._pass is not None and time.perf_counter() - start < SLICE_S:
            self._step()
        self._spent += time.perf_counter() - start
        if self._pass is not None:
            self._timer.start(1 if self._whole else SLICE_GAP_MS)
            return
        self._rest_until = time.perf_counter() + max(REST_S, SHARE * self._spent)
        if self._stale:
            self.touch()

    def _ready(self) -> bool:
        """A pass is under way, or begins now."""
        if self._pass is not None:
            return True
        if self._loading is None:
            self._loading = threading.Thread(target=lexer_for, args=(self._language,), name="lexer", daemon=True)
            self._loading.start()
        if self._loading.is_alive():
            self._timer.start(SLICE_GAP_MS)
            return False
        lexer, text = lexer_for(self._language), self._document.toPlainText()
        self._stale = False
        if lexer is None or len(text) > MOST_CHARS or max(map(len, text.split("\n"))) > MOST_LINE:
            return False
        self._pass, self._line, self._spent = spans(text + "\n", lexer), 0, 0.0
        return True

    def _step(self) -> None:
        found = next(self._pass, None) if self._pass is not None else None
        if found is None:
            self._pass = None
            return
        if self._line == len(self._lines):
            self._lines.append([])
        if self._lines[self._line] != found:
            self._lines[self._line] = found
            self._draw(self._line, found)
        self._line += 1

    def _draw(self, number: int, found: list[Span]) -> None:
        block = self._document.findBlockByNumber(number)
        if not block.isValid():
            return
        ranges = []
        for start, length, role in found:
            one = QTextLayout.FormatRange()
            one.start, one.length, one.format = start, length, self._format(role)
            ranges.append(one)
        block.layout().setFormats(ranges)
        self._document.markContentsDirty(block.position(), block.length())

    def _format(self, role: str) -> QTextCharFormat:
        if role not in self._formats:
            made = QTextCharFormat()
            made.setForeground(self._theme.colour(role))
            self._formats[role] = made
        return self._formats[role]
