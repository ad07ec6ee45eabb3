"""An answer while it is written: its text reaches the disk in steps, without making anyone wait."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

from app.errors import TandemError
from app.store.writer import Writer

_APPEND = "UPDATE messages SET content = content || ? WHERE id = ?"
_END = "UPDATE messages SET status = ?, run_id = coalesce(?, run_id), writer = NULL WHERE id = ?"


class TextStream:
    """The growing text of one message. Any thread may call it; made by `Store.stream`.

    failure: why the last step could not be written, or None. The text is then kept here and tried again.
    """

    def __init__(self, writer: Writer, message_id: str, ended: Callable[[str], None]) -> None:
        self.message_id = message_id
        self.failure: TandemError | None = None
        self._writer = writer
        self._ended = ended
        self._lock = threading.Lock()
        self._pending: list[str] = []
        self._taken = 0  # how many of them the transaction under way holds
        self._put_off = False
        self._over = False

    def append(self, delta: str) -> None:
        """Add text; it is on disk within the store's interval. Never waits for the disk."""
        with self._lock:
            if self._over:
                raise ValueError("this message is finished")
            self._pending.append(delta)
            first, self._put_off = not self._put_off, True
        if first:
            self._writer.defer(self)

    def finish(self, status: str, run_id: str | None = None) -> None:
        """Write what is left and `status`; on disk when this returns.

        Raises TandemError("disk_full", …): nothing is lost then, and `finish` may be called again.
        """

        def end(connection: sqlite3.Connection) -> None:
            self.write(connection)
            connection.execute(_END, (status, run_id, self.message_id))

        self._set_over(True)
        try:
            self._writer.call(end, self._close)
        except BaseException:
            self._set_over(False)
            raise

    def abandon(self) -> None:
        """Somebody else has written the message whole; what was not written yet is dropped."""
        with self._lock:
            self._pending.clear()
            self._over = True
        self._ended(self.message_id)

    def write(self, connection: sqlite3.Connection) -> None:
        """The writer's: put what has come so far into its transaction."""
        with self._lock:
            self._taken = len(self._pending)
            text = "".join(self._pending)
        if text:
            connection.execute(_APPEND, (text.encode("utf-8", "replace").decode("utf-8"), self.message_id))

    def committed(self) -> None:
        """The writer's: what `write` took is on disk."""
        with self._lock:
            del self._pending[: self._taken]
            self._taken, self.failure = 0, None
            again = bool(self._pending) and not self._over
            self._put_off = again
        if again:
            self._writer.defer(self)

    def failed(self, error: TandemError) -> None:
        """The writer's: what `write` took is not on disk; it comes again."""
        with self._lock:
            self._taken, self.failure = 0, error

    def _set_over(self, over: bool) -> None:
        with self._lock:
            self._over = over

    def _close(self) -> None:
        self.committed()
        self.abandon()
