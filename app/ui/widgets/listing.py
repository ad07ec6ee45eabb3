"""The list of conversations: titles under the day they were last touched, one line each, as a model and a delegate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLineEdit,
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
from app.ui.theme import Theme
from app.ui.widgets.label import Label, hint

UNTITLED = "New conversation"
ID_ROLE = Qt.ItemDataRole.UserRole + 1

Index = QModelIndex | QPersistentModelIndex


Item = tuple[str, str, str]
"""(id, title, heading) of one conversation; the heading is its day in words, "" for today."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of the list: a day's heading has no id."""

    text: str
    id: str = ""


class ConversationModel(QAbstractListModel):
    """Rows newest first, a heading before each day that is not today."""

    renamed = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: list[_Line] = []

    def set_items(self, items: Sequence[Item]) -> None:
        """Show these, in their order."""
        self.beginResetModel()
        self._lines = _with_headings(items)
        self.endResetModel()

    def row_of(self, conversation: str) -> int:
        """The row of a conversation, or -1."""
        return next((row for row, line in enumerate(self._lines) if line.id and line.id == conversation), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  Qt's name and default
        return 0 if parent.isValid() else len(self._lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._lines):
            return None
        line = self._lines[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return line.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return hint(line.text)
        return line.id if role == ID_ROLE else None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802  Qt's name
        line = self._lines[index.row()] if index.isValid() else _Line("")
        title = " ".join(str(value).split())
        if role != Qt.ItemDataRole.EditRole or not line.id or not title or title == line.text:
            return False
        self._lines[index.row()] = _Line(title, line.id)
        self.dataChanged.emit(index, index)
        self.renamed.emit(line.id, title)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid() or not self._lines[index.row()].id:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEditable


class ConversationList(QWidget):
    """`chosen`, `created`, `deleted`, `renamed` say what a person asked for; the list itself deletes nothing."""

    chosen = Signal(str)
    created = Signal()
    deleted = Signal(str)
    renamed = Signal(str, str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.model = ConversationModel(self)
        self.model.renamed.connect(self.renamed)
        self.view = _View(theme)
        self.view.setModel(self.model)
        self.view.setItemDelegate(_Delegate(theme, self.view))
        self.view.clicked.connect(self._activate)
        self.view.activated.connect(self._activate)
        self.view.delete_pressed.connect(self._delete_current)
        self.view.customContextMenuRequested.connect(self._menu)
        self.new_button = QToolButton()
        self.new_button.setProperty("kind", "quiet")
        self.new_button.setObjectName("chat.new")
        self.new_button.setAccessibleName("New conversation")
        self.new_button.setToolTip("New conversation")
        icons.bind(self.new_button, theme, "plus", "text", 16)
        self.new_button.clicked.connect(self.created)
        head = QHBoxLayout()
        head.addWidget(Label(theme, "Conversations", "dim", "dim", "semibold"))
        head.addStretch(1)
        head.addWidget(self.new_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.px(14), theme.px(10), theme.px(8), theme.px(8))
        column.setSpacing(theme.px(6))
        column.addLayout(head)
        column.addWidget(self.view, 1)

    def set_items(self, items: Sequence[Item], current: str = "") -> None:
        """Show these, newest first, and mark one (none: ""); says nothing."""
        self.model.set_items(items)
        self.set_current(current)

    def set_current(self, conversation: str) -> None:
        """Mark one; says nothing."""
        row = self.model.row_of(conversation)
        self.view.setCurrentIndex(self.model.index(row) if row >= 0 else QModelIndex())

    def current(self) -> str:
        """The marked conversation's id, or ""."""
        index = self.view.currentIndex()
        return str(index.data(ID_ROLE) or "") if index.isValid() else ""

    def rename(self, conversation: str) -> None:
        """Open the editor on a title."""
        row = self.model.row_of(conversation)
        if row >= 0:
            self.view.edit(self.model.index(row))

    def _activate(self, index: QModelIndex) -> None:
        conversation = index.data(ID_ROLE)
        if conversation:
            self.chosen.emit(str(conversation))

    def _delete_current(self) -> None:
        if self.current():
            self.deleted.emit(self.current())

    def _menu(self, where: QPoint) -> None:
        index = self.view.indexAt(where)
        conversation = str(index.data(ID_ROLE) or "") if index.isValid() else ""
        if not conversation:
            return
        menu = QMenu(self)
        menu.addAction("Rename", lambda: self.rename(conversation))
        menu.addAction("Delete", lambda: self.deleted.emit(conversation))
        menu.exec(self.view.viewport().mapToGlobal(where))
        menu.deleteLater()


class _View(QListView):
    """Arrow keys walk the titles, Enter opens, F2 renames, Delete deletes."""

    delete_pressed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("chat.conversations")
        self.setAccessibleName("Conversations")
        self.setFont(theme.font())
        self.setMouseTracking(True)
        self.setUniformItemSizes(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        triggers = QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.DoubleClicked
        self.setEditTriggers(triggers)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        if event.key() == Qt.Key.Key_Delete:
            self.delete_pressed.emit()
            return
        super().keyPressEvent(event)


class _Delegate(QStyledItemDelegate):
    """Paints a title or a day; elides, and the tooltip has the whole title."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(80), self._theme.px(28 if index.data(ID_ROLE) else 24))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box: QRect = option.rect
        state = option.state
        title = bool(index.data(ID_ROLE))
        chosen = title and bool(state & QStyle.StateFlag.State_Selected)
        if chosen or (title and state & QStyle.StateFlag.State_MouseOver):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("accent_soft" if chosen else "sunken"))
            painter.drawRoundedRect(box, self._theme.px(6), self._theme.px(6))
        if chosen and state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(self._theme.colour("accent"), 2))
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), self._theme.px(6), self._theme.px(6))
        painter.setFont(self._theme.font("text") if title else self._theme.font("caption"))
        painter.setPen(self._theme.colour("text" if title else "dim"))
        edge = self._theme.px(8)
        inner = box.adjusted(edge, 0, -edge, 0) if title else box.adjusted(edge, self._theme.px(4), -edge, 0)
        shown = painter.fontMetrics().elidedText(index.data(), Qt.TextElideMode.ElideRight, inner.width())
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:  # noqa: N802
        editor = QLineEdit(parent)
        editor.setObjectName("chat.rename")
        editor.setAccessibleName("Title of the conversation")
        return editor


def _with_headings(items: Sequence[Item]) -> list[_Line]:
    lines: list[_Line] = []
    last = ""
    for conversation, title, heading in items:
        if heading != last:
            lines.append(_Line(heading))
            last = heading
        lines.append(_Line(title or UNTITLED, conversation))
    return lines
