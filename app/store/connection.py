"""How a connection to the database is made, and what its errors mean to a person."""

from __future__ import annotations

import contextlib
import errno
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from app.errors import TandemError
from app.store import index

T = TypeVar("T")

BUSY_TIMEOUT_S = 5.0
APPLICATION_ID = 0x54414E44  # "TAND" in the file's header: a database of Tandem's
NEARLY_FULL_BYTES = 1 << 20  # SQLite reports a full disk as an I/O error where it maps its index

_PRAGMAS = (
    "foreign_keys=ON",
    "synchronous=FULL",
    "fullfsync=ON",  # macOS: fsync alone does not reach the platter
    "secure_delete=ON",
    "trusted_schema=OFF",
    "cell_size_check=ON",
)


def damaged(message: str, hint: str = "") -> TandemError:
    """The history cannot be trusted as it is; nothing was changed. `app.store.recovery` does what can be done."""
    return TandemError("store_damaged", message, hint)


def connect(path: Path, *, read_only: bool = False, immutable: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode that never makes the file. immutable: for media nothing can write to."""
    mode = "mode=ro" if read_only else "mode=rw"
    uri = f"{path.absolute().as_uri()}?{mode}{'&immutable=1' if immutable else ''}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    return _prepared(connection)


def copy_in_memory(source: sqlite3.Connection) -> sqlite3.Connection:
    """All that a database holds, in one that is gone with its connection."""
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    source.backup(copy)
    return _prepared(copy)


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except UnicodeDecodeError as error:  # SQLite quotes a damaged schema in its message
        connection.close()
        raise _malformed() from error
    except BaseException:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    connection.text_factory = _text
    connection.create_function("fold", 1, str.casefold, deterministic=True)
    return connection


def _malformed() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("malformed database schema")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _text(raw: bytes) -> str:
    """A damaged letter must not keep a person from the rest of a conversation."""
    return raw.decode("utf-8", "replace")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """BEGIN IMMEDIATE … COMMIT, with the search index brought up to date; rolled back on any error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        index.settle(connection)
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # a full disk has already rolled back
            connection.execute("ROLLBACK")
        raise


def transact(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """`work` in a transaction; where the search index is damaged it is made again, and `work` is done once more."""
    try:
        with transaction(connection):
            return work(connection)
    except index.IndexDamagedError:
        with transaction(connection):
            index.rebuild(connection)
    with transaction(connection):
        return work(connection)


@contextlib.contextmanager
def in_words(database: Path) -> Iterator[None]:
    """Errors of SQLite that a person can act on become TandemError; the others are bugs and stay as they are."""
    try:
        yield
    except sqlite3.Error as error:
        known = _known(error, database)
        if known is None:
            raise
        raise known from error


@contextlib.contextmanager
def disk_in_words(database: Path) -> Iterator[None]:
    """As `in_words`, for work with the files themselves too."""
    try:
        with in_words(database):
            yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise disk_full(database) from error
        raise TandemError("store_io", f"The history's files cannot be changed: {error}.", "Check that disk.") from error


def _known(error: sqlite3.Error, database: Path) -> TandemError | None:
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_FULL or (primary in _IO_CODES and _nearly_full(database)):
        return disk_full(database)
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(
            f"The history is damaged ({error}): {database}.", "Close Tandem and open it again to recover it."
        )
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return TandemError("locked", "Another program keeps the history busy.", "Try again, or close the other Tandem.")
    if primary == sqlite3.SQLITE_READONLY:
        return TandemError(
            "store_read_only", f"The history cannot be written: {database}.", "Check the rights of that file."
        )
    if primary in _IO_CODES:
        return TandemError("store_io", f"The disk failed at the history ({error}): {database}.", "Check that disk.")
    return None


_IO_CODES = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)


def disk_full(database: Path) -> TandemError:
    return TandemError(
        "disk_full",
        f"The disk is full: the history in {database.parent} cannot be written.",
        "Free some space and try again. What was stored before is safe, and an answer that is being written is kept.",
    )


def _nearly_full(database: Path) -> bool:
    try:
        return shutil.disk_usage(database.parent).free < NEARLY_FULL_BYTES
    except OSError:
        return False
