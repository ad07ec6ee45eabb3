"""Whether the database can be trusted. An empty history is only ever shown where there has never been one."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from app.paths import Paths
from app.store import files
from app.store.connection import connect, in_words
from app.store.schema import is_ours

_MAGIC = b"SQLite format 3\x00"
_ALWAYS_CHECKED_BYTES = 16 << 20  # quick_check reads about 1 MB/ms from a warm disk cache
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def damage(paths: Paths, *, thorough: bool = False) -> str:
    """What is wrong, in words; "" if nothing is, or if there is no history yet.

    thorough: check the structure of every page even where the file is large.
    """
    database = paths.database
    if not database.exists():
        return "The history file is gone, but copies of it are there." if _had_one(paths) else ""
    size = database.stat().st_size
    if size == 0:
        return "The history file is empty (0 bytes)."
    with database.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return "The history file does not begin as a database does."
    return inside(database, thorough=thorough or size <= _ALWAYS_CHECKED_BYTES)


def inside(database: Path, *, thorough: bool) -> str:
    """The same for what SQLite finds in a file that looks like a database."""
    with in_words(database):
        try:
            with contextlib.closing(connect(database)) as connection:
                return _look(connection, thorough)
        except sqlite3.DatabaseError as error:
            if (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF in _BROKEN:
                return f"The history file is damaged ({error})."
            raise


def _look(connection: sqlite3.Connection, thorough: bool) -> str:
    tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('conversations', 'messages')")
    if not is_ours(connection) or tables.fetchone()[0] != 2:
        return "The file in the history's place is not a history of Tandem's."
    if thorough:
        found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        if found != "ok":
            return f"The history file is damaged ({found.splitlines()[-1]})."
    return ""


def _had_one(paths: Paths) -> bool:
    database = paths.database
    return bool(files.sidecars(database) or files.kept(database) or any(paths.backups.glob("*.sqlite3")))
