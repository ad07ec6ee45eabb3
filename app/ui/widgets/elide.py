"""A label that never cuts: what does not fit ends in “…” and is whole in the tooltip."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.theme import Size, Theme, Weight
from app.ui.widgets.label import Label, Tone, hint


class ElidedLabel(Label):
    """One line. `mode`: where the dots go, e.g. the middle for paths."""

    def __init__(
        self,
        theme: Theme,
        text: str = "",
        size: Size = "text",
        tone: Tone = "text",
        weight: Weight = "regular",
        *,
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, text, size, tone, weight, parent=parent)
        self._mode = mode
        self._tip = ""
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def setText(self, text: str) -> None:  # noqa: N802  Qt's name
        super().setText(" ".join(text.split("\n")))
        self._hint()

    def set_tip(self, tip: str) -> None:
        """A tooltip of its own, shown also when the text fits."""
        self._tip = tip
        self._hint()

    @property
    def elided(self) -> bool:
        """True while the text does not fit."""
        return self.fontMetrics().horizontalAdvance(self.text()) > self.contentsRect().width()

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self.fontMetrics().averageCharWidth() * 3, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        self._hint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        rect: QRect = self.contentsRect()
        shown = self.fontMetrics().elidedText(self.text(), self._mode, rect.width())
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(rect, int(self.alignment()), shown)
        painter.end()

    def _hint(self) -> None:
        self.setToolTip(hint(self.text() if self.elided and not self._tip else self._tip))
