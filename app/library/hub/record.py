"""A download as it is kept: one folder below TANDEM_HOME/downloads with its state, what has come, and what is whole.

state.json is written so that a crash leaves the old or the new one. It holds no token and no address with a key.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import time
from pathlib import Path

import msgspec

from app.errors import TandemError
from app.library.checksum import write_atomic
from app.library.hub.listing import Offer
from app.paths import Paths, private_folder

STATE, PARTS, WHOLE = "state.json", "parts", "model"
QUEUED, RUNNING, PAUSED, CHECKING, DONE, FAILED, CANCELLED = (
    "queued", "running", "paused", "checking", "done", "failed", "cancelled"
)  # fmt: skip
ACTIVE = frozenset({QUEUED, RUNNING, CHECKING})
ENDED = frozenset({DONE, FAILED, CANCELLED})
_ID = re.compile(r"[0-9a-f]{8,16}-[0-9a-f]{8}")


class Download(msgspec.Struct, frozen=True, kw_only=True):
    """What a person sees of one. rate: bytes/s of the last seconds; None unless it runs. ref: the library's, once done.

    code: of the error, where it failed or paused by itself. elsewhere: another Tandem carries it.
    """

    id: str
    repo: str
    name: str
    state: str
    bytes: int
    done_bytes: int
    rate: float | None = None
    eta_s: float | None = None
    message: str = ""
    hint: str = ""
    ref: str = ""
    code: str = ""
    elsewhere: bool = False
    note: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """state.json. sums: file of the offer → SHA-256 of what is whole. secret: its address is kept as a secret."""

    id: str
    offer: Offer
    state: str
    created: float
    done_bytes: int = 0
    sums: dict[str, str] = {}
    message: str = ""
    hint: str = ""
    code: str = ""
    ref: str = ""
    secret: bool = False

    @property
    def whole_bytes(self) -> int:
        """Of the files that are whole."""
        return sum(f.bytes for f in self.offer.files if f.path in self.sums and f.bytes > 0)


class Records:
    """Reads and writes them. One thread at a time writes one record: who holds its lock."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._seen: dict[str, tuple[tuple[int, int, int], Record]] = {}

    @property
    def folder(self) -> Path:
        return private_folder(private_folder(self._paths.home) / "downloads")

    def of(self, id: str) -> Path:
        """The folder of one. Raises TandemError `unknown_download` for what is no id."""
        if not _ID.fullmatch(id):
            raise unknown(id)
        return self.folder / id

    def new(self, offer: Offer, secret: bool) -> Record:
        """Make its folder and write it, queued."""
        key = f"{int(time.time() * 1000):x}-{secrets.token_hex(4)}"
        private_folder(self.folder / key)
        record = Record(id=key, offer=offer, state=QUEUED, created=time.time(), secret=secret)
        self.write(record)
        return record

    def all(self) -> list[Record]:
        """Oldest first. One that cannot be read is left out."""
        if not (self._paths.home / "downloads").is_dir():
            return []
        names = sorted(p.name for p in self.folder.iterdir() if _ID.fullmatch(p.name))
        return [record for name in names if (record := self.read(name)) is not None]

    def read(self, id: str) -> Record | None:
        """Parsed again only when its file has changed."""
        path = self.of(id) / STATE
        try:
            stat = path.stat()
            key = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            kept = self._seen.get(id)
            if kept is None or kept[0] != key:
                record = msgspec.json.decode(path.read_bytes(), type=Record)
                if record.id != id:
                    return None
                kept = (key, record)
                self._seen[id] = kept
        except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
            return None
        return kept[1]

    def write(self, record: Record) -> None:
        """Raises TandemError `disk_full`, `disk`."""
        try:
            write_atomic(self.of(record.id) / STATE, msgspec.json.format(msgspec.json.encode(record)))
        except OSError as error:
            code = "disk_full" if error.errno == 28 else "disk"
            raise TandemError(code, f"The download's state cannot be written: {error.strerror or error}.",
                              "Free some space, then try again.") from error  # fmt: skip

    def empty(self, id: str) -> None:
        """Delete what has come, not the state."""
        for name in (PARTS, WHOLE):
            shutil.rmtree(self.of(id) / name, ignore_errors=True)

    def forget(self, id: str) -> None:
        """Delete everything of it: the state first, so that a crash leaves no half of it in the list."""
        folder = self.of(id)
        with contextlib.suppress(OSError):
            (folder / STATE).unlink()
        shutil.rmtree(folder, ignore_errors=True)
        self._seen.pop(id, None)

    def sweep(self) -> None:
        """Delete folders whose state is gone: a `forget` that was cut short."""
        if (self._paths.home / "downloads").is_dir():
            for folder in self.folder.iterdir():
                old = _ID.fullmatch(folder.name) and not (folder / STATE).exists()
                if old and time.time() - folder.stat().st_mtime > 3600:
                    shutil.rmtree(folder, ignore_errors=True)


def unknown(id: str) -> TandemError:
    return TandemError("unknown_download", f"There is no download “{id[:40]}”.", "It may have been cleared.")
