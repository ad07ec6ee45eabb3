"""The list of what was found, painted: hundreds of lines cost nothing, and no text of a stranger is ever markup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.ui import icons
from app.ui.language import tr
from app.ui.state.hub_lines import ResultLine, ResultSection
from app.ui.theme import Theme, Weight
from app.ui.widgets.label import hint

Index = QModelIndex | QPersistentModelIndex
LINE_ROLE = Qt.ItemDataRole.UserRole + 1

HEADING, SHORT, TALL, ONE = 30, 46, 68, 34


class ResultModel(QAbstractListModel):
    """Rows in their order, each heading before its lines. A heading is a plain string."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[ResultLine | str] = []

    def set_sections(self, sections: Sequence[ResultSection]) -> None:
        """Show these; where only words of lines are others, nothing moves."""
        rows: list[ResultLine | str] = []
        for section in sections:
            rows += [section.title, *section.lines]
        if rows == self._rows:
            return
        if [_key(row) for row in rows] == [_key(row) for row in self._rows]:
            self._rows = rows
            self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
            return
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def line(self, row: int) -> ResultLine | None:
        """The line of a row, None for a heading."""
        found = self._rows[row] if 0 <= row < len(self._rows) else None
        return found if isinstance(found, ResultLine) else None

    def row_of(self, key: str) -> int:
        """Where a line stands, or -1."""
        return next((i for i, row in enumerate(self._rows) if isinstance(row, ResultLine) and row.key == key), -1)

    def first(self) -> int:
        """The first line's row, or -1."""
        return next((i for i, row in enumerate(self._rows) if isinstance(row, ResultLine)), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  Qt's name and default
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        said = row if isinstance(row, str) else ", ".join(p for p in (row.title, row.detail, *row.chips, row.word) if p)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return said
        if role == Qt.ItemDataRole.ToolTipRole and isinstance(row, ResultLine):
            gated = tr("Gated: its owner asks for conditions to be accepted.") if row.gated else ""
            return hint("\n".join(p for p in (row.id, row.detail, " · ".join(row.chips), gated) if p))
        return row if role == LINE_ROLE and isinstance(row, ResultLine) else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self.line(index.row()) is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


def _key(row: ResultLine | str) -> str:
    return row.key if isinstance(row, ResultLine) else row


class ResultList(QListView):
    """`opened(line)`: a person chose it. `acted(line)`: the word at its right. `left_top`: up from the first line."""

    opened = Signal(object)
    acted = Signal(object)
    left_top = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.rows = ResultModel(self)
        self.setModel(self.rows)
        self.setItemDelegate(_Delegate(theme, self))
        self.setObjectName("hub.results")
        self.setAccessibleName(tr("What was found"))
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSpacing(theme.px(1))
        theme.changed.connect(self.viewport().update)

    def show_sections(self, sections: Sequence[ResultSection], current: str) -> None:
        """Show these with one line marked; says nothing. Someone who walks with the keyboard stays there."""
        walked = self.rows.line(self.currentIndex().row()) if self.hasFocus() else None
        self.rows.set_sections(sections)
        row = self.rows.row_of(walked.key if walked is not None else current)
        if row < 0:
            row = self.rows.row_of(current)
        if row != self.currentIndex().row():
            self.setCurrentIndex(self.rows.index(row) if row >= 0 else QModelIndex())

    def enter(self) -> None:
        """Take the keyboard, on the marked line or the first."""
        row = self.currentIndex().row()
        row = row if row >= 0 else self.rows.first()
        if row >= 0:
            self.setCurrentIndex(self.rows.index(row))
            self.setFocus(Qt.FocusReason.TabFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        key, line = event.key(), self.rows.line(self.currentIndex().row())
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and line is not None:
            self.opened.emit(line)
        elif key == Qt.Key.Key_Up and self.currentIndex().row() <= self.rows.first():
            self.left_top.emit()
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt's name
        index = self.indexAt(event.position().toPoint())
        line = self.rows.line(index.row()) if index.isValid() else None
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


class _Delegate(QStyledItemDelegate):
    """Title, counts, and chips below; elides, and the tooltip has it all."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        line = index.data(LINE_ROLE)
        height = HEADING
        if isinstance(line, ResultLine):
            height = TALL if line.chips else SHORT if line.detail else ONE
        return QSize(self._theme.px(80), self._theme.px(height))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = index.data(LINE_ROLE)
        if isinstance(line, ResultLine):
            self._paint_line(painter, option, line)
        else:
            box = option.rect.adjusted(self._theme.px(8), self._theme.px(8), -self._theme.px(8), 0)
            self._words(painter, box, str(index.data()), self._theme.font("caption", "semibold"), "dim")
        painter.restore()

    def _paint_line(self, painter: QPainter, option: QStyleOptionViewItem, line: ResultLine) -> None:
        theme, px = self._theme, self._theme.px
        box: QRect = option.rect
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent_soft" if chosen else "sunken"))
            painter.drawRoundedRect(box, px(6), px(6))
        if chosen and option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(theme.colour("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), px(6), px(6))
        inner = box.adjusted(px(8), px(5), -px(8), -px(5))
        dim = "text" if chosen else "dim"
        right = inner.right()
        if line.word:
            self._word(painter, word_box(theme, box), line, dim, chosen)
            right = word_box(theme, box).left() - px(6)
        if line.kind == "more":
            self._words(painter, inner, line.title, theme.font("dim", "semibold"), "accent")
            return
        row = px(18)
        top = QRect(inner.left(), inner.top(), right - inner.left(), row)
        if line.gated:
            side = px(13)
            icons.paint(painter, "lock", theme.colour(dim), QRectF(top.right() - side, top.top() + px(2), side, side))
            top.setRight(top.right() - side - px(6))
        self._words(painter, top, line.title, theme.font("text", "medium"), "text")
        middle = QRect(inner.left(), inner.top() + row, right - inner.left(), row)
        self._words(painter, middle, line.detail, theme.font("caption"), dim)
        self._chips(painter, QRect(inner.left(), middle.bottom() + px(4), inner.width(), px(17)), line, dim)

    def _word(self, painter: QPainter, box: QRect, line: ResultLine, dim: str, chosen: bool) -> None:
        weight: Weight = "semibold" if line.acts else "regular"
        tone = ("accent" if line.acts else dim) if not chosen or line.acts else "text"
        side = Qt.AlignmentFlag.AlignRight
        self._words(painter, box, line.word, self._theme.font("dim", weight), tone, side)

    def _chips(self, painter: QPainter, box: QRect, line: ResultLine, dim: str) -> None:
        theme, px = self._theme, self._theme.px
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
            self._words(
                painter, QRect(left, box.top(), width, box.height()), chip, font, dim, Qt.AlignmentFlag.AlignHCenter
            )
            left += width + px(4)

    def _words(
        self, painter: QPainter, box: QRect, text: str, font: QFont, role: str,
        side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> None:  # fmt: skip
        painter.setFont(font)
        painter.setPen(self._theme.colour(role))
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter | side), shown)
