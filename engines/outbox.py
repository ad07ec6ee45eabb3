"""A worker's way out: one thread that writes frames, merges text, and knows what may be dropped."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable

from engines import wire
from engines.job import Job
from engines.protocol import Beat, Event, Preview, Stats, Text

GAP_S = 0.008  # the first event goes at once, then at most every 8 ms
LIMIT_BYTES = 8 * 1024 * 1024
DROPPABLE = (Beat, Preview, Stats)


class _Ready:
    """An event as the frame it will be."""

    __slots__ = ("droppable", "frame", "size")

    def __init__(self, event: Event) -> None:
        self.frame = wire.encode(event)
        self.size = len(self.frame)
        self.droppable = isinstance(event, DROPPABLE)


class _Texts:
    """Text of one job that has not gone out; its figures are added when it does."""

    __slots__ = ("job", "parts", "size")
    droppable = False

    def __init__(self, job: Job) -> None:
        self.job, self.parts, self.size = job, list[str](), 0

    def add(self, delta: str) -> None:
        self.parts.append(delta)
        self.size += len(delta)

    @property
    def frame(self) -> bytes:
        text = "".join(self.parts).encode("utf-8", "replace").decode()  # a lone surrogate is no text
        return wire.encode(Text(id=self.job.id, text=text, stats=self.job.stats()))


class FrameWriter:
    """The outbox of `engines.job`. `gone` is called once when the program no longer reads."""

    def __init__(self, fd: int, gone: Callable[[], None]) -> None:
        self._fd, self._gone = fd, gone
        self._queue: deque[_Ready | _Texts] = deque()
        self._waiting = 0  # bytes in the queue
        self._leaving = 0  # bytes being written now
        self._changed = threading.Condition()
        self._idle = True
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def text(self, job: Job, delta: str) -> None:
        """Queue text; merged with what still waits of the same job."""
        with self._changed:
            last = self._queue[-1] if self._queue else None
            if not (isinstance(last, _Texts) and last.job is job):
                last = _Texts(job)
                self._queue.append(last)
            last.add(delta)
            self._grew(len(delta), job)

    def push(self, event: Event, job: Job | None = None) -> None:
        """Queue an event. What may be lost is dropped when the program is far behind.

        job: the one whose adapter may be made to wait; without it this never blocks.
        Raises EngineError `frame_too_large`, `bad_message`.
        """
        entry = _Ready(event)
        with self._changed:
            if entry.droppable and self._bytes > LIMIT_BYTES:
                return
            self._queue.append(entry)
            self._grew(entry.size, job)

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what waits, then end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)

    @property
    def _bytes(self) -> int:
        return self._waiting + self._leaving

    def _grew(self, size: int, job: Job | None) -> None:
        """With the lock held: count, wake the writer, and let the adapter wait when nothing can be dropped."""
        self._waiting += size
        if self._idle:
            self._changed.notify_all()
        if self._bytes > LIMIT_BYTES:
            self._queue = deque(e for e in self._queue if not e.droppable)
            self._waiting = sum(e.size for e in self._queue)
        while job is not None and self._bytes > LIMIT_BYTES and not self._closing and not job.cancelled:
            job.throttled = True
            self._changed.wait(0.5)

    def _work(self) -> None:
        try:
            while self._write_batch():
                time.sleep(GAP_S)
        except OSError:
            self._gone()
        except Exception:  # noqa: BLE001 - without its writer a worker would wait for ever
            traceback.print_exc(file=sys.stderr)
            self._gone()

    def _write_batch(self) -> bool:
        """Wait for something and write all of it; False at the end."""
        with self._changed:
            while not self._queue and not self._closing:
                self._idle = True
                self._changed.wait()
            self._idle = False
            batch, self._queue = self._queue, deque()
            self._leaving, self._waiting = self._waiting, 0
            if not batch:
                return False
        while batch:
            entry = batch.popleft()
            self._write(entry.frame)
            with self._changed:
                self._leaving -= entry.size
                self._changed.notify_all()
        return True

    def _write(self, frame: bytes) -> None:
        view = memoryview(frame)
        while view:
            view = view[os.write(self._fd, view) :]
