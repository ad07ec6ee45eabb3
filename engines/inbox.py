"""A session's queue on the program's side: merges texts, holds at most 8 MiB, wakes its reader once."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from engines.protocol import Beat, Event, Text

LIMIT_BYTES = 8 * 1024 * 1024
OVERHEAD_BYTES = 100


class _Texts:
    """Texts of one request that nobody has read yet."""

    __slots__ = ("id", "parts", "stats")

    def __init__(self, first: Text) -> None:
        self.id, self.parts, self.stats = first.id, [first.text], first.stats

    def event(self) -> Text:
        return Text(id=self.id, text="".join(self.parts), stats=self.stats)


class Inbox:
    """`put` waits while more than 8 MiB are unread; `notify` is called when it goes from empty to not empty.

    Texts of one request that follow one another become one; of beats in a row only the newest stays.
    """

    def __init__(self, notify: Callable[[], None]) -> None:
        self._notify = notify
        self._queue: deque[Event | _Texts] = deque()
        self._bytes = 0
        self._wide = False
        self._changed = threading.Condition()
        self.blocked = False

    def put(self, event: Event, size: int) -> None:
        with self._changed:
            while self._bytes > LIMIT_BYTES and not self._wide:
                self.blocked = True
                self._changed.wait(0.5)
            self.blocked = False
            was_empty = self._add(event, size)
        if was_empty:
            self._wake()

    def post(self, event: Event) -> None:
        """Put one of the client's own events: never waits."""
        with self._changed:
            was_empty = self._add(event, 0)
        if was_empty:
            self._wake()

    def drain(self) -> list[Event]:
        with self._changed:
            taken, self._queue = self._queue, deque()
            self._bytes = 0
            self._changed.notify_all()
        return [e.event() if isinstance(e, _Texts) else e for e in taken]

    def wait(self, timeout_s: float) -> list[Event]:
        with self._changed:
            if not self._queue:
                self._changed.wait_for(lambda: bool(self._queue), timeout_s)
        return self.drain()

    def open_wide(self) -> None:
        """No limit any more: the session ends and its last events must fit."""
        with self._changed:
            self._wide = True
            self._changed.notify_all()

    def _wake(self) -> None:
        try:
            self._notify()
        except Exception:  # a caller's bug must not end the threads that watch a worker
            logging.getLogger(__name__).exception("the wake-up of a session failed")

    def _add(self, event: Event, size: int) -> bool:
        """With the lock held; True if the queue was empty."""
        last = self._queue[-1] if self._queue else None
        if isinstance(event, Beat) and isinstance(last, Beat):
            self._queue[-1] = event
            return False
        self._bytes += size + OVERHEAD_BYTES
        if isinstance(event, Text):
            if isinstance(last, _Texts) and last.id == event.id:
                last.parts.append(event.text)
                last.stats = event.stats or last.stats
                return False
            self._queue.append(_Texts(event))
        else:
            self._queue.append(event)
        if last is None:
            self._changed.notify_all()
        return last is None
