"""The list of what was found: on the hub, in the starter pack, at an address."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter

from app.ui import icons
from app.ui.language import tr
from app.ui.state.hub_lines import ResultLine, ResultSection
from app.ui.theme import Theme
from app.ui.widgets.line_list import RIGHT, Heading, LineList, Look, words

SHORT, TALL, ONE = 46, 68, 34


class ResultList(LineList[ResultLine]):
    """`opened(line)`: a person chose it. `acted(line)`: the word at its right. `left_top`: up from the first line."""

    opened = Signal(object)
    acted = Signal(object)
    left_top = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "hub.results", tr("What was found"), _Look(theme))

    def show_sections(self, sections: Sequence[ResultSection], current: str) -> None:
        """Show these with one line marked; says nothing. Someone who walks with the keyboard stays there."""
        walked = self.line if self.hasFocus() else None
        rows: list[ResultLine | str] = []
        for section in sections:
            rows += [section.title, *section.lines]
        self.rows.show(rows)
        row = self.rows.row_of(walked.key if walked is not None else current)
        if row < 0:
            row = self.rows.row_of(current)
        if row != self.currentIndex().row():
            self.mark(row)

    def enter(self) -> None:
        """Take the keyboard, on the marked line or the first."""
        row = self.currentIndex().row()
        row = row if row >= 0 else self.rows.first()
        if row >= 0:
            self.mark(row)
            self.setFocus(Qt.FocusReason.TabFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        key, line = event.key(), self.line
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and line is not None:
            self.opened.emit(line)
        elif key == Qt.Key.Key_Up and self.currentIndex().row() <= self.rows.first():
            self.left_top.emit()
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt's name
        index = self.indexAt(event.position().toPoint())
        line = self.line_at(index)
        super().mouseReleaseEvent(event)
        if line is None or event.button() is not Qt.MouseButton.LeftButton:
            return
        word = word_box(self._theme, self.visualRect(index))
        if line.acts and word.contains(event.position().toPoint()):
            self.acted.emit(line)
        else:
            self.opened.emit(line)


def word_box(theme: Theme, line: QRect) -> QRect:
    """Where a line's word is."""
    width = theme.px(64)
    return QRect(line.right() - width - theme.px(8), line.top(), width, line.height())


class _Look(Look[ResultLine]):
    """Title, counts, and chips below; elides, and the tooltip has it all."""

    heading = Heading(weight="semibold")

    def key(self, line: ResultLine) -> object:
        return line.key

    def says(self, line: ResultLine) -> str:
        return ", ".join(part for part in (line.title, line.detail, *line.chips, line.word) if part)

    def tip(self, line: ResultLine) -> str:
        gated = tr("Gated: its owner asks for conditions to be accepted.") if line.gated else ""
        return "\n".join(part for part in (line.id, line.detail, " · ".join(line.chips), gated) if part)

    def height(self, line: ResultLine) -> int:
        return TALL if line.chips else SHORT if line.detail else ONE

    def paint(self, painter: QPainter, box: QRect, line: ResultLine, chosen: bool) -> None:
        theme, px = self.theme, self.theme.px
        inner = box.adjusted(px(8), px(5), -px(8), -px(5))
        dim = "text" if chosen else "dim"
        right = inner.right()
        if line.word:
            font = theme.font("dim", "semibold" if line.acts else "regular")
            words(painter, theme, word_box(theme, box), line.word, font, "accent" if line.acts else dim, RIGHT)
            right = word_box(theme, box).left() - px(6)
        if line.kind == "more":
            words(painter, theme, inner, line.title, theme.font("dim", "semibold"), "accent")
            return
        row = px(18)
        top = QRect(inner.left(), inner.top(), right - inner.left(), row)
        middle = top.translated(0, row)
        if line.gated:
            side = px(13)
            icons.paint(painter, "lock", theme.colour(dim), QRectF(top.right() - side, top.top() + px(2), side, side))
            top.setRight(top.right() - side - px(6))
        words(painter, theme, top, line.title, theme.font("text", "medium"))
        words(painter, theme, middle, line.detail, theme.font("caption"), dim)
        self._chips(painter, QRect(inner.left(), middle.bottom() + px(4), inner.width(), px(17)), line, dim)

    def _chips(self, painter: QPainter, box: QRect, line: ResultLine, dim: str) -> None:
        theme, px = self.theme, self.theme.px
        font = theme.font("caption")
        left = box.left()
        for chip in line.chips:
            width = QFontMetrics(font).horizontalAdvance(chip) + px(14)
            if left + width > box.right():
                break
            pill = QRectF(left + 0.5, box.top() + 0.5, width, box.height() - 1)
            painter.setPen(theme.colour("faint" if dim == "text" else "line"))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(pill, pill.height() / 2, pill.height() / 2)
            inside = QRect(left, box.top(), width, box.height())
            words(painter, theme, inside, chip, font, dim, Qt.AlignmentFlag.AlignCenter)
            left += width + px(4)
