"""A load test as curves: throughput above, waiting below, over users (or arrival rate); the knee and the limits marked.

Drawn with QPainter in the theme's colours: ours solid in lane A's, another program's dashed in lane B's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QToolTip, QWidget

from app.lab.loadtest.result import Level, LoadResult
from app.ui.language import tr
from app.ui.state import words
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.lane_spark import PATTERNS, lane_colour

Read = Callable[[Level], float | None]


@dataclass(frozen=True, slots=True)
class Curve:
    """(load, value) of each level that has one, in rising order of load. lane: its colour and line pattern."""

    title: str
    lane: int
    points: tuple[tuple[float, float], ...]
    knee: float | None = None


def curves(ours: LoadResult | None, other: LoadResult | None, read: Read) -> tuple[Curve, ...]:
    """One a result; another program's only where both vary the same thing."""
    made = []
    for lane, result in enumerate((ours, other)):
        if result is None or (lane and ours is not None and ours.levels and ours.closed != result.closed):
            continue
        points = sorted((level.load, value) for level in result.levels if (value := read(level)) is not None)
        knee = result.levels[result.knee].load if result.knee is not None and result.knee < len(result.levels) else None
        made.append(Curve(result.source, lane, tuple(points), knee))
    return tuple(curve for curve in made if curve.points)


def top_of(most: float) -> tuple[float, float]:
    """(the axis's top, its step): three or four steps of 1, 2 or 5."""
    if most <= 0:
        return 1.0, 0.5
    raw = most / 3
    scale = 10.0 ** math.floor(math.log10(raw))
    step = next(n * scale for n in (1, 2, 2.5, 5, 10) if n * scale >= raw)
    return step * math.ceil(most / step - 1e-9), step


class LoadChart(QWidget):
    """One panel. form: how a value is written. named: the word stands beside the knee. A limit is a dashed line."""

    def __init__(
        self, theme: Theme, title: str, form: Callable[[float], str], height: int, named: bool = False
    ) -> None:
        super().__init__()
        self._named = named
        self._theme, self._title, self._form = theme, title, form
        self._curves: tuple[Curve, ...] = ()
        self._limit: float | None = None
        self._users = True
        self._spots: list[tuple[QPointF, str]] = []
        self.setMinimumHeight(theme.px(height))
        self.setMinimumWidth(theme.px(200))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._tall = height
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(400), self._theme.px(self._tall))

    def show_curves(self, shown: Sequence[Curve], users: bool, limit: float | None = None) -> None:
        """Draw these. users: the axis counts users, else requests a second."""
        self._curves, self._users, self._limit = tuple(shown), users, limit
        self.setAccessibleName(self._title)
        self.setAccessibleDescription("; ".join(self._told(curve) for curve in self._curves))
        self.update()

    def _told(self, curve: Curve) -> str:
        points = ", ".join(f"{self._load(load)}: {self._form(value)}" for load, value in curve.points)
        return f"{curve.title}: {points}"

    def _load(self, load: float) -> str:
        if self._users:
            return tr("1 user") if load == 1 else tr("{n} users", n=f"{load:,.0f}")
        return tr("{n} requests/s", n=f"{load:,.3g}")

    # --- drawing ----------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._spots = []
        self._paint_head(painter)
        if self._curves:
            box = self._box(painter)
            most = max(value for curve in self._curves for _, value in curve.points)
            if self._limit is not None and self._limit <= most * 3:
                most = max(most, self._limit)
            top, step = top_of(most * 1.04)
            self._paint_grid(painter, box, top, step)
            self._paint_limit(painter, box, top)
            for curve in reversed(self._curves):
                self._paint_curve(painter, box, top, curve)
        painter.end()

    def _box(self, painter: QPainter) -> QRectF:
        px = self._theme.px
        painter.setFont(self._theme.font("caption"))
        most = max((value for curve in self._curves for _, value in curve.points), default=1.0)
        left = QFontMetricsF(self._theme.font("caption")).horizontalAdvance(self._form(top_of(most * 1.04)[0])) + px(10)
        return QRectF(self.rect()).adjusted(max(left, px(40)), px(30), -px(16), -px(22))

    def _paint_head(self, painter: QPainter) -> None:
        painter.setFont(self._theme.font("dim", "semibold"))
        painter.setPen(self._theme.colour("dim"))
        metrics = QFontMetricsF(painter.font())
        painter.drawText(QPointF(0, metrics.ascent()), self._title)
        right = float(self.width())
        painter.setFont(self._theme.font("caption"))
        metrics = QFontMetricsF(painter.font())
        for curve in reversed(self._curves if len(self._curves) > 1 else ()):
            right -= metrics.horizontalAdvance(curve.title) + self._theme.px(4)
            painter.setPen(self._theme.colour("text"))
            painter.drawText(QPointF(right, metrics.ascent()), curve.title)
            right -= self._theme.px(24)
            pen = QPen(lane_colour(self._theme, curve.lane), self._theme.px(2), PATTERNS[curve.lane])
            painter.setPen(pen)
            painter.drawLine(
                QPointF(right, metrics.ascent() * 0.65), QPointF(right + self._theme.px(18), metrics.ascent() * 0.65)
            )
            right -= self._theme.px(14)

    def _paint_grid(self, painter: QPainter, box: QRectF, top: float, step: float) -> None:
        theme = self._theme
        painter.setFont(theme.font("caption"))
        metrics = QFontMetricsF(painter.font())
        for n in range(round(top / step) + 1):
            y = box.bottom() - box.height() * n * step / top
            painter.setPen(QPen(theme.colour("line"), 0))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(theme.colour("dim"))
            room = QRectF(0, y - metrics.height() / 2, box.left() - theme.px(6), metrics.height())
            painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self._form(n * step))
        last = -1e9
        for load in self._loads():
            x, text = self._x(load, box), f"{load:,.3g}"
            width = metrics.horizontalAdvance(text)
            if x - width / 2 > last + theme.px(6):
                painter.drawText(QPointF(x - width / 2, box.bottom() + metrics.ascent() + theme.px(4)), text)
                last = x + width / 2
        unit = tr("users") if self._users else tr("requests/s")
        wide = metrics.horizontalAdvance(unit)
        if last < self.width() - wide - theme.px(30):
            painter.drawText(QPointF(self.width() - wide, box.bottom() + metrics.ascent() + theme.px(4)), unit)

    def _paint_limit(self, painter: QPainter, box: QRectF, top: float) -> None:
        if self._limit is None or self._limit > top:
            return
        y = box.bottom() - box.height() * self._limit / top
        painter.setPen(QPen(self._theme.colour("warning"), 0, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
        painter.setFont(self._theme.font("caption"))
        words_ = tr("your limit {value}", value=self._form(self._limit))
        metrics = QFontMetricsF(painter.font())
        above = y - self._theme.px(4) if y - metrics.height() > box.top() else y + metrics.ascent() + self._theme.px(3)
        painter.setPen(self._theme.colour("warning"))
        painter.drawText(QPointF(box.left() + self._theme.px(6), above), words_)

    def _paint_curve(self, painter: QPainter, box: QRectF, top: float, curve: Curve) -> None:
        colour, px = lane_colour(self._theme, curve.lane), self._theme.px
        spots = [QPointF(self._x(load, box), box.bottom() - box.height() * value / top) for load, value in curve.points]
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour, px(2), PATTERNS[curve.lane]))
        for before, after in pairwise(spots):
            painter.drawLine(before, after)
        for spot, (load, value) in zip(spots, curve.points, strict=True):
            painter.setPen(QPen(self._theme.colour("surface"), 1))
            painter.setBrush(colour)
            painter.drawEllipse(spot, px(4), px(4))
            self._spots.append((spot, f"{curve.title}, {self._load(load)}: {self._form(value)}"))
            if load == curve.knee:
                self._paint_knee(painter, box, spot, curve)

    def _paint_knee(self, painter: QPainter, box: QRectF, spot: QPointF, curve: Curve) -> None:
        theme, px = self._theme, self._theme.px
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(lane_colour(theme, curve.lane), px(2)))
        painter.drawEllipse(spot, px(8), px(8))
        if curve.lane or not self._named:
            return
        painter.setPen(QPen(theme.colour("dim"), 0, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(spot.x(), spot.y() + px(8)), QPointF(spot.x(), box.bottom()))
        painter.setFont(theme.font("caption", "semibold"))
        said = tr("knee")
        wide = QFontMetricsF(painter.font()).horizontalAdvance(said)
        painter.setPen(theme.colour("text"))
        painter.drawText(QPointF(spot.x() - wide / 2, max(box.top() - px(2), spot.y() - px(12))), said)

    def _loads(self) -> list[float]:
        return sorted({load for curve in self._curves for load, _ in curve.points})

    def _x(self, load: float, box: QRectF) -> float:
        """Doubling is one step: the axis is logarithmic."""
        loads = self._loads()
        low, high = math.log2(loads[0]), math.log2(loads[-1])
        share = 0.5 if high == low else (math.log2(load) - low) / (high - low)
        edge = self._theme.px(14)
        return box.left() + edge + (box.width() - 2 * edge) * share

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            near = [
                (abs(spot.x() - event.pos().x()) + abs(spot.y() - event.pos().y()), said) for spot, said in self._spots
            ]
            found = min(near, default=(1e9, ""))
            QToolTip.showText(event.globalPos(), found[1] if found[0] < self._theme.px(24) else "", self)
            return True
        return super().event(event)


def rate_form(value: float) -> str:
    """Tokens a second on an axis."""
    return words.number(value, 0 if value >= 10 or value == round(value) else 1)


def time_form(value: float) -> str:
    """Seconds on an axis: "200 ms"."""
    return "0" if not value else words.spoken(value)


class ChartsCard(Card):
    """One curve over two; under one another where there is little room."""

    def __init__(self, theme: Theme, wide: LoadChart, left: LoadChart, right: LoadChart) -> None:
        super().__init__(theme)
        self._theme, self._pair, self._stacked = theme, (left, right), False
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(theme.px(24))
        self._grid.setVerticalSpacing(theme.px(12))
        self._grid.addWidget(wide, 0, 0, 1, 2)
        self._place()
        self.body.addLayout(self._grid)

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(240), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        stacked = self.width() < self._theme.px(460)
        if stacked != self._stacked:
            self._stacked = stacked
            self._place()

    def _place(self) -> None:
        left, right = self._pair
        self._grid.addWidget(left, 1, 0, 1, 2 if self._stacked else 1)
        self._grid.addWidget(right, 2 if self._stacked else 1, 0 if self._stacked else 1, 1, 2 if self._stacked else 1)
