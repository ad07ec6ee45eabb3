"""From whatever lies in the home to a database that this program can use, several processes at once.

`lock/schema` is held shared while a store is open and alone while its form changes: whoever has it shared
may trust that nobody migrates or recovers under them.
"""

from __future__ import annotations

import contextlib
import datetime
import enum
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.errors import TandemError
from app.locks import POLL_S, FileLock
from app.paths import Paths
from app.store import backup, files, health, journal, presence
from app.store.connection import connect, damaged, disk_in_words, in_words
from app.store.schema import Migration, migrate, migrations, version
from app.store.writer import FLUSH_S


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """What tests change: how long to wait for other processes, how often text is written, which schema."""

    lock_timeout_s: float = 5.0
    flush_s: float = FLUSH_S
    migrations: tuple[Migration, ...] = field(default_factory=migrations)
    journal: Callable[[Path], str] = journal.journal_mode
    today: Callable[[], datetime.date] = datetime.date.today

    @property
    def newest(self) -> int:
        return len(self.migrations)


class Condition(enum.Enum):
    MISSING = "missing"
    OLDER = "older"
    WRONG_JOURNAL = "wrong journal"
    READY = "ready"
    NEWER = "newer"
    NOT_WRITABLE = "not writable"

    @property
    def needs_work(self) -> bool:
        return self in (Condition.MISSING, Condition.OLDER, Condition.WRONG_JOURNAL)


def schema_lock(paths: Paths, shared: bool = False) -> FileLock:
    return FileLock(paths.lock / "schema", shared=shared)


def prepare(paths: Paths, settings: StoreSettings) -> tuple[FileLock, Condition]:
    """Make or migrate the database where needed. The schema lock comes back held, shared.

    Raises TandemError: "locked" if others keep it too long, "store_damaged", "disk_full" …
    """
    deadline = time.monotonic() + settings.lock_timeout_s
    while True:
        lock = schema_lock(paths, shared=True)
        if lock.try_acquire():
            condition = _inspect_or_release(lock, paths, settings)
            if not condition.needs_work:
                return lock, condition
            lock.release()
            if _work_alone(paths, settings):
                continue
        if time.monotonic() >= deadline:
            raise locked()
        time.sleep(POLL_S)


def _inspect_or_release(lock: FileLock, paths: Paths, settings: StoreSettings) -> Condition:
    try:
        return inspect(paths, settings)
    except BaseException:
        lock.release()
        raise


def _work_alone(paths: Paths, settings: StoreSettings) -> bool:
    """False: somebody else holds the schema, and may be doing the same work."""
    alone = schema_lock(paths)
    if not alone.try_acquire():
        return False
    try:
        _work(paths, settings)
    finally:
        alone.release()
    return True


def locked() -> TandemError:
    return TandemError(
        "locked",
        "Another Tandem is open, and the history cannot be made ready while it is.",
        "Close the other Tandem, then try again.",
    )


def inspect(paths: Paths, settings: StoreSettings) -> Condition:
    """What the database needs. Raises TandemError("store_damaged"); changes nothing."""
    unclean = presence.abandoned(paths.lock)
    for lock in unclean:
        lock.release()
    wrong = health.damage(paths, thorough=bool(unclean))
    if wrong:
        raise damaged(wrong, what_can_be_done(paths, settings.newest))
    database = paths.database
    if not database.exists():
        return Condition.MISSING
    with in_words(database), contextlib.closing(connect(database)) as connection:
        found = version(connection)
    if found > settings.newest:
        return Condition.NEWER
    if not (os.access(database, os.W_OK) and os.access(database.parent, os.W_OK)):
        return Condition.NOT_WRITABLE
    if found < settings.newest:
        return Condition.OLDER
    wrong_journal = journal.uses_wal(database) and settings.journal(database.parent) != "wal"
    return Condition.WRONG_JOURNAL if wrong_journal else Condition.READY


def what_can_be_done(paths: Paths, newest: int) -> str:
    backups = backup.good(paths.backups, newest)
    ways = ["save what can still be read", "start empty"]
    if backups:
        day = time.strftime("%Y-%m-%d %H:%M", time.localtime(backups[0].created))
        ways.insert(0, f"go back to the copy of {day} ({backups[0].counts.conversations} conversations)")
    return f"Nothing was changed. Possible: {', or '.join(ways)}. The damaged file is kept in every case."


def build(database: Path, settings: StoreSettings) -> None:
    """Make a database of the newest form in `database`, an empty file; closed again."""
    with disk_in_words(database), contextlib.closing(connect(database)) as connection:
        journal.set_journal(connection, settings.journal(database.parent))
        migrate(connection, settings.migrations)


def _work(paths: Paths, settings: StoreSettings) -> None:
    condition = inspect(paths, settings)  # another process may have done it meanwhile
    database = paths.database
    if condition is Condition.MISSING:
        with disk_in_words(database), files.scratch(database, ".new") as new:
            build(new, settings)
            files.install(new, database)
    elif condition.needs_work:
        with disk_in_words(database), contextlib.closing(connect(database)) as connection:
            if condition is Condition.OLDER:
                backup.before_migration(connection, paths.backups, settings.newest)
                migrate(connection, settings.migrations)
            else:
                journal.set_journal(connection, settings.journal(database.parent))
