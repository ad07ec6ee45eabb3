"""The list at the left: the servers that a person named, with how each is, and those that can be started here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.label import hint

Index = QModelIndex | QPersistentModelIndex
LINE_ROLE = Qt.ItemDataRole.UserRole + 1


@dataclass(frozen=True, slots=True)
class Line:
    """One row. kind: a short word at the right; state: below the title, after a dot in the colour of `role`."""

    id: str
    title: str
    kind: str = ""
    state: str = ""
    role: str = "dim"
    tip: str = ""


class _Lines(QAbstractListModel):
    """Rows in their order; a heading is a plain string."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._lines: list[Line | str] = []

    def set_lines(self, lines: Sequence[Line | str]) -> None:
        if list(lines) == self._lines:
            return
        same = len(lines) == len(self._lines)
        if same:
            self._lines = list(lines)
            self.dataChanged.emit(self.index(0), self.index(len(lines) - 1))
        else:
            self.beginResetModel()
            self._lines = list(lines)
            self.endResetModel()

    def row_of(self, id: str) -> int:
        return next((i for i, line in enumerate(self._lines) if isinstance(line, Line) and line.id == id), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  Qt's name and default
        return 0 if parent.isValid() else len(self._lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._lines):
            return None
        line = self._lines[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return line if isinstance(line, str) else ", ".join(p for p in (line.title, line.kind, line.state) if p)
        if role == Qt.ItemDataRole.ToolTipRole and isinstance(line, Line):
            return hint("\n".join(part for part in (line.title, line.tip, line.state) if part))
        return line if role == LINE_ROLE and isinstance(line, Line) else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not isinstance(self.data(index, LINE_ROLE), Line):
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


class ServerList(QWidget):
    """`chosen(id)`; `removed(id)`: Delete was pressed."""

    chosen = Signal(str)
    removed = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._model = _Lines(self)
        self.view = _View(theme)
        self.view.setModel(self._model)
        self.view.setItemDelegate(_Delegate(theme, self.view))
        self.view.clicked.connect(self._chosen)
        self.view.activated.connect(self._chosen)
        self.view.delete_pressed.connect(self._removed)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.px(10), theme.px(10), theme.px(8), theme.px(8))
        column.addWidget(self.view, 1)

    def set_lines(self, lines: Sequence[Line | str], current: str) -> None:
        """Show these and mark one; says nothing."""
        self._model.set_lines(lines)
        row = self._model.row_of(current)
        self.view.setCurrentIndex(self._model.index(row) if row >= 0 else QModelIndex())

    def _chosen(self, index: Index) -> None:
        line = index.data(LINE_ROLE)
        if isinstance(line, Line):
            self.chosen.emit(line.id)

    def _removed(self) -> None:
        line = self.view.currentIndex().data(LINE_ROLE)
        if isinstance(line, Line):
            self.removed.emit(line.id)


class _View(QListView):
    delete_pressed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("servers.list")
        self.setAccessibleName(tr("Servers"))
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSpacing(theme.px(1))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        if event.key() == Qt.Key.Key_Delete:
            self.delete_pressed.emit()
            return
        super().keyPressEvent(event)


class _Delegate(QStyledItemDelegate):
    """Title and kind; below them a dot and how it is. Elides; the tooltip has it whole."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        line = isinstance(index.data(LINE_ROLE), Line)
        return QSize(self._theme.px(80), self._theme.px(46 if line else 30))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = index.data(LINE_ROLE)
        if isinstance(line, Line):
            self._paint_line(painter, option, line)
        else:
            painter.setFont(self._theme.font("caption", "medium"))
            painter.setPen(self._theme.colour("dim"))
            box = option.rect.adjusted(self._theme.px(8), self._theme.px(8), 0, 0)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, index.data())
        painter.restore()

    def _paint_line(self, painter: QPainter, option: QStyleOptionViewItem, line: Line) -> None:
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
        half = inner.height() // 2
        self._paint_title(painter, QRect(inner.left(), inner.top(), inner.width(), half), line, chosen)
        below = QRect(inner.left(), inner.top() + half, inner.width(), half)
        self._paint_state(painter, below, line, chosen)

    def _paint_title(self, painter: QPainter, box: QRect, line: Line, chosen: bool) -> None:
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(self._theme.font("caption"))
        painter.setPen(self._theme.colour("text" if chosen else "dim"))
        right = painter.fontMetrics().horizontalAdvance(line.kind)
        if right > box.width() * 0.55:
            right = 0
        elif line.kind:
            painter.drawText(box, middle | Qt.AlignmentFlag.AlignRight, line.kind)
        painter.setFont(self._theme.font("dim", "medium"))
        painter.setPen(self._theme.colour("text"))
        room = box.width() - (right + self._theme.px(8) if right else 0)
        shown = painter.fontMetrics().elidedText(line.title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(box, middle | Qt.AlignmentFlag.AlignLeft, shown)

    def _paint_state(self, painter: QPainter, box: QRect, line: Line, chosen: bool) -> None:
        px = self._theme.px
        side = px(7)
        colour = self._theme.colour({"busy": "accent"}.get(line.role, line.role))
        painter.setPen(colour)
        painter.setBrush(Qt.BrushStyle.NoBrush if line.role in ("busy", "dim") else colour)
        painter.drawEllipse(QRectF(box.left() + 0.5, box.center().y() - side / 2 + 0.5, side, side))
        painter.setFont(self._theme.font("caption"))
        painter.setPen(self._theme.colour("text" if chosen else "dim"))
        inner = box.adjusted(side + px(6), 0, 0, 0)
        shown = painter.fontMetrics().elidedText(line.state, Qt.TextElideMode.ElideRight, inner.width())
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
