"""Lines of a film: an answer's rows are broken once, where its whole text breaks, so that no word jumps while it grows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

_PART = re.compile(r"\n|[^\S\n]+|\S+")
_WORDS = re.compile(r"(\s*)(\S+)")


@dataclass(frozen=True, slots=True)
class Row:
    """Characters start to end of the text, without end; spaces and line breaks at its end are left out."""

    start: int
    end: int


def rows(text: str, font: QFont, width: float) -> tuple[Row, ...]:
    """`text` in rows of at most `width` pixels, broken at spaces, a longer word anywhere."""
    metrics = QFontMetricsF(font)
    found: list[Row] = []
    start, end, room = 0, 0, width
    for part in _PART.finditer(text):
        word = part.group()
        if word == "\n":
            found.append(Row(start, end))
            start, end, room = part.end(), part.end(), width
            continue
        need = metrics.horizontalAdvance(word)
        if word.isspace():
            room -= need
            continue
        if need > room and end > start:
            found.append(Row(start, end))
            start, room = part.start(), width
        for cut in _cuts(word, metrics, room):
            found.append(Row(start, part.start() + cut))
            start, room = part.start() + cut, width
        end = part.end()
        room -= metrics.horizontalAdvance(text[max(start, part.start()) : end])
    found.append(Row(start, end))
    return tuple(found)


def _cuts(word: str, metrics: QFontMetricsF, room: float) -> Iterator[int]:
    """Where a word that is longer than a whole row is cut."""
    first, used = 0, 0.0
    if metrics.horizontalAdvance(word) <= room:
        return
    for index, letter in enumerate(word):
        step = metrics.horizontalAdvance(letter)
        if used + step > room and index > first:
            yield index
            first, used = index, 0.0
        used += step


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a sentence. strong: semibold. glued: no space before it."""

    text: str
    colour: QColor
    strong: bool = False
    glued: bool = False


def words(text: str, colour: QColor, strong: bool = False, after: str = " ") -> list[Word]:
    """The words of a phrase; `after` is what stands before it, so that punctuation stays where it belongs."""
    found: list[Word] = []
    for part in _WORDS.finditer(text):
        glued = not found and not part.group(1) and after != "" and not after[-1].isspace()
        found.append(Word(part.group(2), colour, strong, glued))
    return found


def draw_words(painter: QPainter, box: QRectF, sentence: Sequence[Word], font: QFont, strong: QFont, most: int) -> None:
    """Draw a sentence in at most `most` lines inside `box`; what does not fit ends in “…”."""
    plain, bold = QFontMetricsF(font), QFontMetricsF(strong)
    space, dots = plain.horizontalAdvance(" "), plain.horizontalAdvance(" …")
    x, line = 0.0, 0
    for word in sentence:
        need = (bold if word.strong else plain).horizontalAdvance(word.text)
        before = space if x and not word.glued else 0.0
        last = line == most - 1
        if x and x + before + need + (dots if last else 0.0) > box.width():
            if last:
                _put(painter, box, x, line, " …", font, word.colour)
                return
            x, before, line = 0.0, 0.0, line + 1
        _put(painter, box, x + before, line, word.text, strong if word.strong else font, word.colour)
        x += before + need


def _put(painter: QPainter, box: QRectF, x: float, line: int, text: str, font: QFont, colour: QColor) -> None:
    metrics = QFontMetricsF(font)
    painter.setFont(font)
    painter.setPen(colour)
    painter.drawText(QPointF(box.left() + x, box.top() + metrics.ascent() + line * metrics.lineSpacing() * 1.12), text)
