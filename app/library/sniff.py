"""What a file is by its first bytes and its name, decided without opening it with anything that could run it."""

from __future__ import annotations

import re
from pathlib import Path

from app.library.gguf_header import MAGIC
from app.library.refusal import Reason, refused

HEAD = 1024
PICKLE_ENDINGS = frozenset(
    {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz", ".t7", ".mar", ".zip"}
)
_OLD_PICKLE = re.compile(
    rb"^\(?(dp0|lp0|c(os|posix|nt|_?io|sys|builtins|__builtin__|subprocess|torch|numpy|collections|copy_?reg|_?codecs)[\w.]*\n)"
)
_COMPRESSED = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
    b"\x28\xb5\x2f\xfd",
)


def sniff(path: Path) -> str:
    """ "gguf" or "safetensors". Raises TandemError `refused_…` for everything else, with the reason."""
    head, size = _head(path)
    if size == 0:
        raise refused(Reason.EMPTY, path, "it is empty (0 bytes)")
    foreign(path, head)
    if pickled(path, head):
        raise refused(Reason.PICKLE, path, "it is a Python pickle or archive, which can run a stranger's program")
    if head.startswith(MAGIC):
        return "gguf"
    if _begins_safetensors(head):
        return "safetensors"
    if path.suffix.lower() in (".gguf", ".safetensors"):
        raise refused(Reason.DAMAGED, path, f"it does not begin like a {path.suffix} file")
    raise refused(Reason.UNKNOWN, path, "it is no kind of model file that is known here")


def pickled(path: Path, head: bytes) -> bool:
    """True if the name or the first bytes are those of a pickle, or of an archive that may hold one."""
    if path.suffix.lower() in PICKLE_ENDINGS:
        return True
    if _begins_safetensors(head):
        return False
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY", *_COMPRESSED)):
        return True
    if len(head) > 1 and head[0] == 0x80 and 1 <= head[1] <= 6:
        return True
    return bool(_OLD_PICKLE.match(head))


def first_bytes(path: Path) -> bytes:
    """Up to 1,024 bytes. Raises TandemError `refused_missing`."""
    return _head(path)[0]


def _head(path: Path) -> tuple[bytes, int]:
    try:
        if not path.is_file():
            why = "it is a folder" if path.is_dir() else "there is no such file"
            raise refused(Reason.MISSING, path, why)
        with path.open("rb") as file:
            return file.read(HEAD), path.stat().st_size
    except OSError as error:
        raise refused(Reason.MISSING, path, f"it cannot be read ({error.strerror or error})") from error


def foreign(path: Path, head: bytes) -> None:
    """What often lies where a model should: a placeholder, or a page that came instead of it."""
    if head.startswith(b"version https://git-lfs"):
        raise refused(Reason.LFS, path, "it is only a Git LFS pointer, the model itself was not fetched")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<body", b"<!--")):
        raise refused(Reason.HTML, path, "it is a web page that was saved in place of the model")


def _begins_safetensors(head: bytes) -> bool:
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 40
