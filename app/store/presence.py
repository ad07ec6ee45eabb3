"""Who has the store open. Each open store holds a lock file of its own for as long as it lives.

A lock vanishes with its process, however that ends; a process number would be re-used, differ
between containers that share a home, and its start time moves with the clock. A lock file that nobody
holds is therefore a store that was not closed: its streams are over, and the database is checked.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from app.locks import FileLock

_PREFIX = "store-"


class Presence:
    """`id` marks what this store is streaming. Made only through `claim`."""

    def __init__(self, lock: FileLock) -> None:
        self.id = id_of(lock)
        self._lock = lock

    @classmethod
    def claim(cls, folder: Path) -> Presence:
        while True:
            lock = FileLock(folder / f"{_PREFIX}{uuid.uuid4().hex}")
            if lock.try_acquire():
                if lock.path.exists():  # another process may have swept it between the making and the locking
                    return cls(lock)
                lock.release()

    def leave(self, clean: bool = True) -> None:
        """clean False leaves the file behind: the next start checks the database."""
        self._lock.release()
        if clean:
            _remove(self._lock.path)


def abandoned(folder: Path) -> list[FileLock]:
    """The locks, now held by the caller, of stores that were not closed. Give them back with `forget` or `release`."""
    found = [FileLock(path) for path in sorted(folder.glob(f"{_PREFIX}*"))]
    return [lock for lock in found if lock.try_acquire()]


def forget(locks: list[FileLock]) -> None:
    for lock in locks:
        _remove(lock.path)
        lock.release()
        _remove(lock.path)  # Windows cannot remove a file that is open


def id_of(lock: FileLock) -> str:
    return lock.path.name.removeprefix(_PREFIX)


def alive(folder: Path, id: str) -> bool:
    """Whether the store with this id is open, here or in another process."""
    lock = FileLock(folder / f"{_PREFIX}{id}")
    if not lock.path.exists():
        return False
    free = lock.try_acquire()
    lock.release()
    return not free


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # the next start does it
