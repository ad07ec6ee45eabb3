"""The history of one person: conversations, messages, runs, loads, experiments and preferences in one SQLite database.

Several processes may have it open at once. What each module holds: `opening` how it is made ready,
`writer` the one thread that writes, `stream` growing answers, `index` and `search` what finds a word,
`branches` and `trees` the versions of a message, `presence` who has it open, `backup` and
`recovery` what helps when a disk does not.
"""

from __future__ import annotations

import contextlib
import sqlite3

from app.locks import FileLock
from app.paths import Paths
from app.store import index, presence
from app.store.branches import Branches
from app.store.connection import connect, copy_in_memory, in_words, transact
from app.store.conversations import Conversations
from app.store.experiments import Experiments
from app.store.loadtests import LoadTests
from app.store.opening import Condition, StoreSettings, prepare
from app.store.preferences import Preferences
from app.store.privacy import Privacy
from app.store.runs import Runs
from app.store.schema import migrate, version
from app.store.search import Search
from app.store.writer import Writer

_NOTICES = {
    Condition.NEWER: "This history was written by a newer Tandem. It can be read here, but nothing is stored. Update Tandem.",
    Condition.NOT_WRITABLE: "The history file cannot be written. It can be read, but nothing is stored. Check its rights.",
}


_OVER = "UPDATE messages SET status = 'interrupted', writer = NULL WHERE status = 'streaming' AND writer IS ?"


class Store(Conversations, Branches, Runs, Search, Experiments, LoadTests, Preferences, Privacy):
    """notice: "" or what the person must know about this history."""

    @classmethod
    def open(cls, paths: Paths, settings: StoreSettings | None = None) -> Store:
        """Open the home's history, making or migrating it first where needed.

        Raises TandemError: "store_damaged" (nothing was changed; see `app.store.recovery`), "locked"
        (another Tandem keeps it for longer than 5 s), "disk_full", "store_io", "no_folder".
        """
        settings = settings or StoreSettings()
        lock, condition = prepare(paths, settings)
        with contextlib.ExitStack() as undo:
            undo.callback(lock.release)
            store = _opened(cls, paths, settings, lock, condition, undo)
            undo.pop_all()
        store.back_up_if_due()
        return store


def _opened(
    kind: type[Store],
    paths: Paths,
    settings: StoreSettings,
    lock: FileLock,
    condition: Condition,
    undo: contextlib.ExitStack,
) -> Store:
    database = paths.database
    notice = _NOTICES.get(condition, "")
    with in_words(database):
        reader = _reader(paths, settings)
        undo.callback(reader.close)
        if notice:
            return kind(paths, settings, lock, reader, None, None, notice)
        mine = presence.Presence.claim(paths.lock)
        undo.callback(mine.leave)
        connection = connect(database)
        undo.callback(connection.close)
        _sweep(connection, paths)
    return kind(paths, settings, lock, reader, Writer(connection, database, settings.flush_s), mine, notice)


def _reader(paths: Paths, settings: StoreSettings) -> sqlite3.Connection:
    reader = connect(paths.database, read_only=True)
    try:
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:  # a folder that cannot be written has no room for the shared index
        reader.close()
        reader = connect(paths.database, read_only=True, immutable=True)
    if version(reader) < settings.newest:  # of an older form, and it cannot be brought to this one where it lies
        reader = _brought_up(reader, settings)
    return reader


def _brought_up(reader: sqlite3.Connection, settings: StoreSettings) -> sqlite3.Connection:
    """A copy of it in memory, of the newest form."""
    with contextlib.closing(reader):
        copy = copy_in_memory(reader)
    migrate(copy, settings.migrations)
    return copy


def _sweep(connection: sqlite3.Connection, paths: Paths) -> None:
    """Answers whose program is gone become `interrupted`; another live process's streams are left alone."""
    dead = presence.abandoned(paths.lock)
    ids = {presence.id_of(lock) for lock in dead}
    try:
        writers = connection.execute("SELECT DISTINCT writer FROM messages WHERE status = 'streaming'").fetchall()
        over = [row["writer"] for row in writers if row["writer"] in ids or not _alive(paths, row["writer"])]
        if dead:
            transact(connection, index.check)
        transact(connection, lambda c: c.executemany(_OVER, [(writer,) for writer in over]))
    except BaseException:
        for lock in dead:
            lock.release()
        raise
    presence.forget(dead)


def _alive(paths: Paths, writer: str | None) -> bool:
    return writer is not None and presence.alive(paths.lock, writer)
