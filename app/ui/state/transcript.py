"""The messages of one conversation as the page shows them, and what of them a model is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.lab.documents import in_prompt
from app.store import Store, StoredMessage
from app.store.records import Attachment, RunHead
from app.ui.state import figures
from app.ui.state.thinking import split
from engines.protocol import Message


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file that a message carries. detail: "12 pages, 3,410 tokens". path: where its text is kept."""

    id: str
    name: str
    detail: str = ""
    path: str = ""
    kind: str = "document"


@dataclass(frozen=True, slots=True)
class Row:
    """One message. status: done, streaming, cancelled, interrupted or error. footer: its figures.

    text: as the model wrote it, thinking included; as the person typed it, without its files. version: 1 … versions.
    thought_s: how long the model thought, where that is known. check: what came of the JSON schema, "" without one.
    """

    id: str
    role: str
    text: str
    status: str = "done"
    footer: str = ""
    parent_id: str | None = None
    version: int = 1
    versions: int = 1
    run_id: str | None = None
    files: tuple[RowFile, ...] = ()
    thought_s: float | None = None
    check: str = ""
    check_ok: bool = True
    edited: bool = False  # the person has corrected it


TextOf = Callable[[RowFile], str]
"""The kept text of a file."""


def rows_of(store: Store, conversation_id: str) -> list[Row]:
    """The stored active branch, with the figures of each answer's run and the files of each message."""
    heads, files = store.run_heads(conversation_id), store.attachments(conversation_id)
    return [row_of(message, heads, files) for message in store.messages(conversation_id)]


def row_of(message: StoredMessage, heads: dict[str, RunHead], files: dict[str, list[Attachment]]) -> Row:
    """One stored message."""
    status = "interrupted" if message.status == "streaming" else message.status
    head = heads.get(message.run_id) if message.run_id is not None else None
    footer = "" if head is None else figures.footer(head.metrics, head.reason)
    return Row(
        message.id, message.role, message.content, status, footer, message.parent_id, message.version, message.versions,
        message.run_id, tuple(file_of(a) for a in files.get(message.id, [])),
        None if head is None else thought_s(head.metrics), edited=message.edited is not None,
    )  # fmt: skip


def file_of(attachment: Attachment) -> RowFile:
    """A stored file; its detail is what was said of it when it was sent (kept as its type)."""
    return RowFile(attachment.id, attachment.name, attachment.mime, attachment.path, attachment.kind)


def thought_s(metrics: figures.Stats) -> float | None:
    """Seconds from the first token to the first one of the answer proper, for a model that thinks aloud."""
    first, answer = metrics.get("ttft_s"), metrics.get("ttfa_s")
    return None if first is None or answer is None else max(0.0, answer - first)


def history(
    rows: Sequence[Row], system: str, text_of: TextOf = lambda _: "", *, pictures: bool = True
) -> tuple[Message, ...]:
    """What the model is given: the system prompt and the whole branch, files included, thinking and empty answers not."""
    said = [_message(row, text_of, pictures) for row in rows if row.text or row.files]
    said = [message for message in said if message.content or message.images]
    return tuple([Message("system", system), *said] if system else said)


def with_text(row: Row, text: str, status: str, footer: str) -> Row:
    """The row at its end."""
    return replace(row, text=text, status=status, footer=footer)


def _message(row: Row, text_of: TextOf, pictures: bool) -> Message:
    if row.role == "assistant":
        return Message(row.role, split(row.text).answer.lstrip("\n"))
    files = [(file.name, text_of(file)) for file in row.files if file.kind == "document"]
    there = [file.path for file in row.files if file.kind == "image" and pictures and Path(file.path).is_file()]
    return Message(row.role, in_prompt(files, row.text) if files else row.text, tuple(there))
