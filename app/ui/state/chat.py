"""The Chat page's state: what a person does with a conversation, and the cards that answer them."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.lab.fitting import Policy
from app.lab.session import SessionState
from app.store import RunRecord
from app.ui.bridge import Bridge
from app.ui.state import cards, enclosed
from app.ui.state.asking import Asking, Wish
from app.ui.state.inside import reuse_of
from app.ui.state.model import ModelState
from app.ui.state.ports import Services
from app.ui.state.transcript import Row
from engines.protocol import (
    Event,
    Tokens,
)  # fmt: skip


class ChatState(Asking):
    """Besides `Conversing`'s signals: `reuse_came(index, Reuse)`, the answer to `ask_reuse`."""

    reuse_came = Signal(int, object)

    def __init__(self, services: Services, bridge: Bridge, model: ModelState, parent: QObject | None = None) -> None:
        super().__init__(services, bridge, model, parent)
        self._reuse: tuple[int, str, RunRecord] | None = None  # (request, message, record)

    def send(self, text: str) -> bool:
        """Commit the message with its files, then ask for the answer, loading the model first where needed."""
        text = text.strip()
        ready = [file for file in self.prompting.files if not (file.problem or file.reading)]
        if not (text or ready) or self.running or self.blocked:
            return False
        self.trial.dismiss()
        self.taken = None
        conversation = self._begin_conversation(text or ready[0].name)
        parent = self.rows[-1].id if self.rows else None
        stored = self._store.add_message(conversation.id, "user", text, parent_id=parent)
        try:
            files = enclosed.enclose_all(self._store, stored.id, ready)
        except TandemError as error:  # a full disk: the message waits in the composer, files and all
            self._store.delete_message(stored.id)
            self._fail(error)
            return False
        self.prompting.take()
        self._append(Row(stored.id, "user", text, parent_id=parent, files=files))
        self.draft = ""
        self._keep_draft()
        self.draft_changed.emit("")
        self.conversations_changed.emit()
        self._ask()
        return True

    def again(self, index: int = -1) -> None:
        """Another version of an answer (the last one), or the answer that a message never got."""
        if self.running or self.blocked or not self.rows:
            return
        self.trial.dismiss()
        at = index if index >= 0 else len(self.rows) - 1
        last = at - 1 if self.rows[at].role == "assistant" else at
        if last >= 0:
            self._ask(Wish(self.rows[last].id))

    def continue_answer(self, index: int = -1) -> None:
        """Go on with the last answer from where it ended."""
        if self.can_continue:
            self.trial.dismiss()
            self._ask(Wish(self.rows[-1].id, continues=True))

    @property
    def can_continue(self) -> bool:
        """True if the last answer's own tokens are known, and of the model and engine that are chosen."""
        return not self.busy and not self.blocked and self._can_go_on()

    def edit(self, index: int, text: str) -> None:
        """A message asked anew in other words, as a version beside the first; an answer is corrected in place."""
        if self.busy or not 0 <= index < len(self.rows):
            return
        row = self.rows[index]
        if row.role == "assistant":
            self.correct(index, text)
            return
        if self.blocked or not (text.strip() or row.files) or self.conversation is None:
            return
        self.trial.dismiss()
        self.taken = None
        parent = self.rows[index - 1].id if index else ""
        stored = self._store.add_message(self.conversation.id, "user", text.strip(), parent_id=parent)
        files = enclosed.copy(self._store, stored.id, row.files)
        self._cut_rows(index)
        versions = len(self._store.versions(stored.id))
        self._append(
            Row(
                stored.id,
                "user",
                text.strip(),
                parent_id=row.parent_id,
                files=files,
                version=versions,
                versions=versions,
            )
        )
        self._ask()

    @property
    def can_ask_again(self) -> bool:
        """True if the last message could be answered (anew)."""
        return bool(self.rows) and not self.running and not self.blocked

    def verbs(self, row: Row, index: int, last: bool) -> Collection[str]:
        """What may be done with a message now."""
        if self.busy:
            return () if row.status == "streaming" else ("copy",)
        found = ["copy", "branch", "delete", "edit"]
        if row.version > 1:
            found.append("previous")
        if row.version < row.versions:
            found.append("next")
        if row.role == "assistant":
            found += [] if self.blocked else ["again"]
            found += ["continue"] if last and self.can_continue else []
            found += ["tokens", "timeline", "reuse"] if row.run_id is not None else []
        return found

    def restart(self) -> None:
        """Load again after a failure; a message that waits is answered then."""
        self._run_failed, self._stuck = None, None
        self._end_answer("error")
        self.model.load()

    def wait(self) -> None:
        """Give a session that hangs more time."""
        self._waits = True
        self.changed.emit()

    # --- what does not fit --------------------------------------------------------------

    @property
    def left_out(self) -> str:
        """What of the conversation the last request did not hold, in words; "" where it held all."""
        return self.overflow.left_out

    def cut_and_ask(self, policy: Policy) -> None:
        """The offer on the card: leave something out, and ask again."""
        self.overflow.set_policy(policy)
        self.again()

    def stop_cutting(self) -> None:
        """Send all of a conversation again, or nothing."""
        self.overflow.set_policy(Policy.STOP)
        self.changed.emit()

    def enlarge_and_ask(self) -> None:
        """The offer on the card: load with a context that holds more, and ask again."""
        wanted = self.overflow.bigger_context
        if wanted is not None and self.rows:
            self.model.set_knob("n_ctx", wanted)
            asked = [row for row in self.rows if row.role == "user"]
            self._run_failed, self._wish = None, Wish(asked[-1].id) if asked else None
            self.model.load()
            self.changed.emit()

    def ask_without_pictures(self) -> None:
        """The offer on the card of a model that cannot see: the words alone."""
        self._without_pictures = True
        self.again()

    # --- inside an answer ---------------------------------------------------------------

    def ask_reuse(self, index: int) -> bool:
        """Ask the model for the prompt's pieces; `reuse_came` brings them. False where that cannot be had now."""
        record, session = self.record(index), self.model.session
        ids = tuple(record.record.get("prompt_ids") or ()) if record is not None else ()
        held = self.model.held_variant, self.model.held_spec
        here = tuple(part.id for part in held if part is not None)
        if (
            record is None
            or session is None
            or not self._can_count()
            or not ids
            or (record.model, record.engine) != here
        ):
            return False
        self._reuse = (session.tokenize(ids=ids, pieces=True), self.rows[index].id, record)
        return True

    def _counted(self, event: Event) -> None:
        super()._counted(event)
        if isinstance(event, Tokens) and self._reuse is not None and event.id == self._reuse[0]:
            _, message, record = self._reuse
            self._reuse = None
            found, ids = reuse_of(record, event.pieces), [row.id for row in self.rows]
            if found is not None and message in ids:  # else another conversation is shown by now
                self.reuse_came.emit(ids.index(message), found)

    # --- cards --------------------------------------------------------------------------

    @property
    def problem(self) -> cards.Problem | None:
        """The error card, if one is due."""
        found = cards.session_problem(self.model, self._stuck, self._was_loaded)
        if found is not None and self.model.phase is SessionState.UNRESPONSIVE and self._waits:
            return None
        if found is None and self._run_failed is not None:
            found = cards.run_problem(self._run_failed, self.overflow.bigger_context)
        return found if found is None or not self.trial.on else cards.with_way_back(found)

    @property
    def lesson(self) -> cards.Lesson | None:
        """What the empty page teaches; None once there are messages."""
        return None if self.rows else cards.lesson(self.model, self._services)

    @property
    def notice(self) -> str:
        """What a person must know of this history, or ""."""
        return self._store.notice

    def close(self) -> None:
        """At shutdown: the draft and what was written so far are kept."""
        super().close()
        self._end_answer("interrupted")
        self._checking.close()
        self.prompting.close()
        self.provision.close()
