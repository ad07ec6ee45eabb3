"""The Chat page's state: asking, and an answer from its request to its end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.lab.fitting import Policy
from app.lab.schema import Verdict, validate
from app.lab.session import SessionState
from app.store import RunRecord
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state import cards, enclosed, figures, transcript
from app.ui.state.conversing import Conversing
from app.ui.state.inside import Reuse
from app.ui.state.model import ModelState
from app.ui.state.overflow import Overflow
from app.ui.state.ports import Services
from app.ui.state.provision import Provision
from app.ui.state.running import Answer
from app.ui.state.thinking import split
from app.ui.state.transcript import Row
from app.ui.state.trial import TrialState
from engines.knobs import Scope, Settings
from engines.protocol import (
    ChatRequest,
    Ended,
    Event,
    Failed,
    Finished,
    Loaded,
    Message,
    Responsive,
    Text,
    Tokens,
    Unresponsive,
)  # fmt: skip

ANSWERING = (SessionState.RUNNING, SessionState.CANCELLING, SessionState.UNRESPONSIVE)


class ChatState(Conversing):
    """Besides `Conversing`'s signals: `reuse_came(index, Reuse)`, the answer to `ask_reuse`."""

    reuse_came = Signal(int, object)

    def __init__(self, services: Services, bridge: Bridge, model: ModelState, parent: QObject | None = None) -> None:
        super().__init__(services, bridge, model, parent)
        self.provision = Provision(services, bridge, model, self)
        self.trial = TrialState(self)
        self.overflow = Overflow(self._kept, model)
        self._answer: Answer | None = None
        self._wants_answer = False
        self._continues: int | None = None  # the row that is to be gone on with
        self._was_loaded = False
        self._run_failed: Failed | None = None
        self._stuck: Unresponsive | None = None
        self._waits = False
        self._last_metrics: tuple[int, figures.Stats, str] | None = None
        self._reuse: tuple[int, int, RunRecord] | None = None  # (request, row, record)
        model.happened.connect(self._take)
        model.changed.connect(self._model_changed)
        self.provision.changed.connect(self.changed)
        self.trial.changed.connect(self.changed)

    def _leave(self) -> None:
        super()._leave()
        self._wants_answer, self._continues = False, None
        if self._answer is not None:
            self.model.stop()
            self._end_answer("cancelled")
        self.trial.dismiss()
        self._last_metrics, self._run_failed, self.overflow.left_out = None, None, ""
        self.overflow.forget()

    # --- asking -------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """True from the request to the answer's end."""
        return self._answer is not None

    @property
    def busy(self) -> bool:
        """True while an answer grows or waits for its model."""
        return self.running or self.waiting_for_load

    @property
    def waiting_for_load(self) -> bool:
        """True while a message waits for the model."""
        return self._wants_answer and self._answer is None

    @property
    def blocked(self) -> str:
        """Why nothing can be sent now, or ""."""
        if not self.model.models:
            return tr("Get a model first.")
        if self.model.variant is None:
            return tr("This engine cannot load this model as it is.")
        if self.provision.busy:
            return tr("Wait until the model is there.")
        if self.prompting.busy:
            return tr("A file is still being read.")
        return tr("The model is loading.") if self.waiting_for_load else ""

    def send(self, text: str) -> bool:
        """Commit the message with its files, then ask for the answer, loading the model first where needed."""
        text = text.strip()
        ready = [file for file in self.prompting.files if not (file.problem or file.reading)]
        if not (text or ready) or self.running or self.blocked or self._store.read_only:
            return False
        self.trial.dismiss()
        conversation = self._begin_conversation(text or ready[0].name)
        parent = self.rows[-1].id if self.rows else None
        stored = self._store.add_message(conversation.id, "user", text, parent_id=parent)
        files = enclosed.enclose_all(self._store, stored.id, ready)
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
        keep = at if self.rows[at].role == "assistant" else at + 1
        if keep < len(self.rows):
            self._cut_rows(keep)
        if self.rows:
            self._ask()

    def continue_answer(self, index: int = -1) -> None:
        """Go on with the last answer from where it ended."""
        if self.can_continue:
            self.trial.dismiss()
            self._continues = len(self.rows) - 1
            self._ask()

    @property
    def can_continue(self) -> bool:
        """True if the last answer's own tokens are known for the model that is chosen."""
        if self.busy or self.blocked or not self.rows or self.rows[-1].role != "assistant":
            return False
        record = self.record(len(self.rows) - 1)
        return record is not None and record.model == self.model.model_id and _prefix(record, self.rows[-1]) != ()

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
            if self.rows[-1].role == "assistant":
                self._cut_rows(len(self.rows) - 1)
            self._run_failed, self._wants_answer = None, True
            self.model.load()
            self.changed.emit()

    # --- the request --------------------------------------------------------------------

    def _cut_rows(self, keep: int) -> None:
        self.rows = self.rows[:keep]
        self._last_metrics = None
        self.rows_reset.emit()

    def _ask(self) -> None:
        self._run_failed = None
        self._wants_answer = True
        if self.model.phase is SessionState.READY and self.model.is_current:
            self._start()
        elif self.model.phase is not SessionState.LOADING:
            self.model.load()
        self.changed.emit()

    def ask_after_load(self) -> None:
        """For a trial: load what is chosen, then answer the last message again."""
        self._run_failed = None
        self._cut_rows(len(self.rows) - 1)
        self._wants_answer = True
        self.model.load()
        self.changed.emit()

    def _start(self) -> None:
        if self.model.session is None or self.conversation is None or not self.rows:
            self._wants_answer = False
            return
        if self._continues is not None:
            self._start_continuing()
            return
        self.overflow.fit(transcript.history(self.rows, self.system, enclosed.text_of), self._send)

    def _knobs(self) -> Settings:
        spec, knobs = self.model.spec, self.model.settings(Scope.RUN)
        if self.schema and spec is not None and spec.knob("schema") is not None:
            knobs = knobs | {"schema": self.schema}
        return knobs | self.trial.knobs

    def _send(self, messages: tuple[Message, ...]) -> None:
        session = self.model.session
        if session is None or self.conversation is None:
            return
        self._wants_answer = False
        self._settle_footer()
        request = ChatRequest(messages=messages, knobs=self._knobs())
        parent = self.rows[-1].id
        stored = self._store.add_message(self.conversation.id, "assistant", "", parent_id=parent, status="streaming")
        versions = len(self._store.versions(stored.id))
        self._append(
            Row(stored.id, "assistant", "", "streaming", parent_id=parent, version=versions, versions=versions)
        )
        self._follow(session.run(request), request)

    def _start_continuing(self) -> None:
        index, self._continues = self._continues, None
        session, record = self.model.session, self.record(index or 0)
        if session is None or record is None or index is None:
            self._wants_answer = False
            return
        self._wants_answer = False
        row = self.rows[index]
        request = ChatRequest(ids=_prefix(record, row), knobs=self._knobs())
        self.rows[index] = replace(row, status="streaming", footer="")
        self.row_changed.emit(index)
        self._follow(session.run(request), request, row.text)

    def _follow(self, run: int, request: ChatRequest, before: str = "") -> None:
        limit = request.knobs.get("max_tokens")
        self.model.set_strip(figures.started(self.model.strip, limit if isinstance(limit, int) else None))
        self._answer = Answer(run, len(self.rows) - 1, self.rows[-1].id, self._store, before)
        self.changed.emit()

    # --- what the worker says -----------------------------------------------------------

    def _take(self, event: Event) -> None:
        answer = self._answer
        if answer is not None and not self._take_answer(answer, event):
            return
        self._counted(event)
        match event:
            case Failed() if event.id is not None and answer is None:
                self._wants_answer = self._wants_answer and event.fatal
            case Tokens() if self._reuse is not None and event.id == self._reuse[0]:
                self._tell_reuse(event)
            case Tokens():
                self.overflow.take(event)
            case Unresponsive():
                self._stuck, self._waits = event, False
            case Responsive():
                self._stuck, self._waits = None, False

    def _counted(self, event: Event) -> None:
        super()._counted(event)
        if isinstance(event, Loaded):
            self._was_loaded = True
            if self._wants_answer:
                self._start()

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
        row = transcript.with_text(self.rows[answer.row], answer.text, status, short)
        row = replace(
            row, run_id=record.id if record is not None else None, thought_s=transcript.thought_s(event.metrics)
        )
        self.rows[answer.row] = self._checked(row)
        self._last_metrics = (answer.row, event.metrics, event.reason)
        self._answer = None
        self.model.set_strip(figures.finished(self.model.strip, event))
        self.trial.answered(record)
        self.row_changed.emit(answer.row)
        self.conversations_changed.emit()
        self.changed.emit()

    def _checked(self, row: Row) -> Row:
        if not self.schema or row.status != "done":
            return row
        try:
            verdict = validate(self.schema, split(row.text).answer)
        except TandemError as error:
            verdict = Verdict(False, error.message)
        return replace(row, check=verdict.words, check_ok=verdict.ok)

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

    # --- inside an answer ---------------------------------------------------------------

    def ask_reuse(self, index: int) -> bool:
        """Ask the model for the prompt's pieces; `reuse_came` brings them. False where that cannot be had now."""
        record, session = self.record(index), self.model.session
        ids = tuple(record.record.get("prompt_ids") or ()) if record is not None else ()
        if record is None or session is None or not self._can_count() or record.model != self.model.model_id or not ids:
            return False
        self._reuse = (session.tokenize(ids=ids, pieces=True), index, record)
        return True

    def _tell_reuse(self, event: Tokens) -> None:
        if self._reuse is not None:
            _, index, record = self._reuse
            self._reuse = None
            cached = int(record.metrics.get("n_cached") or 0)
            self.reuse_came.emit(index, Reuse(len(event.ids) - cached, cached, event.pieces))

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
        self.prompting.close()
        self.provision.close()


def _prefix(record: RunRecord, row: Row) -> tuple[int, ...]:
    """The ids after which the model goes on: the prompt and its answer, without the token that ended it.

    () where the text is not what the model wrote (it was corrected by hand), or the ids were not kept.
    """
    prompt, ids = record.record.get("prompt_ids") or (), record.record.get("ids") or ()
    if not prompt or not ids or not row.text.endswith(record.text):
        return ()
    made = [int(i) for i in ids]
    return (*(int(i) for i in prompt), *(made[:-1] if record.reason == "stop" else made))
