"""One measured figure: its name, its value in tabular figures, its unit, and the previous setting's value as a tick."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.language import tr
from app.ui.theme import Size, Theme
from app.ui.widgets.label import Hover

NONE = "–"
"""How a figure that cannot be had is shown; never 0."""


@dataclass(frozen=True, slots=True)
class Figure:
    """key: the metric and glossary key; value: as shown, "" or "–" if unknown; ghost: the previous setting's value."""

    key: str
    label: str
    value: str = NONE
    unit: str = ""
    ghost: str = ""


class FigureView(Hover, QWidget):
    """Label above, value below. Only grows, so that neighbours do not dance while digits change."""

    def __init__(self, theme: Theme, size: Size = "figure", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._caption, self._value = theme.font("caption"), theme.font(size, "semibold")
        self._unit = theme.font("caption" if size == "figure" else "dim")
        self._figure = Figure("", "")
        self._widest = 0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def figure(self) -> Figure:
        """What is shown."""
        return self._figure

    def set(self, figure: Figure) -> None:
        """Show `figure`; repaints only if it differs."""
        if figure == self._figure:
            return
        if (figure.key, figure.label) != (self._figure.key, self._figure.label):
            self._widest = 0
        self._figure = figure
        self.setAccessibleName(f"{figure.label} {figure.value or NONE} {figure.unit}".strip())
        self.setAccessibleDescription(tr("before: {value}", value=figure.ghost) if figure.ghost else "")
        needed = self._needed()
        if needed > self._widest:
            self._widest = needed
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        tall = QFontMetrics(self._caption).height() + QFontMetrics(self._value).height() + self._theme.px(3)
        return QSize(max(self._widest, self._theme.px(44)), tall)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        top = QFontMetrics(self._caption).height()
        self._draw(painter, QRect(0, 0, self.width(), top), self._figure.label, self._caption, "dim")
        line = QRect(0, top + self._theme.px(2), self.width(), self.height() - top - self._theme.px(2))
        base = line.top() + QFontMetrics(self._value).ascent()
        left = 0
        value = self._figure.value or NONE
        for text, font, tone in ((value, self._value, "text"), (self._figure.unit, self._unit, "dim")):
            if text:
                painter.setFont(font)
                painter.setPen(self._theme.colour(tone))
                painter.drawText(left, base, text)
                left += QFontMetrics(font).horizontalAdvance(text) + self._theme.px(4)
        if self._figure.ghost:
            self._draw_ghost(painter, left + self._theme.px(2), base)
        painter.end()

    def _draw(self, painter: QPainter, box: QRect, text: str, font: QFont, tone: str) -> None:
        painter.setFont(font)
        painter.setPen(self._theme.colour(tone))
        shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)

    def _draw_ghost(self, painter: QPainter, left: int, base: int) -> None:
        """A tick and the earlier value: what this figure was with the setting before."""
        tick = self._theme.px(2)
        painter.fillRect(QRect(left, base - self._theme.px(10), tick, self._theme.px(11)), self._theme.colour("dim"))
        painter.setFont(self._caption)
        painter.setPen(self._theme.colour("dim"))
        painter.drawText(left + tick + self._theme.px(4), base, self._figure.ghost)

    def _needed(self) -> int:
        value = QFontMetrics(self._value).horizontalAdvance(self._figure.value or NONE)
        unit = QFontMetrics(self._unit).horizontalAdvance(self._figure.unit) + self._theme.px(4)
        ghost = QFontMetrics(self._caption).horizontalAdvance(self._figure.ghost) + self._theme.px(12)
        line = value + (unit if self._figure.unit else 0) + (ghost if self._figure.ghost else 0)
        return max(line, QFontMetrics(self._caption).horizontalAdvance(self._figure.label)) + self._theme.px(4)
