"""What a model's own files say of it: the library's raw material, whatever the format."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from engines.protocol import ModelShape

MAX_TEMPLATE = 1 << 20
SAFE_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """precision: the variant's name (q4_1, bf16 …). mix: tensor type → how many tensors.

    path: the GGUF file or the folder; files: all that belongs to it, relative to the folder.
    bits_per_weight: exact, tensor bytes × 8 / parameters.
    """

    path: Path
    files: tuple[str, ...]
    format: str
    task: str
    title: str
    licence: str
    precision: str
    mix: dict[str, int]
    bits_per_weight: float | None
    shape: ModelShape | None
    template: str | None
    bos: str = ""
    eos: str = ""
    notes: tuple[str, ...] = ()


_RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)")  # no folder on Windows may be called so


def slug(text: str) -> str:
    """`text` as a model id: small letters, digits, dot, dash and underscore; a name that every system takes."""
    word = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")
    return _RESERVED.sub(r"\1-model", word)[:80].rstrip("-._") or "model"


def plain(text: str, most: int = 200) -> str:
    """A stranger's text as one line that can be shown: without what moves a cursor, turns the writing or rings a bell."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[: most * 4]).split())[:most]
