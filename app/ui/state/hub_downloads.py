"""What is being downloaded, as lines; the threads that do it belong to the library and outlive the window's close."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from app.errors import TandemError
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state import hub_words, words
from app.ui.state.ports import Services

if TYPE_CHECKING:
    from app.library.hub import Download

LOOK_MS = 200  # five looks a second at most

VERBS: dict[str, tuple[str, ...]] = {
    "queued": ("pause", "cancel"),
    "running": ("pause", "cancel"),
    "checking": ("pause", "cancel"),
    "paused": ("resume", "cancel"),
    "failed": ("retry", "drop"),
    "cancelled": ("retry", "clear"),
    "done": ("clear",),
}
CALLS = {"drop": "clear"}
"""Verbs with another name in the library: clearing one that failed deletes what has come of it."""

ENDED = ("done", "cancelled")
MOVING = ("running", "checking")


@dataclass(frozen=True, slots=True)
class DownloadLine:
    """fraction: 0–1, None while it is not known. model, variant: in the library, once it is there. chat: it can talk."""

    id: str
    title: str
    detail: str
    state: str
    fraction: float | None
    verbs: tuple[str, ...]
    model: str = ""
    variant: str = ""
    chat: bool = False


class _Ear:
    """What the downloads' threads hold: a flag and a plain callable, nothing of Qt."""

    def __init__(self, notify: Callable[[], None]) -> None:
        self.heard = threading.Event()
        self._notify = notify

    def __call__(self) -> None:
        self.heard.set()
        self._notify()


class HubDownloads(QObject):
    """`changed` at most five times a second while something moves; `arrived(ref)` when one is in the library."""

    changed = Signal()
    arrived = Signal(str)

    def __init__(self, services: Services, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services, self._bridge = services, bridge
        self.items: tuple[Download, ...] = ()
        self.lines: tuple[DownloadLine, ...] = ()
        self._done: set[str] = set()
        self._here: dict[str, tuple[str, str, bool]] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._drain)
        self._ear = _Ear(bridge.notify)
        bridge.add(self._drain)
        self._unlisten = services.downloads.listen(self._ear)
        self.look(first=True)

    @property
    def summary(self) -> str:
        """All of them in a few words: "2 running · 34 MB/s · 3.2 GB of 9.8 GB"."""
        going = [d for d in self.items if d.state not in (*ENDED, "failed")]
        moving = [d for d in going if d.state in MOVING]
        queued, paused, failed = (sum(d.state == state for d in self.items) for state in ("queued", "paused", "failed"))
        parts = [
            tr("{n} running", n=len(moving)) if moving else "",
            tr("{n} waiting", n=queued) if queued else "",
            tr("{n} paused", n=paused) if paused else "",
            tr("{n} failed", n=failed) if failed else "",
            hub_words.speed(sum(d.rate or 0 for d in moving)),
            hub_words.done_of(sum(d.done_bytes for d in going), sum(d.bytes for d in going)) if going else "",
        ]
        done = sum(d.state == "done" for d in self.items)
        return " · ".join(part for part in parts if part) or (tr("{n} done", n=done) if done else "")

    @property
    def missing_bytes(self) -> int:
        """What those that are not ended still have to write."""
        return sum(max(0, d.bytes - d.done_bytes) for d in self.items if d.state not in (*ENDED, "failed"))

    def act(self, verb: str, id: str) -> None:
        """One of VERBS. Raises TandemError with the reason where it cannot."""
        if verb in {each for verbs in VERBS.values() for each in verbs}:
            getattr(self._services.downloads, CALLS.get(verb, verb))(id)
            self.look()

    def clear_ended(self) -> None:
        """Forget all that are done or cancelled; their files stay in the library."""
        for each in self.items:
            if each.state in ENDED:
                with contextlib.suppress(TandemError):  # another Tandem has begun it again
                    self._services.downloads.clear(each.id)
        self.look()

    def state_of(self, repo: str, name: str) -> str:
        """The state of a download of that offer that has not ended, or ""."""
        return next(
            (d.state for d in self.items if (d.repo, d.name) == (repo, name) and d.state not in ENDED), ""
        )  # fmt: skip

    def look(self, first: bool = False) -> None:
        """See how they are now. first: what was done before the window opened does not arrive again."""
        self._ear.heard.clear()
        self.items = tuple(reversed(self._services.downloads.all()))  # the newest first
        arrived = [d for d in self.items if d.state == "done" and d.id not in self._done]
        self._done.update(d.id for d in arrived)
        lines = tuple(self._line(d) for d in self.items)
        if lines != self.lines:
            self.lines = lines
            self.changed.emit()
        if not first:
            for each in arrived:
                self.arrived.emit(each.ref)

    def close(self) -> None:
        """Stop looking; the downloads go on, or go on at the next start."""
        self._timer.stop()
        self._unlisten()
        self._bridge.remove(self._drain)

    def _drain(self) -> None:
        if self._ear.heard.is_set() and not self._timer.isActive():
            self._timer.start()
            self.look()

    def _line(self, found: Download) -> DownloadLine:
        fraction = found.done_bytes / found.bytes if found.bytes else None
        if found.state == "done":
            fraction = 1.0
        model, variant, chat = self._in_library(found)
        title = " · ".join(part for part in (hub_words.title_of(found.repo), hub_words.plain(found.name, 80)) if part)
        return DownloadLine(
            found.id, title, hub_words.progress(found), found.state, fraction, () if found.elsewhere else VERBS.get(found.state, ()),
            model, variant, chat,
        )  # fmt: skip

    def _in_library(self, found: Download) -> tuple[str, str, bool]:
        """(model id, variant, it can talk) of what is done; the library is asked once a download."""
        if found.state != "done" or not found.ref:
            return "", "", False
        if found.id not in self._here:
            self._here[found.id] = self._asked(found.ref)
        return self._here[found.id]

    def _asked(self, ref: str) -> tuple[str, str, bool]:
        try:
            variant = self._services.library.get(ref)
        except TandemError:  # it was removed since
            return "", "", False
        return variant.id, variant.variant, variant.task == "chat"


def free_words(free: int, wanted: int) -> str:
    """Why the disk is too small for `wanted` bytes more, or ""."""
    if free >= wanted:
        return ""
    return tr(
        "The disk has too little room: {wanted} are needed and {free} are free.",
        wanted=words.size(wanted), free=words.size(free),
    )  # fmt: skip
