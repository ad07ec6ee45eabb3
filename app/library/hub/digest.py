"""The digests of a file while it comes: SHA-256 always, and git's SHA-1 where only that is published."""

from __future__ import annotations

import hashlib


class Digest:
    """blob: the git SHA-1 to compare with, "" if none. size: of the whole file, which git's digest begins with."""

    def __init__(self, blob: str = "", size: int = -1) -> None:
        self.bytes = 0
        self._sha256 = hashlib.sha256()
        known = bool(blob) and size >= 0
        self._git = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False) if known else None

    def update(self, data: bytes) -> None:
        self.bytes += len(data)
        self._sha256.update(data)
        if self._git is not None:
            self._git.update(data)

    @property
    def sha256(self) -> str:
        """Lower-case hex."""
        return self._sha256.hexdigest()

    def matches(self, sha256: str, blob: str) -> bool:
        """True if it is what was published; also where nothing was."""
        if sha256:
            return self.sha256 == sha256.lower()
        return self._git is None or self._git.hexdigest() == blob.lower()
