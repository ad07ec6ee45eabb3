"""Where things stand in the comparison table: widths of columns and of the parts of a cell, for head and rows alike."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF
from PySide6.QtGui import QFontMetricsF

from app.ui.state.compare_table import Table
from app.ui.theme import Theme

LABEL, LABEL_NARROW = 172, 148
ROOMY = 800
BAR = (36, 168)
BAR_GOOD = 92  # words are shortened before a bar gets less than this
ENOUGH = 3  # so many of a cell's words, longest first, have all that matters
GAP = 12
EDGE = 14
VALUE_LEAST = 40
SHORTEST = 52  # of a cell's words


@dataclass(frozen=True, slots=True)
class Parts:
    """Left edges, relative to the column's, and widths: value (right-aligned), unit, bar (none below 0), text."""

    value: float
    unit_x: float
    bar_x: float
    bar: float
    text_x: float
    text: float


@dataclass(frozen=True, slots=True)
class Grid:
    """columns: (left, width) of each lane's column."""

    edge: float
    label: float
    columns: tuple[tuple[float, float], ...]
    parts: Parts

    def cell(self, column: int, top: float, height: float) -> QRectF:
        """The rectangle of a cell."""
        left, width = self.columns[column]
        return QRectF(left, top, width, height)

    def column_at(self, x: float) -> int:
        """The column under `x`, or -1."""
        return next((i for i, (left, width) in enumerate(self.columns) if left <= x < left + width), -1)


def grid(theme: Theme, table: Table, width: float) -> Grid:
    """The geometry of `table` in `width` pixels. The reference needs no room for a ratio; the others share the rest."""
    px = theme.px
    edge, label = px(EDGE), px(LABEL if width >= px(ROOMY) else LABEL_NARROW)
    value, unit = _widest(theme, table)
    number = value + px(5) + unit
    lanes = len(table.columns)
    alone = number + px(28) if lanes > 1 else width
    others = max(1, sum(not c.reference for c in table.columns))
    rest = max(number, (width - 2 * edge - label - (alone if lanes > others else 0)) / others)
    columns, left = [], float(edge + label)
    for column in table.columns:
        mine = alone if column.reference else rest
        columns.append((left, mine))
        left += mine
    return Grid(edge, label, tuple(columns), _parts(theme, table, rest, value, unit))


def _parts(theme: Theme, table: Table, width: float, value: float, unit: float) -> Parts:
    px = theme.px
    gap = px(GAP)
    unit_x = value + px(5)
    bar_x = unit_x + unit + gap
    room = width - bar_x - 2 * gap
    bar = min(px(BAR[1]), room - _text_width(theme, table, room))
    if bar < px(BAR[0]):
        bar = px(BAR[0]) if room - px(BAR[0]) >= px(SHORTEST) else -gap  # words before bars
    text_x = bar_x + bar + gap
    return Parts(value, unit_x, bar_x, bar, text_x, max(0.0, width - text_x - gap))


def _widest(theme: Theme, table: Table) -> tuple[float, float]:
    strong, small = QFontMetricsF(theme.font("text", "semibold")), QFontMetricsF(theme.font("dim"))
    cells = [c for row in table.rows for c in row.cells if c is not None]
    value = max((strong.horizontalAdvance(c.value) for c in cells), default=0.0)
    unit = max((small.horizontalAdvance(c.unit) for c in cells), default=0.0)
    return max(value, theme.px(VALUE_LEAST)), unit


def _text_width(theme: Theme, table: Table, room: float) -> float:
    """Of the words: all of them where a good bar fits beside, else fewer; those that matter take from the bar too."""
    small = QFontMetricsF(theme.font("dim", "medium"))
    texts = [c.texts for row in table.rows for c in row.cells if c is not None and c.texts]
    width = 0.0
    for level in range(ENOUGH):
        widths = [small.horizontalAdvance(t[min(level, len(t) - 1)]) for t in texts]
        width = max(widths, default=0.0) + theme.px(2)
        if width <= room - theme.px(BAR_GOOD):
            break
    return width
