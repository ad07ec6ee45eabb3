"""What a prepared picture is, and how one is told from other files; drawing it is `app.ui.images`' work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_HEAD = 16


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """A picture as a model gets it: upright, small enough, PNG. path: where that lies. bytes, sha256: of that file."""

    name: str
    path: Path
    width: int
    height: int
    bytes: int
    sha256: str


def is_picture(path: Path) -> bool:
    """By the file's first bytes. False for what cannot be read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except (OSError, ValueError):
        return False
    if head.startswith(b"BM"):
        return b"\0" in head  # a text may begin with these two letters
    return head.startswith(_STARTS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or _is_heif(head)


def _is_heif(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"avif", b"mif1")
