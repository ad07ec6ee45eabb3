"""What was found and cannot be used: each with the reason and what would help. A click shows it in the file manager."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QRect, QSize, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QListView,
    QPushButton,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from app.ui import icons
from app.ui.language import tr
from app.ui.models.paint import RIGHT, Index, Painted, ground, is_chosen, words
from app.ui.state.models_places import Unusable
from app.ui.theme import Theme
from app.ui.widgets.label import Label
from app.ui.widgets.memory_bar import bytes_text
from app.ui.widgets.tool_button import ToolButton

ITEM_ROLE = Qt.ItemDataRole.UserRole + 1
HEIGHT = 64


class UnusableView(QWidget):
    """`closed()`: back to the models."""

    closed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._model = _Model(self)
        self.view = _View()
        self.view.setModel(self._model)
        self.view.setItemDelegate(_Delegate(theme, self.view))
        self.view.opened.connect(self._reveal)
        self.title = Label(theme, "", "title", weight="semibold")
        back = ToolButton(theme, "models.unusable_back", tr("Back to the models"), "chevron-left")
        back.clicked.connect(self.closed)
        self.reveal = QPushButton(tr("Reveal"))
        self.reveal.setObjectName("models.unusable_reveal")
        self.reveal.setAccessibleName(tr("Show it in the file manager"))
        self.reveal.setToolTip(tr("Show it in the file manager (Enter); Ctrl+C copies its path and the reason"))
        icons.bind(self.reveal, theme, "folder", "dim", 14)
        self.reveal.clicked.connect(self._reveal)
        self.view.selectionModel().currentChanged.connect(lambda now, _: self.reveal.setEnabled(now.isValid()))
        self.reveal.setEnabled(False)
        row = QHBoxLayout()
        row.setSpacing(theme.px(8))
        row.addWidget(back)
        row.addWidget(self.title, 1)
        row.addWidget(self.reveal)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.px(8), 0, theme.px(4), 0)
        column.setSpacing(theme.px(8))
        column.addLayout(row)
        column.addWidget(self.view, 1)

    def show_items(self, items: Sequence[Unusable]) -> None:
        """Show these."""
        self.title.setText(tr("Cannot be used ({n})", n=f"{len(items):,}"))
        self._model.set_items(items)

    @property
    def current(self) -> Unusable | None:
        """The one that is marked."""
        item = self.view.currentIndex().data(ITEM_ROLE)
        return item if isinstance(item, Unusable) else None

    def _reveal(self) -> None:
        if self.current is not None:
            path = Path(self.current.path)
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path if path.is_dir() else path.parent)))


class _Model(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._items: list[Unusable] = []

    def set_items(self, items: Sequence[Unusable]) -> None:
        if list(items) != self._items:
            self.beginResetModel()
            self._items = list(items)
            self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  Qt's name and default
        return 0 if parent.isValid() else len(self._items)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._items):
            return None
        item = self._items[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{item.name}: {item.reason} {item.hint}".strip()
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(part for part in (item.path, item.reason, item.hint) if part)
        return item if role == ITEM_ROLE else None


class _View(QListView):
    """`opened()`: Enter or a double click."""

    opened = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("models.unusable_list")
        self.setAccessibleName(tr("What cannot be used"))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.viewport().setAutoFillBackground(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.doubleClicked.connect(lambda _index: self.opened.emit())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        item = self.currentIndex().data(ITEM_ROLE)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
        elif event.matches(QKeySequence.StandardKey.Copy) and isinstance(item, Unusable):
            QGuiApplication.clipboard().setText(f"{item.path}\n{item.reason} {item.hint}".strip())
        else:
            super().keyPressEvent(event)


class _Delegate(Painted):
    """Name and place, the reason, what would help."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        return QSize(self.theme.px(80), self.theme.px(HEIGHT))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        item = index.data(ITEM_ROLE)
        if not isinstance(item, Unusable):
            return
        theme, px = self.theme, self.theme.px
        painter.save()
        painter.fillRect(QRect(option.rect.left(), option.rect.bottom(), option.rect.width(), 1), theme.colour("line"))
        ground(painter, theme, option, option.rect.adjusted(0, 0, 0, -2))
        inner = option.rect.adjusted(px(8), px(6), -px(8), -px(6))
        quiet = "text" if is_chosen(option) else "dim"
        line = QRect(inner.left(), inner.top(), inner.width(), inner.height() // 3)
        where = " · ".join(part for part in (item.where, bytes_text(item.bytes) if item.bytes else "") if part)
        used = words(painter, theme, line, where, theme.font("caption"), quiet, RIGHT) + px(12)
        name = line.adjusted(0, 0, -used, 0)
        words(painter, theme, name, item.name, theme.font("text", "medium"), mode=Qt.TextElideMode.ElideMiddle)
        words(painter, theme, line.translated(0, line.height()), item.reason, theme.font("dim"), "text")
        words(painter, theme, line.translated(0, 2 * line.height()), item.hint, theme.font("caption"), quiet)
        painter.restore()
