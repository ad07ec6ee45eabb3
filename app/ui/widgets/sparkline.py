"""A figure's last minute as a line. Our own painter with a 1 px cosmetic pen: any other pen costs 70 times as much."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.theme import Theme

POINTS = 150
FEWEST = 40
"""So few points fill the whole width; with fewer the left stays empty."""


class Sparkline(QWidget):
    """`push` values; a gap is None. `ghost` draws the previous setting's level as a dashed line."""

    def __init__(self, theme: Theme, points: int = POINTS, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._values: deque[float | None] = deque(maxlen=points)
        self._ghost: float | None = None
        self.setMinimumSize(theme.px(60), theme.px(24))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def push(self, value: float | None) -> None:
        """Add the newest value at the right."""
        self._values.append(value)
        self.update()

    def set_ghost(self, value: float | None) -> None:
        """The level to compare with, or None."""
        self._ghost = value
        self.update()

    def values(self) -> list[float | None]:
        """What is drawn, oldest first."""
        return list(self._values)

    def clear(self) -> None:
        """Forget everything but the ghost."""
        self._values.clear()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(170), self._theme.px(34))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        box = QRectF(self.rect())
        painter.setPen(QPen(self._theme.colour("line"), 0))
        painter.drawLine(box.bottomLeft() - QPointF(0, 1), box.bottomRight() - QPointF(0, 1))
        top = self._top()
        for run in self._runs(box, top):
            self._paint_run(painter, run, box.bottom() - 1)
        if self._ghost is not None and top:
            pen = QPen(self._theme.colour("dim"), 0, Qt.PenStyle.DashLine)
            painter.setPen(pen)
            y = self._y(self._ghost, box, top)
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
        painter.end()

    def _top(self) -> float:
        known = [v for v in self._values if v is not None]
        known += [self._ghost] if self._ghost is not None else []
        return max(known, default=0.0) * 1.08

    def _y(self, value: float, box: QRectF, top: float) -> float:
        return box.bottom() - 1 - (box.height() - 2) * (value / top if top else 0.0)

    def _runs(self, box: QRectF, top: float) -> list[list[QPointF]]:
        """The points of each stretch without a gap; the newest value stands at the right edge, the rest fills up."""
        size = max(FEWEST, len(self._values))
        step = box.width() / max(1, size - 1)
        first = size - len(self._values)
        runs: list[list[QPointF]] = [[]]
        for index, value in enumerate(self._values):
            if value is None:
                runs.append([])
            else:
                runs[-1].append(QPointF(box.left() + (first + index) * step, self._y(value, box, top)))
        return [run for run in runs if run]

    def _paint_run(self, painter: QPainter, run: list[QPointF], floor: float) -> None:
        area = QPolygonF([QPointF(run[0].x(), floor), *run, QPointF(run[-1].x(), floor)])
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("accent_soft"))
        painter.drawPolygon(area)
        painter.setPen(QPen(self._theme.colour("accent"), 0))
        for before, after in pairwise(run):
            painter.drawLine(before, after)
