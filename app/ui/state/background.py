"""One long job (a download, a conversion) in a thread, its reports brought to the GUI thread by the bridge."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.ui.bridge import Bridge
from engines.errors import EngineError


class Report(Protocol):
    """Say how far the work is; fraction None where it cannot be known."""

    def __call__(self, message: str, fraction: float | None = None) -> None: ...


Work = Callable[[Report, Callable[[], bool]], object]
"""(report, cancelled) → its result. Raises TandemError or EngineError for what a person can act on."""


@dataclass(frozen=True, slots=True)
class _Said:
    message: str
    fraction: float | None


@dataclass(frozen=True, slots=True)
class _Done:
    result: object = None
    error: TandemError | EngineError | None = None
    bug: BaseException | None = None


class _Line:
    """What the thread holds: a queue, a flag and a plain callable; nothing of Qt."""

    def __init__(self, work: Work, notify: Callable[[], None]) -> None:
        self.queue: queue.SimpleQueue[_Said | _Done] = queue.SimpleQueue()
        self.cancelled = threading.Event()
        self._work = work
        self._notify = notify

    def run(self) -> None:
        try:
            done = _Done(self._work(self._report, self.cancelled.is_set))
        except (TandemError, EngineError) as error:
            done = _Done(error=error)
        except BaseException as bug:  # noqa: BLE001 - raised again in the GUI thread
            done = _Done(bug=bug)
        self.queue.put(done)
        self._notify()

    def _report(self, message: str, fraction: float | None = None) -> None:
        self.queue.put(_Said(message, fraction))
        self._notify()


class Job(QObject):
    """`said` while it works, then exactly one of `done(result)` and `failed(error)`, then `ended`."""

    said = Signal(str, object)
    done = Signal(object)
    failed = Signal(object)
    ended = Signal()

    def __init__(self, title: str, work: Work, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.title = title
        self.message = ""
        self.fraction: float | None = None
        self._bridge = bridge
        self._line = _Line(work, bridge.notify)
        self._thread = threading.Thread(target=self._line.run, name=f"job {title}", daemon=True)

    def start(self) -> None:
        """Begin; reports come through the bridge."""
        self._bridge.add(self._drain)
        self._thread.start()

    def cancel(self) -> None:
        """Ask it to stop; it ends as `failed` with the work's own error."""
        self._line.cancelled.set()

    @property
    def alive(self) -> bool:
        """True until its end was told."""
        return self._thread.is_alive() or not self._line.queue.empty()

    @property
    def cancelled(self) -> bool:
        """True once `cancel` was called."""
        return self._line.cancelled.is_set()

    def close(self, timeout_s: float = 5.0) -> None:
        """Cancel and wait for the thread, at shutdown."""
        self.cancel()
        self._bridge.remove(self._drain)
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _drain(self) -> None:
        while not self._line.queue.empty():
            item = self._line.queue.get_nowait()
            if isinstance(item, _Said):
                self.message, self.fraction = item.message, item.fraction
                self.said.emit(item.message, item.fraction)
            else:
                self._finish(item)

    def _finish(self, item: _Done) -> None:
        self._bridge.remove(self._drain)
        self._thread.join()
        if item.bug is not None:
            self.ended.emit()
            raise item.bug
        if item.error is not None:
            self.failed.emit(item.error)
        else:
            self.done.emit(item.result)
        self.ended.emit()
