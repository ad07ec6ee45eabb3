"""A long list of two-line entries with a search above it: a header's metadata, a model's tensors. Painted, so that any
length scrolls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QRect, QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView, QStyleOptionViewItem, QVBoxLayout, QWidget

from app.ui.models.paint import RIGHT, Index, Painted, ground, is_chosen, words
from app.ui.theme import Theme
from app.ui.widgets.conversation_search import SearchField
from app.ui.widgets.label import Label

LINE_ROLE = Qt.ItemDataRole.UserRole + 1
HEIGHT = 40
MOST_TIP = 1500  # characters of a value that a tooltip shows


@dataclass(frozen=True, slots=True)
class Line:
    """top: a name. bottom: what it is. right: a figure at the right of the second line."""

    top: str
    bottom: str
    right: str = ""

    @property
    def text(self) -> str:
        """The whole of it, as it is copied."""
        return "\t".join(part for part in (self.top, self.bottom, self.right) if part)


class LinesList(QWidget):
    """name: object names begin with it. `say` shows a sentence in place of the list."""

    def __init__(self, theme: Theme, name: str, title: str, search: str) -> None:
        super().__init__()
        self._lines: tuple[Line, ...] = ()
        self._model = _Model(self)
        self.search = SearchField(theme)
        self.search.setObjectName(f"{name}_search")
        self.search.setAccessibleName(search)
        self.search.setPlaceholderText(search)
        self.search.setToolTip(search)
        self.search.searched.connect(self._filter)
        self.view = _View(name, title)
        self.view.setModel(self._model)
        self.view.setItemDelegate(_Delegate(theme, self.view))
        self.words = Label(theme, "", "caption", "dim", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(6))
        column.addWidget(self.search)
        column.addWidget(self.words)
        column.addWidget(self.view, 1)

    def show_lines(self, lines: Sequence[Line], said: str) -> None:
        """Show these below a sentence about all of them."""
        self._lines = tuple(lines)
        self.words.setText(said)
        self.words.setVisible(bool(said))
        self.search.setVisible(bool(lines))
        self.view.setVisible(bool(lines))
        self._filter(self.search.text())

    def say(self, said: str) -> None:
        """A sentence instead of lines."""
        self.show_lines((), said)

    @property
    def shown(self) -> list[Line]:
        """The lines that the search leaves."""
        return self._model.lines

    def _filter(self, query: str) -> None:
        asked = query.lower().split()
        self._model.set_lines([ln for ln in self._lines if all(word in ln.text.lower() for word in asked)])


class _Model(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.lines: list[Line] = []

    def set_lines(self, lines: list[Line]) -> None:
        self.beginResetModel()
        self.lines = lines
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  Qt's name and default
        return 0 if parent.isValid() else len(self.lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.lines):
            return None
        line = self.lines[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return line.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(part[:MOST_TIP] for part in (line.top, line.bottom, line.right) if part)
        return line if role == LINE_ROLE else None


class _View(QListView):
    """Ctrl+C copies the line."""

    def __init__(self, name: str, title: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        if event.matches(QKeySequence.StandardKey.Copy) and self.currentIndex().isValid():
            QGuiApplication.clipboard().setText(str(self.currentIndex().data()))
            return
        super().keyPressEvent(event)


class _Delegate(Painted):
    """A name in the code font over what it is; a name elides in the middle, where tensors differ least."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        return QSize(self.theme.px(80), self.theme.px(HEIGHT))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        line = index.data(LINE_ROLE)
        if not isinstance(line, Line):
            return
        theme, px = self.theme, self.theme.px
        painter.save()
        ground(painter, theme, option)
        inner = option.rect.adjusted(px(6), px(3), -px(6), -px(3))
        half, quiet = inner.height() // 2, "text" if is_chosen(option) else "dim"
        top = QRect(inner.left(), inner.top(), inner.width(), half)
        middle = Qt.TextElideMode.ElideMiddle
        words(painter, theme, top, line.top, theme.code_font("caption"), "text", mode=middle)
        below = top.translated(0, half)
        used = 0
        if line.right:
            used = words(painter, theme, below, line.right, theme.font("caption", "medium"), "text", RIGHT) + px(8)
        first = " ".join(line.bottom[:400].split())
        words(painter, theme, below.adjusted(0, 0, -used, 0), first, theme.font("caption"), quiet)
        painter.restore()
