"""The rows of the comparison table, painted: value, a bar from 1.0 with its interval as a whisker, ratio in words."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.glossary import Glossary
from app.ui.language import tr
from app.ui.state.compare_cells import TableCell
from app.ui.state.compare_table import Row, Table, spoken
from app.ui.state.words import NONE
from app.ui.theme import Theme
from app.ui.widgets.comparison_grid import GAP, Grid, grid

ROW = 25
FLASH_MS = 1600
MIDDLE = Qt.AlignmentFlag.AlignVCenter
LEFT, RIGHT = MIDDLE | Qt.AlignmentFlag.AlignLeft, MIDDLE | Qt.AlignmentFlag.AlignRight


class ComparisonRows(QWidget):
    """Arrow keys walk the cells; the hover explains a cell. `at_row(row)`: that row should be in view."""

    at_row = Signal(int)

    def __init__(self, theme: Theme, glossary: Glossary, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._glossary = theme, glossary
        self._table = Table()
        self._hovered = -1
        self.place = (0, 0)
        self.flashing = ""
        self._flash = QTimer(self)
        self._flash.setSingleShot(True)
        self._flash.setInterval(FLASH_MS)
        self._flash.timeout.connect(self._calm)
        self.setObjectName("compare.table")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)
        self._tell()

    # --- what is shown ------------------------------------------------------------------

    @property
    def table(self) -> Table:
        """What is painted."""
        return self._table

    def set_table(self, table: Table) -> None:
        """Paint `table`; the current cell stays if it still exists."""
        self._table = table
        row, column = self.place
        self.place = (min(row, max(0, len(table.rows) - 1)), min(column, max(0, len(table.columns) - 1)))
        self.setFixedHeight(len(table.rows) * self._theme.px(ROW))
        self._tell()
        self.update()

    def flash(self, id: str) -> bool:
        """Show where a sentence's number stands. False if no cell has this id."""
        for index, row in enumerate(self._table.rows):
            for column, cell in enumerate(row.cells):
                if cell is not None and cell.id == id:
                    self.place, self.flashing = (index, column), id
                    self._flash.start()
                    self.at_row.emit(index)
                    self._tell()
                    self.update()
                    return True
        return False

    def colour_of(self, cell: TableCell) -> QColor:
        """The ink of a cell's ratio: a verdict's colour only where the difference is decided."""
        return self._theme.colour(cell.tone)

    def grid(self) -> Grid:
        """The columns at this width."""
        return grid(self._theme, self._table, self.width())

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(600), len(self._table.rows) * self._theme.px(ROW))

    def _calm(self) -> None:
        self.flashing = ""
        self.update()

    # --- what a person does -------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        step = {
            Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0), Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1),
        }.get(Qt.Key(event.key()))  # fmt: skip
        if step is None or not self._table.rows:
            super().keyPressEvent(event)
            return
        row = min(max(0, self.place[0] + step[0]), len(self._table.rows) - 1)
        column = min(max(0, self.place[1] + step[1]), len(self._table.columns) - 1)
        self._go(row, column)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt's name
        row, column = self._at(event.position())
        if row >= 0 and column >= 0:
            self._go(row, column)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt's name
        self._hover(self._at(event.position())[0])

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  Qt's name
        self._hover(-1)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.hover_text(*self._at(QPointF(event.pos()))), self)
            return True
        return super().event(event)

    def hover_text(self, row: int, column: int) -> str:
        """The glossary's entry and how the number was taken, as rich text; "" beside the cells."""
        if row < 0:
            return ""
        found = self._table.rows[row]
        cell = found.cells[column] if 0 <= column < len(found.cells) else None
        parts = [self._glossary.tooltip(found.concept), cell.how if cell is not None else found.note]
        return "<br><br>".join(part for part in parts if part)

    def _go(self, row: int, column: int) -> None:
        self.place = (row, column)
        self.at_row.emit(row)
        self._tell()
        self.update()

    def _hover(self, row: int) -> None:
        if row != self._hovered:
            self._hovered = row
            self.update()

    def _at(self, where: QPointF) -> tuple[int, int]:
        row = int(where.y() // self._theme.px(ROW))
        inside = 0 <= row < len(self._table.rows)
        return (row, self.grid().column_at(where.x())) if inside else (-1, -1)

    def _tell(self) -> None:
        """Screen readers hear the current cell."""
        self.setAccessibleName(tr("Table of results. {spoken}", spoken=spoken(self._table, *self.place)).strip())

    # --- painting -----------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height = self._theme.px(ROW)
        columns = self.grid()
        seen = event.rect()
        for index, row in enumerate(self._table.rows):
            top = index * height
            if seen.top() - height <= top <= seen.bottom():
                self._paint_row(painter, row, index, QRectF(0, top, self.width(), height), columns)
        painter.end()

    def _paint_row(self, painter: QPainter, row: Row, index: int, box: QRectF, columns: Grid) -> None:
        if index == self._hovered:
            painter.fillRect(box.adjusted(1, 0, -1, 0), self._theme.colour("background"))
        if index and row.title:
            painter.setPen(QPen(self._theme.colour("line"), 1))
            y = box.top() + 0.5
            painter.drawLine(QPointF(columns.edge, y), QPointF(box.right() - columns.edge, y))
        self._paint_label(painter, row, QRectF(columns.edge, box.top(), columns.label, box.height()))
        for column in range(len(self._table.columns)):
            where = columns.cell(column, box.top(), box.height())
            cell = row.cells[column] if column < len(row.cells) else None
            self._paint_ring(painter, where, cell, (index, column))
            self._paint_cell(painter, cell, row.span, where, columns)

    def _paint_label(self, painter: QPainter, row: Row, box: QRectF) -> None:
        theme = self._theme
        room = box.adjusted(0, 0, -theme.px(20), 0)
        painter.setFont(theme.font("dim"))
        painter.setPen(theme.colour("dim"))
        painter.drawText(room, RIGHT, row.step)
        taken = painter.fontMetrics().horizontalAdvance(row.step) + (theme.px(8) if row.step else 0)
        if row.title:
            room.setWidth(max(0.0, room.width() - taken))
            painter.setPen(theme.colour("text"))
            words = f"{row.title} {row.arrow}".strip()
            painter.drawText(
                room, LEFT, painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(room.width()))
            )

    def _paint_ring(self, painter: QPainter, box: QRectF, cell: TableCell | None, place: tuple[int, int]) -> None:
        flashes = cell is not None and cell.id == self.flashing
        if not flashes and not (self.hasFocus() and place == self.place):
            return
        gap = self._theme.px(GAP)
        painter.setPen(QPen(self._theme.colour("accent"), 2))
        painter.setBrush(self._theme.colour("background") if flashes else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box.adjusted(-gap / 2, 2, -gap / 2, -2), self._theme.px(6), self._theme.px(6))

    def _paint_cell(self, painter: QPainter, cell: TableCell | None, span: float, box: QRectF, columns: Grid) -> None:
        theme, parts = self._theme, columns.parts
        value = cell.value if cell is not None else NONE
        painter.setFont(theme.font("text", "semibold"))
        painter.setPen(theme.colour("dim" if value == NONE else "text"))
        painter.drawText(QRectF(box.left(), box.top(), parts.value, box.height()), RIGHT, value)
        if cell is None:
            return
        painter.setFont(theme.font("dim"))
        painter.setPen(theme.colour("dim"))
        painter.drawText(QRectF(box.left() + parts.unit_x, box.top(), box.width(), box.height()), LEFT, cell.unit)
        if cell.ratio is not None and parts.bar > 0:
            self._paint_bar(painter, cell, span, QRectF(box.left() + parts.bar_x, box.top(), parts.bar, box.height()))
        if cell.texts:
            self._paint_text(painter, cell, QRectF(box.left() + parts.text_x, box.top(), parts.text, box.height()))

    def _paint_text(self, painter: QPainter, cell: TableCell, box: QRectF) -> None:
        painter.setFont(self._theme.font("dim", "regular" if cell.tone == "dim" else "medium"))
        painter.setPen(self.colour_of(cell))
        measure = painter.fontMetrics().horizontalAdvance
        shown = next((text for text in cell.texts if measure(text) <= box.width()), cell.texts[-1])
        painter.drawText(
            box, LEFT, painter.fontMetrics().elidedText(shown, Qt.TextElideMode.ElideRight, int(box.width()))
        )

    def _paint_bar(self, painter: QPainter, cell: TableCell, span: float, box: QRectF) -> None:
        theme = self._theme
        middle = box.center().y()
        x = _axis(span, box)
        tall = theme.px(6)
        one, end = x(1.0), x(cell.ratio or 1.0)
        ink = self.colour_of(cell)
        plain = cell.tone == "dim"
        painter.setPen(QPen(theme.colour("faint"), 1))
        painter.drawLine(QPointF(one, middle - tall), QPointF(one, middle + tall))
        body = QRectF(min(one, end), middle - tall / 2, abs(end - one), tall)
        painter.setPen(Qt.PenStyle.NoPen)
        fill = QColor(ink)
        fill.setAlphaF(0.28 if plain else 0.42)
        painter.setBrush(fill)
        painter.drawRect(body)
        painter.setPen(QPen(ink, 1.5))
        if cell.low is not None and cell.high is not None:
            self._paint_whisker(painter, x(cell.low), x(cell.high), middle)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        painter.drawEllipse(QPointF(end, middle), theme.px(3), theme.px(3))

    def _paint_whisker(self, painter: QPainter, low: float, high: float, middle: float) -> None:
        cap = self._theme.px(3)
        painter.drawLine(QPointF(low, middle), QPointF(high, middle))
        for x in (low, high):
            painter.drawLine(QPointF(x, middle - cap), QPointF(x, middle + cap))


def _axis(span: float, box: QRectF) -> Callable[[float], float]:
    """Ratio → x: logarithmic, 1.0 in the middle, ends at 1 / span and span."""
    half, whole = box.width() / 2, math.log(max(span, 1.0001))

    def x(ratio: float) -> float:
        share = math.log(ratio) / whole if ratio > 0 else -1.0
        return box.center().x() + half * max(-1.0, min(1.0, share))

    return x
