"""A list of painted lines: hundreds cost nothing, and no text of a stranger is ever markup. What a line says and how it is
drawn is a `Look`; rows, keys, the ground under a line with its focus ring, and headings are the same in every list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from app.ui.theme import Theme, Weight
from app.ui.widgets.label import Label, hint

Index = QModelIndex | QPersistentModelIndex
LINE_ROLE = Qt.ItemDataRole.UserRole + 1
LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight

T = TypeVar("T")


class Heading(NamedTuple):
    """How headings look. height, top (free above the words): design pixels."""

    height: int = 30
    top: int = 8
    weight: Weight = "medium"


class Look(Generic[T]):
    """What the lines of one list are. ruled: a hairline below each."""

    heading = Heading()
    ruled = False

    def __init__(self, theme: Theme) -> None:
        self.theme = theme

    def key(self, line: T) -> object:
        """Tells it from every other line: where all keys are as they were, nothing moves."""
        return line

    def says(self, line: T) -> str:
        """The line for a screen reader and for Ctrl+C."""
        raise NotImplementedError

    def tip(self, line: T) -> str:
        """Its tooltip, as plain text."""
        return ""

    def height(self, line: T) -> int:
        """In design pixels."""
        raise NotImplementedError

    def paint(self, painter: QPainter, box: QRect, line: T, chosen: bool) -> None:
        """Draw what stands on the ground."""
        raise NotImplementedError


class LineRows(QAbstractListModel, Generic[T]):
    """Rows in their order. A heading is a plain string."""

    def __init__(self, look: Look[T], parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look
        self.all: list[T | str] = []

    def show(self, rows: Sequence[T | str]) -> None:
        """Show these; where only words of lines are others, nothing moves."""
        now = list(rows)
        if now == self.all:
            return
        if [self._key(row) for row in now] == [self._key(row) for row in self.all]:
            self.all = now
            self.dataChanged.emit(self.index(0), self.index(len(now) - 1))
            return
        self.beginResetModel()
        self.all = now
        self.endResetModel()

    def line(self, row: int) -> T | None:
        """The line of a row, None for a heading."""
        found = self.all[row] if 0 <= row < len(self.all) else None
        return None if isinstance(found, str) else found

    def row_of(self, key: object) -> int:
        """Where a line stands, or -1."""
        found = (n for n, row in enumerate(self.all) if not isinstance(row, str) and self._look.key(row) == key)
        return next(found, -1)

    def first(self) -> int:
        """The first line's row, or -1."""
        return next((n for n, row in enumerate(self.all) if not isinstance(row, str)), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  Qt's name and default
        return 0 if parent.isValid() else len(self.all)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not 0 <= index.row() < len(self.all):
            return None
        line = self.line(index.row())
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self.all[index.row()] if line is None else self._look.says(line)
        if role == Qt.ItemDataRole.ToolTipRole and line is not None:
            return hint(self._look.tip(line))
        return line if role == LINE_ROLE else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self.line(index.row()) is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def _key(self, row: T | str) -> object:
        return row if isinstance(row, str) else self._look.key(row)


class LineList(QListView, Generic[T]):
    """`picked(line)`: clicked, or Enter; `deleted(line)`: the Delete key. uniform: every row is as high as the first."""

    picked = Signal(object)
    deleted = Signal(object)

    def __init__(self, theme: Theme, name: str, title: str, look: Look[T], *, gap: int = 1, uniform: bool = False) -> None:  # fmt: skip
        super().__init__()
        self._theme = theme
        self.rows = LineRows(look, self)
        self.setModel(self.rows)
        self.setItemDelegate(_Delegate(look, self))
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setMouseTracking(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setUniformItemSizes(uniform)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSpacing(theme.px(gap))
        self.clicked.connect(self._pick)
        self.activated.connect(self._pick)
        theme.changed.connect(self.viewport().update)

    @property
    def line(self) -> T | None:
        """The line that is marked."""
        return self.rows.line(self.currentIndex().row())

    def line_at(self, index: Index) -> T | None:
        """The line of an index, None outside of every line."""
        return self.rows.line(index.row())

    def mark(self, row: int) -> None:
        """Mark a row; none for -1."""
        self.setCurrentIndex(self.rows.index(row) if row >= 0 else QModelIndex())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        if event.key() == Qt.Key.Key_Delete and self.line is not None:
            self.deleted.emit(self.line)
        else:
            super().keyPressEvent(event)

    def _pick(self, index: QModelIndex) -> None:
        line = self.line_at(index)
        if line is not None:
            self.picked.emit(line)


class _Delegate(QStyledItemDelegate, Generic[T]):
    def __init__(self, look: Look[T], parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        look, line = self._look, index.data(LINE_ROLE)
        return QSize(look.theme.px(80), look.theme.px(look.heading.height if line is None else look.height(line)))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        look, line, box, px = self._look, index.data(LINE_ROLE), option.rect, self._look.theme.px
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if line is None:
            font = look.theme.font("caption", look.heading.weight)
            inner = box.adjusted(px(8), px(look.heading.top), -px(8), 0)
            words(painter, look.theme, inner, str(index.data()), font, "dim")
        else:
            if look.ruled:
                painter.fillRect(QRect(box.left(), box.bottom(), box.width(), 1), look.theme.colour("line"))
            ground(painter, look.theme, option, box.adjusted(0, 0, 0, -2) if look.ruled else box)
            look.paint(painter, box, line, is_chosen(option))
        painter.restore()


def is_chosen(option: QStyleOptionViewItem) -> bool:
    """True for the selected line."""
    return bool(option.state & QStyle.StateFlag.State_Selected)


def ground(painter: QPainter, theme: Theme, option: QStyleOptionViewItem, box: QRect | None = None) -> None:
    """The rounded ground of a line that is chosen or under the pointer, with its focus ring."""
    area, px = QRectF(box or option.rect), theme.px
    chosen = is_chosen(option)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if chosen or option.state & QStyle.StateFlag.State_MouseOver:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("accent_soft" if chosen else "sunken"))
        painter.drawRoundedRect(area, px(6), px(6))
    if chosen and option.state & QStyle.StateFlag.State_HasFocus:
        painter.setPen(QPen(theme.colour("accent"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(area.adjusted(1, 1, -1, -1), px(6), px(6))


def words(
    painter: QPainter,
    theme: Theme,
    box: QRect,
    text: str,
    font: QFont,
    tone: str = "text",
    align: Qt.AlignmentFlag = LEFT,
    mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
) -> int:
    """Draw one line, elided to its box. Returns its width."""
    painter.setFont(font)
    painter.setPen(theme.colour(tone))
    shown = painter.fontMetrics().elidedText(text, mode, box.width())
    painter.drawText(box, align, shown)
    return painter.fontMetrics().horizontalAdvance(shown)


def across(theme: Theme, box: QRect, count: int, side: int = 8, edge: int = 5) -> list[QRect]:
    """`count` boxes for words from the top of a line's box, `side` and `edge` design pixels inside it."""
    px = theme.px
    inner = box.adjusted(px(side), px(edge), -px(side), -px(edge))
    tall = inner.height() // count
    return [QRect(inner.left(), inner.top() + n * tall, inner.width(), tall) for n in range(count)]


def side_column(owner: QWidget, theme: Theme, title: str, button: QWidget, *parts: QWidget) -> QVBoxLayout:
    """The column at the left of a page: a title with a button beside it, then `parts`; the last takes the room."""
    head = QHBoxLayout()
    head.addWidget(Label(theme, title, "dim", "dim", "semibold"))
    head.addStretch(1)
    head.addWidget(button)
    column = QVBoxLayout(owner)
    column.setContentsMargins(theme.px(14), theme.px(10), theme.px(8), theme.px(8))
    column.setSpacing(theme.px(6))
    column.addLayout(head)
    for part in parts:
        column.addWidget(part, 1 if part is parts[-1] else 0)
    return column
