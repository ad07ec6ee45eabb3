"""Removing for ever: what a person deletes is not left in free pages, the write-ahead log or the copies."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from app.store.connection import connect, in_words, transaction
from app.store.database import Database
from app.store.journal import uses_wal

# A run stays with its figures, which other results rest on; its words go.
_BLANK_RUNS = """
UPDATE runs SET text = '', record = '{}' WHERE id IN (
  SELECT run_id FROM messages WHERE conversation_id = ? AND run_id IS NOT NULL)
"""


class Privacy(Database):
    def purge(self, id: str) -> bool:
        """Remove a conversation, its messages and its runs' texts from the history and from every copy of it.

        True: nothing of it is left in these files. False: another process was reading just then, and the
        write-ahead log keeps a trace until it is next emptied. Databases moved aside as damaged are not touched.
        """
        self.write(lambda c: _remove(c, id))
        emptied = self._empty_log()
        with in_words(self._paths.database):
            for path in sorted(self._paths.backups.glob("*.sqlite3")):
                with contextlib.suppress(sqlite3.DatabaseError):
                    _remove_from(path, id)
        return emptied

    def _empty_log(self) -> bool:
        if not uses_wal(self._paths.database):
            return True
        with in_words(self._paths.database), contextlib.closing(connect(self._paths.database)) as connection:
            return bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)


def _remove_from(path: Path, id: str) -> None:
    with contextlib.closing(connect(path)) as connection, transaction(connection):
        _remove(connection, id)


def _remove(connection: sqlite3.Connection, id: str) -> None:
    connection.execute(_BLANK_RUNS, (id,))
    connection.execute("DELETE FROM conversations WHERE id = ?", (id,))
