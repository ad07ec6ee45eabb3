"""The list at the left: where models lie. Choosing a place shows what lies there; a folder of one's own can go again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListView,
    QPushButton,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from app.ui.language import tr
from app.ui.models.paint import Index, Painted, ground, is_chosen, words
from app.ui.state.models_places import PlaceLine
from app.ui.theme import Theme
from app.ui.widgets.label import Label
from app.ui.widgets.tool_button import ToolButton

LINE_ROLE = Qt.ItemDataRole.UserRole + 1
HEIGHT = 42


class PlacesList(QWidget):
    """`chosen(place)`, `add_wanted()`, `remove_wanted(PlaceLine)`."""

    chosen = Signal(str)
    add_wanted = Signal()
    remove_wanted = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._model = _Model(self)
        self.view = _View()
        self.view.setModel(self._model)
        self.view.setItemDelegate(_Delegate(theme, self.view))
        self.view.selectionModel().currentChanged.connect(self._chose)
        self.view.delete_pressed.connect(self._remove)
        self.add = ToolButton(theme, "models.add_place", tr("Add a folder to look in"), "plus", 16)
        self.add.clicked.connect(self.add_wanted)
        self.remove = QPushButton(tr("Take off the list…"))
        self.remove.setObjectName("models.remove_place")
        self.remove.setProperty("kind", "quiet")
        self.remove.setAccessibleName(tr("Take this folder off the list; its files stay"))
        self.remove.setToolTip(tr("Take this folder off the list; its files stay"))
        self.remove.clicked.connect(self._remove)
        head = QHBoxLayout()
        head.addWidget(Label(theme, tr("Places"), "dim", "dim", "semibold"))
        head.addStretch(1)
        head.addWidget(self.add)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.px(14), theme.px(10), theme.px(8), theme.px(8))
        column.setSpacing(theme.px(6))
        column.addLayout(head)
        column.addWidget(self.view, 1)
        column.addWidget(self.remove, 0, Qt.AlignmentFlag.AlignLeft)
        self._telling = True
        self._show_remove()

    def set_places(self, lines: Sequence[PlaceLine], current: str) -> None:
        """Show these and mark one; says nothing."""
        self._telling = False
        self._model.set_lines(lines)
        row = next((i for i, line in enumerate(lines) if line.id == current), 0)
        self.view.setCurrentIndex(self._model.index(row))
        self._telling = True
        self._show_remove()

    @property
    def current(self) -> PlaceLine | None:
        """The place that is marked."""
        line = self.view.currentIndex().data(LINE_ROLE)
        return line if isinstance(line, PlaceLine) else None

    def _chose(self, _index: QModelIndex) -> None:
        self._show_remove()
        if self._telling and self.current is not None:
            self.chosen.emit(self.current.id)

    def _show_remove(self) -> None:
        self.remove.setVisible(self.current is not None and self.current.named)

    def _remove(self) -> None:
        if self.current is not None and self.current.named:
            self.remove_wanted.emit(self.current)


class _Model(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._lines: list[PlaceLine] = []

    def set_lines(self, lines: Sequence[PlaceLine]) -> None:
        if list(lines) != self._lines:
            self.beginResetModel()
            self._lines = list(lines)
            self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  Qt's name and default
        return 0 if parent.isValid() else len(self._lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._lines):
            return None
        line = self._lines[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{line.title}, {line.detail}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tip(line)
        return line if role == LINE_ROLE else None


def _tip(line: PlaceLine) -> str:
    bad = tr("{n} files there cannot be used", n=f"{line.unusable:,}") if line.unusable else ""
    return "\n".join(part for part in (line.path, line.detail, bad) if part)


class _View(QListView):
    delete_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("models.places")
        self.setAccessibleName(tr("Places"))
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        if event.key() == Qt.Key.Key_Delete:
            self.delete_pressed.emit()
            return
        super().keyPressEvent(event)


class _Delegate(Painted):
    """The place's name over what lies there; one that is not there now is dim and says so."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        return QSize(self.theme.px(80), self.theme.px(HEIGHT))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        line = index.data(LINE_ROLE)
        if not isinstance(line, PlaceLine):
            return
        theme, px = self.theme, self.theme.px
        painter.save()
        ground(painter, theme, option)
        inner = option.rect.adjusted(px(8), px(4), -px(8), -px(4))
        half, chosen = inner.height() // 2, is_chosen(option)
        quiet = "text" if chosen else "dim"
        top = QRect(inner.left(), inner.top(), inner.width(), half)
        words(painter, theme, top, line.title, theme.font("dim", "medium"), "text" if line.present else quiet)
        tone = quiet if line.present or chosen else "warning"
        words(painter, theme, top.translated(0, half), line.detail, theme.font("caption"), tone)
        painter.restore()
