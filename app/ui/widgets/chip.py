"""Small words with a meaning: a pill for what something is, a dot and a word for how it is."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.theme import Theme
from app.ui.widgets.label import hint

Role = Literal["accent", "plain", "good", "warning", "bad", "busy", "dim"]

_PILLS = ("accent", "plain")


class Chip(QWidget):
    """`accent` and `plain` are pills; `good warning bad busy dim` are a dot and a word. Elides, with a tooltip."""

    def __init__(self, theme: Theme, text: str = "", role: Role = "accent", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._text, self._role = theme, text, role
        self._tip = ""
        self.setFont(theme.font("caption", "semibold"))
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(text)
        theme.changed.connect(self.update)

    def text(self) -> str:
        """What it says."""
        return self._text

    @property
    def role(self) -> Role:
        """What kind of word it is."""
        return self._role

    def set(self, text: str, role: Role | None = None, tip: str = "") -> None:
        """Say something else; `tip` is a longer form for the hover."""
        self._text, self._role, self._tip = text, role or self._role, tip
        self.setAccessibleName(text)
        self.setAccessibleDescription(tip)
        self.setVisible(bool(text))
        self.updateGeometry()
        self._hint()
        self.update()

    def set_text(self, text: str) -> None:
        """Say something else in the same role."""
        self.set(text, tip=self._tip)

    def set_role(self, role: Role) -> None:
        """Say the same in another role."""
        self.set(self._text, role, self._tip)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        width = self.fontMetrics().horizontalAdvance(self._text) + self._before + self._after
        return QSize(width + 1, self._theme.px(20))

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(min(self.sizeHint().width(), self._theme.px(60)), self._theme.px(20))

    def resizeEvent(self, event: object) -> None:  # noqa: N802  Qt's name
        self._hint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        if self._role in _PILLS:
            self._paint_pill(painter, box)
        else:
            self._paint_dot(painter, box)
        painter.setPen(self._theme.colour(self._ink))
        painter.setFont(self.font())
        inner = self.rect().adjusted(self._before, 0, -self._after, 0)
        shown = self.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideRight, inner.width())
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        painter.end()

    def _paint_pill(self, painter: QPainter, box: QRectF) -> None:
        filled = self._role == "accent"
        painter.setPen(self._theme.colour("accent_soft" if filled else "line"))
        painter.setBrush(self._theme.colour("accent_soft") if filled else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)

    def _paint_dot(self, painter: QPainter, box: QRectF) -> None:
        side = self._theme.px(8)
        dot = QRectF(box.left(), box.center().y() - side / 2, side, side)
        colour = self._theme.colour(self._ink)
        painter.setPen(colour)
        painter.setBrush(Qt.BrushStyle.NoBrush if self._role in ("busy", "dim") else colour)
        painter.drawEllipse(dot)

    @property
    def _ink(self) -> str:
        return {"plain": "dim", "busy": "accent"}.get(self._role, self._role)

    @property
    def _before(self) -> int:
        return self._theme.px(10 if self._role in _PILLS else 13)

    @property
    def _after(self) -> int:
        return self._theme.px(10) if self._role in _PILLS else 0

    def _hint(self) -> None:
        short = self.width() < self.sizeHint().width() - 1
        self.setToolTip(hint(self._tip or (self._text if short else "")))
