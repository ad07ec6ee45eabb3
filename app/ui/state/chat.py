"""The Chat page's state: conversations, the messages of one, and an answer from its request to its end."""

from __future__ import annotations

import time
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from app.lab.session import SessionState
from app.store import Conversation
from app.ui.bridge import Bridge
from app.ui.state import cards, figures, transcript, words
from app.ui.state.kept import Kept
from app.ui.state.model import ModelState
from app.ui.state.ports import Services
from app.ui.state.provision import Provision
from app.ui.state.running import Answer
from app.ui.state.transcript import Row
from engines.knobs import Scope
from engines.protocol import ChatRequest, Ended, Event, Failed, Finished, Loaded, Responsive, Text, Tokens, Unresponsive
from engines.spec import Verb

DRAFT_MS = 500
COUNT_MS = 250
TYPING_S = 2.0

ANSWERING = (SessionState.RUNNING, SessionState.CANCELLING, SessionState.UNRESPONSIVE)


class ChatState(QObject):
    """`changed`: what can be done, and the cards. `rows_reset`, `row_added(i)`, `row_grew(i, new text)`,
    `row_changed(i)`: the messages. `conversations_changed`, `draft_changed(text)`, `tokens_changed(n or None)`."""

    changed = Signal()
    rows_reset = Signal()
    row_added = Signal(int)
    row_grew = Signal(int, str)
    row_changed = Signal(int)
    conversations_changed = Signal()
    draft_changed = Signal(str)
    tokens_changed = Signal(object)

    def __init__(self, services: Services, bridge: Bridge, model: ModelState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._store = services.store
        self._kept = Kept(services.store)
        self.model = model
        self.provision = Provision(services, bridge, model, self)
        self.rows: list[Row] = []
        self.conversation: Conversation | None = None
        self.deleted: Conversation | None = None
        self.draft = ""
        self._typed_at = 0.0
        self._answer: Answer | None = None
        self._wants_answer = False
        self._was_loaded = False
        self._run_failed: Failed | None = None
        self._stuck: Unresponsive | None = None
        self._waits = False
        self._last_metrics: tuple[int, figures.Stats, str] | None = None
        self._counting: int | None = None
        self._draft_timer = _timer(self, DRAFT_MS, self._keep_draft)
        self._count_timer = _timer(self, COUNT_MS, self._count)
        model.happened.connect(self._take)
        model.changed.connect(self._model_changed)
        self.provision.changed.connect(self.changed)

    # --- conversations ------------------------------------------------------------------

    def restore(self) -> None:
        """Open what was open when the window was closed."""
        wanted = self._kept.get("chat.conversation", "")
        found = [c for c in self._store.conversations() if c.id == wanted]
        self._show(found[0] if found else None)

    def conversations(self, query: str = "") -> list[Conversation]:
        """Newest first."""
        return self._store.conversations(query)

    def listing(self) -> list[tuple[str, str, str]]:
        """(id, title, day in words) of each conversation, newest first."""
        return [(c.id, c.title, words.day(c.updated)) for c in self.conversations()]

    def open(self, conversation_id: str) -> None:
        """Show another conversation; an answer that still grows is stopped first."""
        if self.conversation is not None and self.conversation.id == conversation_id:
            return
        self._leave()
        self._show(self._store.conversation(conversation_id))

    def new(self) -> None:
        """A fresh page; it becomes a conversation with its first message."""
        if self.conversation is not None or self.rows:
            self._leave()
            self._show(None)

    def rename(self, conversation_id: str, title: str) -> None:
        """Give a conversation another title."""
        if title.strip():
            self._store.rename_conversation(conversation_id, title.strip())
            self.conversations_changed.emit()

    def delete(self, conversation_id: str) -> None:
        """Put a conversation away; `undo_delete` brings it back."""
        self.deleted = self._store.conversation(conversation_id)
        if self.conversation is not None and self.conversation.id == conversation_id:
            self._leave()
            self._show(None)
        self._store.delete_conversation(conversation_id)
        self.conversations_changed.emit()
        self.changed.emit()

    def undo_delete(self) -> None:
        """Bring the last deleted conversation back and open it."""
        if self.deleted is not None:
            self._store.restore_conversation(self.deleted.id)
            back, self.deleted = self.deleted.id, None
            self.conversations_changed.emit()
            self.open(back)
            self.changed.emit()

    def forget_deleted(self) -> None:
        """The offer to undo has been up long enough."""
        self.deleted = None
        self.changed.emit()

    def _leave(self) -> None:
        self._keep_draft()
        self._wants_answer = False
        if self._answer is not None:
            self.model.stop()
            self._end_answer("cancelled")

    def _show(self, conversation: Conversation | None) -> None:
        self.conversation = conversation
        self.rows = [] if conversation is None else transcript.rows_of(self._store, conversation.id)
        self._last_metrics = None
        self._run_failed = None
        self._kept.set("chat.conversation", "" if conversation is None else conversation.id)
        draft = self._kept.get("chat.draft", "") if conversation is None else conversation.draft
        self.draft = draft
        self.rows_reset.emit()
        self.draft_changed.emit(draft)
        self.conversations_changed.emit()
        self._count_timer.start()
        self.changed.emit()

    # --- the draft ----------------------------------------------------------------------

    def set_draft(self, text: str) -> None:
        """What stands in the composer; kept, and counted in tokens where that can be had."""
        if text != self.draft:
            self.draft = text
            self._typed_at = time.monotonic()
            self._draft_timer.start()
            self._count_timer.start()

    @property
    def typed_just_now(self) -> bool:
        """True within two seconds of the last key in the composer."""
        return time.monotonic() - self._typed_at < TYPING_S

    def _keep_draft(self) -> None:
        self._draft_timer.stop()
        if self.conversation is None:
            self._kept.set("chat.draft", self.draft)
        else:
            self._store.set_draft(self.conversation.id, self.draft)

    def _count(self) -> None:
        session, spec = self.model.session, self.model.spec
        can = spec is not None and Verb.TOKENIZE in spec.verbs and self.model.loaded is not None
        if session is None or not can or not self.draft:
            self._counting = None
            self.tokens_changed.emit(0 if can and not self.draft else None)
            return
        self._counting = session.tokenize(self.draft)

    # --- asking -------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """True from the request to the answer's end."""
        return self._answer is not None

    @property
    def waiting_for_load(self) -> bool:
        """True while a message waits for the model."""
        return self._wants_answer and self._answer is None

    @property
    def blocked(self) -> str:
        """Why nothing can be sent now, or ""."""
        if not self.model.models:
            return "Get a model first."
        if self.model.variant is None:
            return "This engine cannot load this model as it is."
        if self.provision.busy:
            return "Wait until the model is there."
        return "The model is loading." if self.waiting_for_load else ""

    def send(self, text: str) -> bool:
        """Commit the message, then ask for the answer, loading the model first where needed."""
        text = text.strip()
        if not text or self.running or self.blocked or self._store.read_only:
            return False
        conversation = self._begin_conversation(text)
        parent = self.rows[-1].id if self.rows else None
        stored = self._store.add_message(conversation.id, "user", text, parent_id=parent)
        self._append(Row(stored.id, "user", text, parent_id=parent))
        self.draft = ""
        self._keep_draft()
        self.draft_changed.emit("")
        self.conversations_changed.emit()
        self._ask()
        return True

    def again(self) -> None:
        """Another version of the last answer, or the answer that a message never got."""
        if self.running or self.blocked or not self.rows:
            return
        if self.rows[-1].role == "assistant":
            self.rows = self.rows[:-1]
            self._last_metrics = None
            self.rows_reset.emit()
        if self.rows:
            self._ask()

    @property
    def can_ask_again(self) -> bool:
        """True if the last message could be answered (anew)."""
        return bool(self.rows) and not self.running and not self.blocked

    def stop(self) -> None:
        """Stop the answer, or give up waiting for the model; a second call ends the worker."""
        if self._answer is None:
            self._wants_answer = False
        self.model.stop()
        self.changed.emit()

    def restart(self) -> None:
        """Load again after a failure; a message that waits is answered then."""
        self._run_failed, self._stuck = None, None
        self._end_answer("error")
        self.model.load()

    def wait(self) -> None:
        """Give a session that hangs more time."""
        self._waits = True
        self.changed.emit()

    def set_system(self, text: str) -> None:
        """The conversation's system prompt; it begins every request."""
        if self.conversation is not None:
            self._store.update_conversation(self.conversation.id, system=text)
            self.conversation = self._store.conversation(self.conversation.id)
        else:
            self._kept.set("chat.system", text)
        self.changed.emit()

    @property
    def system(self) -> str:
        """The system prompt here."""
        if self.conversation is not None:
            return self.conversation.system
        return str(self._kept.get("chat.system", ""))

    def _begin_conversation(self, text: str) -> Conversation:
        if self.conversation is None:
            model = self.model
            system = self.system
            self.draft = ""
            self._keep_draft()
            made = self._store.create_conversation(
                words.first_words(text), model.model_id, model.spec.id if model.spec else ""
            )
            if system:
                self._store.update_conversation(made.id, system=system)
                made = self._store.conversation(made.id)
            self.conversation = made
            self._kept.set("chat.conversation", made.id)
        return self.conversation

    def _ask(self) -> None:
        self._run_failed = None
        self._wants_answer = True
        if self.model.phase is SessionState.READY and self.model.is_current:
            self._start()
        elif self.model.phase is not SessionState.LOADING:
            self.model.load()
        self.changed.emit()

    def _start(self) -> None:
        session = self.model.session
        if session is None or self.conversation is None or not self.rows:
            return
        self._wants_answer = False
        self._settle_footer()
        knobs = self.model.settings(Scope.RUN)
        request = ChatRequest(messages=transcript.history(self.rows, self.system), knobs=knobs)
        parent = self.rows[-1].id
        stored = self._store.add_message(self.conversation.id, "assistant", "", parent_id=parent, status="streaming")
        self._append(Row(stored.id, "assistant", "", "streaming", parent_id=parent))
        limit = knobs.get("max_tokens")
        self.model.set_strip(figures.started(self.model.strip, limit if isinstance(limit, int) else None))
        run = session.run(request)
        self._answer = Answer(run, len(self.rows) - 1, stored.id, self._store)
        self.changed.emit()

    # --- what the worker says -----------------------------------------------------------

    def _take(self, event: Event) -> None:
        answer = self._answer
        if answer is not None and not self._take_answer(answer, event):
            return
        match event:
            case Loaded():
                self._was_loaded = True
                self._count_timer.start()
                if self._wants_answer:
                    self._start()
            case Failed() if event.id is not None and answer is None:
                self._wants_answer = self._wants_answer and event.fatal
            case Tokens() if event.id == self._counting:
                self.tokens_changed.emit(len(event.ids))
            case Unresponsive():
                self._stuck, self._waits = event, False
            case Responsive():
                self._stuck, self._waits = None, False

    def _take_answer(self, answer: Answer, event: Event) -> bool:
        """True if the event says nothing of the answer that grows."""
        match event:
            case Text() if event.id == answer.run:
                self._grow(answer, event)
            case Finished() if event.id == answer.run:
                self._finish(answer, event)
            case Failed() if event.id == answer.run:
                self._run_failed = None if event.fatal else event
                self._end_answer("error")
            case Ended():
                self._end_answer("error")
            case _:
                return True
        return False

    def _grow(self, answer: Answer, event: Text) -> None:
        answer.append(event.text)
        row = self.rows[answer.row]
        self.rows[answer.row] = replace(row, text=answer.text)
        if event.stats:
            self.model.set_strip(figures.live(self.model.strip, event.stats))
        if event.text:
            self.row_grew.emit(answer.row, event.text)

    def _finish(self, answer: Answer, event: Finished) -> None:
        record = self.model.session.last_run if self.model.session is not None else None
        status = answer.finish(event, record)
        short = figures.footer(event.metrics, event.reason, short=True)
        row = self.rows[answer.row]
        self.rows[answer.row] = transcript.with_text(row, answer.text, status, short)
        self._last_metrics = (answer.row, event.metrics, event.reason)
        self._answer = None
        self.model.set_strip(figures.finished(self.model.strip, event))
        self.row_changed.emit(answer.row)
        self.conversations_changed.emit()
        self.changed.emit()

    def _end_answer(self, status: str) -> None:
        answer = self._answer
        if answer is None:
            return
        self._answer = None
        answer.end(status)
        if answer.row < len(self.rows) and self.rows[answer.row].id == answer.message_id:
            self.rows[answer.row] = transcript.with_text(self.rows[answer.row], answer.text, status, "")
            self.row_changed.emit(answer.row)
        self.changed.emit()

    def _settle_footer(self) -> None:
        """The strip is about to show another run: the last answer's figures move under it."""
        if self._last_metrics is not None:
            index, metrics, reason = self._last_metrics
            self._last_metrics = None
            if index < len(self.rows):
                self.rows[index] = replace(self.rows[index], footer=figures.footer(metrics, reason))
                self.row_changed.emit(index)

    def _model_changed(self) -> None:
        phase = self.model.phase
        if self._answer is not None and phase not in ANSWERING:
            self._end_answer("cancelled")  # unloaded, or another model took its place
        if self._wants_answer and phase is SessionState.EMPTY:
            self._wants_answer = False
        if phase is SessionState.LOADING:
            self._was_loaded = False
        self.changed.emit()

    # --- cards --------------------------------------------------------------------------

    @property
    def problem(self) -> cards.Problem | None:
        """The error card, if one is due."""
        found = cards.session_problem(self.model, self._stuck, self._was_loaded)
        if found is not None and self.model.phase is SessionState.UNRESPONSIVE and self._waits:
            return None
        if found is None and self._run_failed is not None:
            return cards.run_problem(self._run_failed)
        return found

    @property
    def lesson(self) -> cards.Lesson | None:
        """What the empty page teaches; None once there are messages."""
        return None if self.rows else cards.lesson(self.model, self._services)

    @property
    def notice(self) -> str:
        """What a person must know of this history, or ""."""
        return self._store.notice

    def _append(self, row: Row) -> None:
        self.rows.append(row)
        self.row_added.emit(len(self.rows) - 1)

    def close(self) -> None:
        """At shutdown: the draft and what was written so far are kept."""
        self._keep_draft()
        self._count_timer.stop()
        self._end_answer("interrupted")
        self.provision.close()


def _timer(parent: QObject, ms: int, slot: object) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(ms)
    timer.timeout.connect(slot)
    return timer
