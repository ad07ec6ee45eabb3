"""A small editor that opens above its button and closes by itself when one clicks elsewhere."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.ui.theme import Theme
from app.ui.widgets.card import Card

WIDTH = 440


class Popup(QFrame):
    """Put things into `body`. `closed`: it went away, by whatever way; Escape is one."""

    closed = Signal()

    def __init__(self, theme: Theme, title: str) -> None:
        super().__init__(None, Qt.WindowType.Popup)
        self._theme = theme
        self.setFixedWidth(theme.px(WIDTH))
        self.setAccessibleName(title)
        card = Card(theme, title)
        self.head, self.body = card.head, card.body
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(card)

    def open_above(self, button: QWidget) -> None:
        """Show above `button`, within its screen."""
        self.adjustSize()
        gap = self._theme.px(6)
        corner = button.mapToGlobal(QPoint(0, 0))
        room = button.screen().availableGeometry()
        x = max(room.left(), min(corner.x(), room.right() - self.width()))
        y = corner.y() - self.height() - gap
        self.move(x, y if y >= room.top() else corner.y() + button.height() + gap)
        self.show()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802  Qt's name
        self.closed.emit()
