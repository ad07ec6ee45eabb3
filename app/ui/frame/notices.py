"""Above the composer: the error card with its mends, and one line for what a person should know."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.ui.language import tr
from app.ui.state.cards import Problem
from app.ui.theme import Theme
from app.ui.widgets.card import ErrorCard
from app.ui.widgets.label import Label


class Notices(QWidget):
    """`action(id)`: a button on the card or the line."""

    action = Signal(str)

    def __init__(self, theme: Theme, page: str) -> None:
        super().__init__()
        self._theme = theme
        self._problem: Problem | None = None
        self._card: ErrorCard | None = None
        self._id = ""
        self._words = Label(theme, "", "dim", "dim", wrap=True)
        self._button = QPushButton()
        self._button.setObjectName(f"{page}.notice")
        self._button.setAccessibleName(tr("Do this"))
        self._button.clicked.connect(lambda: self.action.emit(self._id))
        self._line = QWidget()
        row = QHBoxLayout(self._line)
        row.setContentsMargins(theme.px(4), 0, 0, 0)
        row.setSpacing(theme.px(12))
        row.addWidget(self._words, 1)
        row.addWidget(self._button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.px(8))
        self._column.addWidget(self._line)
        self._line.hide()

    def show_problem(self, problem: Problem | None) -> None:
        """The card for `problem`, or none; an unchanged one keeps its open details."""
        if problem == self._problem:
            return
        self._problem = problem
        if self._card is not None:
            self._column.removeWidget(self._card)
            self._card.hide()
            self._card.deleteLater()
            self._card = None
        if problem is not None:
            self._card = ErrorCard(
                self._theme, problem.title, problem.message, problem.hint, problem.actions, "\n".join(problem.details)
            )
            self._card.action.connect(self.action)
            self._column.insertWidget(0, self._card)

    def show_words(self, words: str, action: str, button: str) -> None:
        """The line, and its button where there is something to do."""
        self._id = action
        self._words.setText(words)
        self._button.setText(button)
        self._button.setAccessibleName(button or tr("Do this"))
        self._button.setVisible(bool(action))
        self._line.setVisible(bool(words))
