"""Versions of a message, and what of a conversation's tree is shown, put away or begun anew."""

from __future__ import annotations

import sqlite3

import msgspec

from app.store import trees
from app.store.attachments import Attachments
from app.store.database import clean, from_json, new_id, not_found, now
from app.store.messages import COLUMNS, Messages
from app.store.records import Attachment, Conversation, StoredMessage
from app.store.trees import Tree

_UP = """
WITH RECURSIVE up (id, parent_id, conversation_id) AS (
  SELECT id, parent_id, conversation_id FROM messages WHERE id = :id
  UNION SELECT messages.id, messages.parent_id, messages.conversation_id FROM up JOIN messages ON messages.id = up.parent_id)
"""
_BELOW = """
WITH RECURSIVE below (id) AS (
  VALUES (:id) UNION SELECT messages.id FROM below JOIN messages ON messages.parent_id = below.id)
"""
_PUT_AWAY = f"{_BELOW} UPDATE messages SET deleted = :time WHERE deleted IS NULL AND id IN (SELECT id FROM below)"  # noqa: S608
_BRING_BACK = f"{_BELOW} UPDATE messages SET deleted = NULL WHERE deleted = :time AND id IN (SELECT id FROM below)"  # noqa: S608
_BRING_BACK_ABOVE = f"{_UP} UPDATE messages SET deleted = NULL WHERE id IN (SELECT id FROM up)"  # noqa: S608
# One moment never stands for two deletions, or bringing one back would bring both.
_MOMENT = (
    "SELECT max(:now, coalesce(max(deleted), 0) + 0.000001) FROM messages WHERE conversation_id = :conversation_id"
)
_SIBLINGS = """
SELECT other.id FROM messages AS one JOIN messages AS other
  ON other.conversation_id = one.conversation_id AND other.parent_id IS one.parent_id AND other.deleted IS NULL
WHERE one.id = :id ORDER BY {order}
"""
_VERSIONS = _SIBLINGS.format(order="other.seq")
# The one before it, else the one after it.
_NEXT_TO = _SIBLINGS.format(order="other.seq > one.seq, abs(other.seq - one.seq) LIMIT 1")
_ABOVE = f"{_UP} SELECT {COLUMNS} FROM up JOIN messages ON messages.id = up.id"  # noqa: S608 - the columns are ours
_TREE = f"""
SELECT {COLUMNS} FROM messages WHERE messages.conversation_id = ? AND messages.deleted IS NULL ORDER BY messages.seq
"""  # noqa: S608 - the columns are ours
_SHOWN = """
SELECT active_child_id AS id FROM messages WHERE conversation_id = :id AND active_child_id IS NOT NULL
UNION SELECT active_root_id FROM conversations WHERE id = :id AND active_root_id IS NOT NULL
"""
_FILES = f"""
SELECT {", ".join(Attachment.__struct_fields__)} FROM attachments WHERE message_id = ? ORDER BY seq
"""  # noqa: S608 - the columns are ours


class Branches(Messages, Attachments):
    def versions(self, message_id: str) -> tuple[str, ...]:
        """The ids of the messages that follow the same one, itself included, oldest first."""
        rows = self.read(lambda c: c.execute(_VERSIONS, {"id": message_id}).fetchall())
        return tuple(str(row["id"]) for row in rows)

    def show_version(self, message_id: str) -> None:
        """Show the branch that this message is on; what follows it is as it was last shown.

        Raises TandemError("not_found"), also for a message that was put away.
        """
        self.write(lambda c: _show(c, message_id))

    def delete_message(self, id: str) -> None:
        """Put it and what follows it away; another version is shown in its place where there is one."""
        self.write(lambda c: _put_away(c, id))

    def restore_message(self, id: str) -> None:
        """Bring back what `delete_message` put away with it, and show it."""

        def restore(connection: sqlite3.Connection) -> None:
            time = _found(connection, id)["deleted"]
            if time is not None:
                connection.execute(_BRING_BACK, {"id": id, "time": time})
                connection.execute(_BRING_BACK_ABOVE, {"id": id})
            _show(connection, id)

        self.write(restore)

    def edit_message(self, id: str, content: str) -> None:
        """Change its text in place, which is noted. Raises TandemError("not_found")."""
        query = "UPDATE messages SET content = ?, edited = ? WHERE id = ?"
        if self.write(lambda c: c.execute(query, (clean(content), now(), id)).rowcount) == 0:
            raise not_found("message")

    def branch_conversation(self, message_id: str, title: str = "") -> Conversation:
        """A new conversation with copies of this message and those before it; it names the same runs and files.

        title "": that of the first one. Raises TandemError("not_found").
        """

        def branch(connection: sqlite3.Connection) -> Conversation:
            tree = _branch(connection, message_id, title)
            trees.insert(connection, tree)
            return tree.conversation

        return self.write(branch)

    def tree(self, conversation_id: str) -> tuple[list[StoredMessage], set[str]]:
        """Every message that was not put away, in the order of writing, and the ids of the versions shown."""

        def look(connection: sqlite3.Connection) -> tuple[list[StoredMessage], set[str]]:
            rows = connection.execute(_TREE, (conversation_id,)).fetchall()
            shown = connection.execute(_SHOWN, {"id": conversation_id}).fetchall()
            return [StoredMessage(**dict(row)) for row in rows], {row["id"] for row in shown}

        return self.read(look)

    def add_trees(self, found: list[Tree]) -> list[Conversation]:
        """Write them all, or none."""

        def add(connection: sqlite3.Connection) -> None:
            for tree in found:
                trees.insert(connection, tree)

        self.write(add)
        return [tree.conversation for tree in found]


def _found(connection: sqlite3.Connection, id: str) -> sqlite3.Row:
    query = "SELECT conversation_id, parent_id, deleted FROM messages WHERE id = ?"
    row: sqlite3.Row | None = connection.execute(query, (id,)).fetchone()
    if row is None:
        raise not_found("message")
    return row


def _point(
    connection: sqlite3.Connection, place: sqlite3.Row, child: str | None, instead_of: str | None = None
) -> None:
    """Make `child` the one shown after the place's parent. instead_of: only where this one is shown now."""
    table, pointer, key = "messages", "active_child_id", place["parent_id"]
    if key is None:
        table, pointer, key = "conversations", "active_root_id", place["conversation_id"]
    query = f"UPDATE {table} SET {pointer} = :child WHERE id = :key AND (:old IS NULL OR {pointer} = :old)"  # noqa: S608
    connection.execute(query, {"child": child, "key": key, "old": instead_of})


def _show(connection: sqlite3.Connection, id: str) -> None:
    if _found(connection, id)["deleted"] is not None:
        raise not_found("message")
    for row in connection.execute(f"{_UP} SELECT * FROM up", {"id": id}).fetchall():  # noqa: S608
        _point(connection, row, row["id"])


def _put_away(connection: sqlite3.Connection, id: str) -> None:
    place = _found(connection, id)
    if place["deleted"] is not None:
        return
    values = {"now": now(), "conversation_id": place["conversation_id"]}
    (time,) = connection.execute(_MOMENT, values).fetchone()
    connection.execute(_PUT_AWAY, {"id": id, "time": time})
    other = connection.execute(_NEXT_TO, {"id": id}).fetchone()
    _point(connection, place, None if other is None else other["id"], instead_of=id)


def _branch(connection: sqlite3.Connection, message_id: str, title: str) -> Tree:
    source = _found(connection, message_id)["conversation_id"]
    rows = connection.execute(_ABOVE, {"id": message_id}).fetchall()
    old = [StoredMessage(**dict(row)) for row in reversed(rows)]
    made = _like(connection, source, title)
    messages: list[StoredMessage] = []
    files: list[Attachment] = []
    for message in old:
        messages.append(_copied(message, made.id, messages[-1].id if messages else None))
        files += _files(connection, message.id, messages[-1].id)
    return Tree(conversation=made, messages=messages, files=files)


def _like(connection: sqlite3.Connection, id: str, title: str) -> Conversation:
    """A new conversation with the settings of `id`."""
    query = "SELECT title, model, engine, system, knobs, folder_id FROM conversations WHERE id = ?"
    row = dict(connection.execute(query, (id,)).fetchone())
    row |= {"id": new_id(), "title": clean(title) or row["title"], "knobs": from_json(row["knobs"], dict)}
    time = now()
    return Conversation(**row, created=time, updated=time)


def _copied(message: StoredMessage, conversation_id: str, parent_id: str | None) -> StoredMessage:
    """A copy in its place; what was streaming has ended for the copy."""
    status = "interrupted" if message.status == "streaming" else message.status
    return msgspec.structs.replace(
        message, id=new_id(), conversation_id=conversation_id, parent_id=parent_id, status=status, version=1, versions=1
    )


def _files(connection: sqlite3.Connection, old: str, new: str) -> list[Attachment]:
    found = [Attachment(**dict(row)) for row in connection.execute(_FILES, (old,))]
    return [msgspec.structs.replace(each, id=new_id(), message_id=new) for each in found]
