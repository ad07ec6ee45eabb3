"""Copies of the history: one a day, the last three kept, and one from before each migration, kept for ever."""

from __future__ import annotations

import contextlib
import datetime
import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from app.store import files, health
from app.store.connection import connect, in_words
from app.store.schema import version

KEPT_DAYS = 3
_DAILY = "daily-"
_TABLES = ("conversations", "messages", "runs")


@dataclass(frozen=True, slots=True)
class Counts:
    conversations: int
    messages: int
    runs: int


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that opens and is whole. created: seconds since 1970."""

    path: Path
    created: float
    counts: Counts


def count(connection: sqlite3.Connection) -> Counts:
    found = [int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in _TABLES]  # noqa: S608
    return Counts(*found)


def due(folder: Path, today: datetime.date) -> bool:
    return not _daily(folder, today).exists()


def make_daily(database: Path, folder: Path, today: datetime.date) -> Path | None:
    """Today's copy, beside others' writing; older ones than the last three go. None: there is nothing to keep yet."""
    with in_words(database), contextlib.closing(connect(database, read_only=True)) as connection:
        if count(connection) == Counts(0, 0, 0):
            return None
        target = _copy(connection, _daily(folder, today))
    for old in sorted(folder.glob(f"{_DAILY}*.sqlite3"))[:-KEPT_DAYS]:
        old.unlink(missing_ok=True)
    return target


def before_migration(connection: sqlite3.Connection, folder: Path, target_version: int) -> Path:
    """A copy as the database is now, before it becomes `target_version`. The caller holds the schema alone."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return _copy(connection, folder / f"before-{target_version:04d}-{stamp}.sqlite3")


def keep_all(folder: Path) -> None:
    """Take the daily copies out of the turn: after a recovery none of them may go by itself."""
    for path in folder.glob(f"{_DAILY}*.sqlite3"):
        path.replace(path.with_name(path.name.replace(_DAILY, f"kept-{time.strftime('%Y%m%d-%H%M%S')}-")))


def good(folder: Path, newest_version: int) -> list[Backup]:
    """The copies that are whole and that this program can read, newest first."""
    found = (_read(path, newest_version) for path in folder.glob("*.sqlite3"))
    return sorted((each for each in found if each), key=lambda each: each.created, reverse=True)


def _read(path: Path, newest_version: int) -> Backup | None:
    try:
        if health.inside(path, thorough=True):
            return None
        with contextlib.closing(connect(path, read_only=True)) as connection:
            if version(connection) > newest_version:
                return None
            return Backup(path, path.stat().st_mtime, count(connection))
    except (sqlite3.Error, OSError):
        return None


def _daily(folder: Path, day: datetime.date) -> Path:
    return folder / f"{_DAILY}{day.isoformat()}.sqlite3"


def _copy(connection: sqlite3.Connection, target: Path) -> Path:
    temporary = target.with_name(f"{target.name}.{os.getpid()}.part")
    files.remove(temporary)
    try:
        connection.execute("VACUUM INTO ?", (os.fspath(temporary),))
        files.install(temporary, target)
    finally:
        files.remove(temporary)
    return target
