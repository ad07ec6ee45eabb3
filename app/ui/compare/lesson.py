"""The empty Compare page, which teaches: one sentence, one button, six recipes; and the guess before a recipe runs."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.lab.compare.plan import Plan
from app.ui.frame.quiet_scroll import QuietScroll
from app.ui.language import tr
from app.ui.state.compare_shelf import Card as Recipe
from app.ui.state.compare_shelf import Item
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.label import Label
from app.ui.widgets.recipe_cards import RecipeCards

WIDTH = 1080
WORDS_WIDTH = 640


def _sentence() -> str:
    return tr(
        "Two to four settings answer the same question, each alone on a quiet machine. You see what every one wrote, "
        "what it cost, and a verdict only where the difference is decided."
    )


class Lesson(QWidget):
    """`began()`: the button. `played(id)`, `ran(id)`: a recipe. `opened(id)`, `went_on(id)`: the interrupted
    comparison."""

    began = Signal()
    played = Signal(str)
    ran = Signal(str)
    opened = Signal(str)
    went_on = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._unfinished = ""
        self.start = QPushButton()
        self.start.setObjectName("compare.begin")
        self.start.setProperty("kind", "primary")
        self.start.clicked.connect(self.began)
        self.why = Label(theme, "", "dim", "dim", wrap=True)
        self.resume = Card(theme)
        self.resume_words = Label(theme, "", "text", wrap=True)
        self.look = QPushButton(tr("Look at it"))
        self.look.setObjectName("compare.open_unfinished")
        self.look.setAccessibleName(tr("Look at the interrupted comparison"))
        self.look.setProperty("kind", "quiet")
        self.look.clicked.connect(lambda: self.opened.emit(self._unfinished))
        self.resume_button = QPushButton(tr("Go on"))
        self.resume_button.setObjectName("compare.resume_unfinished")
        self.resume_button.setAccessibleName(tr("Go on with the interrupted comparison"))
        self.resume_button.clicked.connect(lambda: self.went_on.emit(self._unfinished))
        line = QHBoxLayout()
        line.setSpacing(theme.px(8))
        line.addWidget(self.resume_words, 1)
        line.addWidget(self.look)
        line.addWidget(self.resume_button)
        self.resume.body.addLayout(line)
        self.recipes = RecipeCards(theme)
        self.recipes.played.connect(self.played)
        self.recipes.ran.connect(self.ran)
        self._lay_out(theme)

    def show_start(self, model: str) -> None:
        """model: the Chat page's, "" while there is none."""
        words = tr("Compare two settings of {model}", model=model) if model else tr("Compare two settings")
        self.start.setText(words)
        self.start.setAccessibleName(words)
        self.start.setEnabled(bool(model))
        self.why.setText("" if model else tr("Choose a model on the Chat page first, or play a recorded run below."))
        self.why.setVisible(not model)

    def show_unfinished(self, item: Item | None) -> None:
        """A comparison that a crash or the end of the program cut short."""
        self._unfinished = item.id if item is not None else ""
        self.resume.setVisible(item is not None)
        if item is not None:
            self.resume_words.setText(tr("“{title}” was interrupted. What it has measured is kept.", title=item.title))

    def show_recipes(self, recipes: Sequence[Recipe]) -> None:
        """The cards."""
        self.recipes.set_recipes(recipes)

    def _lay_out(self, theme: Theme) -> None:
        px = theme.px
        head = QWidget()
        head.setMaximumWidth(px(WORDS_WIDTH))
        words = QVBoxLayout(head)
        words.setContentsMargins(0, 0, 0, 0)
        words.setSpacing(px(12))
        words.addWidget(Label(theme, tr("Which setting is better here?"), "large", weight="semibold", wrap=True))
        words.addWidget(Label(theme, _sentence(), "text", "dim", wrap=True))
        words.addWidget(self.start, 0, Qt.AlignmentFlag.AlignLeft)
        words.addWidget(self.why)
        column = QWidget()
        column.setMaximumWidth(px(WIDTH))
        body = QVBoxLayout(column)
        body.setContentsMargins(0, px(24), 0, px(20))
        body.setSpacing(px(16))
        body.addStretch(1)
        body.addWidget(head)
        body.addWidget(self.resume)
        body.addSpacing(px(8))
        body.addWidget(Label(theme, tr("Or start from a question"), "dim", "dim", "semibold"))
        body.addWidget(self.recipes)
        body.addStretch(2)
        row = QWidget()
        centre = QHBoxLayout(row)
        centre.setContentsMargins(px(24), 0, px(14), 0)
        centre.addStretch(1)
        centre.addWidget(column, 1000)
        centre.addStretch(1)
        scroll = QuietScroll()
        scroll.setObjectName("compare.lesson")
        scroll.setAccessibleName(tr("How to begin"))
        scroll.setWidget(row)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)


class GuessView(QWidget):
    """`answered(index)`; -1 skips."""

    answered = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        px = theme.px
        self._title = Label(theme, "", "large", weight="semibold", wrap=True)
        self._question = Label(theme, "", "text", "dim", wrap=True)
        self._ask = Label(theme, "", "text", weight="semibold", wrap=True)
        self._takes = Label(theme, "", "dim", "dim", wrap=True)
        self._choices = QHBoxLayout()
        self._choices.setSpacing(px(8))
        self._buttons: list[QPushButton] = []
        self._plan: Plan | None = None
        self.skip = QPushButton(tr("Skip"))
        self.skip.setObjectName("compare.guess_skip")
        self.skip.setAccessibleName(tr("Skip the guess and go on"))
        self.skip.setProperty("kind", "quiet")
        self.skip.clicked.connect(lambda: self.answered.emit(-1))
        card = Card(theme, tr("Your guess first"))
        card.body.setContentsMargins(px(16), px(14), px(16), px(14))
        card.body.setSpacing(px(12))
        card.body.addWidget(self._ask)
        row = QHBoxLayout()
        row.setSpacing(px(8))
        row.addLayout(self._choices)
        row.addWidget(self.skip)
        row.addStretch(1)
        card.body.addLayout(row)
        column = QWidget()
        column.setMaximumWidth(px(WORDS_WIDTH))
        body = QVBoxLayout(column)
        body.setSpacing(px(12))
        for widget in (self._title, self._question, card, self._takes):
            body.addWidget(widget)
        centre = QHBoxLayout()
        centre.addStretch(1)
        centre.addWidget(column, 1000)
        centre.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(px(24), 0, px(24), 0)
        outer.addStretch(2)
        outer.addLayout(centre)
        outer.addStretch(3)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        super().showEvent(event)
        self._focus()

    def show_plan(self, plan: Plan) -> None:
        """The plan's question and its guess; what is in view already stays as it is."""
        if plan == self._plan and self.isVisible():
            return
        self._plan = plan
        self._title.setText(plan.title)
        self._question.setText(plan.question)
        self._question.setVisible(bool(plan.question))
        self._takes.setText(" ".join(plan.notes[-1:]))
        self._takes.setVisible(bool(plan.notes))
        for button in self._buttons:
            button.hide()
            button.deleteLater()
        self._buttons = []
        if plan.guess is None:
            return
        self._ask.setText(plan.guess.ask)
        for index, words in enumerate(plan.guess.choices):
            button = QPushButton(words)
            button.setObjectName(f"compare.guess_{index}")
            button.setAccessibleName(tr("I guess: {words}", words=words))
            button.clicked.connect(lambda _=False, i=index: self.answered.emit(i))
            self._buttons.append(button)
            self._choices.addWidget(button)
        self._focus()

    def _focus(self) -> None:
        if self._buttons:
            self._buttons[0].setFocus(Qt.FocusReason.OtherFocusReason)
