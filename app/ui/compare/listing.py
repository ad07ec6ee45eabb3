"""The list at the left: a person's own comparisons, newest first, and the recorded recipes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.ui import icons
from app.ui.language import tr
from app.ui.state.compare_shelf import OWN, Item
from app.ui.theme import Theme
from app.ui.widgets.label import Label, hint

Index = QModelIndex | QPersistentModelIndex
ITEM_ROLE = Qt.ItemDataRole.UserRole + 1


class ItemModel(QAbstractListModel):
    """Rows in their order, each heading before its first item. A heading is a plain string."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: list[Item | str] = []

    def set_items(self, items: Sequence[Item]) -> None:
        """Show these."""
        lines: list[Item | str] = []
        heading = ""
        for item in items:
            if item.heading != heading:
                heading = item.heading
                lines.append(heading)
            lines.append(item)
        self.beginResetModel()
        self._lines = lines
        self.endResetModel()

    def row_of(self, id: str) -> int:
        """The row of an item, or -1."""
        return next((i for i, line in enumerate(self._lines) if isinstance(line, Item) and line.id == id), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  Qt's name and default
        return 0 if parent.isValid() else len(self._lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._lines):
            return None
        line = self._lines[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return line if isinstance(line, str) else f"{line.title}, {line.detail}"
        if role == Qt.ItemDataRole.ToolTipRole and isinstance(line, Item):
            return hint(line.title)
        return line if role == ITEM_ROLE and isinstance(line, Item) else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not isinstance(self.data(index, ITEM_ROLE), Item):
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


class ComparisonList(QWidget):
    """`chosen(id)`, `created()`, `deleted(id)`."""

    chosen = Signal(str)
    created = Signal()
    deleted = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._model = ItemModel(self)
        self.view = _View(theme)
        self.view.setModel(self._model)
        self.view.setItemDelegate(_Delegate(theme, self.view))
        self.view.clicked.connect(self._activate)
        self.view.activated.connect(self._activate)
        self.view.delete_pressed.connect(self._delete)
        self.view.customContextMenuRequested.connect(self._menu)
        self.new = QToolButton()
        self.new.setProperty("kind", "quiet")
        self.new.setObjectName("compare.new")
        self.new.setAccessibleName(tr("New comparison"))
        self.new.setToolTip(tr("New comparison"))
        icons.bind(self.new, theme, "plus", "text", 16)
        self.new.clicked.connect(self.created)
        self.nothing = Label(theme, tr("What you compare is kept here."), "dim", "dim", wrap=True)
        head = QHBoxLayout()
        head.addWidget(Label(theme, tr("Comparisons"), "dim", "dim", "semibold"))
        head.addStretch(1)
        head.addWidget(self.new)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.px(14), theme.px(10), theme.px(8), theme.px(8))
        column.setSpacing(theme.px(6))
        column.addLayout(head)
        column.addWidget(self.nothing)
        column.addWidget(self.view, 1)

    def set_items(self, items: Sequence[Item], current: str) -> None:
        """Show these and mark one; says nothing."""
        self._model.set_items(items)
        self.nothing.setVisible(not items)
        row = self._model.row_of(current)
        self.view.setCurrentIndex(self._model.index(row) if row >= 0 else QModelIndex())

    def _activate(self, index: Index) -> None:
        item = index.data(ITEM_ROLE)
        if isinstance(item, Item):
            self.chosen.emit(item.id)

    def _delete(self) -> None:
        item = self.view.currentIndex().data(ITEM_ROLE)
        if isinstance(item, Item) and item.id.startswith(OWN):
            self.deleted.emit(item.id)

    def _menu(self, where: QPoint) -> None:
        item = self.view.indexAt(where).data(ITEM_ROLE)
        if isinstance(item, Item) and item.id.startswith(OWN):
            menu = QMenu(self)
            menu.addAction(tr("Delete"), lambda: self.deleted.emit(item.id))
            menu.exec(self.view.viewport().mapToGlobal(where))
            menu.deleteLater()


class _View(QListView):
    delete_pressed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("compare.list")
        self.setAccessibleName(tr("Comparisons"))
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setSpacing(theme.px(1))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        if event.key() == Qt.Key.Key_Delete:
            self.delete_pressed.emit()
            return
        super().keyPressEvent(event)


class _Delegate(QStyledItemDelegate):
    """Title over detail; elides, and the tooltip has the whole title."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        item = isinstance(index.data(ITEM_ROLE), Item)
        return QSize(self._theme.px(80), self._theme.px(44 if item else 28))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        item = index.data(ITEM_ROLE)
        if isinstance(item, Item):
            self._paint_item(painter, option, item)
        else:
            painter.setFont(self._theme.font("caption"))
            painter.setPen(self._theme.colour("dim"))
            box = option.rect.adjusted(self._theme.px(8), self._theme.px(6), 0, 0)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, index.data())
        painter.restore()

    def _paint_item(self, painter: QPainter, option: QStyleOptionViewItem, item: Item) -> None:
        theme, px = self._theme, self._theme.px
        box: QRect = option.rect
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent_soft" if chosen else "sunken"))
            painter.drawRoundedRect(box, px(6), px(6))
        if chosen and option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(theme.colour("accent"), 2))
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), px(6), px(6))
        inner = box.adjusted(px(8), px(5), -px(8), -px(5))
        half = inner.height() // 2
        lines = ((item.title, "text", "text"), (item.detail, "caption", "text" if chosen else "dim"))
        for number, (text, size, tone) in enumerate(lines):
            painter.setFont(theme.font("dim" if size == "text" else "caption"))
            painter.setPen(theme.colour(tone))
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, inner.width())
            room = QRect(inner.left(), inner.top() + number * half, inner.width(), half)
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
