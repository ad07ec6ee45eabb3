"""Work in a thread of which only the newest asking counts: reading the library, details of what is selected."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.ui.bridge import Bridge
from app.ui.state.background import Job, Work


class Latest(QObject):
    """One job at a time. What is asked meanwhile cancels it and takes its place; then the first one's result is dropped.

    `done(result)` or `failed(error)` for the newest only, then `changed`, which also says that one began.
    """

    done = Signal(object)
    failed = Signal(object)
    said = Signal(str, object)
    changed = Signal()

    def __init__(self, title: str, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._title, self._bridge = title, bridge
        self._job: Job | None = None
        self._next: Work | None = None
        self._dropped = False

    @property
    def busy(self) -> bool:
        """True until the newest asking is answered."""
        return self._job is not None

    @property
    def message(self) -> str:
        """What the work said last."""
        return self._job.message if self._job is not None else ""

    def ask(self, work: Work) -> None:
        """Do this, instead of what is being done."""
        if self._job is not None:
            self._next, self._dropped = work, True
            self._job.cancel()
            return
        self._begin(work)

    def drop(self) -> None:
        """Nobody wants the answer any more."""
        self._next = None
        if self._job is not None:
            self._dropped = True
            self._job.cancel()

    def cancel(self) -> None:
        """Ask it to stop; it ends as `failed`, or with what it has."""
        if self._job is not None:
            self._job.cancel()

    def close(self) -> None:
        """At shutdown."""
        self._next = None
        if self._job is not None:
            self._job.close()
            self._job = None

    def _begin(self, work: Work) -> None:
        self._dropped = False
        self._job = Job(self._title, work, self._bridge, self)
        self._job.done.connect(self._done)
        self._job.failed.connect(self._failed)
        self._job.said.connect(self.said)
        self._job.ended.connect(self._ended)
        self._job.start()
        self.changed.emit()

    def _done(self, result: object) -> None:
        if not self._dropped:
            self.done.emit(result)

    def _failed(self, error: object) -> None:
        if not self._dropped:
            self.failed.emit(error)

    def _ended(self) -> None:
        if self._job is not None:
            self._job.deleteLater()
        self._job = None
        work, self._next = self._next, None
        if work is not None:
            self._begin(work)
        else:
            self.changed.emit()
