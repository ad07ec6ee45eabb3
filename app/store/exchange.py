"""Conversations to and from files: everything as JSON, one branch as Markdown, and what other programs write."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec

from app.errors import TandemError
from app.store import markdown
from app.store.carried import Carried, CarriedConversation, CarriedFile, Figures, conversations_in
from app.store.database import clean, new_id, now
from app.store.records import Attachment, Conversation, RunHead, RunRecord, StoredMessage
from app.store.store import Store
from app.store.trees import Tree

LIMIT_BYTES = 100_000_000
FORMAT = "tandem.conversation"
VERSION = 1
_TEXT_BYTES = 20_000_000  # of one attached file
_KNOWN = "Tandem reads its own JSON and Markdown, and JSON lists of messages with a role and a content."


def to_json(store: Store, id: str) -> str:
    """The whole tree with all versions, the settings, the figures of the runs, and the files that are texts.

    Raises TandemError("not_found").
    """
    found = _carried(store, id, *store.tree(id))
    values = {"format": FORMAT, "version": VERSION, "exported": now(), **msgspec.to_builtins(found)}
    return msgspec.json.format(msgspec.json.encode(values), indent=2).decode("utf-8") + "\n"


def to_markdown(store: Store, id: str) -> str:
    """The branch that is shown, to be read; importing it gives the same texts. Files are named only."""
    messages = store.messages(id)
    return markdown.write(_carried(store, id, messages, {message.id for message in messages}, texts=False))


def import_text(store: Store, text: str, name: str = "") -> list[Conversation]:
    """New conversations from the text of a file; all of them or none. name: the title where the file has none.

    Raises TandemError("bad_import") with what to do.
    """
    found = [each for each in _read(text) if each.messages or each.title or each.system]
    if not found:
        raise _bad("No conversation was found in this file.", _KNOWN)
    return store.add_trees([_tree(store, each, name) for each in found])


def import_file(store: Store, path: Path) -> list[Conversation]:
    """The same from a file, which is not read where it is too large."""
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise _too_large()
        return import_text(store, path.read_bytes().decode("utf-8-sig"), path.stem)
    except OSError as error:
        raise _bad(f"The file cannot be read: {error.strerror or error}.", "Check that it is there.") from error
    except UnicodeDecodeError as error:
        raise _bad("The file is not a text (UTF-8).", _KNOWN) from error


def _carried(
    store: Store, id: str, messages: list[StoredMessage], shown: set[str], texts: bool = True
) -> CarriedConversation:
    of = store.conversation(id)
    heads, files = store.run_heads(id), store.attachments(id)
    return CarriedConversation(
        title=of.title, system=of.system, model=of.model, engine=of.engine, knobs=of.knobs, created=of.created,
        messages=tuple(
            Carried(
                id=each.id, parent=each.parent_id, role=each.role, content=each.content, shown=each.id in shown,
                status="interrupted" if each.status == "streaming" else each.status, created=each.created,
                edited=each.edited, reasoning=each.reasoning, figures=_figures(heads.get(each.run_id or "")),
                files=tuple(_file(file, texts) for file in files.get(each.id, ())),
            )
            for each in messages
        ),
    )  # fmt: skip


def _figures(head: RunHead | None) -> Figures | None:
    if head is None:
        return None
    return Figures(reason=head.reason, model=head.model, variant=head.variant, engine=head.engine, metrics=head.metrics)


def _file(file: Attachment, texts: bool) -> CarriedFile:
    return CarriedFile(
        name=file.name, kind=file.kind, mime=file.mime, bytes=file.bytes, sha256=file.sha256,
        text=_text_of(file) if texts else None,
    )  # fmt: skip


def _text_of(file: Attachment) -> str | None:
    """What is kept of a document; None where that is no text or is not there."""
    path = Path(file.path)
    try:
        if not file.path or path.stat().st_size > _TEXT_BYTES:
            return None
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _read(text: str) -> list[CarriedConversation]:
    if len(text) > LIMIT_BYTES or len(text.encode("utf-8", "replace")) > LIMIT_BYTES:
        raise _too_large()
    text = text.removeprefix("\ufeff")
    if not text.lstrip().startswith(("{", "[")):
        found = markdown.read(text)
        return [found] if found else []
    try:
        return conversations_in(_parsed(text))
    except (ValueError, RecursionError) as error:
        found = markdown.read(text)
        if found is None:
            raise _bad(f"The file begins as JSON does and is not: {error}.", "Export the conversation anew.") from error
        return [found]


def _parsed(text: str) -> Any:  # Any: what JSON holds
    """One value, or one in each line. ValueError where it is neither."""
    try:
        return json.loads(text)
    except ValueError:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) < 2 or not lines[0].rstrip().endswith("}"):
            raise
        return [json.loads(line) for line in lines]


def _tree(store: Store, found: CarriedConversation, name: str) -> Tree:
    """With ids of this history."""
    time = now()
    made = Conversation(
        id=new_id(), title=found.title or name, system=found.system, model=clean(found.model),
        engine=clean(found.engine), knobs=found.knobs, created=found.created or time, updated=time,
    )  # fmt: skip
    ids = {message.id: new_id() for message in found.messages}
    runs = {message.id: _run(message.figures, message.created or time) for message in found.messages if message.figures}
    messages = [
        StoredMessage(
            id=ids[each.id], conversation_id=made.id, parent_id=None if each.parent is None else ids[each.parent],
            role=each.role, content=each.content, status=each.status, created=each.created or time,
            run_id=runs[each.id].id if each.id in runs else None, reasoning=each.reasoning, edited=each.edited,
        )
        for each in found.messages
    ]  # fmt: skip
    return Tree(
        conversation=made, messages=messages, shown={ids[each.id] for each in found.messages if each.shown},
        runs=list(runs.values()),
        files=[store.as_stored(_attached(store, file, ids[each.id])) for each in found.messages for file in each.files],
    )  # fmt: skip


def _run(figures: Figures, created: float) -> RunRecord:
    return RunRecord(
        id=new_id(), created=created, task="chat", model=clean(figures.model), variant=clean(figures.variant),
        engine=clean(figures.engine), reason=clean(figures.reason), metrics=figures.metrics, notes=["imported"],
    )  # fmt: skip


def _attached(store: Store, file: CarriedFile, message_id: str) -> Attachment:
    """Its text is kept where the file had one; else only its name is left."""
    path, sha256 = "", file.sha256
    if file.text is not None:
        content = clean(file.text).encode("utf-8")
        path, sha256 = str(store.keep_file(content, ".txt")), hashlib.sha256(content).hexdigest()
    return Attachment(
        id=new_id(), message_id=message_id, kind=file.kind, name=clean(file.name), mime=clean(file.mime), path=path,
        bytes=file.bytes, sha256=clean(sha256), created=now(),
    )  # fmt: skip


def _too_large() -> TandemError:
    return _bad(
        f"The file is larger than {LIMIT_BYTES // 1_000_000} MB, the most that can be imported at once.",
        "Divide it into smaller files.",
    )


def _bad(message: str, hint: str) -> TandemError:
    return TandemError("bad_import", message, hint)
