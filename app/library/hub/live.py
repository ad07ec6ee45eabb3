"""A download that this process carries: its record, its lock, its thread, and what a person has asked of it meanwhile."""

from __future__ import annotations

import enum
import threading
from dataclasses import dataclass, field

import msgspec

from app.library.hub.pace import Pace
from app.library.hub.record import CHECKING, RUNNING, Download, Record
from app.library.hub.wire import Wire
from app.locks import FileLock

TELL_S, SAVE_S = 0.2, 5.0  # how often a running download is told of, and written down
CHECKING_WORDS = "checking what is there"
UNPUBLISHED = "no published checksum: Tandem keeps its own"


class Wish(enum.Enum):
    """What is to become of a download that is under way."""

    GO = "go"
    PAUSE = "pause"
    CANCEL = "cancel"
    CLOSE = "close"  # the program ends: the next one goes on


@dataclass(slots=True, eq=False)
class Live:
    """Changed under the guard of `Downloads` alone, but for `writing`, which orders the writes of its file."""

    record: Record
    lock: FileLock
    wish: Wish = Wish.GO
    wire: Wire | None = None
    thread: threading.Thread | None = None
    settled: bool = False  # it is ending, whatever is wished now
    done: int = 0
    words: str = ""
    told_at: float = 0.0
    saved_at: float = 0.0
    pace: Pace = field(default_factory=Pace)
    writing: threading.Lock = field(default_factory=threading.Lock)

    def saw(self, done: int, words: str, now: float) -> tuple[bool, bool]:
        """Take what a transfer tells; (is it worth telling others, is it worth writing down)."""
        tell, save = self.words != words or now - self.told_at >= TELL_S, now - self.saved_at >= SAVE_S
        self.done, self.words = done, words
        self.pace.saw(done)
        self.told_at = now if tell else self.told_at
        if save:
            self.saved_at, self.record = now, msgspec.structs.replace(self.record, done_bytes=done)
        return tell, save


def shown(record: Record, live: Live | None = None) -> Download:
    """What a person sees of it."""
    offer, whole = record.offer, sum(max(0, f.bytes) for f in record.offer.files)
    seen = Download(
        id=record.id, repo=offer.repo, name=offer.name, state=record.state, bytes=whole, done_bytes=record.done_bytes,
        message=record.message, hint=record.hint, ref=record.ref, code=record.code, elsewhere=live is None and bool(record.state in ("queued", "running", "checking")),
        note="" if all(f.published for f in offer.files) else UNPUBLISHED,
    )  # fmt: skip
    if live is None or record.state != RUNNING:
        return seen
    state = CHECKING if live.words == CHECKING_WORDS else RUNNING
    rate = live.pace.rate if state == RUNNING else None
    eta = (whole - live.done) / rate if rate and whole > live.done else None
    return msgspec.structs.replace(seen, state=state, done_bytes=live.done, message=live.words, rate=rate, eta_s=eta)
