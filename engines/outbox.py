"""A worker's way out: one thread that writes frames, merges text, and knows what may be dropped."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable

from engines import wire
from engines.job import Job
from engines.protocol import Beat, Event, Preview, Stats, Text

GAP_S = 0.008  # the first event goes at once, then at most every 8 ms
LIMIT_BYTES = 8 * 1024 * 1024
DROPPABLE = (Beat, Preview, Stats)


class Pending:
    """Text of one job that has not gone out."""

    __slots__ = ("job", "parts")

    def __init__(self, job: Job, delta: str) -> None:
        self.job, self.parts = job, [delta]

    def event(self) -> Text:
        return Text(id=self.job.id, text="".join(self.parts), stats=self.job.stats())


class FrameWriter:
    """The outbox of `engines.job`. `gone` is called once when the program no longer reads."""

    def __init__(self, fd: int, gone: Callable[[], None]) -> None:
        self._fd, self._gone = fd, gone
        self._queue: deque[Event | Pending] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._idle = True
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def text(self, job: Job, delta: str) -> None:
        """Queue text; merged with what still waits of the same job."""
        with self._changed:
            last = self._queue[-1] if self._queue else None
            if isinstance(last, Pending) and last.job is job:
                last.parts.append(delta)
            else:
                self._queue.append(Pending(job, delta))
            self._grew(len(delta), job)

    def push(self, event: Event) -> None:
        """Queue an event. What may be lost is dropped when the program is far behind."""
        size = _size(event)
        with self._changed:
            if self._bytes > LIMIT_BYTES and isinstance(event, DROPPABLE):
                return
            self._queue.append(event)
            self._grew(size, None)

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what waits, then end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)

    def _grew(self, size: int, job: Job | None) -> None:
        """With the lock held: count, wake the writer, and let the adapter wait when nothing can be dropped."""
        self._bytes += size
        if self._idle:
            self._changed.notify_all()
        if self._bytes <= LIMIT_BYTES:
            return
        kept: deque[Event | Pending] = deque(e for e in self._queue if not isinstance(e, DROPPABLE))
        if len(kept) < len(self._queue):
            self._queue = kept
            self._bytes = sum(map(_size, kept))
        while job is not None and self._bytes > LIMIT_BYTES and not self._closing:
            job.throttled = True
            self._changed.wait(0.5)

    def _work(self) -> None:
        try:
            while self._write_batch():
                time.sleep(GAP_S)
        except OSError:
            self._gone()

    def _write_batch(self) -> bool:
        """Wait for something and write all of it; False at the end."""
        with self._changed:
            while not self._queue and not self._closing:
                self._idle = True
                self._changed.wait()
            self._idle = False
            batch, self._queue = self._queue, deque()
            if not batch:
                return False
        for entry in batch:
            self._write(wire.encode(entry.event() if isinstance(entry, Pending) else entry))
        with self._changed:
            self._bytes = sum(map(_size, self._queue))
            self._changed.notify_all()
        return True

    def _write(self, frame: bytes) -> None:
        view = memoryview(frame)
        while view:
            view = view[os.write(self._fd, view) :]


def _size(entry: Event | Pending) -> int:
    if isinstance(entry, Pending):
        return sum(map(len, entry.parts))
    return 200 if isinstance(entry, DROPPABLE) else 500
