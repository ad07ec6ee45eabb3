"""A comparison in a thread: the room's events go through a queue and are drained in the GUI thread, once a frame."""

from __future__ import annotations

import queue
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.lab.compare.events import Began, Delta, Moment, RoomEvent, Snapshot, Watcher
from app.lab.compare.plan import Mode, Plan
from app.lab.compare.result import Result
from app.ui.bridge import Bridge
from app.ui.state.background import Job, Report
from app.ui.state.ports import Services


class _Inbox:
    """What the room's thread holds: a queue and a plain callable; nothing of Qt."""

    def __init__(self, notify: Callable[[], None]) -> None:
        self.queue: queue.SimpleQueue[RoomEvent] = queue.SimpleQueue()
        self._notify = notify

    def put(self, event: RoomEvent) -> None:
        self.queue.put(event)
        self._notify()


class Measuring(QObject):
    """`began(lane, step)`, `grew(lane, step, text, stats)`, `moved(Moment)` and `snapped(Result)` while it works, then
    exactly one of `done(Result)`, `failed(error)` and, for a bug, `broke`. Only the newest of a frame's moments and snapshots is told."""

    began = Signal(int, int)
    grew = Signal(int, int, str, object)
    moved = Signal(object)
    snapped = Signal(object)
    done = Signal(object)
    failed = Signal(object)
    broke = Signal()

    def __init__(self, services: Services, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services, self._bridge = services, bridge
        self._inbox = _Inbox(bridge.notify)
        self._job: Job | None = None

    def start(self, plan: Plan, mode: Mode, resume: Result | None = None) -> None:
        """Begin; nothing may be under way."""
        services, inbox = self._services, self._inbox

        def work(_report: Report, cancelled: Callable[[], bool]) -> Result:
            return services.compare(plan, mode, Watcher(inbox.put, cancelled), resume)

        job = Job(plan.title or "comparison", work, self._bridge, self)
        job.done.connect(self._done)
        job.failed.connect(self._failed)
        job.ended.connect(self._ended)
        self._job = job
        self._bridge.add(self.drain)  # before the job's own drain: the last events come before its end
        job.start()

    @property
    def running(self) -> bool:
        """True until `done` or `failed`."""
        return self._job is not None

    @property
    def stopping(self) -> bool:
        """True once it was asked to stop."""
        return self._job is not None and self._job.cancelled

    def stop(self) -> None:
        """Ask it to end; what is done comes with `done`."""
        if self._job is not None:
            self._job.cancel()

    def close(self) -> None:
        """Cancel and wait, at shutdown."""
        self._bridge.remove(self.drain)
        if self._job is not None:
            self._job.close()
            self._job = None

    def drain(self) -> None:
        """Tell what has come since; the bridge's call."""
        moment: Moment | None = None
        snapshot: Snapshot | None = None
        texts: list[Began | Delta] = []
        while not self._inbox.queue.empty():
            event = self._inbox.queue.get_nowait()
            if isinstance(event, Moment):
                moment = event
            elif isinstance(event, Snapshot):
                snapshot = event
            else:
                _join(texts, event)
        for text in texts:
            if isinstance(text, Began):
                self.began.emit(text.lane, text.step)
            else:
                self.grew.emit(text.lane, text.step, text.text, text.stats)
        if moment is not None:
            self.moved.emit(moment)
        if snapshot is not None:
            self.snapped.emit(snapshot.result)

    def _done(self, result: object) -> None:
        self._leave()
        self.done.emit(result)

    def _failed(self, error: object) -> None:
        self._leave()
        self.failed.emit(error)

    def _ended(self) -> None:
        if self._job is not None:  # neither done nor failed: a bug, which is raised in this thread now
            self._leave()
            self.broke.emit()

    def _leave(self) -> None:
        if self._job is not None:
            self._bridge.remove(self.drain)
            self.drain()
            self._job.deleteLater()
            self._job = None


def _join(texts: list[Began | Delta], event: Began | Delta) -> None:
    """Add the event; pieces of one answer that came within a frame are one piece."""
    for index in range(len(texts) - 1, -1, -1):
        last = texts[index]
        if last.lane == event.lane:
            if isinstance(last, Delta) and isinstance(event, Delta) and last.step == event.step:
                texts[index] = Delta(last.lane, last.step, last.text + event.text, event.stats)
                return
            break
    texts.append(event)
