"""One set-up at a time in a checkout: two pips in one environment would spoil it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

LOOK_S = 0.3


@contextlib.contextmanager
def one_at_a_time(file: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Holds the lock on `file`, waiting for another process that has it; its end, however it comes, frees it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+b") as stream:
        if not _taken(stream):
            say("Another set-up works in this checkout: waiting for it.")
            while not _taken(stream):
                time.sleep(LOOK_S)
        yield


def _taken(stream: IO[bytes]) -> bool:
    """Tries to take the lock; closing the file gives it back."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415

            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
