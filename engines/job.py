"""What an adapter gets with each request: its clock, its way out, its cancel flag."""

from __future__ import annotations

import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from engines import children
from engines.errors import Cancelled
from engines.metrics import Clock, chat_live
from engines.protocol import Blob, Event, Input, Progress

BLOB_BYTES = 1 << 20


class Outbox(Protocol):
    """The worker's writer, as a job sees it."""

    def push(self, event: Event, job: Job | None = None) -> None:
        """Queue an event; with `job` it blocks while the program does not read (`Job.throttled`)."""

    def text(self, job: Job, delta: str) -> None:
        """Queue text; the writer merges it and adds `job.stats()` when it goes out."""


class Job:
    """One request while it is worked on. All methods may be called from the adapter's thread."""

    def __init__(self, request_id: int, outbox: Outbox, workdir: Path, clock: Clock | None = None) -> None:
        self.id = request_id
        self.clock = clock or Clock()
        self.workdir = workdir
        self.live: dict[str, float] = {}  # figures known from the start, shown while it runs
        self.notes: list[str] = []
        self.inputs: deque[Input] = deque()
        self.throttled = False
        self.counter = 0  # moves with the work; the sampler reports it in each beat
        self.phase_name = "waiting"
        self.longest_step_s = 0.0
        self.n_chars = 0  # of text given out so far
        self.shown: list[int] = []  # the same, as it stood when each step's text was out
        self.on_phase_end: Callable[[str], None] = _nothing
        self._outbox = outbox
        self._cancel = threading.Event()
        self._blobs = 0

    # --- the person's wish to stop ---------------------------------------------------------

    @property
    def cancelled(self) -> bool:
        """Read it every token, segment, step or chunk."""
        return self._cancel.is_set()

    def cancel(self) -> None:
        self._cancel.set()

    def check(self) -> None:
        """Raise `Cancelled` once the person has asked to stop (handy while loading)."""
        if self._cancel.is_set():
            raise Cancelled

    # --- time -------------------------------------------------------------------------------

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase (`import`, `read`, `prime`, `prepare`, `prefill` …) and name it in the beats."""
        before, self.phase_name = self.phase_name, name
        self.tick()
        try:
            with self.clock.phase(name):
                yield
        finally:
            self.phase_name = before
            self.on_phase_end(name)

    def step(self, count: int = 1, at_ns: int | None = None) -> None:
        """Stamp one output step of `count` tokens: call it at sampling, before any text. at_ns: when it arrived, if not now."""
        self.clock.step(count, at_ns)
        self.shown.append(self.n_chars)
        self.counter += 1
        steps = self.clock.steps_ns
        if len(steps) > 1:
            self.longest_step_s = max(self.longest_step_s, (steps[-1] - steps[-2]) / 1e9)

    def tick(self) -> None:
        """Say that the work moves, for the hang detector."""
        self.counter += 1

    # --- the way out ------------------------------------------------------------------------

    def text(self, delta: str) -> None:
        """Send text, which counts to the newest step; empty text is nothing."""
        if delta:
            self.n_chars += len(delta)
            if self.shown:
                self.shown[-1] = self.n_chars
            self._outbox.text(self, delta)

    def emit(self, event: Event) -> None:
        """Send an event. Raises EngineError for one that cannot travel (over 64 MiB: use `blob`)."""
        self._outbox.push(event, self)

    def progress(self, fraction: float | None, message: str = "") -> None:
        """Say how far the current phase is: 0–1, or None where it cannot be known."""
        self.tick()
        self.emit(Progress(id=self.id, phase=self.phase_name, fraction=fraction, message=message))

    def note(self, text: str) -> None:
        """Add one line to the run's notes, once."""
        if text not in self.notes:
            self.notes.append(text)

    def stats(self) -> dict[str, float]:
        """The live figures, read by the writer thread when text goes out."""
        return self.live | chat_live(self.clock)

    # --- files and children -----------------------------------------------------------------

    def blob(self, data: Any, shape: Sequence[int] = (), dtype: str = "bytes") -> Blob:
        """Write a bytes-like value as a file of the session and name it."""
        view = memoryview(data).cast("B")
        self._blobs += 1
        path = self.workdir / f"{self.id}-{self._blobs}.blob"
        part = path.with_suffix(".part")
        part.write_bytes(view)
        part.replace(path)
        return Blob(str(path), tuple(shape) or (view.nbytes,), dtype, view.nbytes)

    def child(self, argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a helper in the worker's own process group: it dies with the worker."""
        return children.start_inside(argv, **options)


class Deadline:
    """Calls `job.tick` at most every `every_s`; for tight loops of a library's callback."""

    def __init__(self, tick: Callable[[], None], every_s: float = 0.05) -> None:
        self._tick, self._every, self._next = tick, every_s, 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._every
            self._tick()


def _nothing(phase: str) -> None:
    """No one listens to the end of a phase."""
