"""Which conversation is open, its messages and their versions, and what stands in the composer."""

from __future__ import annotations

import time
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from app.errors import TandemError
from app.lab.session import SessionState
from app.store import Conversation, RunRecord
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state import enclosed, figures, transcript, words
from app.ui.state.conversations import Conversations
from app.ui.state.kept import Kept
from app.ui.state.model import ModelState
from app.ui.state.ports import Services
from app.ui.state.prompting import Prompting
from app.ui.state.transcript import Row
from engines.protocol import Event, Loaded, Tokens
from engines.spec import Verb

DRAFT_MS = 500
COUNT_MS = 250
TYPING_S = 2.0


class Conversing(QObject):
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
        self.shelf = Conversations(services)
        self.prompting = Prompting(services, bridge, model, self._kept)
        self.rows: list[Row] = []
        self.conversation: Conversation | None = None
        self.taken: Row | None = None  # the message that was deleted last, for its undo
        self.draft = ""
        self._typed_at = 0.0
        self._draft_tokens: int | None = None  # of the text alone
        self._counting: int | None = None
        self._read: RunRecord | None = None  # the run that was asked for last
        self._history_id: int | None = None  # the request that counts the whole conversation
        self._draft_timer = _timer(self, DRAFT_MS, self._keep_draft)
        self._count_timer = _timer(self, COUNT_MS, self._count)
        self.shelf.changed.connect(self._shelf_changed)
        self.prompting.changed.connect(self.changed)
        self.prompting.changed.connect(self._tell_draft)

    # --- conversations ------------------------------------------------------------------

    def restore(self) -> None:
        """Open what was open when the window was closed."""
        wanted = self._kept.get("chat.conversation", "")
        found = [c for c in self._store.conversations() if c.id == wanted]
        self._show(found[0] if found else None)
        self.prompting.restore()

    def conversations(self, query: str = "") -> list[Conversation]:
        """Newest first."""
        return self._store.conversations(query)

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

    def _shelf_changed(self) -> None:
        if self.shelf.undo_words:
            self.taken = None  # something else was deleted after it
        self.conversations_changed.emit()

    def rename(self, conversation_id: str, title: str) -> None:
        """Give a conversation another title."""
        if title.strip():
            self.shelf.rename(conversation_id, title.strip())

    def delete(self, conversation_id: str) -> None:
        """Put a conversation away; `undo` brings it back."""
        self.taken = None
        if self.conversation is not None and self.conversation.id == conversation_id:
            self._leave()
            self._show(None)
        self.shelf.delete(conversation_id)
        self.changed.emit()

    @property
    def undo_words(self) -> str:
        """What `undo` would bring back now, or ""."""
        if self.busy:
            return ""
        if self.taken is not None:
            return tr("A message was deleted.")
        return self.shelf.undo_words

    def undo(self) -> None:
        """Bring back what was deleted last: a message, a conversation, a folder."""
        if self.busy:
            return
        if self.taken is not None:
            taken, self.taken = self.taken, None
            self._store.restore_message(taken.id)
            self._reload()
            return
        back = self.shelf.undo()
        self.conversations_changed.emit()
        if back:
            self.open(back)
        self.changed.emit()

    def forget_undo(self) -> None:
        """The offer to undo has been up long enough."""
        self.taken = None
        self.shelf.forget_undo()
        self.changed.emit()

    def _leave(self) -> None:
        self._keep_draft()

    def _show(self, conversation: Conversation | None) -> None:
        self.conversation, self.taken = conversation, None
        self.rows = [] if conversation is None else transcript.rows_of(self._store, conversation.id)
        self._kept.set("chat.conversation", "" if conversation is None else conversation.id)
        draft = self._kept.get("chat.draft", "") if conversation is None else conversation.draft
        self.draft = draft
        self.rows_reset.emit()
        self.draft_changed.emit(draft)
        self.conversations_changed.emit()
        self._count_history()
        self._count_timer.start()
        self.changed.emit()

    def _reload(self) -> None:
        """Read the shown branch again: another version of something is shown now."""
        if self.conversation is not None:
            self.rows = transcript.rows_of(self._store, self.conversation.id)
            self.rows_reset.emit()
            self._count_history()
        self.changed.emit()

    def _append(self, row: Row) -> None:
        self.rows.append(row)
        self.row_added.emit(len(self.rows) - 1)

    # --- messages and their versions ----------------------------------------------------

    @property
    def busy(self) -> bool:
        """True while the messages must not change under an answer."""
        return False

    @property
    def still(self) -> bool:
        """True while the messages cannot be changed: an answer is under way, or nothing can be stored."""
        return self.busy or self._store.read_only

    def version(self, index: int, step: int) -> None:
        """Show the version before (−1) or after (+1) of a message, with what followed it."""
        if self.still or not 0 <= index < len(self.rows):
            return
        ids = self._store.versions(self.rows[index].id)
        at = ids.index(self.rows[index].id) + step if self.rows[index].id in ids else -1
        if 0 <= at < len(ids):
            self._store.show_version(ids[at])
            self._reload()

    def show_message(self, message_id: str) -> None:
        """Show that version of a message."""
        self._store.show_version(message_id)
        self._reload()

    def delete_message(self, index: int) -> None:
        """Take a message, and what follows it, out of the conversation; `undo` brings it back."""
        if self.still or not 0 <= index < len(self.rows):
            return
        row = self.rows[index]
        self._store.delete_message(row.id)
        self.shelf.forget_undo()
        self._reload()
        self.taken = row
        self.changed.emit()

    def branch(self, index: int) -> None:
        """Go on in a new conversation that holds everything up to this message."""
        if self.still or not 0 <= index < len(self.rows) or self.conversation is None:
            return
        title = tr("{title} (branch)", title=self._store.conversation(self.conversation.id).title)
        made = self._store.branch_conversation(self.rows[index].id, title)
        self.open(made.id)

    def correct(self, index: int, text: str) -> None:
        """Change an answer in place, as the person wants the model to have said it."""
        row = self.rows[index]
        self._store.edit_message(row.id, text)
        self.rows[index] = replace(row, text=text, edited=True)
        self.row_changed.emit(index)
        self._count_history()

    def record(self, index: int) -> RunRecord | None:
        """Everything that was measured of an answer; None where it has no run, or that is gone."""
        run_id = self.rows[index].run_id if 0 <= index < len(self.rows) else None
        if run_id is None:
            return None
        if self._read is None or self._read.id != run_id:  # asked again and again while nothing changes
            try:
                self._read = self._store.run(run_id)
            except TandemError:
                return None
        return self._read

    # --- what stands before each request ------------------------------------------------

    def set_system(self, text: str) -> None:
        """The conversation's system prompt; it begins every request."""
        if self.conversation is not None:
            self._store.update_conversation(self.conversation.id, system=text)
            self.conversation = self._store.conversation(self.conversation.id)
        else:
            self._kept.set("chat.system", text)
        self._count_history()
        self.changed.emit()

    @property
    def system(self) -> str:
        """The system prompt here."""
        if self.conversation is not None:
            return self.conversation.system
        return str(self._kept.get("chat.system", ""))

    def set_schema(self, text: str) -> None:
        """The JSON schema that answers here must be of; "" for none."""
        if self.conversation is not None:
            knobs = {name: value for name, value in self.conversation.knobs.items() if name != "schema"}
            self._store.update_conversation(self.conversation.id, knobs=knobs | ({"schema": text} if text else {}))
            self.conversation = self._store.conversation(self.conversation.id)
        else:
            self._kept.set("chat.schema", text)
        self.changed.emit()

    @property
    def schema(self) -> str:
        """The JSON schema here, or ""."""
        if self.conversation is not None:
            return str(self.conversation.knobs.get("schema", ""))
        return str(self._kept.get("chat.schema", ""))

    def _begin_conversation(self, title: str) -> Conversation:
        if self.conversation is None:
            model, system, schema = self.model, self.system, self.schema
            self.draft = ""
            self._keep_draft()
            made = self._store.create_conversation(
                words.first_words(title), model.model_id, model.spec.id if model.spec else ""
            )
            if system or schema:
                self._store.update_conversation(made.id, system=system, knobs={"schema": schema} if schema else {})
                made = self._store.conversation(made.id)
            self._kept.set("chat.schema", "")
            self.conversation = made
            self._kept.set("chat.conversation", made.id)
        return self.conversation

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

    def _can_count(self) -> bool:
        spec = self.model.spec
        return spec is not None and Verb.TOKENIZE in spec.verbs and self.model.loaded is not None

    def _count(self) -> None:
        session, can = self.model.session, self._can_count()
        if session is None or not can or not self.draft:
            self._counting = None
            self._drafted(0 if can else None)
            return
        self._counting = session.tokenize(self.draft)

    def _count_history(self) -> None:
        """How much of the context this conversation fills, before anything is asked of the model."""
        session, self._history_id = self.model.session, None
        said = transcript.history(self.rows, self.system, enclosed.text_of)
        if session is None or not self._can_count() or self.model.phase is not SessionState.READY:
            return
        if said:
            self._history_id = session.tokenize("", said)
        else:
            self.model.set_strip(replace(self.model.strip, context_used=0))

    def _counted(self, event: Event) -> None:
        """What the worker says of counts."""
        match event:
            case Loaded():
                self._count_timer.start()
                self._count_history()
            case Tokens() if event.id == self._counting:
                self._drafted(len(event.ids))
            case Tokens() if event.id == self._history_id and not self.busy:
                self.model.set_strip(replace(self.model.strip, context_used=len(event.ids)))
                self.changed.emit()  # a larger context that is offered has to hold it

    def _drafted(self, n: int | None) -> None:
        self._draft_tokens = n
        self._tell_draft()

    def _tell_draft(self) -> None:
        """What the next message would add to the context, files included."""
        n, files = self._draft_tokens, self.prompting.tokens
        total = None if n is None or files is None else n + files
        self.model.set_strip(figures.typing(self.model.strip, total))
        self.tokens_changed.emit(total)

    def close(self) -> None:
        """At shutdown: the draft is kept."""
        self._keep_draft()
        self._count_timer.stop()


def _timer(parent: QObject, ms: int, slot: object) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(ms)
    timer.timeout.connect(slot)
    return timer
