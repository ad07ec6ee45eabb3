"""The Chat page: widgets laid out and bound to `ChatState`."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.ui.commands import Commands
from app.ui.frame.bones import Bones
from app.ui.frame.inspector import Inspector
from app.ui.frame.lesson import LessonView
from app.ui.frame.model_bar import ModelBar
from app.ui.frame.notices import Notices
from app.ui.frame.strip import ChatStrip
from app.ui.frame.system_prompt import SystemPrompt
from app.ui.frame.transcript import COLUMN, Transcript
from app.ui.program import Program
from app.ui.state import cards, words
from app.ui.state.chat import ChatState
from app.ui.theme import Theme
from app.ui.widgets.composer import Composer
from app.ui.widgets.listing import ConversationList

PAGE = "chat"


class ChatPage(QWidget):
    """Shows what its state says and passes on what a person does; decides nothing."""

    def __init__(self, theme: Theme, glossary: Glossary, state: ChatState) -> None:
        super().__init__()
        self._theme, self.state = theme, state
        self.bar = ModelBar(theme, state.model, PAGE)
        self.transcript = Transcript(theme, PAGE)
        self.lesson = LessonView(theme, PAGE)
        self.notices = Notices(theme, PAGE)
        self.composer = Composer(theme)
        self.conversations = ConversationList(theme)
        self.inspector = Inspector(theme, glossary, state.model, PAGE)
        self.strip = ChatStrip(theme, glossary, state.model)
        self.bones = Bones(theme, self.bar, self._middle(), self.strip, self.conversations, self.inspector)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.bones)
        self._bind_state()
        self._bind_widgets()
        self._show_rows()
        self._show_conversations()
        self.composer.set_text(state.draft)
        self.refresh()

    # --- what the state says ------------------------------------------------------------

    def refresh(self) -> None:
        """Everything but the messages themselves."""
        state = self.state
        self.composer.set_running(state.running or state.waiting_for_load)
        self.composer.set_enabled_reason(state.blocked)
        name = state.model.title or "a model"
        self.composer.set_placeholder(f"Message {name}…")
        self.transcript.set_can_ask_again(state.can_ask_again)
        self.system.show_text(state.system)
        self._show_lesson()
        self.notices.show_problem(state.problem)
        self.notices.show_words(*self._notice())

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
        if state.deleted is not None:
            return f"“{words.first_words(state.deleted.title, 40)}” was deleted.", "undo_delete", "Undo"
        if state.rows and state.provision.job is not None:
            job = state.provision.job
            share = "" if job.fraction is None else f" {job.fraction:.0%}".replace("%", " %")
            return f"{job.title}: {job.message or 'starting'}{share}", "cancel", "Cancel"
        if state.rows and (offer := state.model.offer()) is not None:
            engine = state.model.spec.title if state.model.spec else "This engine"
            return f"{engine} needs a copy of this model in its own format. {offer.detail}", "convert", offer.words
        if state.rows and state.model.is_base:
            return "Base model: no chat template, so it continues the text instead of answering.", "", ""
        return state.notice, "", ""

    def _show_rows(self) -> None:
        self.transcript.set_rows(self.state.rows)
        self.refresh()

    def _show_conversations(self) -> None:
        current = self.state.conversation.id if self.state.conversation is not None else ""
        self.conversations.set_items(self.state.listing(), current)

    # --- what a person does -------------------------------------------------------------

    def send(self, text: str) -> None:
        """Send; a text that cannot be sent now goes back into the composer."""
        if not self.state.send(text):
            self.composer.set_text(text)
        else:
            self.transcript.follow()

    def act(self, action: str) -> None:
        """Do what a card's or lesson's button says."""
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
            "undo_delete": state.undo_delete,
        }
        table[action]()

    def settle(self) -> None:
        """Be as it looks when nothing moves any more, for a picture."""
        self.focus_composer()
        self.strip.flush()
        self.transcript.follow()

    def focus_composer(self) -> None:
        """Put the cursor where one writes."""
        self.composer.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _tried(self, prompt: str) -> None:
        if self.state.blocked:
            self.composer.set_text(prompt)
            self.focus_composer()
        else:
            self.send(prompt)

    def _make(self, precision: str) -> None:
        for offer in self.state.model.other_precisions():
            if offer.plan.precision == precision:
                self.state.provision.convert(offer)

    # --- wiring -------------------------------------------------------------------------

    def _bind_state(self) -> None:
        state = self.state
        state.changed.connect(self.refresh)
        state.rows_reset.connect(self._show_rows)
        state.row_added.connect(lambda index: self.transcript.add(state.rows[index]))
        state.row_grew.connect(self.transcript.grow)
        state.row_changed.connect(lambda index: self.transcript.change(index, state.rows[index]))
        state.conversations_changed.connect(self._show_conversations)
        state.draft_changed.connect(self.composer.set_text)
        state.tokens_changed.connect(self.composer.set_tokens)

    def _bind_widgets(self) -> None:
        state = self.state
        self.bar.fold.connect(self.bones.toggle)
        self.composer.submitted.connect(self.send)
        self.composer.stop_requested.connect(state.stop)
        self.composer.draft_changed.connect(state.set_draft)
        self.transcript.again.connect(state.again)
        self.lesson.action.connect(self.act)
        self.lesson.tried.connect(self._tried)
        self.notices.action.connect(self.act)
        self.inspector.make.connect(self._make)
        self.system.changed.connect(state.set_system)
        self.conversations.chosen.connect(state.open)
        self.conversations.created.connect(state.new)
        self.conversations.created.connect(self.focus_composer)
        self.conversations.deleted.connect(state.delete)
        self.conversations.renamed.connect(state.rename)

    def _middle(self) -> QWidget:
        px = self._theme.px
        middle = QWidget()
        self.system = SystemPrompt(self._theme, PAGE)
        self.composer.add_tool(self.system)
        self._stack = QStackedLayout()
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
        layout.addLayout(self._stack, 1)
        layout.addLayout(row)
        return middle


def build(theme: Theme, program: Program, _commands: Commands) -> ChatPage:
    """The page, with its sides folded as they were left."""
    page = ChatPage(theme, program.services.glossary, program.chat)
    for side in ("left", "inspector"):
        page.bones.set_wanted(side, program.kept.get(f"chat.show_{side}", True))
    page.bones.folded.connect(lambda side, shown: program.kept.set(f"chat.show_{side}", shown))
    return page
