"""SHA-256 of large files, and writing small ones so that a crash leaves the old or the new, never half."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from app.errors import TandemError

Progress = Callable[[str, int, int], None]
"""(what is being done, bytes done, bytes in all; 0 if unknown)."""
Cancelled = Callable[[], bool]

CHUNK = 4 << 20


def no_progress(step: str, done: int, total: int) -> None:
    """Shows nothing."""


def never() -> bool:
    """Is never cancelled."""
    return False


def stop_if(cancelled: Cancelled) -> None:
    """Raises TandemError("cancelled") once the person has asked to stop."""
    if cancelled():
        raise TandemError("cancelled", "Stopped, as you asked.")


def sha256_of(path: Path, progress: Progress = no_progress, cancelled: Cancelled = never) -> str:
    """Lower-case hex digest. Raises TandemError("cancelled") and OSError."""
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            stop_if(cancelled)
            digest.update(chunk)
            done += len(chunk)
            progress(f"checking {path.name}", done, total)
    return digest.hexdigest()


def write_atomic(path: Path, data: bytes) -> None:
    """Temporary name, fsync, rename, fsync of the folder. Raises OSError, then nothing is left of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable, where the system can."""
    with contextlib.suppress(OSError):  # Windows cannot open a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sync_file(path: Path) -> None:
    """Push a finished file to the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
