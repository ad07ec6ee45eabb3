"""Locks that hold between processes and vanish with their process, so that several may share a home."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import portalocker

from app.errors import TandemError

POLL_S = 0.05  # the portable locks have no timeout of their own, so they are asked again


class FileLock:
    """An advisory lock on `path`, which is made (0600) if missing and never removed here.

    shared: many may hold it at once; otherwise one alone. timeout_s: how long `acquire` waits, 0 asks
    once. A lock belongs to this object, not to the process: two objects in one process exclude each other too.
    """

    def __init__(
        self,
        path: Path,
        shared: bool = False,
        timeout_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = path
        self.shared = shared
        self.timeout_s = timeout_s
        self._clock = clock
        self._sleep = sleep
        self._file: IO[bytes] | None = None

    @property
    def held(self) -> bool:
        return self._file is not None

    def try_acquire(self) -> bool:
        """Take it if it is free now. True if it is held afterwards."""
        if self._file is not None:
            return True
        file = self._open()
        kind = portalocker.LockFlags.SHARED if self.shared else portalocker.LockFlags.EXCLUSIVE
        try:
            portalocker.lock(file, kind | portalocker.LockFlags.NON_BLOCKING)
        except portalocker.AlreadyLocked:
            file.close()
            return False
        except portalocker.LockException as error:
            file.close()
            raise self._unusable(error) from error
        self._file = file
        return True

    def acquire(self) -> None:
        """Wait up to `timeout_s`. Raises TandemError("locked") if somebody else still holds it."""
        deadline = self._clock() + self.timeout_s
        while not self.try_acquire():
            if self._clock() >= deadline:
                raise TandemError(
                    "locked",
                    f"Another Tandem is using “{self.path.name}”.",
                    "Wait until it is done or close it, then try again.",
                )
            self._sleep(POLL_S)

    def release(self) -> None:
        """Give it back; does nothing if it is not held."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(portalocker.LockException, OSError):
                portalocker.unlock(file)
            file.close()

    def _open(self) -> IO[bytes]:
        try:
            return os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> TandemError:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return TandemError(
                "disk_full", f"The disk with {self.path.parent} is full.", "Free some space and try again."
            )
        return TandemError(
            "no_locks",
            f"{self.path} cannot be locked: {error}.",
            "Put Tandem's folder (TANDEM_HOME) on a disk that allows it.",
        )

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
