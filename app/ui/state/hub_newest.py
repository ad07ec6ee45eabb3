"""Questions that are answered in threads, of which only the newest one's answer is told: searches, listings, estimates."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.ui.bridge import Bridge
from app.ui.state.background import Job, Work

MOST = 3
"""Threads at once: a server that hangs must not collect one a keystroke. Later questions wait for one to end."""

CLOSE_S = 0.2
"""Waited for at shutdown; a thread that still asks a server then goes with the process."""


class Newest(QObject):
    """`answered(result)` or `failed(error)` of the newest question alone; `changed` when `busy` does."""

    answered = Signal(object)
    failed = Signal(object)
    changed = Signal()

    def __init__(self, title: str, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._title, self._bridge = title, bridge
        self._jobs: list[Job] = []
        self._current: Job | None = None
        self._waiting: Work | None = None

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
        job = Job(self._title, work, self._bridge, self)
        self._jobs.append(job)
        self._current = job
        job.done.connect(lambda result: self._done(job, result))
        job.failed.connect(lambda error: self._failed(job, error))
        job.ended.connect(lambda: self._ended(job))
        job.start()

    def _done(self, job: Job, result: object) -> None:
        if job is self._current:
            self._current = None
            self.answered.emit(result)
            self.changed.emit()

    def _failed(self, job: Job, error: object) -> None:
        if job is self._current:
            self._current = None
            self.failed.emit(error)
            self.changed.emit()

    def _ended(self, job: Job) -> None:
        if job is self._current:  # a bug, which is raised after this
            self._current = None
            self.changed.emit()
        self._jobs.remove(job)
        job.deleteLater()
        if self._waiting is not None:
            work, self._waiting = self._waiting, None
            self._begin(work)
