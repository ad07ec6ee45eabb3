"""Removing for ever: what a person deletes is not left in free pages, the write-ahead log or the copies."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from app.store import index
from app.store.attachments import Attachments
from app.store.connection import connect, in_words, transact
from app.store.journal import uses_wal

# A run stays with its figures, which other results rest on; its words go, unless a copy of the conversation has them.
_BLANK_RUNS = """
UPDATE runs SET text = '', record = '{}' WHERE (conversation_id = :id OR id IN (
  SELECT run_id FROM messages WHERE conversation_id = :id AND run_id IS NOT NULL))
AND id NOT IN (SELECT run_id FROM messages WHERE conversation_id <> :id AND run_id IS NOT NULL)
"""
# A message's removal removes what follows it, which SQLite does no more than 1,000 deep.
_PARTED = "UPDATE messages SET parent_id = NULL, active_child_id = NULL WHERE conversation_id = ?"
_FILES = """
SELECT DISTINCT path FROM attachments JOIN messages ON messages.id = message_id WHERE conversation_id = ?
"""


class Privacy(Attachments):
    def purge(self, id: str) -> bool:
        """Remove a conversation, its messages, its files and its runs' texts from the history and every copy of it.

        True: nothing of it is left in these files. False: another process was reading just then, and the
        write-ahead log keeps a trace until it is next emptied. Databases moved aside as damaged are not touched.
        """
        files = [row["path"] for row in self.read(lambda c: c.execute(_FILES, (id,)).fetchall())]
        self.write(lambda c: _remove(c, id))
        self.forget_files(files)
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
    with contextlib.closing(connect(path)) as connection:
        transact(connection, lambda c: _remove(c, id))


def _remove(connection: sqlite3.Connection, id: str) -> None:
    connection.execute(_BLANK_RUNS, {"id": id})
    connection.execute("UPDATE conversations SET active_root_id = NULL WHERE id = ?", (id,))
    connection.execute(_PARTED, (id,))
    connection.execute("DELETE FROM conversations WHERE id = ?", (id,))
    index.compact(connection)
