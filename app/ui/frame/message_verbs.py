"""What a person does with a message, and what opens below it: tokens, timeline, re-use, or the two answers of a trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.glossary import Glossary
from app.ui.frame.transcript import Transcript
from app.ui.frame.two_answers import TwoAnswers
from app.ui.language import tr
from app.ui.state import inside
from app.ui.state.chat import ChatState
from app.ui.state.inside import Reuse
from app.ui.theme import Theme
from app.ui.widgets.label import Label
from app.ui.widgets.reuse_view import ReuseView
from app.ui.widgets.timeline_view import TimelineView
from app.ui.widgets.token_view import TokenView

KEPT_ALTERNATIVES = 5  # what "show probabilities" sets the knob to


class MessageVerbs(QObject):
    """Binds the transcript's messages to the state. `measure()`: the trial's lanes are wanted on the Compare page."""

    measure = Signal()

    def __init__(
        self, theme: Theme, glossary: Glossary, state: ChatState, transcript: Transcript, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._theme, self._glossary = theme, glossary
        self._state, self._transcript = state, transcript
        self._open: tuple[str, str] | None = None  # (message id, panel) that is shown
        self._two: TwoAnswers | None = None
        transcript.acted.connect(self.act)
        transcript.edited.connect(state.edit)
        transcript.set_verbs(state.verbs)
        state.reuse_came.connect(self._show_reuse)
        state.rows_reset.connect(self._rows_reset)
        state.row_added.connect(self._row_added)
        state.row_grew.connect(self._row_grew)
        state.row_changed.connect(self._row_changed)
        state.trial.changed.connect(self._trial_changed)
        state.changed.connect(self._show_trial)

    def act(self, index: int, verb: str) -> None:
        """One of the verbs under a message."""
        state = self._state
        table: dict[str, Callable[[], object]] = {
            "again": lambda: state.again(index),
            "continue": lambda: state.continue_answer(index),
            "branch": lambda: state.branch(index),
            "delete": lambda: state.delete_message(index),
            "previous": lambda: state.version(index, -1),
            "next": lambda: state.version(index, 1),
            "tokens": lambda: self._toggle(index, "tokens"),
            "timeline": lambda: self._toggle(index, "timeline"),
            "reuse": lambda: self._toggle(index, "reuse"),
        }
        if verb in table:
            table[verb]()

    # --- panels below a message -----------------------------------------------------------

    def _toggle(self, index: int, panel: str) -> None:
        key = (self._state.rows[index].id, panel)
        if self._open == key:
            self._open = None
            self._transcript.set_panel(index, None)
            return
        makers = {"tokens": self._tokens, "timeline": self._timeline, "reuse": self._reuse}
        widget = makers[panel](index)
        self._close_panel()
        self._open = key
        self._transcript.set_panel(index, widget)

    def _close_panel(self) -> None:
        if self._open is not None:
            ids = [row.id for row in self._state.rows]
            if self._open[0] in ids:
                self._transcript.set_panel(ids.index(self._open[0]), None)
        self._open = None

    def _tokens(self, index: int) -> QWidget:
        record = self._state.record(index)
        view = TokenView(self._theme)
        view.wanted.connect(lambda: self._with_probabilities(index))
        if record is not None:
            view.show_tokens(
                inside.tokens_of(record), drafted=_whole(record.metrics.get("drafted")), why=inside.no_tokens(record)
            )
        return view

    def _with_probabilities(self, index: int) -> None:
        self._state.model.set_knob("logprobs", KEPT_ALTERNATIVES)
        self._state.again(index)

    def _timeline(self, index: int) -> QWidget:
        record = self._state.record(index)
        if record is None:
            return self._words(tr("This run is not kept any more."))
        view = TimelineView(self._theme, self._glossary)
        view.show_timeline(inside.timeline_of(record))
        return view

    def _reuse(self, index: int) -> QWidget:
        if self._state.ask_reuse(index):
            return self._words(tr("Asking the model for the prompt's tokens…"))
        return self._words(tr("Load the model that wrote this answer to see its prompt in tokens."))

    def _show_reuse(self, index: int, reuse: Reuse) -> None:
        if index < len(self._state.rows) and self._open == (self._state.rows[index].id, "reuse"):
            view = ReuseView(self._theme)
            self._transcript.set_panel(index, view)
            view.show_reuse(reuse)

    def _words(self, text: str) -> QWidget:
        return Label(self._theme, text, "dim", "dim", wrap=True)

    # --- two answers ------------------------------------------------------------------------

    def _trial_changed(self) -> None:
        trial = self._state.trial.trial
        if trial is None:
            self._drop_two()
            return
        if self._two is None:
            self._two = TwoAnswers(self._theme, "chat")
            self._two.kept.connect(self._keep)
            self._two.measure.connect(self.measure)
            self._two.show_old(replace(trial.old, version=1, versions=1, footer=""))
            self._open = None
            question = self._question()
            self._transcript.set_panel(question, self._two)
            for index in range(question + 1, len(self._state.rows)):
                self._transcript.set_hidden(index, True)
        self._show_trial()

    def _show_trial(self) -> None:
        trial = self._state.trial
        if self._two is not None and trial.trial is not None:
            self._two.show_trial(trial.trial, trial.chips, self._state.busy)

    def _drop_two(self) -> None:
        if self._two is None:
            return
        self._two = None
        for index in range(len(self._state.rows)):
            self._transcript.set_hidden(index, False)
        if (question := self._question()) >= 0:
            self._transcript.set_panel(question, None)

    def _question(self) -> int:
        """The last message of the person, below which both answers stand."""
        rows = self._state.rows
        return next((i for i in reversed(range(len(rows))) if rows[i].role == "user"), -1)

    def _keep(self, new: bool) -> None:
        if new:
            self._state.trial.keep_new()
        else:
            self._state.trial.keep_old()

    def _rows_reset(self) -> None:
        """The transcript has been built anew: what stood in it is gone."""
        self._open, self._two = None, None
        self._trial_changed()

    def _row_added(self, index: int) -> None:
        if self._two is not None and self._state.trial.on:
            self._transcript.set_hidden(index, True)
            self._two.show_new(replace(self._state.rows[index], version=1, versions=1, footer=""))

    def _row_grew(self, index: int, delta: str) -> None:
        if self._two is not None and self._is_new(index):
            self._two.grow(delta)

    def _is_new(self, index: int) -> bool:
        """True for the trial's new answer."""
        trial, rows = self._state.trial.trial, self._state.rows
        return trial is not None and index == len(rows) - 1 and rows[index].id != trial.old.id

    def _row_changed(self, index: int) -> None:
        if self._two is not None and self._is_new(index):
            self._two.show_new(replace(self._state.rows[index], version=1, versions=1, footer=""))
            self._show_trial()


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
