"""Messages: a tree of which one branch is shown. An answer is stored while it grows."""

from __future__ import annotations

import sqlite3

from app.store.database import Database, clean, new_id, not_found, now
from app.store.records import MessageStatus, StoredMessage
from app.store.stream import TextStream

_COUNT = """(SELECT count(*) FROM messages AS other WHERE other.conversation_id = messages.conversation_id
  AND other.parent_id IS messages.parent_id AND other.deleted IS NULL{more})"""
COLUMNS = f"""
messages.id, messages.conversation_id, messages.parent_id, messages.role, messages.content, messages.status,
messages.run_id, messages.created, messages.reasoning, messages.edited,
{_COUNT.format(more=" AND other.seq <= messages.seq")} AS version, {_COUNT.format(more="")} AS versions
"""
_PATH = """
WITH RECURSIVE branch (step, depth) AS (
  SELECT active_root_id, 0 FROM conversations WHERE id = :conversation AND active_root_id IS NOT NULL
  UNION ALL
  SELECT active_child_id, depth + 1 FROM branch JOIN messages ON messages.id = step
  WHERE active_child_id IS NOT NULL  -- a damaged tree may be a ring, so no branch is longer than all messages
    AND depth + 1 < (SELECT count(*) FROM messages WHERE conversation_id = :conversation)
)
"""
_BRANCH = f"""
{_PATH} SELECT {COLUMNS} FROM branch JOIN messages ON messages.id = step WHERE deleted IS NULL ORDER BY depth
"""  # noqa: S608
_LAST = f"""
{_PATH} SELECT step FROM branch JOIN messages ON messages.id = step WHERE deleted IS NULL ORDER BY depth DESC LIMIT 1
"""  # noqa: S608
_ONE = f"SELECT {COLUMNS} FROM messages WHERE id = ?"  # noqa: S608 - the columns are ours

_INSERT = """
INSERT INTO messages (id, conversation_id, parent_id, version, role, content, status, writer, run_id, created)
VALUES (:id, :conversation_id, :parent_id,
  (SELECT count(*) + 1 FROM messages WHERE conversation_id = :conversation_id AND parent_id IS :parent_id),
  :role, :content, :status, :writer, :run_id, :created)
"""


class Messages(Database):
    def add_message(
        self,
        conversation_id: str,
        role: str,
        content: str,
        *,
        parent_id: str | None = None,
        status: MessageStatus = "done",
        run_id: str | None = None,
    ) -> StoredMessage:
        """Committed when this returns; it becomes the end of the branch that is shown.

        parent_id None: it follows the last message shown; "": it begins a branch of its own; an id: it
        follows that message, as a new version beside what followed it before.
        Raises TandemError("not_found") for a conversation or parent that is not there.
        """
        made, created = new_id(), now()

        def add(connection: sqlite3.Connection) -> StoredMessage:
            message = StoredMessage(
                id=made,
                conversation_id=conversation_id,
                parent_id=_parent(connection, conversation_id, parent_id),
                role=role,
                content=clean(content),
                status=status,
                run_id=run_id,
                created=created,
            )
            _insert(connection, message, self._presence.id if self._presence and status == "streaming" else None)
            return StoredMessage(**dict(connection.execute(_ONE, (made,)).fetchone()))

        return self.write(add)

    def messages(self, conversation_id: str) -> list[StoredMessage]:
        """The branch that is shown, oldest first."""
        rows = self.read(lambda c: c.execute(_BRANCH, {"conversation": conversation_id}).fetchall())
        return [StoredMessage(**dict(row)) for row in rows]

    def finish_message(self, id: str, content: str, status: MessageStatus, run_id: str | None = None) -> None:
        """Set the whole text and how it ended, in place of what was streamed."""
        query = "UPDATE messages SET content = ?, status = ?, run_id = coalesce(?, run_id), writer = NULL WHERE id = ?"

        def finish(connection: sqlite3.Connection) -> None:
            if connection.execute(query, (clean(content), status, run_id, id)).rowcount == 0:
                raise not_found("message")

        stream = self._streams.get(id)
        self.write(finish, stream.abandon if stream else None)

    def stream(self, message_id: str) -> TextStream:
        """Where the text of a message with the status "streaming" is appended."""
        stream = TextStream(self._writing(), message_id, self._forget)
        self._streams[message_id] = stream
        return stream

    def _forget(self, message_id: str) -> None:
        self._streams.pop(message_id, None)


def _parent(connection: sqlite3.Connection, conversation_id: str, wanted: str | None) -> str | None:
    if connection.execute("SELECT 1 FROM conversations WHERE id = ?", (conversation_id,)).fetchone() is None:
        raise not_found("conversation")
    if wanted is None:
        last = connection.execute(_LAST, {"conversation": conversation_id}).fetchone()
        return None if last is None else str(last["step"])
    query = "SELECT 1 FROM messages WHERE id = ? AND conversation_id = ? AND deleted IS NULL"
    if wanted and connection.execute(query, (wanted, conversation_id)).fetchone() is None:
        raise not_found("message")
    return wanted or None


def _insert(connection: sqlite3.Connection, message: StoredMessage, writer: str | None) -> None:
    connection.execute(
        _INSERT, {**{name: getattr(message, name) for name in message.__struct_fields__}, "writer": writer}
    )
    if message.parent_id is None:
        query, key = "UPDATE conversations SET active_root_id = ? WHERE id = ?", message.conversation_id
    else:
        query, key = "UPDATE messages SET active_child_id = ? WHERE id = ?", message.parent_id
    connection.execute(query, (message.id, key))
    connection.execute("UPDATE conversations SET updated = ? WHERE id = ?", (message.created, message.conversation_id))
