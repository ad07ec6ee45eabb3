"""An answer from the wish for it to its end: the model loads, the request goes out, the text grows, the run is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from PySide6.QtCore import QObject

from app.errors import TandemError
from app.lab.schema import Verdict, check
from app.lab.session import SessionState
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state import cards, enclosed, figures, transcript
from app.ui.state.checking import Checking
from app.ui.state.conversing import Conversing
from app.ui.state.inside import goes_on, prefix
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


@dataclass(frozen=True, slots=True)
class Wish:
    """An answer that is wanted and not asked for yet: the model loads, or the conversation is being made to fit.

    after: the message that is answered, or the answer that is gone on with.
    """

    after: str
    continues: bool = False


ANSWERING = (SessionState.RUNNING, SessionState.CANCELLING, SessionState.UNRESPONSIVE)


class Asking(Conversing):
    """One request at a time; what a person does with it is `ChatState`'s. `problem` is told through `changed`."""

    def __init__(self, services: Services, bridge: Bridge, model: ModelState, parent: QObject | None = None) -> None:
        super().__init__(services, bridge, model, parent)
        self.provision = Provision(services, bridge, model, self)
        self.trial = TrialState(self)
        self.overflow = Overflow(self._kept, model)
        self._answer: Answer | None = None
        self._wish: Wish | None = None
        self._without_pictures = False  # a model that cannot see is asked all the same
        self._left: dict[int, str] = {}  # runs whose conversation was left → it
        self._was_loaded = False
        self._run_failed: Failed | None = None
        self._stuck: Unresponsive | None = None
        self._waits = False
        self._last_metrics: tuple[int, figures.Stats, str] | None = None
        self._checking = Checking(bridge, self)
        self._checking.checked.connect(self._checked)
        model.happened.connect(self._take)
        model.changed.connect(self._model_changed)
        self.provision.changed.connect(self.changed)
        self.trial.changed.connect(self.changed)

    def _leave(self) -> None:
        super()._leave()
        self._wish, self._without_pictures = None, False
        if self._answer is not None:
            if self.conversation is not None:
                self._left[self._answer.run] = self.conversation.id
            self.model.stop()
            self._end_answer("cancelled")
        self.trial.dismiss()
        self._last_metrics, self._run_failed, self.overflow.left_out = None, None, ""
        self.overflow.forget()

    def _reload(self) -> None:
        self.trial.dismiss()
        self._last_metrics = None
        super()._reload()

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
        return self._wish is not None and self._answer is None and self.model.phase is not SessionState.FAILED

    def _can_go_on(self) -> bool:
        if (
            not self.rows
            or self.rows[-1].role != "assistant"
            or any(f.kind == "image" for r in self.rows for f in r.files)
        ):
            return False  # pictures are no part of the ids that are gone on from
        record, model = self.record(len(self.rows) - 1), self.model
        chosen = (model.model_id, model.spec.id if model.spec is not None else "")
        return record is not None and (record.model, record.engine) == chosen and goes_on(record, self.rows[-1])

    @property
    def blocked(self) -> str:
        """Why nothing can be sent now, or ""."""
        if self._store.read_only:
            return tr("This history can only be read.")
        if not self.model.models:
            return tr("Get a model first.")
        if self.model.variant is None:
            return tr("This engine cannot load this model as it is.")
        if self.provision.busy:
            return tr("Wait until the model is there.")
        if self.prompting.busy:
            return tr("A file is still being read.")
        return tr("The model is loading.") if self.waiting_for_load else ""

    def stop(self) -> None:
        """Stop the answer, or give up waiting for the model; a second call ends the worker."""
        if self._answer is None:
            self.give_up()
        self.model.stop()
        self.changed.emit()

    def give_up(self) -> None:
        """The answer that waits is not wanted any more; nothing was changed for it yet."""
        self._wish = None
        self.overflow.forget()
        self.trial.dismiss()

    # --- the request --------------------------------------------------------------------

    def _cut_rows(self, keep: int) -> None:
        self.rows = self.rows[:keep]
        self._last_metrics = None
        self.rows_reset.emit()

    def _ask(self, wish: Wish | None = None) -> None:
        self._run_failed = None
        self._wish = wish or Wish(self.rows[-1].id)
        self.overflow.forget()
        ready = self.model.is_current and self.model.phase in (SessionState.READY, SessionState.CANCELLING)
        if ready and self.model.phase is SessionState.READY:
            self._start()
        elif not ready and self.model.phase is not SessionState.LOADING:
            self.model.load()
        self.changed.emit()

    def ask_after_load(self) -> None:
        """For a trial: load what is chosen, then answer the last message again."""
        self._run_failed = None
        self._wish = Wish(self.rows[-2].id)
        self.model.load()
        self.changed.emit()

    def _start(self) -> None:
        """The model is there: send the request that is wished for, made to fit first where that was chosen."""
        wish, ids = self._wish, [row.id for row in self.rows]
        if wish is None or self.model.session is None or self.conversation is None or wish.after not in ids:
            self._wish = None
            return
        if wish.continues:
            self._start_continuing(wish)
            return
        rows = self.rows[: ids.index(wish.after) + 1]
        loaded = self.model.loaded
        seen = any(file.kind == "image" for row in rows for file in row.files) and not self._without_pictures
        if seen and loaded is not None and not loaded.sees:
            self._wish = None
            self._fail(cards.no_sight(loaded.blind))
            return
        messages = transcript.history(rows, self.system, enclosed.text_of, pictures=not self._without_pictures)
        self.overflow.fit(messages, partial(self._send, wish))

    def _knobs(self) -> Settings:
        spec, knobs = self.model.spec, self.model.settings(Scope.RUN)
        if self.schema and spec is not None and spec.knob("schema") is not None:
            knobs = knobs | {"schema": self.schema}
        return knobs | self.trial.knobs

    def _send(self, wish: Wish, messages: tuple[Message, ...]) -> None:
        if self._wish is not wish or self.model.session is None or self.conversation is None:
            return
        self._wish = None
        self._settle_footer()
        keep = [row.id for row in self.rows].index(wish.after) + 1
        if keep < len(self.rows):
            self._cut_rows(keep)
        stored = self._store.add_message(
            self.conversation.id, "assistant", "", parent_id=wish.after, status="streaming"
        )
        versions = len(self._store.versions(stored.id))
        self._append(
            Row(stored.id, "assistant", "", "streaming", parent_id=wish.after, version=versions, versions=versions)
        )
        try:
            self._follow(ChatRequest(messages=messages, knobs=self._knobs()))
        except TandemError as error:  # another Tandem measures on this device, or the schema cannot be used
            self._drop_last(stored.id)
            self._fail(error)

    def _drop_last(self, message_id: str) -> None:
        """An answer that never began leaves no version behind."""
        self._store.finish_message(message_id, "", "error")
        self._store.delete_message(message_id)
        self._reload()

    def _start_continuing(self, wish: Wish) -> None:
        index, self._wish = len(self.rows) - 1, None
        record = self.record(index)
        if record is None or self.rows[index].id != wish.after or not self._can_go_on():
            self.changed.emit()
            return
        row = self.rows[index]
        try:
            self._follow(ChatRequest(ids=prefix(record, row), knobs=self._knobs()), row)
        except TandemError as error:
            self._fail(error)

    def _follow(self, request: ChatRequest, continued: Row | None = None) -> None:
        session = self.model.session
        if session is None:
            return
        if request.knobs.get("schema"):
            check(str(request.knobs["schema"]))
        run = session.run(request)
        limit = request.knobs.get("max_tokens")
        self.model.set_strip(figures.started(self.model.strip, limit if isinstance(limit, int) else None))
        index = len(self.rows) - 1
        if continued is not None:
            self.rows[index] = replace(continued, status="streaming", footer="")
            self.row_changed.emit(index)
        before = continued.text if continued is not None else ""
        self._answer = Answer(run, index, self.rows[index].id, self._store, before)
        self.changed.emit()

    def _fail(self, error: TandemError) -> None:
        """Something that a person can act on came instead of an answer."""
        self._run_failed = Failed(id=0, code=error.code, message=error.message, hint=error.hint)
        self.changed.emit()

    # --- what the worker says -----------------------------------------------------------

    def _take(self, event: Event) -> None:
        answer = self._answer
        if answer is not None and not self._take_answer(answer, event):
            return
        self._counted(event)
        match event:
            case Failed():
                self.overflow.failed(event)
            case Finished() if event.id in self._left:
                self._own_run(self._left.pop(event.id))
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
            if self._wish is not None:
                self._start()

    def _own_run(self, conversation_id: str) -> None:
        """The run of an answer that was left: it goes with its conversation when that is deleted for ever."""
        record = self.model.session.last_run if self.model.session is not None else None
        if record is not None:
            self._store.own_run(record.id, conversation_id)

    def _take_answer(self, answer: Answer, event: Event) -> bool:
        """True if the event says nothing of the answer that grows."""
        match event:
            case Text() if event.id == answer.run:
                self._grow(answer, event)
            case Finished() if event.id == answer.run:
                self._finish(answer, event)
            case Failed() if event.id == answer.run:
                self._failed(answer, event)
            case Ended():
                self._end_answer("error")
            case _:
                return True
        return False

    def _failed(self, answer: Answer, event: Failed) -> None:
        self._run_failed = None if event.fatal else event
        if event.code == "context_full" and not answer.text:  # nothing failed: nothing was begun
            self._answer = None
            self._drop_last(answer.message_id)
        else:
            self._end_answer("error")

    def _place(self, answer: Answer) -> int | None:
        """Where the answer stands on the page; None once something else does."""
        there = answer.row < len(self.rows) and self.rows[answer.row].id == answer.message_id
        return answer.row if there else None

    def _grow(self, answer: Answer, event: Text) -> None:
        answer.append(event.text)
        if event.stats:
            self.model.set_strip(figures.live(self.model.strip, event.stats))
        place = self._place(answer)
        if place is not None and event.text:
            self.rows[place] = replace(self.rows[place], text=answer.text)
            self.row_grew.emit(place, event.text)

    def _finish(self, answer: Answer, event: Finished) -> None:
        record = self.model.session.last_run if self.model.session is not None else None
        status = answer.finish(event, record)
        if record is not None and self.conversation is not None:
            self._store.own_run(record.id, self.conversation.id)
        self._answer = None
        place = self._place(answer)
        if place is not None:
            short = figures.footer(event.metrics, event.reason, short=True)
            row = transcript.with_text(self.rows[place], answer.text, status, short)
            run_id = record.id if record is not None else None
            self._read = record  # asked for at once by what may be done with the answer
            self.rows[place] = replace(row, run_id=run_id, thought_s=transcript.thought_s(event.metrics))
            self._last_metrics = (place, event.metrics, event.reason)
        self.model.set_strip(figures.finished(self.model.strip, event))
        self.trial.answered(record)
        if place is not None:
            self.row_changed.emit(place)
            self._check(self.rows[place])
        self.conversations_changed.emit()
        self.changed.emit()

    def _check(self, row: Row) -> None:
        schema = self.schema
        if schema and row.status == "done":
            self._checking.check(row.id, schema, split(row.text).answer)

    def _checked(self, message_id: str, verdict: Verdict) -> None:
        index = next((i for i, row in enumerate(self.rows) if row.id == message_id), None)
        if index is not None:
            self.rows[index] = replace(self.rows[index], check=verdict.words, check_ok=verdict.ok)
            self.row_changed.emit(index)

    def _end_answer(self, status: str) -> None:
        answer = self._answer
        if answer is None:
            return
        self._answer = None
        place = self._place(answer)
        if answer.continues and answer.unchanged:  # the whole answer that was to be gone on with is what it was
            status = "done"
        answer.end(status)
        if place is not None:
            footer = "" if not answer.unchanged or not answer.continues else self._footer_of(place)
            self.rows[place] = transcript.with_text(self.rows[place], answer.text, status, footer)
            self.row_changed.emit(place)
        self.trial.answered(None)
        self._count_history()
        self.changed.emit()

    def _footer_of(self, index: int) -> str:
        record = self.record(index)
        return "" if record is None else figures.footer(record.metrics, record.reason)

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
        if self._wish is not None and phase is SessionState.EMPTY:
            self.give_up()
        if phase is SessionState.LOADING:
            self._was_loaded = False
        waits = self._wish is not None and self._answer is None and not self.overflow.waiting
        if waits and phase is SessionState.READY and self.model.is_current:
            self._start()  # what was being stopped has ended, or another model has taken the page
        self.changed.emit()
