"""The system prompt: a button in the composer that opens a small editor; marked while one is set."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout

from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.label import Label

WORDS = "It stands before every message of this conversation and tells the model how to answer."


class SystemPrompt(QPushButton):
    """`changed(text)` when the editor is closed with another text."""

    changed = Signal(str)

    def __init__(self, theme: Theme, page: str) -> None:
        super().__init__("System prompt")
        self._theme = theme
        self._text = ""
        self.setObjectName(f"{page}.system")
        self.setAccessibleName("System prompt")
        self._popup = _Popup(theme, page)
        self._popup.kept.connect(self._keep)
        self.clicked.connect(self._open)
        self.destroyed.connect(self._popup.deleteLater)

    def show_text(self, text: str) -> None:
        """What is set now."""
        self._text = text
        self.setText("System prompt ●" if text else "System prompt")
        self.setToolTip(text or WORDS)

    def _open(self) -> None:
        self._popup.edit.setPlainText(self._text)
        self._popup.adjustSize()
        corner = self.mapToGlobal(QPoint(0, 0))
        self._popup.move(corner.x(), corner.y() - self._popup.height() - self._theme.px(6))
        self._popup.show()
        self._popup.edit.setFocus()

    def _keep(self, text: str) -> None:
        if text != self._text:
            self.changed.emit(text)


class _Popup(QFrame):
    """Closes by itself when one clicks elsewhere; what was written then is kept."""

    kept = Signal(str)

    def __init__(self, theme: Theme, page: str) -> None:
        super().__init__(None, Qt.WindowType.Popup)
        self.setFixedWidth(theme.px(440))
        self.edit = QPlainTextEdit()
        self.edit.setObjectName(f"{page}.system_text")
        self.edit.setAccessibleName("System prompt")
        self.edit.setProperty("field", "true")
        self.edit.setFixedHeight(theme.px(120))
        self.edit.setTabChangesFocus(True)
        self.edit.setPlaceholderText("You are a helpful assistant.")
        done = QPushButton("Done")
        done.setObjectName(f"{page}.system_done")
        done.setAccessibleName("Keep this system prompt")
        done.clicked.connect(self.close)
        card = Card(theme, "System prompt")
        card.body.addWidget(Label(theme, WORDS, "dim", "dim", wrap=True))
        card.body.addWidget(self.edit)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(done)
        card.body.addLayout(row)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(card)

    def hideEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        self.kept.emit(self.edit.toPlainText().strip())
