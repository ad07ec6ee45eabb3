"""One file from the hub to the disk: resumed by ranges, hashed while it comes, held against the published digest.

What is on the disk is read again before a resume, so a torn end is found. A file whose digest is wrong is deleted and
fetched once more from its beginning; then it is refused.
"""

from __future__ import annotations

import errno
import io
import os
import random
import shutil
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import msgspec

from app.errors import TandemError
from app.library.checksum import CHUNK, sync_folder, write_atomic
from app.library.hub import failures
from app.library.hub.answers import Reply, reply_of
from app.library.hub.digest import Digest
from app.library.hub.wire import BrokenError, StoppedError, Wire, host_of

RESERVE_BYTES, RESERVE_SHARE = 1_000_000_000, 0.02  # what is left free on the disk: the smaller of the two
LOOK_BYTES = 64 << 20  # free space is asked for again after so many
READ_BYTES = 1 << 20
Disk = Callable[[Path], tuple[int, int]]
"""A folder → (free bytes, bytes in all) of its disk."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait for what, seconds. tries: so many in a row without a new byte; longest_s: the longest single wait."""

    stall_s: float = 30.0
    connect_s: float = 10.0
    tries: int = 6
    backoff_s: float = 1.0
    longest_s: float = 300.0


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One file. bytes: -1 unknown; sha256, blob: "" where nobody published it. limit: the most that is written."""

    url: str
    name: str
    bytes: int = -1
    sha256: str = ""
    blob: str = ""
    limit: int = 1 << 44


class _Tag(msgspec.Struct):
    """What is remembered beside a part: which version of the file it is of."""

    etag: str = ""
    total: int = -1


class _FailedError(Exception):
    """One attempt failed; another may not. after_s: how long the server asks to wait."""

    def __init__(self, why: str, after_s: float | None = None) -> None:
        super().__init__(why)
        self.why, self.after_s = why, after_s


def disk_of(folder: Path) -> tuple[int, int]:
    usage = shutil.disk_usage(folder)
    return usage.free, usage.total


def room(folder: Path, wanted: int, disk: Disk = disk_of) -> None:
    """Raises TandemError("disk_full") unless `wanted` bytes fit and some space stays free."""
    free, total = disk(folder)
    if free - wanted < min(RESERVE_BYTES, int(total * RESERVE_SHARE)):
        raise failures.full(free, wanted)


class Transfer:
    """Fetches one file into `part`; `run` blocks. told: (bytes on the disk, words for a person), often."""

    def __init__(
        self, wire: Wire, wanted: Wanted, part: Path, told: Callable[[int, str], None],
        patience: Patience | None = None, disk: Disk = disk_of, again: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self._wire, self._wanted, self._part, self._told = wire, wanted, part, told
        self._patience, self._disk, self._draw = patience or Patience(), disk, again
        self._mark = part.with_suffix(".json")
        self._tag = _Tag()
        self._digest = Digest(wanted.blob, wanted.bytes)
        self._done = self._best = 0
        self._changes = self._wrong = 0
        self._looked = 0
        self._ended = False

    def run(self) -> str:
        """The file's SHA-256 once it lies there whole and right.

        Raises StoppedError (what came is kept), TandemError `network`, `bad_checksum`, `disk_full`, `gated` …
        """
        try:
            self._take_up()
            while True:
                self._fill()
                if self._right():
                    break
                self._anew()
            with self._part.open("rb+") as file:
                os.fsync(file.fileno())
            sync_folder(self._part.parent)
            self._mark.unlink(missing_ok=True)
        except OSError as error:
            raise self._disk_error(error) from error
        return self._digest.sha256

    # --- what is there ------------------------------------------------------------------------

    def _take_up(self) -> None:
        """Hash what an earlier attempt left."""
        try:
            self._tag = msgspec.json.decode(self._mark.read_bytes(), type=_Tag)
            size = self._part.stat().st_size
        except (OSError, msgspec.MsgspecError, ValueError):
            self._anew()
            return
        if 0 <= self._wanted.bytes < size:
            self._anew()
            return
        with self._part.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK):
                if self._wire.stopped:
                    raise StoppedError
                self._digest.update(chunk)
                self._told(self._digest.bytes, "checking what is there")
        self._done = self._best = self._digest.bytes

    def _anew(self) -> None:
        """Begin the file again."""
        self._part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._part.open("wb"):
            pass
        self._mark.unlink(missing_ok=True)
        self._tag, self._digest, self._done = _Tag(), Digest(self._wanted.blob, self._wanted.bytes), 0
        self._ended, self._looked = False, 0

    def _right(self) -> bool:
        """True if the digest is the published one, or there is none. The second wrong one is an error."""
        if self._digest.matches(self._wanted.sha256, self._wanted.blob):
            return True
        self._wrong += 1
        if self._wrong > 1:
            self._part.unlink(missing_ok=True)
            self._mark.unlink(missing_ok=True)
            raise failures.bad_checksum(self._wanted.name)
        self._told(0, "it arrived with another content: once more from the beginning")
        return False

    # --- what is to come ----------------------------------------------------------------------

    def _fill(self) -> None:
        """Attempts until the file is whole. The tries begin anew whenever more has come than ever before."""
        tries = 0
        while not self._whole():
            try:
                self._attempt()
                continue
            except BrokenError as error:
                failed = _FailedError(str(error))
            except _FailedError as error:
                failed = error
            if self._done > self._best:
                self._best, tries = self._done, 0
            tries += 1
            if tries > self._patience.tries:
                raise TandemError(
                    "network", f"{self._wanted.name} stopped coming from {host_of(self._wanted.url)}: {failed.why}.",
                    "Check the connection, then retry; what was fetched is kept.",
                )  # fmt: skip
            self._rest(failed, tries)

    def _whole(self) -> bool:
        total = self._wanted.bytes if self._wanted.bytes >= 0 else self._tag.total
        return self._done == total or (total < 0 and self._ended)

    def _rest(self, failed: _FailedError, tries: int) -> None:
        wait = self._patience.backoff_s * 2.0 ** (tries - 1) * (0.5 + self._draw())
        wait = min(wait if failed.after_s is None else failed.after_s, self._patience.longest_s)
        self._told(self._done, f"{failed.why}; again in {wait:,.0f} s" if wait >= 1 else f"{failed.why}; again")
        self._wire.wait(wait)

    def _attempt(self) -> None:
        """One request. Raises _FailedError, BrokenError, StoppedError, TandemError; returns once the file is whole."""
        room(self._part.parent, max(0, self._wanted.bytes - self._done), self._disk)
        headers = {"Range": f"bytes={self._done}-"} if self._done else {}
        if self._done and self._tag.etag.startswith('"') and not self._loose:
            headers["If-Range"] = self._tag.etag
        with self._wire.get(self._wanted.url, headers) as answer:
            self._judge(answer)
            self._write(answer)

    @property
    def _loose(self) -> bool:
        """The file's ETag has changed before and its digest is known: the digest decides, not the ETag."""
        return self._changes > 0 and bool(self._wanted.sha256 or self._wanted.blob)

    def _judge(self, answer: Any) -> None:
        """Is this the rest of our file? Begins the file anew where it is not."""
        reply = reply_of(answer)
        if reply.status not in (200, 206):
            self._refuse(reply)
        if reply.html and not self._wanted.name.lower().endswith((".html", ".md")):
            raise _FailedError(f"{host_of(self._wanted.url)} sent a web page instead of the file")
        total = reply.total
        if self._wanted.bytes >= 0 and total not in (-1, self._wanted.bytes):
            raise _FailedError(f"it has {total:,} bytes there instead of {self._wanted.bytes:,}")
        if total > self._wanted.limit:
            raise TandemError("too_large", f"{self._wanted.name} claims {total:,} bytes.", "Choose another file.")
        if reply.status == 206 and reply.start != self._done:
            raise _FailedError("another part of the file came than was asked for")
        self._same_version(reply)
        if reply.status == 200 and self._done:
            self._anew()
        if not self._done:
            room(self._part.parent, max(0, total), self._disk)
        self._tag = _Tag(reply.etag, total)
        write_atomic(self._mark, msgspec.json.encode(self._tag))

    def _same_version(self, reply: Reply) -> None:
        """A file that changed under us is begun anew. Without a published digest that is done only so often."""
        known = self._tag.etag and reply.etag
        changed = (known and self._tag.etag != reply.etag) or (self._tag.total >= 0 <= reply.total != self._tag.total)
        if not self._done or not changed or self._loose:
            return
        self._changes += 1
        self._anew()
        if self._changes > 3:
            raise TandemError("changed", f"{self._wanted.name} keeps changing while it is fetched.", failures.LATER)
        if reply.status == 206:
            raise _FailedError("the file has changed there", 0.0)

    def _refuse(self, reply: Reply) -> None:
        if reply.status == 416:
            self._anew()
            raise _FailedError("it is shorter there than what came before")
        host = host_of(self._wanted.url)
        if reply.status in (408, 425, 429) or reply.status >= 500:
            words = "asks for patience" if reply.status in (429, 503) else "has a problem of its own"
            raise _FailedError(f"{host} {words} ({reply.status})", retry_after(reply.retry_after))
        raise failures.of_status(reply.status, reply.code, self._wanted.name, host, self._wire.has_token)

    def _write(self, answer: Any) -> None:
        with self._part.open("rb+", buffering=0) as file:
            file.seek(self._done)
            while data := self._wire.read(answer, READ_BYTES):
                if self._done + len(data) > (self._wanted.bytes if self._wanted.bytes >= 0 else self._wanted.limit):
                    raise _FailedError("more comes than the file has")
                _write_all(file, data)
                self._digest.update(data)
                self._done += len(data)
                self._told(self._done, "")
                if self._done - self._looked >= LOOK_BYTES:
                    self._looked = self._done
                    room(self._part.parent, max(0, self._wanted.bytes - self._done), self._disk)
        if self._tag.total < 0 and self._wanted.bytes < 0:
            self._ended = True  # nobody said how long it is: the connection's orderly end does
        elif not self._whole():
            raise _FailedError("the connection ended early")

    def _disk_error(self, error: OSError) -> TandemError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return failures.full(self._disk(self._part.parent)[0], max(0, self._wanted.bytes - self._done))
        why = error.strerror or type(error).__name__
        return TandemError(
            "disk", f"{self._wanted.name} cannot be written: {why}.", "Check the disk and its rights, then retry."
        )


def _write_all(file: io.FileIO, data: bytes) -> None:
    """A plain file may take less than it is given, when the disk is nearly full."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) or 0 :]


def retry_after(text: str, now: Callable[[], float] = time.time) -> float | None:
    """Seconds that a server asks to wait: a number, or a date. None: it does not say."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now())
    except (ValueError, TypeError, OverflowError):
        return None
