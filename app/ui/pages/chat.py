"""The Chat page: widgets laid out and bound to `ChatState`."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.lab.fitting import Policy
from app.ui.commands import Commands
from app.ui.frame.bones import Bones
from app.ui.frame.composing import Composing
from app.ui.frame.inspector import Inspector
from app.ui.frame.lesson import LessonView
from app.ui.frame.message_verbs import MessageVerbs
from app.ui.frame.model_bar import ModelBar
from app.ui.frame.notices import Notices
from app.ui.frame.shelf import Shelf
from app.ui.frame.strip import ChatStrip
from app.ui.frame.transcript import COLUMN, Transcript
from app.ui.language import tr
from app.ui.program import Program
from app.ui.state import cards
from app.ui.state.chat import ChatState
from app.ui.state.paint import PaintMeter
from app.ui.theme import Theme

PAGE = "chat"


class ChatPage(QWidget):
    """Shows what its state says and passes on what a person does; decides nothing.

    `measure()`: both settings of a trial are wanted on the Compare page.
    """

    models_wanted = Signal()
    measure = Signal()

    def __init__(self, theme: Theme, glossary: Glossary, state: ChatState) -> None:
        super().__init__()
        self._theme, self.state = theme, state
        self._said = ""
        self._said_button = ("said", "")  # a file that could not be read or written
        self._meter = PaintMeter()
        self.bar = ModelBar(theme, state.model, PAGE)
        self.transcript = Transcript(theme, PAGE)
        self.lesson = LessonView(theme, PAGE)
        self.notices = Notices(theme, PAGE)
        self.composing = Composing(theme, state, PAGE, self)
        self.composer = self.composing.composer
        self.shelf = Shelf(theme, state, self)
        self.conversations = self.shelf.list
        self.inspector = Inspector(theme, glossary, state.model, PAGE)
        self.strip = ChatStrip(theme, glossary, state.model)
        self.bones = Bones(theme, self.bar, self._middle(), self.strip, self.conversations, self.inspector)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.bones)
        self._show_rows()
        self._bind_state()
        self.verbs = MessageVerbs(theme, glossary, state, self.transcript, self)  # hears of a row after the transcript
        self._bind_widgets()
        self.refresh()

    # --- what the state says ------------------------------------------------------------

    def refresh(self) -> None:
        """Everything but the messages themselves."""
        state = self.state
        self.transcript.set_can_ask_again(state.can_ask_again and state.rows[-1].role == "user")
        self.transcript.refresh_verbs()
        self.inspector.set_can_compare(state.trial.possible)
        self.inspector.show_job(state.provision.job)
        self._show_lesson()
        self.notices.show_problem(state.problem)
        self.notices.show_words(*self._notice())

    def _knobs_changed(self, _scope: str) -> None:
        self.inspector.set_can_compare(self.state.trial.possible)

    def _show_lesson(self) -> None:
        lesson = self.state.lesson
        self._stack.setCurrentIndex(0 if lesson is not None else 1)
        if lesson is not None:
            status = self.state.model.status
            loading = status.word if status.act.value == "Cancel" else ""
            self.lesson.show_lesson(lesson, loading)
            self.lesson.show_job(self.state.provision)

    def _notice(self) -> tuple[str, str, str]:
        """(words, action id, words on its button) of the line above the composer."""
        state = self.state
        if self._said:
            return (self._said, *self._said_button)
        if state.undo_words:
            return state.undo_words, "undo", tr("Undo")
        if state.rows and state.provision.job is not None:
            job = state.provision.job
            share = "" if job.fraction is None else f" {job.fraction:.0%}".replace("%", " %")
            return f"{job.title}: {job.message or tr('starting')}{share}", "cancel", tr("Cancel")
        if state.rows and (offer := state.model.offer()) is not None:
            engine = state.model.spec.title if state.model.spec else tr("This engine")
            words = tr("{engine} needs a copy of this model in its own format.", engine=engine)
            return f"{words} {offer.detail}", "convert", offer.words
        if state.left_out:
            return state.left_out, "stop_cutting", tr("Stop leaving out")
        if state.rows and state.model.is_base:
            return tr("Base model: no chat template, so it continues the text instead of answering."), "", ""
        return state.notice, "", ""

    def _show_rows(self) -> None:
        self.transcript.set_rows(self.state.rows)
        self.refresh()

    # --- what a person does -------------------------------------------------------------

    def act(self, action: str) -> None:
        """Do what a card's, notice's or lesson's button says."""
        state = self.state
        offer = state.model.offer()
        table: dict[str, Callable[[], object]] = {
            "load": state.model.load,
            "install": lambda: state.provision.install(cards.STARTER),
            "convert": lambda: state.provision.convert(offer) if offer is not None else None,
            "cancel": state.provision.cancel,
            "restart": state.restart,
            "wait": state.wait,
            "again": state.again,
            "undo": state.undo,
            "bigger": state.enlarge_and_ask,
            "cut_middle": lambda: state.cut_and_ask(Policy.MIDDLE),
            "without_pictures": state.ask_without_pictures,
            "roll": lambda: state.cut_and_ask(Policy.ROLL),
            "stop_cutting": state.stop_cutting,
            "keep_old": state.trial.keep_old,
            "said": lambda: self.say(""),
            "models": self._show_models,
        }
        table[action]()

    def say(self, words: str, action: str = "said", button: str = "") -> None:
        """Show a line above the composer, with a button that closes it or does `action`; "" takes it away."""
        self._said, self._said_button = words, (action, button or tr("Close"))
        self.refresh()

    def say_found(self, sentence: str) -> None:
        """What the first look through this machine found."""
        self.say(sentence, "models", tr("Show them"))

    def _show_models(self) -> None:
        self.say("")
        self.models_wanted.emit()

    def settle(self) -> None:
        """Be as it looks when nothing moves any more, for a picture."""
        self.focus_composer()
        self.strip.flush()
        self.transcript.follow()

    def focus_composer(self) -> None:
        """Put the cursor where one writes."""
        self.composer.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def edit_last(self) -> None:
        """Open the editor on the person's last message."""
        rows = self.state.rows
        index = next((i for i in reversed(range(len(rows))) if rows[i].role == "user"), None)
        if index is not None and not self.state.busy:
            self.transcript.edit(index)

    def step_version(self, step: int) -> None:
        """The version before or after of the last message that has several."""
        rows = self.state.rows
        index = next((i for i in reversed(range(len(rows))) if rows[i].versions > 1), None)
        if index is not None:
            self.state.version(index, step)

    def toggle_diagnostics(self) -> None:
        """Show, or hide again, what the engine makes beside what the window paints."""
        self.strip.show_diagnostics(self.strip.diagnostics.isHidden())

    def copy_last(self) -> None:
        """Put the last answer on the clipboard."""
        rows = self.state.rows
        index = next((i for i in reversed(range(len(rows))) if rows[i].role == "assistant"), None)
        if index is not None:
            self.transcript.copy(index)

    def _tried(self, prompt: str) -> None:
        if self.state.blocked:
            self.composer.set_text(prompt)
            self.focus_composer()
        else:
            self.composing.send(prompt)

    def _edited(self, _index: int, _text: str) -> None:
        self.focus_composer()  # the editor is gone

    def _make(self, precision: str) -> None:
        offer = self.state.model.offer_of(precision)
        if offer is not None:
            self.state.provision.convert(offer)

    def _show_weights(self) -> None:
        if not self.bones.is_shown("inspector"):
            self.bones.toggle("inspector")
        self.inspector.show_weights()

    def _found(self, message: str) -> None:
        ids = [row.id for row in self.state.rows]
        if message not in ids and not self.state.busy:  # in a version that is not shown
            self.state.show_message(message)
            ids = [row.id for row in self.state.rows]
        if message in ids:
            self.transcript.show_message(ids.index(message))

    # --- how fast it is painted -----------------------------------------------------------

    def _painted(self, index: int, characters: int) -> None:
        """The diagnostics line: what reached the screen against what the engine made."""
        rows = self.state.rows
        if index != len(rows) - 1 or rows[index].role != "assistant":
            return
        self._meter.painted(characters, time.monotonic())
        self.strip.set_painted(self.painted_rate(), self._meter.lag_s)

    @property
    def paint_lag_s(self) -> float | None:
        """Of the last answer, once its last character was painted (METRICS "Clock points")."""
        return self._meter.lag_s

    def painted_rate(self) -> float | None:
        """Tokens a second that reached the screen; over the whole answer once it has ended."""
        strip, rows = self.state.model.strip, self.state.rows
        return self._meter.rate(len(rows[-1].text) / strip.n_out) if rows and strip.n_out else None

    def _row_added(self, index: int) -> None:
        self.transcript.add(self.state.rows[index])
        self._meter.begin()

    def _row_changed(self, index: int) -> None:
        row, at_s = self.state.rows[index], time.monotonic()
        self.transcript.change(index, row)
        if row.status != "streaming" and index == len(self.state.rows) - 1:
            self._meter.finished(len(row.text), at_s)

    # --- wiring -------------------------------------------------------------------------

    def _bind_state(self) -> None:
        state = self.state
        state.changed.connect(self.refresh)
        state.model.knobs_changed.connect(self._knobs_changed)
        state.rows_reset.connect(self._show_rows)
        state.row_added.connect(self._row_added)
        state.row_grew.connect(self.transcript.grow)
        state.row_changed.connect(self._row_changed)

    def _bind_widgets(self) -> None:
        state = self.state
        self.bar.fold.connect(self.bones.toggle)
        self.bar.weights.connect(self._show_weights)
        self.composing.sent.connect(self.transcript.follow)
        self.composing.edit_last.connect(self.edit_last)
        self.transcript.again.connect(state.again)
        self.transcript.painted.connect(self._painted)
        self.transcript.edited.connect(self._edited)
        self.lesson.action.connect(self.act)
        self.lesson.tried.connect(self._tried)
        self.notices.action.connect(self.act)
        self.inspector.make.connect(self._make)
        self.inspector.cancel_make.connect(state.provision.cancel)
        self.inspector.compare.connect(state.trial.begin)
        self.verbs.measure.connect(self.measure)
        self.shelf.trouble.connect(self.say)
        self.shelf.opened.connect(self.focus_composer)
        self.shelf.found.connect(self._found)

    def _middle(self) -> QWidget:
        px = self._theme.px
        middle = QWidget()
        shown = QWidget(middle)
        self._stack = QStackedLayout(shown)
        self._stack.addWidget(self.lesson)
        self._stack.addWidget(self.transcript)
        column = QWidget()
        column.setMaximumWidth(px(COLUMN))
        foot = QVBoxLayout(column)
        foot.setContentsMargins(0, 0, 0, 0)
        foot.setSpacing(px(8))
        foot.addWidget(self.notices)
        foot.addWidget(self.composer)
        row = QHBoxLayout()
        row.setContentsMargins(px(24), 0, px(24), px(14))
        row.addStretch(1)
        row.addWidget(column, 1000)
        row.addStretch(1)
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(px(4))
        layout.addWidget(shown, 1)
        layout.addLayout(row)
        return middle


def build(theme: Theme, program: Program, commands: Commands) -> ChatPage:
    """The page, with its sides folded as they were left."""
    page = ChatPage(theme, program.services.glossary, program.chat)
    for side in ("left", "inspector"):
        page.bones.set_wanted(side, program.kept.get(f"chat.show_{side}", True))
    page.bones.folded.connect(lambda side, shown: program.kept.set(f"chat.show_{side}", shown))

    def measure() -> None:
        """The trial's two settings become lanes of a comparison."""
        wanted = program.chat.trial.lanes()
        if wanted is None:
            return
        if program.compare.busy:
            page.say(tr("A comparison is running. Let it finish, or stop it on the Compare page."))
            return
        lanes, prompt = wanted
        program.compare.begin(lanes, prompt)
        program.chat.trial.keep_new()
        commands["page.compare"].trigger()

    page.measure.connect(measure)
    page.models_wanted.connect(lambda: commands["page.models"].trigger())
    return page
