"""Recipes as cards: the question, what it teaches, how long it takes, and the two ways to see it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QWidget

from app.ui import icons
from app.ui.language import tr
from app.ui.state.compare_shelf import Card as Recipe
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.label import Label

CARD_LEAST = 300


class RecipeCard(Card):
    """`played(id)`, `ran(id)`."""

    played = Signal(str)
    ran = Signal(str)

    def __init__(self, theme: Theme, recipe: Recipe, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent=parent)
        px = theme.px
        self.recipe = recipe
        self.setObjectName(f"compare.recipe_{recipe.id}")
        self.body.setContentsMargins(px(14), px(12), px(14), px(12))
        self.body.setSpacing(px(5))
        self.body.addLayout(self._head(theme))
        self.body.addWidget(Label(theme, recipe.title, "text", weight="semibold", wrap=True))
        if recipe.question:
            self.body.addWidget(Label(theme, recipe.question, "dim", "dim", wrap=True))
        if recipe.problem:
            self.body.addWidget(Label(theme, recipe.problem, "dim", "bad", wrap=True))
        self.body.addStretch(1)
        self.body.addSpacing(px(4))
        self.body.addLayout(self._buttons(theme))

    def _head(self, theme: Theme) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(theme.px(8))
        row.addWidget(Label(theme, self.recipe.teaches, "caption", "dim", "medium", wrap=True), 1)
        row.addWidget(Label(theme, self.recipe.takes.split(" · ")[-1], "caption", "dim"))
        return row

    def _buttons(self, theme: Theme) -> QHBoxLayout:
        recipe = self.recipe
        row = QHBoxLayout()
        row.setSpacing(theme.px(8))
        self.play = QPushButton(tr("Play the recorded run"))
        self.play.setObjectName(f"compare.play_{recipe.id}")
        self.play.setAccessibleName(tr("Play the recorded run of {title}", title=recipe.title))
        self.play.setToolTip(tr("Needs no model: the recorded answers play again"))
        icons.bind(self.play, theme, "play", "text", 14)
        self.play.clicked.connect(lambda: self.played.emit(recipe.id))
        if not recipe.recorded:
            self.play.hide()
        self.run = QPushButton(tr("Run it here"))
        self.run.setObjectName(f"compare.run_{recipe.id}")
        self.run.setAccessibleName(tr("Run {title} here", title=recipe.title))
        self.run.setToolTip(recipe.takes)
        if recipe.recorded:
            self.run.setProperty("kind", "quiet")
        self.run.setEnabled(not recipe.problem)
        self.run.clicked.connect(lambda: self.ran.emit(recipe.id))
        row.addWidget(self.play)
        row.addWidget(self.run)
        row.addStretch(1)
        return row


class RecipeCards(QWidget):
    """As many columns as there is room for, at most three."""

    played = Signal(str)
    ran = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._cards: list[RecipeCard] = []
        self._columns = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(theme.px(12))

    def set_recipes(self, recipes: Sequence[Recipe]) -> None:
        """Show these; unchanged ones stay."""
        if [card.recipe for card in self._cards] == list(recipes):
            return
        for card in self._cards:
            card.hide()
            card.deleteLater()
        self._cards = [RecipeCard(self._theme, recipe) for recipe in recipes]
        for card in self._cards:
            card.played.connect(self.played)
            card.ran.connect(self.ran)
        self._columns = 0
        self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        gap = self._theme.px(12)
        columns = max(1, min(3, (self.width() + gap) // (self._theme.px(CARD_LEAST) + gap)))
        if columns == self._columns:
            return
        self._columns = columns
        for card in self._cards:
            self._grid.removeWidget(card)
        for index, card in enumerate(self._cards):
            self._grid.addWidget(card, index // columns, index % columns)
        for column in range(3):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
        self._grid.setAlignment(Qt.AlignmentFlag.AlignTop)
