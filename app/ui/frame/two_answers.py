"""An answer before and after a changed setting, in two columns, with what changed above them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.ui.language import tr
from app.ui.state.transcript import Row
from app.ui.state.trial import Chip, Trial
from app.ui.theme import Theme
from app.ui.widgets.label import Label
from app.ui.widgets.message_view import MessageView


class TwoAnswers(QWidget):
    """`kept(new)`: True for the new answer; `measure()`: both lanes to the Compare page."""

    kept = Signal(bool)
    measure = Signal()

    def __init__(self, theme: Theme, page: str) -> None:
        super().__init__()
        self._theme = theme
        self.setObjectName(f"{page}.trial")
        self.setAccessibleName(tr("The answer before and after the change"))
        self.what = Label(theme, "", "dim", "dim", wrap=True)
        self.deltas = QHBoxLayout()
        self.deltas.setSpacing(theme.px(8))
        self._shown: tuple[Chip, ...] | None = None
        self.old = _Column(theme, "A", tr("Before"))
        self.new = _Column(theme, "B", tr("Now"))
        self.keep_new = _button(f"{page}.keep_new", tr("Keep new"), tr("Go on with the new settings and answer"))
        self.keep_new.setProperty("kind", "primary")
        self.keep_old = _button(f"{page}.keep_old", tr("Keep old"), tr("Back to the old settings and answer"))
        self.measure_button = _button(
            f"{page}.measure_properly",
            tr("Measure properly"),
            tr("Measure both settings in fresh loads, on the Compare page"),
        )
        self.keep_new.clicked.connect(lambda: self.kept.emit(True))
        self.keep_old.clicked.connect(lambda: self.kept.emit(False))
        self.measure_button.clicked.connect(self.measure)
        self._lay_out()

    def show_trial(self, trial: Trial, chips: Sequence[Chip], running: bool) -> None:
        """What was changed, its figures once they are there, and what can be done now."""
        self.what.setText(tr("Changed: {what}. The same message and seed.", what=trial.what))
        if self._shown != tuple(chips):
            self._shown = tuple(chips)
            while (item := self.deltas.takeAt(0)) is not None:
                if (widget := item.widget()) is not None:
                    widget.setParent(None)
                    widget.deleteLater()
            for chip in chips:
                self.deltas.addWidget(_Delta(self._theme, chip), 1)
        self.keep_new.setEnabled(not running)
        self.measure_button.setEnabled(not running)

    def show_old(self, row: Row) -> None:
        """The answer before."""
        self.old.view.show_row(row)

    def show_new(self, row: Row) -> None:
        """The answer now, whole or as far as it is."""
        self.new.view.show_row(row)

    def grow(self, delta: str) -> None:
        """More text in the new answer."""
        self.new.view.append(delta)

    def _lay_out(self) -> None:
        px = self._theme.px
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(8))
        column.addWidget(self.what)
        column.addLayout(self.deltas)
        sides = QHBoxLayout()
        sides.setSpacing(px(12))
        sides.addWidget(self.old, 1)
        sides.addWidget(self.new, 1)
        column.addLayout(sides)
        verbs = QHBoxLayout()
        verbs.setSpacing(px(8))
        for button in (self.keep_new, self.keep_old, self.measure_button):
            verbs.addWidget(button)
        verbs.addStretch(1)
        column.addLayout(verbs)


class _Column(QFrame):
    """One of the two answers."""

    def __init__(self, theme: Theme, letter: str, title: str) -> None:
        super().__init__()
        self.setProperty("card", "true")
        self.view = MessageView(theme, "assistant")
        self.view.set_verbs(())
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.px(12), theme.px(10), theme.px(12), theme.px(10))
        column.setSpacing(theme.px(6))
        column.addWidget(Label(theme, f"{letter} · {title}", "dim", "dim", "semibold"))
        column.addWidget(self.view)
        column.addStretch(1)


class _Delta(QFrame):
    """A figure's change, large, and its two values."""

    def __init__(self, theme: Theme, chip: Chip) -> None:
        super().__init__()
        self.setProperty("card", "true")
        self.setObjectName(f"trial.{chip.key}")
        values = tr("{before} → {after}", before=chip.before, after=chip.after) if chip.before else ""
        self.setAccessibleName(f"{chip.title}: {chip.change}. {values}")
        self.setToolTip(chip.tip)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.px(10), theme.px(6), theme.px(10), theme.px(6))
        column.setSpacing(theme.px(2))
        column.addWidget(Label(theme, chip.title, "caption", "dim"))
        column.addWidget(Label(theme, chip.change or "–", "figure", weight="semibold", wrap=True))
        column.addWidget(Label(theme, values, "caption", "dim", wrap=True))
        column.addStretch(1)


def _button(name: str, text: str, words: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setAccessibleName(words)
    button.setToolTip(words)
    return button
