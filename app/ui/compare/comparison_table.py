"""The one table of a comparison: lanes as columns under their letters, metrics as rows that scroll inside."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QFrame, QPushButton, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.ui.frame.quiet_scroll import BAR, QuietScroll
from app.ui.language import tr
from app.ui.state.compare_table import Column, Table
from app.ui.theme import Theme
from app.ui.widgets.comparison_grid import Grid, grid
from app.ui.widgets.comparison_rows import ROW, ComparisonRows
from app.ui.widgets.lane_spark import PATTERNS, lane_colour

HEAD = 34
FOOT = 6
FEWEST = 4  # rows that stay in view however little room there is


class ComparisonTable(QFrame):
    """`everything(on)`: the person wants all rows, or only those that say something."""

    everything = Signal(bool)

    def __init__(self, theme: Theme, glossary: Glossary, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setProperty("card", "true")
        self.head = _Head(theme)
        self.rows = ComparisonRows(theme, glossary)
        self.rows.at_row.connect(self._reveal)
        self.all = QPushButton(tr("All rows"), self.head)
        self.all.setObjectName("compare.table_all")
        self.all.setAccessibleName(tr("Show all rows"))
        self.all.setProperty("kind", "pill")
        self.all.setFont(theme.font("caption"))
        self.all.setCheckable(True)
        self.all.move(theme.px(13), theme.px(7))
        self.all.toggled.connect(self.everything)
        self.area = QuietScroll()
        self.area.setObjectName("compare.table_scroll")
        self.area.setAccessibleName(tr("Rows of the table"))
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setWidget(self.rows)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, theme.px(FOOT))
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(self.area, 1)

    def set_table(self, table: Table) -> None:
        """Show `table`."""
        self.rows.set_table(table)
        self.head.set_table(table)
        count = len(table.rows) + table.hidden
        self.all.setText(tr("All {count:,} rows", count=count))
        self.all.setAccessibleName(tr("Show all {count:,} rows", count=count))
        self.all.setVisible(bool(table.hidden) or self.all.isChecked())
        self.all.adjustSize()

    def flash(self, id: str) -> bool:
        """Show where the number with this id stands; with all rows if it is among the hidden ones."""
        if self.rows.flash(id):
            return True
        if not self.all.isChecked() and self.all.isVisible():
            self.all.setChecked(True)
            return self.rows.flash(id)
        return False

    def natural_height(self) -> int:
        """With every row in view."""
        return self._height(len(self.rows.table.rows))

    def height_within(self, room: int) -> int:
        """The largest height up to `room` at which no row is cut."""
        rows = len(self.rows.table.rows)
        fitting = (room - self._height(0)) // self._theme.px(ROW)
        return self._height(min(rows, max(min(FEWEST, rows), fitting)))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        self.head.set_spare(self._theme.px(BAR))

    def _height(self, rows: int) -> int:
        return self._theme.px(HEAD) + rows * self._theme.px(ROW) + self._theme.px(FOOT) + 3  # lines and edge

    def _reveal(self, row: int) -> None:
        middle = row * self._theme.px(ROW) + self._theme.px(ROW) // 2
        self.area.ensureVisible(0, middle, 0, self._theme.px(ROW))


class _Head(QWidget):
    """Letter, name and line pattern of each lane, in its colour."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._table, self._spare = theme, Table(), 0
        self.setFixedHeight(theme.px(HEAD))
        theme.changed.connect(self.update)

    def set_table(self, table: Table) -> None:
        self._table = table
        self.update()

    def set_spare(self, spare: int) -> None:
        """So many pixels at the right belong to the rows' scroll bar."""
        self._spare = spare
        self.update()

    def grid(self) -> Grid:
        return grid(self._theme, self._table, self.width() - self._spare)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        columns = self.grid()
        for index, column in enumerate(self._table.columns):
            self._paint_column(painter, index, column, columns.cell(index, 0, self.height()))
        painter.setPen(QPen(self._theme.colour("line"), 1))
        y = self.height() - 0.5
        painter.drawLine(QPointF(columns.edge, y), QPointF(self.width() - columns.edge, y))
        painter.end()

    def _paint_column(self, painter: QPainter, index: int, column: Column, box: QRectF) -> None:
        theme, px = self._theme, self._theme.px
        colour = lane_colour(theme, index)
        side, middle = px(18), box.center().y()
        disc = QRectF(box.left(), middle - side / 2, side, side)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(disc)
        painter.setFont(theme.font("caption", "bold"))
        painter.setPen(theme.colour("surface"))
        painter.drawText(disc, Qt.AlignmentFlag.AlignCenter, column.letter)
        painter.setFont(theme.font("text", "semibold"))
        painter.setPen(colour)
        line = px(22)
        room = box.adjusted(side + px(7), 0, -px(10), 0)
        most = room.width() - (line + px(8) if not column.reference else 0)
        name = painter.fontMetrics().elidedText(column.name, Qt.TextElideMode.ElideRight, int(most))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, name)
        after = room.left() + painter.fontMetrics().horizontalAdvance(name) + px(8)
        if after + line <= box.right():
            painter.setPen(QPen(colour, 2, PATTERNS[index]))
            painter.drawLine(QPointF(after, middle), QPointF(after + line, middle))
            after += line + px(10)
        if column.problem:
            painter.setFont(theme.font("dim"))
            painter.setPen(theme.colour("bad"))
            left = QRectF(after, 0, box.right() - after, box.height())
            painter.drawText(left, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, tr("did not run"))
