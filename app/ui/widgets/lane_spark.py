"""A lane's colour, letter and line pattern where they are drawn: its badge, its rate's curve, its line of status."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.lab.compare.lane import letter
from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.label import hint
from app.ui.widgets.sparkline import Sparkline

PATTERNS = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)
"""Of lanes A to D: they tell lanes apart where colour does not."""

_FILL = 0.14

REST_MS = 100
"""Figures that change oftener cannot be read."""


def lane_colour(theme: Theme, index: int) -> QColor:
    """The colour of lane `index`, 0 is A."""
    return QColor(theme.tokens.lanes[index])


class LaneBadge(QWidget):
    """The letter in a disc of the lane's colour."""

    def __init__(self, theme: Theme, index: int, side: int = 26, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._index = theme, index
        self.setFixedSize(theme.px(side), theme.px(side))
        self.setAccessibleName(tr("Lane {letter}", letter=letter(index)))
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(lane_colour(self._theme, self._index))
        painter.drawEllipse(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        painter.setPen(self._theme.colour("surface"))
        painter.setFont(self._theme.font("text", "bold"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, letter(self._index))
        painter.end()


class LaneSparkline(Sparkline):
    """The rate in the lane's colour and pattern, over a tint of it."""

    def __init__(self, theme: Theme, index: int, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent=parent)
        self._index = index
        self.setAccessibleName(tr("Rate of lane {letter} over time", letter=letter(index)))

    def show_all(self, values: list[float | None]) -> None:
        """Replace the curve."""
        self._values.clear()
        self._values.extend(values)
        self.update()

    def _paint_run(self, painter: QPainter, run: list[QPointF], floor: float) -> None:
        colour = lane_colour(self._theme, self._index)
        tint = QColor(colour)
        tint.setAlphaF(_FILL)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tint)
        painter.drawPolygon(QPolygonF([QPointF(run[0].x(), floor), *run, QPointF(run[-1].x(), floor)]))
        painter.setPen(QPen(colour, 0, PATTERNS[self._index]))
        painter.drawPolyline(QPolygonF(run))


class LaneStatus(QWidget):
    """Words at the left, figures at the right. Painted, not laid out, and at most ten times a second: four lanes race."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._words, self._figures = "", ""
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._show)
        self._font, self._strong = theme.font("dim"), theme.font("dim", "semibold")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def say(self, words: str, figures: str = "") -> None:
        """Show both, soon."""
        if (words, figures) == (self._words, self._figures):
            return
        self._words, self._figures = words, figures
        if self._rest.isActive():
            return
        self._show()
        self._rest.start(REST_MS)

    def _show(self) -> None:
        """Tell the screen and those who read it aloud, if there is news."""
        said = self.words()
        if said == self.accessibleName():
            return
        self.setToolTip(hint(self._words))
        self.setAccessibleName(said)
        self.update()

    def words(self) -> str:
        """What it says, figures last."""
        return f"{self._words} {self._figures}".strip()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(120), QFontMetrics(self._font).height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        right = QFontMetrics(self._strong).horizontalAdvance(self._figures)
        room = self.width() - (right + self._theme.px(8) if right else 0)
        if QFontMetrics(self._font).horizontalAdvance(self._words) > room and self._words:
            room, right = self.width(), 0  # where there is room for one of them, it is the words
        painter.setFont(self._strong)
        painter.setPen(self._theme.colour("text"))
        middle = Qt.AlignmentFlag.AlignVCenter
        if right:
            painter.drawText(self.rect(), middle | Qt.AlignmentFlag.AlignRight, self._figures)
        painter.setFont(self._font)
        painter.setPen(self._theme.colour("dim"))
        words = QFontMetrics(self._font).elidedText(self._words, Qt.TextElideMode.ElideRight, room)
        painter.drawText(self.rect(), middle | Qt.AlignmentFlag.AlignLeft, words)
        painter.end()
