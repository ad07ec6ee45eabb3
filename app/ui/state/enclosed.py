"""The files of messages: their texts are kept in the home, so that a conversation can be asked again without the original."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from app.lab.documents import Document
from app.store import Store
from app.ui.language import tr
from app.ui.state.pictures import PreparedImage
from app.ui.state.prompting import DraftFile
from app.ui.state.transcript import RowFile, file_of


def enclose(store: Store, message_id: str, document: Document, tokens: int | None) -> RowFile:
    """Keep a document's text and name it at its message. Raises TandemError where the disk is full."""
    path = store.keep_file(document.text.encode(), ".txt")
    made = store.attach(
        message_id, "document", document.name, detail(document, tokens), str(path), document.bytes, document.sha256
    )
    return file_of(made)


def enclose_all(store: Store, message_id: str, files: Sequence[DraftFile]) -> tuple[RowFile, ...]:
    """Every file of the message that goes out, in their order."""
    made = []
    for file in files:
        if file.document is not None:
            made.append(enclose(store, message_id, file.document, file.tokens))
        elif file.picture is not None:
            made.append(enclose_picture(store, message_id, file.picture))
    return tuple(made)


def enclose_picture(store: Store, message_id: str, picture: PreparedImage) -> RowFile:
    """Name a prepared picture at its message."""
    said = f"{picture.width:,} × {picture.height:,}"
    made = store.attach(message_id, "image", picture.name, said, str(picture.path), picture.bytes, picture.sha256)
    return file_of(made)


def copy(store: Store, message_id: str, files: tuple[RowFile, ...]) -> tuple[RowFile, ...]:
    """The same files at another version of a message."""
    made = []
    for file in files:
        path = Path(file.path)
        size = path.stat().st_size if path.exists() else 0
        made.append(file_of(store.attach(message_id, file.kind, file.name, file.detail, file.path, size, path.stem)))
    return tuple(made)


@functools.lru_cache(maxsize=64)
def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def text_of(file: RowFile) -> str:
    """The kept text; a file that was removed from the home is named, not passed over in silence."""
    try:
        return _read(file.path)
    except OSError:
        return tr("[The text of {name} is not there any more.]", name=file.name)


def detail(document: Document, tokens: int | None) -> str:
    """ "12 pages, 3,410 tokens"."""
    parts = []
    if document.pages is not None:
        parts.append(tr("{n} pages", n=f"{document.pages:,}") if document.pages != 1 else tr("1 page"))
    if tokens is not None:
        parts.append(tr("{n} tokens", n=f"{tokens:,}"))
    return ", ".join(parts)
