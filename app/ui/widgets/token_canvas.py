"""A text with each token in a box of its own, tinted by its probability. Our own painter: one widget, drawn line by line.

Only the lines that are seen are cut into boxes, so that a long answer costs no more than a short one.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QTextLayout,
    QTextLine,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.language import tr
from app.ui.state import inside
from app.ui.state.inside import Token
from app.ui.theme import Theme
from app.ui.theme_tokens import Tokens

UNLIKELY = 0.1
"""A token of less than this is underlined too, so that the tint alone carries nothing."""
STRONGEST = 0.5
"""How much of the accent the least likely token's ground has."""
LEADING = 8
NONE = -1


def tint(tokens: Tokens, share: float) -> QColor:
    """The ground of a token. share: 0 for a certain one (slate) to 1 for an unlikely one (accent)."""
    low, high = QColor(tokens.sunken), QColor(tokens.accent)
    t = share * STRONGEST
    pairs = ((low.red(), high.red()), (low.green(), high.green()), (low.blue(), high.blue()))
    return QColor(*(round(a + (b - a) * t) for a, b in pairs))


@dataclass(slots=True)
class Paragraph:
    """One line of the text, wrapped. starts: where each of `tokens` begins, in UTF-16 units, as Qt counts."""

    text: str
    starts: list[int]
    tokens: list[int]
    top: float = 0.0
    height: float = 0.0
    layout: QTextLayout = field(default_factory=QTextLayout)
    cut: dict[int, list[Box]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Box:
    """One token, or its part in one wrapped line."""

    token: int
    rect: QRectF


def paragraphs(tokens: Sequence[Token]) -> list[Paragraph]:
    """The tokens as lines: a line break shows as “↵” at the end of its line, a token without text as “·”."""
    found = [Paragraph("", [], [])]
    place = 0
    for index, token in enumerate(tokens):
        visible = inside.shown(token.text) or _empty(index, tokens)
        for number, piece in enumerate(visible.replace("↵", "↵\n").split("\n")):
            if number:
                found.append(Paragraph("", [], []))
                place = 0
            if piece:
                found[-1].starts.append(place)
                found[-1].tokens.append(index)
                found[-1].text += piece
                place += units(piece)
    return found if found[-1].tokens else found[:-1]


def units(text: str) -> int:
    """Length as Qt counts it."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def _empty(index: int, tokens: Sequence[Token]) -> str:
    return f"‹{tr('end')}›" if index == len(tokens) - 1 else "·"


class TokenCanvas(QWidget):
    """`pointed(i)`: the pointer or the keys are on token i; -1: on none. Its height follows its width."""

    pointed = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._tokens: tuple[Token, ...] = ()
        self._paragraphs: list[Paragraph] = []
        self._tops: list[float] = []
        self._cursor = NONE
        self.setObjectName("message.tokens")
        self.setAccessibleName(tr("Tokens of the answer"))
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_tokens(self, tokens: Sequence[Token]) -> None:
        """Show others."""
        self._tokens = tuple(tokens)
        self._paragraphs = paragraphs(self._tokens)
        self._cursor = NONE
        self._lay_out()

    @property
    def cursor_token(self) -> int:
        """The token that the keys or the pointer are on; -1: none."""
        return self._cursor

    def box(self, token: int) -> QRect:
        """Where a token is, or begins; empty if it is not shown."""
        return next((rect.toAlignedRect() for rect in self._rects(token)), QRect())

    def token_at(self, point: QPointF) -> int:
        """The token at a point; -1 where there is none."""
        found = self._line_at(point.y())
        if found is None:
            return NONE
        return next((box.token for box in self._boxes(*found) if box.rect.contains(point)), NONE)

    def _rects(self, token: int) -> Iterator[QRectF]:
        """A token's parts: several where it goes on in another line."""
        for paragraph in self._paragraphs:
            if paragraph.tokens and paragraph.tokens[0] <= token <= paragraph.tokens[-1]:
                first = bisect.bisect_left(paragraph.tokens, token)
                start = paragraph.layout.lineForTextPosition(paragraph.starts[first]).lineNumber()
                for line in range(max(0, start), paragraph.layout.lineCount()):
                    found = [box.rect for box in self._boxes(paragraph, line) if box.token == token]
                    yield from found
                    if not found and self._boxes(paragraph, line) and self._boxes(paragraph, line)[0].token > token:
                        return

    # --- layout -------------------------------------------------------------------------

    def _lay_out(self) -> None:
        """Wrap everything to the width; boxes are cut when they are seen."""
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        font, leading = self._theme.font(), self._theme.px(LEADING)
        top = 0.0
        for paragraph in self._paragraphs:
            layout = paragraph.layout = QTextLayout(paragraph.text, font)
            layout.setTextOption(option)
            layout.setCacheEnabled(True)
            paragraph.top, paragraph.cut = top, {}
            paragraph.height = _wrap(layout, self.width(), leading)
            top += paragraph.height
        self._tops = [paragraph.top for paragraph in self._paragraphs]
        self.setFixedHeight(max(1, round(top)))
        self.updateGeometry()
        self.update()

    def _boxes(self, paragraph: Paragraph, number: int) -> list[Box]:
        if number not in paragraph.cut:
            paragraph.cut[number] = list(self._cut(paragraph, paragraph.layout.lineAt(number)))
        return paragraph.cut[number]

    def _cut(self, paragraph: Paragraph, line: QTextLine) -> list[Box]:
        """The tokens of one wrapped line. A space that the wrapping left at its end belongs to the next line's box."""
        start, end = line.textStart(), line.textStart() + line.textLength()
        first = max(0, bisect.bisect_right(paragraph.starts, start) - 1)
        found: list[Box] = []
        for i in range(first, bisect.bisect_left(paragraph.starts, end)):
            begins = max(start, paragraph.starts[i])
            whole_end = paragraph.starts[i + 1] if i + 1 < len(paragraph.starts) else units(paragraph.text)
            a, b = _x(line, begins), _x(line, min(end, whole_end))
            if whole_end > end and min(a, b) >= line.naturalTextWidth() - 0.5:
                continue
            rect = QRectF(min(a, b), paragraph.top + line.y(), max(abs(b - a), 3.0), line.height())
            found.append(Box(paragraph.tokens[i], rect))
        return found

    def _line_at(self, y: float) -> tuple[Paragraph, int] | None:
        index = bisect.bisect_right(self._tops, y) - 1
        if index < 0 or y >= self.height():
            return None
        paragraph = self._paragraphs[index]
        step = paragraph.height / max(1, paragraph.layout.lineCount())
        return paragraph, min(paragraph.layout.lineCount() - 1, int((y - paragraph.top) / step))

    # --- painting -----------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        seen = event.rect()
        for paragraph in self._paragraphs[max(0, bisect.bisect_right(self._tops, seen.top()) - 1) :]:
            if paragraph.top > seen.bottom():
                break
            for number in range(paragraph.layout.lineCount()):
                line = paragraph.layout.lineAt(number)
                y = paragraph.top + line.y()
                if y + line.height() + self._theme.px(LEADING) >= seen.top() and y <= seen.bottom():
                    self._paint_line(painter, paragraph, number, line)
        painter.end()

    def _paint_line(self, painter: QPainter, paragraph: Paragraph, number: int, line: QTextLine) -> None:
        boxes = self._boxes(paragraph, number)
        for box in boxes:
            painter.fillRect(box.rect.adjusted(0, -1, -1, 2), tint(self._theme.tokens, self._share(box.token)))
        painter.setPen(self._theme.colour("text"))
        line.draw(painter, QPointF(0, paragraph.top))
        for box in boxes:
            self._mark(painter, box)

    def _share(self, token: int) -> float:
        return inside.surprise(self._tokens[token])

    def _mark(self, painter: QPainter, box: Box) -> None:
        """Underlines, and the frame of the one that is pointed at."""
        token = self._tokens[box.token]
        probable = inside.probability(token)
        left, right, foot = box.rect.left(), box.rect.right() - 2, box.rect.bottom()
        if probable is not None and probable < UNLIKELY:
            painter.fillRect(QRectF(left, foot, right - left + 1, 2), self._theme.colour("text"))
        if token.accepted:
            draw_dots(painter, self._theme, left, right, foot + 4)
        if box.token == self._cursor:
            painter.setPen(QPen(self._theme.colour("accent"), 2))
            painter.drawRect(box.rect.adjusted(0, -1, -1, 2))

    # --- pointing -----------------------------------------------------------------------

    def point_at(self, token: int) -> None:
        """Put the frame on a token, or on none (-1)."""
        if token == self._cursor:
            return
        self._cursor = token
        self.setAccessibleDescription(describe(self._tokens, token))
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.DescriptionChanged))
        self.update()
        self.pointed.emit(token)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt's name
        found = self.token_at(event.position())
        if found != NONE:  # between two lines the last one stays
            self.point_at(found)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  Qt's name
        """What is scrolled away is not pointed at any more."""
        self.point_at(NONE)
        event.ignore()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  Qt's name
        if not self.hasFocus():
            self.point_at(NONE)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt's name
        super().focusOutEvent(event)
        self.point_at(NONE)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        wanted = self._wanted(Qt.Key(event.key()))
        if wanted is None:
            super().keyPressEvent(event)
        else:
            self.point_at(wanted)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._lay_out()

    def _wanted(self, key: Qt.Key) -> int | None:
        """The token that a key goes to; None where it is no key of ours, or there is nothing to point at."""
        last = len(self._tokens) - 1
        if last < 0:
            return None
        at = self._cursor
        match key:
            case Qt.Key.Key_Right:
                return min(last, at + 1)
            case Qt.Key.Key_Left:
                return max(0, at - 1)
            case Qt.Key.Key_Home:
                return 0
            case Qt.Key.Key_End:
                return last
            case Qt.Key.Key_Down | Qt.Key.Key_Up:
                return self._next_line(down=key is Qt.Key.Key_Down)
            case Qt.Key.Key_Escape if at != NONE:
                return NONE
        return None

    def _next_line(self, *, down: bool) -> int:
        """The token above or below, nearest to the middle of the one that is pointed at."""
        rects = list(self._rects(self._cursor))
        if not rects:
            return 0
        rect = rects[-1 if down else 0]
        room = self._theme.px(LEADING)
        y = rect.bottom() + room if down else rect.top() - room
        found = self._line_at(y) if y >= 0 else None
        boxes = self._boxes(*found) if found is not None else []
        near = min(boxes, key=lambda box: abs(box.rect.center().x() - rect.center().x()), default=None)
        return self._cursor if near is None else near.token


def describe(tokens: Sequence[Token], index: int) -> str:
    """One token in words, for the screen reader: "“ the” 3.0 %, accepted draft. Instead: “ a” 41 %"."""
    if not 0 <= index < len(tokens):
        return ""
    token = tokens[index]
    probable = inside.probability(token)
    said = f"“{inside.shown(token.text) or _empty(index, tokens)}”"
    if probable is not None:
        said += f" {inside.percent(probable)}"
    if token.accepted:
        said += tr(", accepted draft")
    others = [(text, logprob) for text, logprob in token.top if text != token.text]
    if others:
        listed = ", ".join(f"“{inside.shown(t)}” {inside.percent(inside.share_of(p))}" for t, p in others)
        said += ". " + tr("Instead: {others}", others=listed)
    return said


def draw_dots(painter: QPainter, theme: Theme, left: float, right: float, y: float) -> None:
    """A dotted line: this token was guessed ahead and accepted."""
    side = theme.px(2)
    colour = theme.colour("dim")
    while left < right:
        painter.fillRect(QRectF(left, y, side, side), colour)
        left += side * 2


def _wrap(layout: QTextLayout, width: int, leading: int) -> float:
    """Break into lines of `width`; the height of all."""
    layout.beginLayout()
    y = 0.0
    while (line := layout.createLine()).isValid():
        line.setLineWidth(max(1, width))
        line.setPosition(QPointF(0, y + leading / 2))
        y += line.height() + leading
    layout.endLayout()
    return y


def _x(line: QTextLine, position: int) -> float:
    """The x of a place in the line; PySide gives the place too."""
    return cast("tuple[float, int]", line.cursorToX(position))[0]
