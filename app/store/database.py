"""What every table's functions stand on: reading from any thread, writing through the one writer."""

from __future__ import annotations

import datetime
import logging
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from app.errors import TandemError
from app.locks import FileLock
from app.paths import Paths
from app.store import backup
from app.store.connection import in_words
from app.store.opening import StoreSettings
from app.store.presence import Presence
from app.store.stream import TextStream
from app.store.writer import Writer

T = TypeVar("T")

log = logging.getLogger("tandem.store")


class Database:
    """One open store. Made by `Store.open`; every method may be called from any thread."""

    def __init__(
        self,
        paths: Paths,
        settings: StoreSettings,
        schema: FileLock,
        reader: sqlite3.Connection,
        writer: Writer | None,
        presence: Presence | None,
        notice: str,
    ) -> None:
        self.notice = notice
        self._paths = paths
        self._settings = settings
        self._schema = schema
        self._reader = reader
        self._reading = threading.Lock()
        self._writer = writer
        self._presence = presence
        self._streams: dict[str, TextStream] = {}
        self._damaged = False
        self._open = True
        self._backup_day: datetime.date | None = None
        self._backup: threading.Thread | None = None

    @property
    def read_only(self) -> bool:
        return self._writer is None

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`work` sees everything that is committed. Raises TandemError where SQLite failed."""
        try:
            with self._reading, in_words(self._paths.database):
                return work(self._reader)
        except TandemError as error:
            self._note(error)
            raise
        except sqlite3.OperationalError as error:
            if not self.read_only:
                raise
            raise TandemError(
                "store_newer", f"This part of a newer history cannot be read: {error}.", "Update Tandem."
            ) from error

    def write(self, work: Callable[[sqlite3.Connection], T], committed: Callable[[], None] | None = None) -> T:
        """Run `work` in a transaction; committed when this returns. Raises TandemError, then nothing was written.

        committed: run by the writer before it writes anything else.
        """
        writer = self._writing()
        try:
            result = writer.call(work, committed)
        except TandemError as error:
            self._note(error)
            raise
        self.back_up_if_due()
        return result

    def back_up_if_due(self) -> None:
        """Begin today's copy, beside the work, if there is none yet. Called by itself: when the store opens,
        when it is closed, and at the first write of a new day.
        """
        today = self._settings.today()
        if self._backup_day == today or self.read_only or (self._backup and self._backup.is_alive()):
            return
        self._backup_day = today
        self._backup = threading.Thread(target=self._back_up, args=(today,), name="tandem-store-backup", daemon=True)
        self._backup.start()

    def close(self) -> None:
        """Keep what is still streaming as `interrupted`, finish the copy, give everything back. May be called twice."""
        if not self._open:
            return
        self._open = False
        try:
            self._end_streams()
        finally:
            self._give_back()

    def _end_streams(self) -> None:
        for stream in list(self._streams.values()):
            try:
                stream.finish("interrupted")
            except TandemError as error:
                log.warning("an unfinished answer could not be kept: %s", error.code)

    def _give_back(self) -> None:
        if self._backup is not None:
            self._backup.join()
            self._back_up(self._settings.today())  # where there was nothing to copy yet
        with self._reading:
            self._reader.close()
        if self._writer is not None:
            self._writer.close()  # last: only a connection that may write can empty the log as it goes
        if self._presence is not None:
            self._presence.leave(clean=not self._damaged)
        self._schema.release()

    def _writing(self) -> Writer:
        if self._writer is None:
            raise TandemError("store_read_only", f"Nothing can be stored: {self.notice}")
        if not self._open:
            raise RuntimeError("the store is closed")
        return self._writer

    def _note(self, error: TandemError) -> None:
        """Damage that is met later makes the next start check the whole file."""
        self._damaged = self._damaged or error.code == "store_damaged"

    def _back_up(self, today: datetime.date) -> None:
        alone = FileLock(self._paths.lock / "backup")
        try:
            if alone.try_acquire() and backup.due(self._paths.backups, today):  # else another process makes it
                backup.make_daily(self._paths.database, self._paths.backups, today)
        except (TandemError, OSError) as error:
            self.notice = f"Today's copy of the history could not be made: {error}"
            log.warning("no daily copy: %s", getattr(error, "code", "os"))
            if isinstance(error, TandemError):
                self._note(error)
        finally:
            alone.release()


def new_id() -> str:
    return uuid.uuid4().hex


def now() -> float:
    return time.time()


def to_json(value: Any) -> str:
    return msgspec.json.encode(value).decode("utf-8")


def from_json(text: str, kind: type[T]) -> T:
    """The value, or an empty one of `kind` where the text is broken: one bad field must not hide a row."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, TypeError):
        return kind()


def clean(text: str) -> str:
    """`text` without half surrogates, which no file can hold and some clipboards give."""
    return text.encode("utf-8", "replace").decode("utf-8")


def not_found(what: str) -> TandemError:
    return TandemError("not_found", f"This {what} is not there any more.")
