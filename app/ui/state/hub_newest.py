"""Questions that are answered in threads, of which only the newest one's answer is told: searches, listings, estimates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.ui.bridge import Bridge
from app.ui.state.background import Job, Report, Work
from engines.errors import EngineError

MOST = 3
"""Threads at once: a server that hangs must not collect one a keystroke. Later questions wait for one to end."""

CLOSE_S = 0.2
"""Waited for at shutdown; a thread that still asks a server then goes with the process."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """number: of the question."""

    number: int
    result: object = None
    error: TandemError | EngineError | None = None


class Newest(QObject):
    """`answered(result)` or `failed(error)` of the newest question alone; `changed` when `busy` does.

    Nothing that a job's signals hold refers to the job: it would be freed in the midst of its own end.
    """

    answered = Signal(object)
    failed = Signal(object)
    changed = Signal()

    def __init__(self, title: str, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._title, self._bridge = title, bridge
        self._jobs: list[Job] = []
        self._current: Job | None = None
        self._waiting: Work | None = None
        self._number = 0

    @property
    def busy(self) -> bool:
        """True while an answer is awaited."""
        return self._current is not None or self._waiting is not None

    def ask(self, work: Work) -> None:
        """Forget what was asked before, and ask this."""
        self._forget()
        if len(self._jobs) < MOST:
            self._begin(work)
        else:
            self._waiting = work
        self.changed.emit()

    def drop(self) -> None:
        """Forget what was asked: its answer is not told."""
        if self.busy:
            self._forget()
            self.changed.emit()

    def close(self) -> None:
        """At shutdown."""
        self._waiting = self._current = None
        for job in self._jobs:
            job.close(CLOSE_S)
        self._jobs.clear()

    def _forget(self) -> None:
        if self._current is not None:
            self._current.cancel()
        self._current = self._waiting = None

    def _begin(self, work: Work) -> None:
        self._number += 1
        job = Job(self._title, _numbered(self._number, work), self._bridge, self)
        self._jobs.append(job)
        self._current = job
        job.done.connect(self._done)
        job.ended.connect(self._ended)
        job.start()

    def _done(self, answer: object) -> None:
        if not isinstance(answer, _Answer) or answer.number != self._number or self._current is None:
            return
        self._current = None
        if answer.error is not None:
            self.failed.emit(answer.error)
        else:
            self.answered.emit(answer.result)
        self.changed.emit()

    def _ended(self) -> None:
        """Let go of the jobs that have told their end; one of them may be a bug, which is raised after this."""
        for job in [job for job in self._jobs if not job.alive]:
            self._jobs.remove(job)
            job.deleteLater()
            if job is self._current:
                self._current = None
                self.changed.emit()
        if self._waiting is not None and len(self._jobs) < MOST:
            work, self._waiting = self._waiting, None
            self._begin(work)


def _numbered(number: int, work: Work) -> Work:
    def run(report: Report, cancelled: Callable[[], bool]) -> object:
        try:
            return _Answer(number, work(report, cancelled))
        except (TandemError, EngineError) as error:
            return _Answer(number, error=error)

    return run
