"""The one thread of a process that writes to the database.

Everything is one short transaction: nothing stays open while something else happens. What must be on
disk before the caller goes on waits for its commit (`call`); streamed text is written within the interval
(`defer`), so that a token never waits for a disk.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from app.errors import TandemError
from app.store.connection import in_words, transact

FLUSH_S = 0.5

T = TypeVar("T")


class Deferred(Protocol):
    """Something that has text to be written. All three are called in the writer's thread."""

    def write(self, connection: sqlite3.Connection) -> None: ...

    def committed(self) -> None: ...

    def failed(self, error: TandemError) -> None: ...


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    committed: Callable[[], None] | None
    future: Future[Any]


class Writer:
    """Owns `connection` from now on and closes it at its end."""

    def __init__(self, connection: sqlite3.Connection, database: Path, flush_s: float = FLUSH_S) -> None:
        self._connection = connection
        self._database = database
        self._flush_s = flush_s
        self._queue: queue.SimpleQueue[_Job | Deferred | None] = queue.SimpleQueue()
        self._waiting: dict[int, Deferred] = {}
        self._due = 0.0
        self._thread = threading.Thread(target=self._serve, name="tandem-store-writer", daemon=True)
        self._thread.start()

    def call(self, work: Callable[[sqlite3.Connection], T], committed: Callable[[], None] | None = None) -> T:
        """Run `work` in a transaction of its own and wait until it is committed; `committed` runs right then.

        Raises what `work` raises, and TandemError where SQLite failed; then nothing was written.
        """
        job = _Job(work, committed, Future())
        self._queue.put(job)
        result: T = job.future.result()
        return result

    def defer(self, item: Deferred) -> None:
        """Write `item` within the interval, and again after each failure, until it is written. Never waits."""
        self._queue.put(item)

    def close(self) -> None:
        """Do what is queued, then end. Deferred items must have been finished by their owners."""
        self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (item := self._next()) is not None:
            if isinstance(item, _Job):
                self._run(item)
            elif isinstance(item, _Tick):
                self._flush()
            else:
                self._put_off(item)
        self._connection.close()

    def _next(self) -> _Job | Deferred | _Tick | None:
        if not self._waiting:
            return self._queue.get()
        left = self._due - time.monotonic()
        if left <= 0:
            return _Tick()
        try:
            return self._queue.get(timeout=left)
        except queue.Empty:
            return _Tick()

    def _put_off(self, item: Deferred) -> None:
        if not self._waiting:
            self._due = time.monotonic() + self._flush_s
        self._waiting[id(item)] = item

    def _run(self, job: _Job) -> None:
        try:
            with in_words(self._database):
                result = transact(self._connection, job.work)
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who waits for it
            job.future.set_exception(error)
            return
        if job.committed is not None:
            job.committed()
        job.future.set_result(result)

    def _flush(self) -> None:
        items, self._waiting = list(self._waiting.values()), {}

        def write(connection: sqlite3.Connection) -> None:
            for item in items:
                item.write(connection)

        try:
            with in_words(self._database):
                transact(self._connection, write)
        except Exception as error:  # noqa: BLE001 - this thread must live on, and the text with it
            known = error if isinstance(error, TandemError) else TandemError("store_failed", f"Saving failed: {error}")
            for item in items:
                item.failed(known)
                self._put_off(item)
            return
        for item in items:
            item.committed()


class _Tick:
    """The interval is over."""
