"""One lane at work: its session from load to close, with every way it can fail turned into a `Problem`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import psutil

from app.errors import TandemError
from app.lab.compare.events import Began, Delta, Moment, Watcher
from app.lab.compare.lane import Lane, letter
from app.lab.compare.result import Load, Problem
from app.lab.errors import translated
from app.lab.launch import Launcher
from app.lab.listeners import server_pids
from app.lab.session import Belongs, ModelSession, SessionState
from app.library import SERVED, Variant
from app.store import RunRecord
from engines.knobs import Settings
from engines.protocol import Event, Failed, Finished, Message, Progress, Request, Score, Scored, Text, Tokens
from engines.spec import EngineSpec

PHASES = ("import_s", "read_s", "compile_s", "prime_s")
WAIT_S = 0.1


class LaneFailed(Exception):  # noqa: N818 - an outcome of a comparison, not a bug
    """The lane has no figures from here on; the others go on."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Stopped(Exception):  # noqa: N818 - an outcome
    """The person asked to stop; what is done is kept. records: of a sequence that was cut off, its last one cancelled."""

    def __init__(self, records: tuple[RunRecord, ...] = ()) -> None:
        super().__init__("stopped")
        self.records = records


@dataclass(frozen=True, slots=True)
class Ready:
    """A lane that can be loaded. convert_s: what making its variant took."""

    index: int
    lane: Lane
    spec: EngineSpec
    variant: Variant
    load: Settings
    run: Settings
    convert_s: float | None = None


@dataclass(slots=True)
class Seat:
    """A lane with its session. Use it as a context: the worker is gone at its end. notify: see `ModelSession`."""

    launcher: Launcher
    ready: Ready
    experiment: str
    watcher: Watcher
    block: int = 0
    wake: threading.Event = field(default_factory=threading.Event)
    _session: ModelSession = field(init=False)
    _stopping: bool = False

    def __post_init__(self) -> None:
        self._session = ModelSession(self.launcher, self.wake.set, leased=True)
        self._session.convert_s = self.ready.convert_s

    def __enter__(self) -> Seat:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker, and wait for its end."""
        self._session.close()

    # --- what a lane does ---------------------------------------------------------------------

    def open(self) -> Load:
        """Load afresh. Raises LaneFailed, Stopped."""
        self._session.belongs = Belongs(self.experiment, letter(self.ready.index), self.block)
        with _failing():
            self._session.load(self.ready.variant, self.ready.spec, self.ready.load)
        while self._session.state is not SessionState.READY:
            for event in self._step():
                if isinstance(event, Progress):
                    self._say(f"{letter(self.ready.index)} loads: {event.phase}", event.fraction)
            if self._session.state is SessionState.EMPTY:
                raise Stopped
            if self._session.state is SessionState.FAILED:
                raise self._failed()
        return self._loaded()

    def send(self, request: Request) -> int:
        """Begin a request; `finished` brings its end. Raises LaneFailed, Stopped."""
        self._refuse_once_stopped()
        with _failing():
            return self._session.run(request)

    def run(self, request: Request, step: int, more: dict[str, object], *, shown: bool) -> RunRecord:
        """One request to its end; its text is told to the watcher where `shown`. Raises LaneFailed, Stopped."""
        self._session.belongs = Belongs(self.experiment, letter(self.ready.index), self.block, dict(more))
        if shown:
            self.watcher.event(Began(self.ready.index, step))
        number = self.send(request)
        while (record := self._session.finished(number)) is None:
            self.tell(self._step(), step if shown else None)
            if self._session.failure is not None:
                raise self._failed()
        if record.reason == "cancelled":
            raise Stopped((record,))
        return record

    def tell(self, events: list[Event], step: int | None) -> None:
        """Pass text on to the watcher."""
        for event in events:
            if isinstance(event, Text) and step is not None:
                self.watcher.event(Delta(self.ready.index, step, event.text, event.stats))

    def finished(self, number: int) -> RunRecord | None:
        """The record of a request that `send` began, once it is there. Raises LaneFailed."""
        if self._session.failure is not None:
            raise self._failed()
        return self._session.finished(number)

    def poll(self) -> list[Event]:
        """All new events, without waiting; for lanes that run together. Raises LaneFailed."""
        self._heed()
        events = self._session.poll()
        self._see_silence()
        return events

    def tokenize(self, text: str, messages: tuple[Message, ...] = ()) -> tuple[int, ...]:
        """Ids of a text as the model's tokenizer starts one, or of messages through the template. Raises LaneFailed, Stopped."""
        self._refuse_once_stopped()
        answer = self._answer(self._session.tokenize(text, messages))
        return answer.ids if isinstance(answer, Tokens) else ()

    def score(self, order: Score) -> Scored:
        """Teacher-forced scores. Raises LaneFailed, Stopped."""
        self._refuse_once_stopped()
        with _failing():
            number = self._session.score(order)
        answer = self._answer(number)
        assert isinstance(answer, Scored)
        return answer

    @property
    def n_ctx(self) -> int:
        """Tokens that the loaded context holds."""
        return self._session.loaded.n_ctx if self._session.loaded is not None else 0

    @property
    def session(self) -> ModelSession:
        """The session itself, for what it says of its load."""
        return self._session

    @property
    def pids(self) -> list[int]:
        """The worker and all it started; of a model on a server of this machine, the server too."""
        pid = self._session.pid
        if pid is None:
            return []
        found = [pid, *server_pids(self.ready.variant)]
        with contextlib.suppress(psutil.Error):
            found += [p.pid for p in psutil.Process(pid).children(recursive=True)]
        return found

    # --- waiting --------------------------------------------------------------------------------

    def _answer(self, number: int) -> Tokens | Scored:
        """What comes back for a request that is no run."""
        while True:
            for event in self._step():
                match event:
                    case Tokens() | Scored() if event.id == number:
                        return event
                    case Failed() if event.id == number:
                        raise LaneFailed(Problem(event.code, event.message, event.hint))
                    case Finished() if event.id == number:
                        raise Stopped
                    case _:
                        pass
            if self._session.state in (SessionState.FAILED, SessionState.CLOSED):
                raise self._failed()

    def _step(self) -> list[Event]:
        self._heed()
        events = self._session.wait(WAIT_S)
        self._see_silence()
        return events

    def _heed(self) -> None:
        """Stop the session once the person asked to; end it where it does not hear."""
        if self.watcher.cancelled() and not self._stopping:
            self._stopping = True
            self._session.stop_scoring()
            self._session.stop()
        if self._stopping and self._session.can_force:
            self._session.force()
            raise Stopped

    def _refuse_once_stopped(self) -> None:
        """A stop that came between two requests must not be forgotten by the next one."""
        if self._stopping or self.watcher.cancelled():
            raise Stopped

    def _see_silence(self) -> None:
        if self._session.state is SessionState.UNRESPONSIVE:
            self._session.close()
            raise LaneFailed(Problem("unresponsive", "The engine does not respond any more and was ended.",
                                     "Run this lane alone in Chat; see `tandem doctor`."))  # fmt: skip

    def _failed(self) -> LaneFailed | Stopped:
        if self._stopping:
            return Stopped()
        failure = self._session.failure
        if failure is None:
            return LaneFailed(Problem("engine_error", "The engine ended without a word.", "Run it again."))
        return LaneFailed(Problem(failure.code, failure.message, failure.hint))

    def _say(self, words: str, fraction: float | None = None) -> None:
        self.watcher.event(Moment("loading", words, block=self.block, lane=self.ready.index, fraction=fraction))

    def _loaded(self) -> Load:
        loaded = self._session.loaded
        assert loaded is not None
        phases: dict[str, float | None] = {**loaded.phases, "convert_s": self.ready.convert_s}
        served = self.ready.variant.format == SERVED  # its server loaded it once, for everybody
        phases["load_s"] = None if served else sum(loaded.phases.get(name, 0.0) for name in PHASES)
        memory = {n: v for n, v in msgspec.to_builtins(loaded.memory).items() if n != "estimate_bytes"}
        return Load(lane=self.ready.index, block=self.block, phases=phases, memory=memory)


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    """What cannot be done with this lane is the lane's problem."""
    try:
        with translated():
            yield
    except TandemError as error:
        raise LaneFailed(Problem(error.code, error.message, error.hint)) from error
