"""Folders: where conversations can be put. A conversation outlives its folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from app.store.database import Database, clean, new_id, not_found, now
from app.store.records import Folder

_ADD = """
INSERT INTO folders (id, title, position, created)
VALUES (:id, :title, (SELECT coalesce(max(position), 0) + 1 FROM folders), :created)
RETURNING id, title, position, created
"""
_INTO = "UPDATE conversations SET folder_id = ? WHERE id = ? AND folder_id IS NULL"


class Folders(Database):
    def folders(self) -> list[Folder]:
        """In their order."""
        query = "SELECT id, title, position, created FROM folders ORDER BY position, seq"
        return [Folder(**dict(row)) for row in self.read(lambda c: c.execute(query).fetchall())]

    def add_folder(self, title: str) -> Folder:
        """The last one."""
        values = {"id": new_id(), "title": clean(title), "created": now()}
        return Folder(**dict(self.write(lambda c: c.execute(_ADD, values).fetchone())))

    def rename_folder(self, id: str, title: str) -> None:
        query = "UPDATE folders SET title = ? WHERE id = ?"
        if self.write(lambda c: c.execute(query, (clean(title), id)).rowcount) == 0:
            raise not_found("folder")

    def delete_folder(self, id: str) -> list[str]:
        """Remove it; the conversations that were in it, whose ids are given, stay and are in no folder."""
        query = "SELECT id FROM conversations WHERE folder_id = ? ORDER BY seq"

        def delete(connection: sqlite3.Connection) -> list[str]:
            inside = [str(row["id"]) for row in connection.execute(query, (id,))]
            connection.execute("DELETE FROM folders WHERE id = ?", (id,))
            return inside

        return self.write(delete)

    def restore_folder(self, folder: Folder, conversation_ids: Sequence[str]) -> None:
        """Bring a deleted one back with what was in it; a conversation that is elsewhere by now stays there."""
        query = "INSERT OR IGNORE INTO folders (id, title, position, created) VALUES (?, ?, ?, ?)"

        def restore(connection: sqlite3.Connection) -> None:
            connection.execute(query, (folder.id, folder.title, folder.position, folder.created))
            connection.executemany(_INTO, [(folder.id, each) for each in conversation_ids])

        self.write(restore)
