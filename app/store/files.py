"""The files of a database: moved, copied and put in place so that a crash leaves the old or the new, never half."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

SIDECARS = ("-wal", "-shm", "-journal")
_ASIDE = ".corrupt-"


def sidecars(database: Path) -> list[Path]:
    """The files beside `database` that belong to it and exist."""
    found = (database.with_name(database.name + end) for end in SIDECARS)
    return [path for path in found if path.exists()]


def kept(database: Path) -> list[Path]:
    """Damaged databases that were moved aside, newest first."""
    found = database.parent.glob(f"{database.name}{_ASIDE}*")
    return sorted((path for path in found if not path.name.endswith(SIDECARS)), reverse=True)


def move_aside(database: Path) -> list[Path]:
    """Rename the database and its sidecars to `.corrupt-<time>` (the sidecars stay its sidecars). New names, the database first."""
    there = [path for path in (database, *sidecars(database)) if path.exists()]
    aside = _free_name(database)
    moved = [aside.with_name(aside.name + path.name.removeprefix(database.name)) for path in there]
    for old, new in zip(reversed(there), reversed(moved), strict=True):  # the database goes last
        old.rename(new)
    sync_folder(database.parent)
    return moved


def _free_name(database: Path) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = [f"{database.name}{_ASIDE}{stamp}{more}" for more in ("", *(f"-{n}" for n in range(2, 100)))]
    return next(path for name in names if not (path := database.with_name(name)).exists())


@contextlib.contextmanager
def scratch(database: Path, end: str) -> Iterator[Path]:
    """An empty file (0600) beside `database` to build one in; what is left of it is removed at the end."""
    path = database.with_name(database.name + end)
    remove(path)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        yield path
    finally:
        remove(path)


def copy(database: Path, target: Path) -> None:
    """Copy the bytes, and those of the write-ahead log: it holds the last commits."""
    shutil.copyfile(database, target)
    wal = database.with_name(database.name + "-wal")
    if wal.exists():
        shutil.copyfile(wal, target.with_name(target.name + "-wal"))


def install(built: Path, database: Path) -> None:
    """Put a finished, closed database in place; there are no sidecars of either."""
    os.chmod(built, 0o600)
    with built.open("rb+") as file:
        os.fsync(file.fileno())
    built.replace(database)
    sync_folder(database.parent)


def remove(database: Path) -> None:
    for path in (database, *sidecars(database)):
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` last through a power cut, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
