"""A whole conversation written at once: a branch of another one, or what a file holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

import msgspec

from app.store import attachments
from app.store.database import clean, to_json
from app.store.records import Attachment, Conversation, Json, RunRecord, StoredMessage
from app.store.runs import insert_run

_CONVERSATION = """
INSERT INTO conversations (id, title, model, engine, system, knobs, folder_id, pinned, created, updated)
VALUES (:id, :title, :model, :engine, :system, :knobs, :folder_id, :pinned, :created, :updated)
"""
_MESSAGE = """
INSERT INTO messages
  (id, conversation_id, parent_id, version, role, content, reasoning, status, run_id, created, edited)
VALUES (:id, :conversation_id, :parent_id, :version, :role, :content, :reasoning, :status, :run_id, :created, :edited)
"""
_SHOW = "UPDATE messages SET active_child_id = ? WHERE id = ?"


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation with every version of every message, each after the one it follows.

    shown: ids of the versions that are shown; among siblings without one it is the last. runs: those that are not
    in the history yet. files: whose paths are as they are stored.
    """

    conversation: Conversation
    messages: Sequence[StoredMessage]
    shown: Collection[str] = ()
    runs: Sequence[RunRecord] = ()
    files: Sequence[Attachment] = ()


def insert(connection: sqlite3.Connection, tree: Tree) -> None:
    """Within the caller's transaction. Every id is new and every link leads somewhere in the tree or the history."""
    made = tree.conversation
    row = _row(made) | {"knobs": to_json(made.knobs), "pinned": int(made.pinned)}
    connection.execute(_CONVERSATION, row | {"title": clean(made.title), "system": clean(made.system)})
    for run in tree.runs:
        insert_run(connection, run)
    for message in tree.messages:
        texts = {"content": clean(message.content), "reasoning": clean(message.reasoning)}
        connection.execute(_MESSAGE, _row(message) | texts)
    for parent, child in _active(tree).items():
        if parent is None:
            connection.execute("UPDATE conversations SET active_root_id = ? WHERE id = ?", (child, made.id))
        else:
            connection.execute(_SHOW, (child, parent))
    for each in tree.files:
        attachments.insert(connection, each)


def _active(tree: Tree) -> dict[str | None, str]:
    """The shown child by its parent's id."""
    found: dict[str | None, str] = {}
    for message in tree.messages:
        before = found.get(message.parent_id)
        if before is None or before not in tree.shown or message.id in tree.shown:
            found[message.parent_id] = message.id
    return found


def _row(record: msgspec.Struct) -> Json:
    return {name: getattr(record, name) for name in record.__struct_fields__}
