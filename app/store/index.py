"""The search index over the messages: kept by the transaction that changes them, mended by itself.

The index can always be made again from the messages, so nothing that is wrong with it may keep a person from them.
Which messages changed, and what the index holds for them, stands in the table `unindexed`, which triggers fill.
"""

from __future__ import annotations

import sqlite3

_THERE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'unindexed'"
_SAY_NOW = ("SAVEPOINT settled", "RELEASE settled")  # the index writes what it has collected, or fails here
_SETTLE = (
    "INSERT INTO message_index (message_index, rowid, content)"
    " SELECT 'delete', seq, was FROM unindexed WHERE was IS NOT NULL",
    "INSERT INTO message_index (rowid, content)"
    " SELECT seq, content FROM message_texts WHERE seq IN (SELECT seq FROM unindexed)",
    "DELETE FROM unindexed",
    *_SAY_NOW,
)
# What an empty index has in its two fixed rows: without the second it cannot even be opened to be made again.
_BLANK = (
    "DELETE FROM message_index_data",
    "DELETE FROM message_index_idx",
    "INSERT INTO message_index_data (id, block) VALUES (1, x''), (10, x'00000000000000')",
)


class IndexDamagedError(Exception):
    """The index is, not the history. The transaction is lost; `rebuild` in a new one helps."""


def settle(connection: sqlite3.Connection) -> None:
    """Take in what the open transaction changed. Nothing happens in a history without an index (an old copy).

    Raises IndexDamagedError.
    """
    if _there(connection) and connection.execute("SELECT 1 FROM unindexed LIMIT 1").fetchone() is not None:
        _do(connection, *_SETTLE)


def rebuild(connection: sqlite3.Connection) -> None:
    """Make the index again from the messages; some 0.3 ms for each. The caller has a transaction open."""
    for step in _BLANK:
        connection.execute(step)
    connection.execute("INSERT INTO message_index (message_index) VALUES ('rebuild')")
    connection.execute("DELETE FROM unindexed")


def check(connection: sqlite3.Connection) -> None:
    """Compare the whole index with the messages, some 0.1 ms for each. Raises IndexDamagedError."""
    _do(connection, "INSERT INTO message_index (message_index, rank) VALUES ('integrity-check', 1)")


def compact(connection: sqlite3.Connection) -> None:
    """Drop what the index still holds of texts that are gone; until then they are only marked as gone.

    Raises IndexDamagedError.
    """
    if _there(connection):
        settle(connection)
        _do(connection, "INSERT INTO message_index (message_index) VALUES ('optimize')", *_SAY_NOW)


def broken(error: sqlite3.DatabaseError) -> bool:
    """Whether it is the index that is damaged, not the history."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CORRUPT_VTAB


def _do(connection: sqlite3.Connection, *steps: str) -> None:
    try:
        for step in steps:
            connection.execute(step)
    except sqlite3.IntegrityError as error:  # a part of it that it did not know of is in the way
        raise IndexDamagedError from error
    except sqlite3.DatabaseError as error:
        if broken(error):
            raise IndexDamagedError from error
        raise


def _there(connection: sqlite3.Connection) -> bool:
    return connection.execute(_THERE).fetchone() is not None
