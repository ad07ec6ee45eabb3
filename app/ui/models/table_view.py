"""The table of variants: columns that give way where there is little room, a head to sort by, keys to walk and act."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QStyle,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)  # fmt: skip

from app.ui import icons
from app.ui.frame.quiet_scroll import QuietBar
from app.ui.language import tr
from app.ui.models.paint import TONES, Painted, first_line, verdict
from app.ui.state.models_rows import Row
from app.ui.state.models_table import FIRST_ROLE, ROW_ROLE, SEEN_ROLE, Column, VariantTable
from app.ui.theme import Theme
from app.ui.widgets.line_list import LEFT, RIGHT, Index, ground, is_chosen, words

LINE, HEAD, GAP, INDENT = 34, 28, 8, 14


class TableView(QTreeView):
    """`opened()`: Enter or a double click; `deleted()`: the Delete key; `menu_wanted(where)`: on the chosen line;
    `sort_wanted(column id)`: a click on the head."""

    opened = Signal()
    deleted = Signal()
    menu_wanted = Signal(QPoint)
    sort_wanted = Signal(str)

    def __init__(self, theme: Theme, table: VariantTable) -> None:
        super().__init__()
        self._theme, self._table = theme, table
        self.setObjectName("models.table")
        self.setAccessibleName(tr("Models on this machine"))
        self.setModel(table)
        self.setItemDelegate(_Delegate(theme, self))
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setMouseTracking(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.viewport().setAutoFillBackground(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBar(QuietBar(Qt.Orientation.Vertical))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.head = _Head(theme, self, table.columns)
        self.setHeader(self.head)
        self.head.sectionClicked.connect(lambda section: self.sort_wanted.emit(table.columns[section].id))
        self.customContextMenuRequested.connect(self._menu)
        self.doubleClicked.connect(lambda _index: self.opened.emit())

    def show_sort(self, key: str, descending: bool) -> None:
        """Mark the head of what is sorted by."""
        self.head.show_sort(key, descending)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
        elif event.key() == Qt.Key.Key_Delete:
            self.deleted.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt's name
        super().focusInEvent(event)
        if not self.currentIndex().isValid() and self._table.rows:
            self.setCurrentIndex(first_line(self._table))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """Show the columns that there is room for; the first takes what is left."""
        px, room = self._theme.px, self.viewport().width()
        shown, used = set(), 0
        for column in sorted(self._table.columns, key=lambda column: column.rank):
            if column.rank == 0 or used + px(column.width) <= room:
                shown.add(column.id)
                used += px(column.width)
            else:
                room = 0  # nothing of a higher rank slips in
        left = max(0, self.viewport().width() - used)
        for place, column in enumerate(self._table.columns):
            self.setColumnHidden(place, column.id not in shown)
            self.setColumnWidth(place, px(column.width) + (left if place == 0 else 0))

    def drawRow(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:  # noqa: N802  Qt's name
        """The ground of the whole line, a rule above each model but the first, and its cells: nothing of the style's."""
        flag = QStyle.StateFlag
        line = QStyleOptionViewItem(option)
        line.rect = QRect(0, option.rect.top(), self.viewport().width(), option.rect.height())
        now = index.row() == self.currentIndex().row()
        under = (
            self.indexAt(self.viewport().mapFromGlobal(self.cursor().pos())) if self.viewport().underMouse() else None
        )
        states = ((flag.State_Selected, now), (flag.State_HasFocus, now and self.hasFocus()),
                  (flag.State_MouseOver, under is not None and under.isValid() and under.row() == index.row()))  # fmt: skip
        for state, on in states:
            line.state = line.state | state if on else line.state & ~state
        painter.save()
        if index.row() and index.data(FIRST_ROLE):
            painter.fillRect(QRect(0, line.rect.top(), line.rect.width(), 1), self._theme.colour("line"))
        ground(painter, self._theme, line, line.rect.adjusted(0, 1, -self._theme.px(2), 0))
        painter.restore()
        for column in range(self._table.columnCount()):
            if not self.isColumnHidden(column):
                line.rect = QRect(self.columnViewportPosition(column), option.rect.top(), self.columnWidth(column),
                                  option.rect.height())  # fmt: skip
                self.itemDelegate().paint(painter, line, self._table.index(index.row(), column))

    def drawBranches(self, painter: QPainter, rect: QRect, index: Index) -> None:  # noqa: N802  Qt's name
        """None: the lines are flat."""

    def _menu(self, where: QPoint) -> None:
        if self.indexAt(where).isValid():
            self.menu_wanted.emit(self.viewport().mapToGlobal(where))


class _Head(QHeaderView):
    """Titles as captions; the one that is sorted by has an arrow."""

    def __init__(self, theme: Theme, parent: QWidget, columns: tuple[Column, ...]) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._theme, self._columns, self._sort = theme, columns, ("name", False)
        self.setObjectName("models.head")
        self.setAccessibleName(tr("Sort by a column"))
        self.setSectionsClickable(True)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setMinimumSectionSize(1)
        self.setStretchLastSection(False)
        self.setHighlightSections(False)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.viewport().setAutoFillBackground(False)
        self.setFrameShape(QFrame.Shape.NoFrame)

    def show_sort(self, key: str, descending: bool) -> None:
        """Mark this column."""
        self._sort = (key, descending)
        self.viewport().update()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(super().sizeHint().width(), self._theme.px(HEAD))

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:  # noqa: N802  Qt's name
        theme, px, column = self._theme, self._theme.px, self._columns[section]
        painter.save()
        painter.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), theme.colour("line"))
        box = rect.adjusted(px(GAP), 0, -px(GAP), 0)
        sorted_here = self._sort[0] == column.id
        side = px(11)
        if sorted_here:
            box.adjust(0, 0, -side - px(2), 0)
        tone = "text" if sorted_here else "dim"
        width = words(painter, theme, box, column.title, theme.font("caption", "semibold" if sorted_here else "medium"),
                      tone, RIGHT if column.number else LEFT)  # fmt: skip
        if sorted_here:
            left = box.right() + px(3) if column.number else box.left() + width + px(3)
            name = "chevron-down" if self._sort[1] else "chevron-up"
            painter.drawPixmap(left, rect.center().y() - side // 2, icons.pixmap(name, theme.tokens.text, side))
        painter.restore()


class _Delegate(Painted):
    """One cell. What cannot be used is dim throughout."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        return QSize(self.theme.px(60), self.theme.px(LINE))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row, table = index.data(ROW_ROLE), index.model()
        if not isinstance(row, Row) or not isinstance(table, VariantTable):
            return
        theme, px = self.theme, self.theme.px
        column = table.columns[index.column()]
        box = option.rect.adjusted(px(GAP), 0, -px(GAP), 0)
        painter.save()
        if column.id == "name":
            self._name(painter, box, row, bool(index.data(FIRST_ROLE)), is_chosen(option))
        elif column.id == "fit":
            seen = index.data(SEEN_ROLE)
            tone = "bad" if row.variant.problem else TONES.get(seen.verdict if seen is not None else "", "dim")
            verdict(painter, theme, box, str(index.data()), tone, is_chosen(option))
        else:
            strong = column.id in ("precision", "size")
            tone = "text" if (strong and not row.variant.problem) or is_chosen(option) else "dim"
            font = theme.font("dim", "medium" if column.id == "precision" else "regular")
            words(painter, theme, box, str(index.data()), font, tone, RIGHT if column.number else LEFT)
        painter.restore()

    def _name(self, painter: QPainter, box: QRect, row: Row, first: bool, chosen: bool) -> None:
        theme = self.theme
        font = theme.font("text", "medium" if first else "regular")
        inner = box if first else box.adjusted(theme.px(INDENT), 0, 0, 0)
        bright = chosen or (first and not row.variant.problem)
        words(painter, theme, inner, row.variant.title, font, "text" if bright else "dim")


def mark(view: QAbstractItemView, table: VariantTable, ref: str) -> None:
    """Make `ref` the current line, without a word; none where it is not shown."""
    line = table.line_of(ref)
    if line < 0:
        view.selectionModel().setCurrentIndex(QModelIndex(), view.selectionModel().SelectionFlag.Clear)
        return
    flags = view.selectionModel().SelectionFlag
    view.selectionModel().setCurrentIndex(table.index(line, 0), flags.ClearAndSelect | flags.Rows)
    view.scrollTo(table.index(line, 0))
