"""One model loaded in one engine, as the window and the command line see it. Never blocks, knows no Qt."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.errors import TandemError
from app.lab.errors import translated
from app.lab.estimates import estimate
from app.lab.launch import Launcher
from app.lab.lease import device_lease, take
from app.lab.record import Setting, load_record, run_record
from app.library import Variant
from app.locks import FileLock
from app.store import RunRecord
from engines import client
from engines.knobs import Settings
from engines.protocol import (
    ChatRequest,
    Ended,
    Event,
    Failed,
    Finished,
    FinishReason,
    Load,
    Loaded,
    LoadTest,
    Message,
    Responsive,
    Run,
    Score,
    Tokenize,
    Unresponsive,
)  # fmt: skip
from engines.spec import EngineSpec

FORCE_AFTER_S = 2.0


class SessionState(enum.StrEnum):
    EMPTY = "empty"
    LOADING = "loading"
    READY = "ready"
    RUNNING = "running"
    CANCELLING = "cancelling"
    UNRESPONSIVE = "unresponsive"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Belongs:
    """Where a run belongs to a comparison; stored with it. lane: its letter. more: what else its record should hold."""

    experiment_id: str
    lane: str
    block: int
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """What happened, why, what to do; details: the engine's last own lines."""

    code: str
    message: str
    hint: str = ""
    details: tuple[str, ...] = ()


class ModelSession:
    """`notify` is called from a reader thread when `poll` has something; everything else from one thread.

    leased: the caller holds the device's lease for the length of a measurement, and the session takes none.
    """

    def __init__(self, launcher: Launcher, notify: Callable[[], None] = lambda: None, *, leased: bool = False) -> None:
        self._launcher, self._notify, self._leased = launcher, notify, leased
        self.belongs: Belongs | None = None
        self._worker: client.Session | None = None
        self._lock = ExitStack()
        self._lease: FileLock | None = None
        self._setting: Setting | None = None
        self._pending: dict[int, ChatRequest | LoadTest] = {}
        self._load_id = 0
        self._cancelled_at: float | None = None
        self._before_silence = SessionState.EMPTY
        self._cold = True
        self._cause: Failed | None = None
        self._guess: tuple[int | None, int | None] = (None, None)
        self.state = SessionState.EMPTY
        self.variant: Variant | None = None
        self.spec: EngineSpec | None = None
        self.asked: Settings = {}
        self.loaded: Loaded | None = None
        self.failure: Failure | None = None
        self.last_run: RunRecord | None = None
        self._last_finished = 0
        self._scoring = 0
        self.last_test: Finished | None = None  # of the last load test: it is no run, and nothing of it is stored here
        self.convert_s: float | None = None

    # --- what a person may do -----------------------------------------------------------------

    def load(self, variant: Variant, spec: EngineSpec, knobs: Settings) -> None:
        """Start loading in a fresh worker. Raises TandemError for knobs or files that cannot be."""
        with translated():
            load_knobs, _ = spec.split(dict(knobs))
        self._end_worker()
        files = self._launcher.library.files(variant)
        self._lock.enter_context(self._launcher.library.in_use(variant))
        self.variant, self.spec, self.asked = variant, spec, load_knobs
        self.loaded, self.failure, self._cause, self._cold = None, None, None, True
        guess = estimate(self._launcher.store, spec, variant, load_knobs)
        self._guess = (None, None) if guess is None else (guess.at_load_bytes, guess.base_bytes)
        self._worker = self._launcher.worker(self._notify)
        self._load_id = client.Session.next_id()
        self.state = SessionState.LOADING
        self._worker.send(Load(id=self._load_id, engine=spec.id, files=files, knobs=load_knobs))

    def run(self, request: ChatRequest | LoadTest) -> int:
        """Queue a run or a load test; returns its id. Raises TandemError `not_loaded`, `device_busy`, or for its knobs."""
        worker = self._worker
        if worker is None or self.spec is None or self.state in (SessionState.FAILED, SessionState.CLOSED):
            raise TandemError("not_loaded", "No model is loaded.", "Load one first.")
        with translated():
            self.spec.split(self.asked | request.knobs)
        if self._lease is None and not self._leased:
            lease = device_lease(self._launcher.paths, self._device(), exclusive=False)
            take(lease)
            self._lease = lease
        request_id = client.Session.next_id()
        self._pending[request_id] = request
        if self.state is SessionState.READY:
            self.state = SessionState.RUNNING
        worker.send(Run(id=request_id, request=request))
        return request_id

    def tokenize(
        self, text: str = "", messages: tuple[Message, ...] = (), *, ids: tuple[int, ...] = (), pieces: bool = False
    ) -> int:
        """Ask for the ids of a text or of messages through the template; the answer is a `Tokens` event with this id.

        pieces: the text of each id too. ids: only their pieces. 0: nothing is loaded.
        """
        if self._worker is None or self.loaded is None:
            return 0
        request_id = client.Session.next_id()
        self._worker.send(Tokenize(id=request_id, text=text, messages=messages, ids=ids, pieces=pieces))
        return request_id

    def score(self, order: Score) -> int:
        """Ask for teacher-forced scores; the answer is a `Scored` (or `Failed`) event with the returned id."""
        if self._worker is None or self.loaded is None:
            raise TandemError("not_loaded", "No model is loaded.", "Load one first.")
        request_id = client.Session.next_id()
        self._scoring = request_id
        self._worker.send(msgspec.structs.replace(order, id=request_id))
        return request_id

    def stop_scoring(self) -> None:
        """Ask the engine to leave off scoring; it answers with `Failed`."""
        if self._worker is not None and self._scoring:
            self._worker.cancel(self._scoring)

    def stop(self) -> None:
        """First: ask the engine to stop. Again: end it."""
        if self.state is SessionState.CANCELLING or self.state is SessionState.UNRESPONSIVE:
            self.force()
        elif self.state in (SessionState.LOADING, SessionState.RUNNING) and self._worker is not None:
            for request_id in [self._load_id, *self._pending]:
                self._worker.cancel(request_id)
            self._cancelled_at = time.monotonic()
            self.state = SessionState.CANCELLING

    def force(self) -> None:
        """End the worker now; what it had produced is kept by whoever collected it."""
        if self._worker is not None:
            self._worker.force()

    def close(self) -> None:
        """End the worker, wait for it, give back locks."""
        self._end_worker()
        self.state = SessionState.CLOSED

    @property
    def can_force(self) -> bool:
        """True once a cancel has taken longer than the engine's own steps explain."""
        if self.state is SessionState.UNRESPONSIVE:
            return True
        if self._cancelled_at is None or self.state is not SessionState.CANCELLING:
            return False
        beat = self._worker.beat if self._worker is not None else None
        longest = beat.sample.get("longest_step_s", 0.0) if beat is not None else 0.0
        grain = self.spec.cancel_grain_s if self.spec is not None else 0.0
        return time.monotonic() - self._cancelled_at > max(FORCE_AFTER_S, 3 * longest, grain)

    def tested(self, request_id: int) -> Finished | None:
        """The end of a load test, once it is the last one that finished."""
        return self.last_test if self.last_test is not None and self.last_test.id == request_id else None

    def finished(self, request_id: int) -> RunRecord | None:
        """The record of a run, once it is the last one that finished."""
        return self.last_run if self._last_finished == request_id else None

    @property
    def pid(self) -> int | None:
        return None if self._worker is None else self._worker.pid

    @property
    def log(self) -> tuple[str, ...]:
        """The engine's own last lines, while it lives."""
        return () if self._worker is None else self._worker.stderr

    @property
    def setting(self) -> Setting | None:
        """What is loaded and how, once it is."""
        return self._setting

    # --- events ---------------------------------------------------------------------------------

    def poll(self) -> list[Event]:
        """All new events, after the session's own state has followed them."""
        return self._follow([] if self._worker is None else self._worker.drain())

    def wait(self, timeout_s: float) -> list[Event]:
        """Like `poll`, but waits until something comes or the time is over."""
        return self._follow([] if self._worker is None else self._worker.wait(timeout_s))

    def _follow(self, events: list[Event]) -> list[Event]:
        for event in events:
            self._advance(event)
        return events

    def _advance(self, event: Event) -> None:
        match event:
            case Loaded():
                self._on_loaded(event)
            case Finished():
                self._on_finished(event)
            case Failed():
                self._on_failed(event)
            case Unresponsive():
                self._before_silence, self.state = self.state, SessionState.UNRESPONSIVE
            case Responsive():
                if self.state is SessionState.UNRESPONSIVE:
                    self.state = self._before_silence
            case Ended():
                self._on_ended(event)
            case _:
                pass

    def _on_loaded(self, event: Loaded) -> None:
        if self.variant is None or self.spec is None:
            return
        self.loaded = event
        self._setting = Setting(self.variant, self.spec, self.asked, event, *self._guess, self.convert_s)
        self._launcher.store.add_load(load_record(self._setting))
        if self.state is not SessionState.CANCELLING:
            self.state = SessionState.RUNNING if self._pending else SessionState.READY

    def _on_finished(self, event: Finished) -> None:
        if event.id == self._load_id:  # a load that was cancelled
            self._end_worker()
            self.state = SessionState.EMPTY
            return
        request = self._pending.pop(event.id, None)
        if isinstance(request, LoadTest):
            self.last_test = event
        elif request is not None and self._setting is not None:
            record = belonging(run_record(self._setting, request, event, cold=self._cold), self.belongs)
            run_id = self._launcher.store.add_run(record)
            self.last_run = self._launcher.store.run(run_id)
            self._last_finished = event.id
            self._cold = False
        self._settle()

    def _on_failed(self, event: Failed) -> None:
        if event.id is not None and event.id not in self._pending and event.id != self._load_id:
            return  # a tokenize that failed harms nothing
        details = self._worker.stderr[-50:] if self._worker is not None else ()
        self.failure = Failure(event.code, event.message, event.hint, details)
        self._cause = event
        if event.id == self._load_id or event.id is None or event.fatal:
            self._end_worker(keep_failure=True)
            self.state = SessionState.FAILED
            return
        self._pending.pop(event.id, None)
        self._settle()

    def _on_ended(self, event: Ended) -> None:
        forced = self.state in (SessionState.CANCELLING, SessionState.UNRESPONSIVE) and event.expected
        if self._cause is None:
            self.failure = ended_failure(event, forced)
        self._end_worker(keep_failure=True)
        self.state = SessionState.FAILED

    def _settle(self) -> None:
        """A run is over: idle again, or the next in line."""
        if not self._pending:
            self._cancelled_at = None
            self._give_back_lease()
            self.state = SessionState.READY
        elif self.state is not SessionState.CANCELLING:
            self.state = SessionState.RUNNING

    def _end_worker(self, keep_failure: bool = False) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.force()
            worker.close()
        self._pending.clear()
        self._give_back_lease()
        self._lock.close()
        self._setting = self.loaded = self._cancelled_at = None
        if not keep_failure:
            self.failure = None

    def _give_back_lease(self) -> None:
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    def _device(self) -> str:
        return self.loaded.device if self.loaded is not None else "cpu"


def belonging(record: RunRecord, belongs: Belongs | None) -> RunRecord:
    """The record with its place in a comparison."""
    if belongs is None:
        return record
    return msgspec.structs.replace(
        record, experiment_id=belongs.experiment_id, lane=belongs.lane, block=belongs.block,
        record=record.record | {"compare": belongs.more},
    )  # fmt: skip


def ended_failure(event: Ended, forced: bool) -> Failure:
    """The end of a worker that nobody asked to close, in words."""
    if forced:
        return Failure(
            "forced", "The engine was ended because it did not stop in time.", "Restart loads it again.", event.stderr
        )
    return Failure(
        "engine_ended",
        f"The engine ended: {event.words}.",
        "Restart loads it again; what was written is kept.",
        event.stderr,
    )


__all__ = ["Failure", "FinishReason", "ModelSession", "SessionState"]
