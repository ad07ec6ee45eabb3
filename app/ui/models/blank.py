"""Where there is nothing to list: one sentence and the buttons that do the obvious thing."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.ui.theme import Theme
from app.ui.widgets.label import Label

WIDTH = 460


class Blank(QWidget):
    """`asked(id)` of a button; the first is the one in the accent colour."""

    asked = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._now: object = None
        self.title = Label(theme, "", "large", weight="semibold", wrap=True)
        self.sentence = Label(theme, "", "text", "dim", wrap=True)
        self._row = QHBoxLayout()
        self._row.setSpacing(theme.px(8))
        column = QWidget()
        column.setMaximumWidth(theme.px(WIDTH))
        body = QVBoxLayout(column)
        body.setSpacing(theme.px(12))
        body.addWidget(self.title)
        body.addWidget(self.sentence)
        body.addLayout(self._row)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(column, 1000)
        middle.addStretch(1)
        outer = QVBoxLayout(self)
        outer.addStretch(2)
        outer.addLayout(middle)
        outer.addStretch(3)

    def say(self, title: str, sentence: str, buttons: Sequence[tuple[str, str]] = ()) -> None:
        """buttons: (id, words)."""
        if (title, sentence, tuple(buttons)) == self._now:
            return
        self._now = (title, sentence, tuple(buttons))
        self.title.setText(title)
        self.sentence.setText(sentence)
        self.sentence.setVisible(bool(sentence))
        while self._row.count():
            item = self._row.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for place, (name, words) in enumerate(buttons):
            self._row.addWidget(self._button(name, words, place == 0), 0, Qt.AlignmentFlag.AlignLeft)
        self._row.addStretch(1)

    def _button(self, name: str, words: str, first: bool) -> QPushButton:
        button = QPushButton(words)
        button.setObjectName(f"models.blank_{name}")
        button.setAccessibleName(words)
        if first:
            button.setProperty("kind", "primary")
        button.clicked.connect(lambda: self.asked.emit(name))
        return button
