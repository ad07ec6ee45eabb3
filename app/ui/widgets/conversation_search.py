"""The search above the list of conversations: says what is looked for when a person has stopped typing for a moment."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLineEdit

from app.ui import icons
from app.ui.language import tr
from app.ui.theme import Theme

WAIT_MS = 120


class SearchField(QLineEdit):
    """`searched(text)`; Escape empties it, `went_down` and `entered` go on to what was found."""

    searched = Signal(str)
    went_down = Signal()
    entered = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._said = ""
        self.setObjectName("chat.search")
        self.setAccessibleName(tr("Search conversations"))
        self.setPlaceholderText(tr("Search"))
        self.setToolTip(tr("Search titles and messages (Ctrl+F)"))
        self.setTextMargins(theme.px(18), 0, 0, 0)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT_MS)
        self._timer.timeout.connect(self._say)
        self.textChanged.connect(lambda _text: self._timer.start())

    def clear(self) -> None:
        """Empty it and say so at once."""
        super().clear()
        self._say()

    def event(self, event: QEvent) -> bool:
        """Escape is the field's while there is something to clear; then the window's again."""
        escape = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if escape and event.type() == QEvent.Type.ShortcutOverride and self.text():
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        key = event.key()
        if key == Qt.Key.Key_Escape and self.text():
            self.clear()
        elif key == Qt.Key.Key_Down:
            self._say()
            self.went_down.emit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._say()
            self.entered.emit()
        else:
            super().keyPressEvent(event)

    def _say(self) -> None:
        self._timer.stop()
        text = self.text().strip()
        if text != self._said:
            self._said = text
            self.searched.emit(text)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        super().paintEvent(event)
        side = self._theme.px(14)
        painter = QPainter(self)
        where = QRectF(self._theme.px(8), (self.height() - side) / 2, side, side)
        icons.paint(painter, "search", self._theme.colour("dim"), where)
        painter.end()
