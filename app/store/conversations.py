"""Conversations: a title, a draft, what they talk with, and whether they were put away."""

from __future__ import annotations

import sqlite3
from typing import Any

from app.store.database import clean, from_json, new_id, not_found, now, to_json
from app.store.folders import Folders
from app.store.records import Conversation, Json

_COLUMNS = "id, title, draft, model, engine, system, knobs, folder_id, pinned, created, updated, deleted"
_FIND = f"""
SELECT {_COLUMNS} FROM conversations
WHERE (deleted IS NOT NULL) = :deleted AND (:query = '' OR instr(fold(title), :query) OR EXISTS (
  SELECT 1 FROM messages WHERE conversation_id = conversations.id AND messages.deleted IS NULL AND instr(fold(content), :query)))
ORDER BY updated DESC, seq DESC
"""  # noqa: S608 - the columns are ours


class Conversations(Folders):
    def create_conversation(self, title: str = "", model: str = "", engine: str = "") -> Conversation:
        time = now()
        made = Conversation(id=new_id(), title=clean(title), model=model, engine=engine, created=time, updated=time)
        values = (made.id, made.title, model, engine, time, time)
        self.write(
            lambda c: c.execute(
                "INSERT INTO conversations (id, title, model, engine, created, updated) VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )
        )
        return made

    def conversations(self, query: str = "", deleted: bool = False) -> list[Conversation]:
        """Newest first. query: found in the title or any message, whatever the case; deleted: those put away instead."""
        wanted = {"query": clean(query).casefold(), "deleted": deleted}
        return [_made(row) for row in self.read(lambda c: c.execute(_FIND, wanted).fetchall())]

    def conversation(self, id: str) -> Conversation:
        """Also one that was put away. Raises TandemError("not_found")."""
        query = f"SELECT {_COLUMNS} FROM conversations WHERE id = ?"  # noqa: S608 - the columns are ours
        row = self.read(lambda c: c.execute(query, (id,)).fetchone())
        if row is None:
            raise not_found("conversation")
        return _made(row)

    def rename_conversation(self, id: str, title: str) -> None:
        self._change(id, title=clean(title))

    def update_conversation(
        self,
        id: str,
        *,
        model: str | None = None,
        engine: str | None = None,
        system: str | None = None,
        knobs: Json | None = None,
    ) -> None:
        """Change what is given, keep the rest."""
        given = {"model": model, "engine": engine, "system": None if system is None else clean(system)}
        changes = {name: value for name, value in given.items() if value is not None}
        self._change(id, **changes, **({} if knobs is None else {"knobs": to_json(knobs)}))

    def set_draft(self, id: str, text: str) -> None:
        """What stands in the composer; it does not make the conversation newer."""
        self._change(id, draft=clean(text))

    def pin_conversation(self, id: str, pinned: bool) -> None:
        """It does not make the conversation newer."""
        self._change(id, pinned=int(pinned))

    def move_conversation(self, id: str, folder_id: str | None) -> None:
        """Into a folder, or out of any. Raises TandemError("not_found")."""
        if folder_id is not None and not any(folder.id == folder_id for folder in self.folders()):
            raise not_found("folder")
        self._change(id, folder_id=folder_id)

    def delete_conversation(self, id: str) -> None:
        """Put it away; `restore_conversation` brings it back, `purge` removes it for ever."""
        self._change(id, deleted=now())

    def restore_conversation(self, id: str) -> None:
        self._change(id, deleted=None)

    def _change(self, id: str, **columns: Any) -> None:
        if not columns:
            return
        names = ", ".join(f"{name} = ?" for name in columns)

        def update(connection: sqlite3.Connection) -> None:
            query = f"UPDATE conversations SET {names} WHERE id = ?"  # noqa: S608 - the names are ours
            if connection.execute(query, (*columns.values(), id)).rowcount == 0:
                raise not_found("conversation")

        self.write(update)


def _made(row: sqlite3.Row) -> Conversation:
    values = dict(row)
    parsed = {
        "knobs": from_json(values["knobs"], dict),
        "pinned": bool(values["pinned"]),
        "deleted": values["deleted"] is not None,
    }
    return Conversation(**values | parsed)
