"""The starter pack beside the hub: what is in it, what of it is here, and getting it, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.library.catalogue import Starter
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state.background import Job, Report
from app.ui.state.ports import Services
from engines.errors import EngineError


@dataclass(frozen=True, slots=True)
class StarterLine:
    """state: "" (not here), waiting, getting or here. message: how far it is, or why it failed. chat: it can talk."""

    id: str
    title: str
    about: str
    task: str
    licence: str
    upstream: str
    format: str
    bytes: int
    state: str
    message: str = ""
    hint: str = ""
    fraction: float | None = None
    variant: str = ""
    chat: bool = False


class HubStarters(QObject):
    """`changed` when a line is another; `arrived(id)` when one is in the library."""

    changed = Signal()
    arrived = Signal(str)

    def __init__(self, services: Services, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services, self._bridge = services, bridge
        self._waiting: list[str] = []
        self._getting = ""
        self._job: Job | None = None
        self._failed: dict[str, TandemError | EngineError] = {}
        self._here: dict[str, tuple[str, bool]] = {}
        self._starters: tuple[Starter, ...] = ()
        self.refresh()

    @property
    def lines(self) -> tuple[StarterLine, ...]:
        """The pack, in its order."""
        return tuple(self._line(starter) for starter in self._starters)

    @property
    def busy(self) -> bool:
        """True while one is fetched."""
        return self._job is not None

    def line(self, id: str) -> StarterLine | None:
        """One of them."""
        return next((line for line in self.lines if line.id == id), None)

    def get(self, id: str) -> None:
        """Fetch it, after those that were asked for before."""
        if id not in (self._getting, *self._waiting):
            self._failed.pop(id, None)
            self._waiting.append(id)
            self._next()
            self.changed.emit()

    def cancel(self, id: str) -> None:
        """Let go of one that waits, or stop the one that is fetched; what is fetched stays for the next try."""
        if id in self._waiting:
            self._waiting.remove(id)
        elif id == self._getting and self._job is not None:
            self._job.cancel()
        self.changed.emit()

    def refresh(self) -> None:
        """See anew what is here."""
        library = self._services.library
        found = {starter.id: starter for starter in library.starters()}
        self._starters = tuple(found.values())
        self._here = {v.id: (v.variant, v.task == "chat") for v in library.variants() if v.id in found}
        self.changed.emit()

    def close(self) -> None:
        """At shutdown."""
        self._waiting.clear()
        if self._job is not None:
            self._job.close()
            self._job = None

    def _next(self) -> None:
        if self._job is not None or not self._waiting:
            return
        wanted = self._getting = self._waiting.pop(0)
        library = self._services.library

        def work(report: Report, cancelled: Callable[[], bool]) -> object:
            def progress(step: str, done: int, total: int) -> None:
                report(step, done / total if total else None)

            return library.install(wanted, progress, cancelled)

        self._job = Job(f"starter {wanted}", work, self._bridge, self)
        self._job.said.connect(self.changed)
        self._job.done.connect(lambda _found: self._arrived(wanted))
        self._job.failed.connect(lambda error: self._broken(wanted, error))
        self._job.ended.connect(self._ended)
        self._job.start()

    def _arrived(self, id: str) -> None:
        self.refresh()
        self.arrived.emit(id)

    def _broken(self, id: str, error: TandemError | EngineError) -> None:
        if self._job is not None and not self._job.cancelled:
            self._failed[id] = error

    def _ended(self) -> None:
        if self._job is not None:
            self._job.deleteLater()
        self._job, self._getting = None, ""
        self._next()
        self.changed.emit()

    def _line(self, starter: Starter) -> StarterLine:
        state, message, hint, fraction = self._state(starter.id)
        variant, chat = self._here.get(starter.id, ("", False))
        return StarterLine(
            starter.id, starter.title, starter.about, starter.task, starter.licence, starter.upstream, starter.format,
            starter.bytes, state, message, hint, fraction, variant, chat,
        )  # fmt: skip

    def _state(self, id: str) -> tuple[str, str, str, float | None]:
        """(state, message, hint, fraction)."""
        if id == self._getting and self._job is not None:
            return "getting", self._job.message or tr("starting"), "", self._job.fraction
        if id in self._waiting:
            return "waiting", tr("waiting for another to end"), "", None
        if id in self._here:
            return "here", "", "", None
        error = self._failed.get(id)
        return ("", error.message, error.hint, None) if error is not None else ("", "", "", None)
