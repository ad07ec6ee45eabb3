"""Files that a person puts before a model: what is text is read by its content, everything else is refused in words.

A name's ending decides nothing: a `.txt` may be a program and a file without an ending the best of sources.
"""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.errors import TandemError

TEXT_BYTES = 20_000_000  # the most of a text, also of one that came out of a PDF
PDF_BYTES = 200_000_000
HEAD = 1024
STRANGE = 1000  # one control character in so many is still text

Progress = Callable[[str, float | None], None]
"""(words, fraction or None): how far the reading is."""

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_CONTROL = re.compile(r"[\x00-\x07\x0b\x0e-\x1a\x1c-\x1f]")
_TICKS = re.compile(r"`{3,}")

_PICTURE = ("a picture", "Add it to a model that sees, or describe it.")
_ARCHIVE = ("an archive", "Unpack it and add the files in it.")
_OFFICE = ("an office document", "Save it as PDF or as plain text and add that.")
_MODEL = ("a model", "Add it on the Models page.")
_SOUND = ("a sound", "Write down what is said, and add that.")
_VIDEO = ("a video", "Write down what is said, and add that.")
_PROGRAM = ("a program", "Add its source instead.")
_UNKNOWN = ("not text", "Save it as text or PDF and add that.")
_OFFICE_ENDINGS = frozenset({".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".epub", ".pages", ".key", ".numbers"})

_MAGIC: tuple[tuple[bytes, tuple[str, str]], ...] = (
    (b"\x89PNG", _PICTURE), (b"\xff\xd8\xff", _PICTURE), (b"GIF8", _PICTURE), (b"BM", _PICTURE), (b"II*\0", _PICTURE),
    (b"MM\0*", _PICTURE), (b"GGUF", _MODEL), (b"\x7fELF", _PROGRAM), (b"MZ", _PROGRAM), (b"\xca\xfe\xba\xbe", _PROGRAM),
    (b"\xcf\xfa\xed\xfe", _PROGRAM), (b"\x1f\x8b", _ARCHIVE), (b"BZh", _ARCHIVE), (b"\xfd7zXZ", _ARCHIVE),
    (b"7z\xbc\xaf", _ARCHIVE), (b"\x28\xb5\x2f\xfd", _ARCHIVE), (b"Rar!", _ARCHIVE), (b"\xd0\xcf\x11\xe0", _OFFICE),
    (b"ID3", _SOUND), (b"OggS", _SOUND), (b"fLaC", _SOUND), (b"\x1aE\xdf\xa3", _VIDEO),
    (b"SQLite format 3", ("a database", "Export what you need as text and add that.")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """A file as text. pages: of a PDF. bytes, sha256: of the file as it was. notes: what a person should know of it."""

    name: str
    kind: Literal["text", "pdf"]
    text: str
    pages: int | None
    bytes: int
    sha256: str
    notes: tuple[str, ...] = ()


def read(
    path: Path | str,
    progress: Progress = lambda _words, _fraction: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Document:
    """The file's text. Raises TandemError too_large, binary, no_text, damaged, not_found, password or cancelled.

    Blocks, for a long PDF up to a minute: call it from a thread of its own in the window.
    """
    path = Path(path)
    head, size = _head(path)
    is_pdf = b"%PDF-" in head
    most = PDF_BYTES if is_pdf else TEXT_BYTES
    if size > most:
        raise _too_large(path.name, size, most)
    if is_pdf:
        return _pdf(path, progress, cancelled)
    what = _known_binary(path, head)
    if what is not None:
        raise _binary(path.name, *what)
    data = _bytes(path)
    if len(data) > TEXT_BYTES:  # it grew, or never said its size
        raise _too_large(path.name, len(data), TEXT_BYTES)
    text, notes = decoded(path.name, data)
    return _document(path.name, "text", text, data, notes=notes)


def from_text(name: str, text: str) -> Document:
    """A text that came without a file, e.g. a long paste. Raises TandemError too_large or no_text."""
    data = text.encode("utf-8", "replace")
    if len(data) > TEXT_BYTES:
        raise _too_large(name, len(data), TEXT_BYTES)
    return _document(name, "text", data.decode(), data)


def decoded(name: str, data: bytes) -> tuple[str, tuple[str, ...]]:
    """(text, notes) of a file's bytes: by its mark, as UTF-8, or as Windows-1252 where that reads like text."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _plausible(name, _strictly(name, data, encoding)), ()
    try:
        return _plausible(name, data.decode("utf-8")), ()
    except UnicodeDecodeError:
        text = _plausible(name, _strictly(name, data, "cp1252"))
        if sum(1 for letter in text[:100_000] if letter > "\x7f") > len(text[:100_000]) * 0.3:
            raise _binary(name, *_UNKNOWN) from None
        return text, ("Read as Windows-1252: accents may be wrong.",)


def in_prompt(documents: Sequence[tuple[str, str]], typed: str) -> str:
    """The message that a model is given: each (name, text) as a fenced block under its name, then what was typed."""
    blocks = [_block(name, text) for name, text in documents]
    return "\n\n".join([*blocks, typed] if typed else blocks)


def _block(name: str, text: str) -> str:
    longest = max((len(run) for run in _TICKS.findall(text)), default=2)
    fence = "`" * (longest + 1)
    title = " ".join(name.replace("`", "'").split())
    return f"File: {title}\n{fence}\n{text.rstrip()}\n{fence}"


def _document(
    name: str,
    kind: Literal["text", "pdf"],
    text: str,
    data: bytes,
    notes: tuple[str, ...] = (),
    pages: int | None = None,
) -> Document:
    text = text.replace("\r\n", "\n")
    if not text.strip():
        raise TandemError("no_text", f"{name} is empty.", "Add a file that holds text.")
    return Document(name, kind, text, pages, len(data), hashlib.sha256(data).hexdigest(), notes)


def _pdf(path: Path, progress: Progress, cancelled: Callable[[], bool]) -> Document:
    """pypdf takes 70 ms to import: only the first PDF pays."""
    pdf_text = importlib.import_module("app.lab.pdf_text")
    data = _bytes(path)
    if len(data) > PDF_BYTES:
        raise _too_large(path.name, len(data), PDF_BYTES)
    text, pages, notes = pdf_text.extract(path.name, data, progress, cancelled, TEXT_BYTES)
    return _document(path.name, "pdf", text, data, notes, pages)


def _head(path: Path) -> tuple[bytes, int]:
    try:
        if path.is_dir():
            raise TandemError("not_found", f"{path.name} is a folder.", "Add the files in it.")
        if not path.is_file():
            raise TandemError("not_found", f"{path.name} is not there any more.", "Choose it again.")
        with path.open("rb") as file:
            return file.read(HEAD), path.stat().st_size
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(PDF_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from error


def _known_binary(path: Path, head: bytes) -> tuple[str, str] | None:
    """(what it is, what to do) for bytes that everybody knows."""
    if head[:4] == b"PK\x03\x04":
        return _OFFICE if path.suffix.lower() in _OFFICE_ENDINGS else _ARCHIVE
    if head[:4] == b"RIFF":
        return {b"WEBP": _PICTURE, b"WAVE": _SOUND}.get(head[8:12], _VIDEO)
    if head[4:8] == b"ftyp":
        return _PICTURE if head[8:12] in (b"heic", b"avif", b"mif1") else _VIDEO
    if head[8:9] == b"{" and path.suffix.lower() == ".safetensors":
        return _MODEL
    found = next((what for magic, what in _MAGIC if head.startswith(magic)), None)
    if found in (_PICTURE, _PROGRAM, _SOUND) and not _CONTROL.search(head.decode("latin-1")):
        return None  # a text may begin with "BM", "MZ" or "ID3"
    return found


def _plausible(name: str, text: str) -> str:
    strange = len(_CONTROL.findall(text))
    if "\0" in text or strange * STRANGE > len(text):
        raise _binary(name, *_UNKNOWN)
    return text


def _strictly(name: str, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _binary(name, *_UNKNOWN) from error


def _binary(name: str, what: str, hint: str) -> TandemError:
    return TandemError("binary", f"{name} is {what}, which a text model cannot read.", hint)


def _too_large(name: str, size: int, most: int) -> TandemError:
    return TandemError(
        "too_large",
        f"{name} is {size / 1e6:,.0f} MB; at most {most / 1e6:,.0f} MB can be read.",
        "Add the part that matters.",
    )


def _unreadable(path: Path, error: Exception) -> TandemError:
    why = getattr(error, "strerror", None) or str(error)
    return TandemError("not_found", f"{path.name} cannot be read: {why}.", "Check its rights, or copy it elsewhere.")
