"""What lies over the composer while something is dragged across it: the sign that it may be let go here."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.ui.language import tr
from app.ui.theme import Theme


class DropShade(QWidget):
    """Covers its parent; takes no clicks. words: what letting go would do."""

    def __init__(self, theme: Theme, parent: QWidget, words: str = "") -> None:
        super().__init__(parent)
        self._theme, self._words = theme, words or tr("Drop to add to the message")
        self._parent = parent
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName(tr("Drop files here"))
        self.hide()

    def cover(self) -> None:
        """Show over the whole parent."""
        self.setGeometry(self._parent.rect())
        self.raise_()
        self.show()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(theme.colour("accent"), theme.px(2), Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(theme.colour("accent_soft"))
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.drawRoundedRect(box, theme.px(10), theme.px(10))
        painter.setPen(theme.colour("accent"))
        painter.setFont(theme.font("text", "semibold"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._words)
        painter.end()
