"""What can still be read of a damaged history, row by row, into a whole one.

A damaged page takes only the rows that lie on it: the rows before it are read forwards, those after it
backwards, and those between two damaged pages one by one through their numbers. The search index is not copied: it
is made again from the messages.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.store import files
from app.store.backup import Counts, count
from app.store.connection import connect, transaction

_TABLES = ("folders", "conversations", "experiments", "runs", "messages", "attachments", "loads", "load_tests")
_PAIRS = {"preferences": ("key", "value"), "tags": ("conversation_id", "tag")}
_HEADER_BYTES = 100
_PAGE_BYTES = 4096
_FILE_LIMIT_BYTES = 1 << 40  # a damaged header may mean any size
_PROBED_BEYOND = 1000  # rows that may lie after the last one that was seen, when the end itself is damaged

# Links that lead nowhere now. A conversation that is lost comes back as a name for its messages.
_MEND = (
    """INSERT INTO conversations (id, title, created, updated)
       SELECT conversation_id, 'Recovered', min(created), max(created) FROM messages
       WHERE conversation_id NOT IN (SELECT id FROM conversations) GROUP BY conversation_id""",
    "UPDATE conversations SET folder_id = NULL WHERE folder_id NOT IN (SELECT id FROM folders)",
    "UPDATE folders SET parent_id = NULL WHERE parent_id NOT IN (SELECT id FROM folders)",
    "UPDATE runs SET experiment_id = NULL WHERE experiment_id NOT IN (SELECT id FROM experiments)",
    "UPDATE messages SET run_id = NULL WHERE run_id NOT IN (SELECT id FROM runs)",
    "DELETE FROM attachments WHERE message_id NOT IN (SELECT id FROM messages)",
    "DELETE FROM tags WHERE conversation_id NOT IN (SELECT id FROM conversations)",
    # A lost parent: the message follows the one that was written before it.
    """UPDATE messages SET parent_id = (SELECT id FROM messages AS before WHERE before.seq < messages.seq
         AND before.conversation_id = messages.conversation_id ORDER BY before.seq DESC LIMIT 1)
       WHERE parent_id NOT IN (SELECT id FROM messages)""",
    """UPDATE messages SET active_child_id = (SELECT id FROM messages AS child WHERE child.parent_id = messages.id
         ORDER BY child.seq DESC LIMIT 1)
       WHERE active_child_id IS NULL OR active_child_id NOT IN (SELECT id FROM messages)""",
    """UPDATE conversations SET active_root_id = (SELECT id FROM messages WHERE conversation_id = conversations.id
         AND parent_id IS NULL ORDER BY seq DESC LIMIT 1)
       WHERE active_root_id IS NULL OR active_root_id NOT IN (SELECT id FROM messages)""",
    # Also an answer whose end was overwritten, its status with it.
    """UPDATE messages SET status = 'interrupted', writer = NULL
       WHERE status NOT IN ('done', 'cancelled', 'error', 'interrupted')""",
)


def salvage(damaged: Path, target: Path) -> Counts:
    """Fill `target`, an empty database of the newest form, with what `damaged` (not changed) still holds."""
    with files.scratch(target, ".damaged") as trial:
        files.copy(damaged, trial)
        _make_openable(trial, target)
        with contextlib.closing(connect(target)) as fresh:
            fresh.execute("PRAGMA foreign_keys=OFF")
            with (
                contextlib.suppress(sqlite3.DatabaseError),
                contextlib.closing(connect(trial)) as old,
                transaction(fresh),
            ):
                _copy_all(old, fresh)
            with transaction(fresh):
                for mend in _MEND:
                    fresh.execute(mend)
            return count(fresh)


def _make_openable(trial: Path, whole: Path) -> None:
    """A lost beginning is replaced by that of a sound database, a lost end by zeros: SQLite refuses to open either."""
    with trial.open("rb+") as file:
        header = file.read(_HEADER_BYTES)
        bytes_there = file.seek(0, 2)
        if not header.startswith(b"SQLite format 3\x00"):
            header = _sound_header(whole, bytes_there)
            file.seek(0)
            file.write(header)
        page_bytes = int.from_bytes(header[16:18], "big") or _PAGE_BYTES
        bytes_meant = page_bytes * int.from_bytes(header[28:32], "big")
        file.truncate(bytes_there - bytes_there % page_bytes)  # half a page would be read as a whole one
        file.truncate(max(bytes_there, min(bytes_meant, _FILE_LIMIT_BYTES)))


def _sound_header(whole: Path, bytes_there: int) -> bytes:
    """That of `whole`, for a file of this size and without a list of free pages (file format, section 1.3)."""
    header = bytearray(whole.read_bytes()[:_HEADER_BYTES])
    header[28:32] = (bytes_there // _PAGE_BYTES).to_bytes(4, "big")
    header[32:40] = bytes(8)
    return bytes(header)


def _copy_all(old: sqlite3.Connection, fresh: sqlite3.Connection) -> None:
    for table in _TABLES:
        columns = _shared_columns(old, fresh, table)
        if columns:
            rows = _numbered(old, table, columns)
            _insert(fresh, table, columns, rows)
    for table, columns in _PAIRS.items():
        _insert(fresh, table, columns, _until_damage(old, f"SELECT {', '.join(columns)} FROM {table}"))  # noqa: S608


def _shared_columns(old: sqlite3.Connection, fresh: sqlite3.Connection, table: str) -> tuple[str, ...]:
    """Those of the newest form that the damaged database has too; none if the table is lost."""
    wanted = [row["name"] for row in fresh.execute(f"PRAGMA table_info({table})")]
    try:
        there = {row["name"] for row in old.execute(f"PRAGMA table_info({table})")}
    except sqlite3.DatabaseError:
        return ()
    return tuple(name for name in wanted if name in there)


def _insert(fresh: sqlite3.Connection, table: str, columns: tuple[str, ...], rows: Iterator[sqlite3.Row]) -> None:
    places = ", ".join("?" * len(columns))
    query = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - names are ours
    for row in rows:
        with contextlib.suppress(sqlite3.IntegrityError):  # a damaged field where there must be one
            fresh.execute(query, tuple(map(_readable, row)))


def _readable(value: Any) -> Any:
    """A text whose end is lost ends in zeros; its beginning is kept."""
    return value.rstrip("\x00") if isinstance(value, str) else value


def _numbered(old: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> Iterator[sqlite3.Row]:
    names = ", ".join(columns)
    low = high = 0
    for row in _until_damage(old, f"SELECT {names} FROM {table} NOT INDEXED ORDER BY seq"):  # noqa: S608
        low = row["seq"]
        yield row
    for row in _until_damage(old, f"SELECT {names} FROM {table} NOT INDEXED WHERE seq > {low} ORDER BY seq DESC"):  # noqa: S608
        high = row["seq"]
        yield row
    for number in range(low + 1, high or low + _PROBED_BEYOND):
        yield from _until_damage(old, f"SELECT {names} FROM {table} WHERE seq = {number}")  # noqa: S608


def _until_damage(old: sqlite3.Connection, query: str) -> Iterator[sqlite3.Row]:
    with contextlib.suppress(sqlite3.DatabaseError):
        yield from old.execute(query)
