"""The messages of one conversation as the page shows them, and what of them a model is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.store import Store, StoredMessage
from app.ui.state import figures
from engines.protocol import Message


@dataclass(frozen=True, slots=True)
class Row:
    """One message. status: done, streaming, cancelled, interrupted or error. footer: its figures."""

    id: str
    role: str
    text: str
    status: str = "done"
    footer: str = ""
    parent_id: str | None = None


def rows_of(store: Store, conversation_id: str) -> list[Row]:
    """The stored active branch, with the figures of each answer's run."""
    return [_row(store, message) for message in store.messages(conversation_id)]


def history(rows: Sequence[Row], system: str) -> tuple[Message, ...]:
    """What the model is given: the system prompt and the whole branch, without empty answers."""
    said = [Message(row.role, row.text) for row in rows if row.text]
    return tuple([Message("system", system), *said] if system else said)


def with_text(row: Row, text: str, status: str, footer: str) -> Row:
    """The row at its end."""
    return replace(row, text=text, status=status, footer=footer)


def _row(store: Store, message: StoredMessage) -> Row:
    status = "interrupted" if message.status == "streaming" else message.status
    footer = ""
    if message.run_id is not None:
        run = store.run(message.run_id)
        footer = figures.footer(run.metrics, run.reason)
    return Row(message.id, message.role, message.content, status, footer, message.parent_id)
