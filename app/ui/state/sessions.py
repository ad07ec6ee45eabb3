"""The sessions of a page: the one it talks to, others kept loaded beside it, and what each of them says."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from PySide6.QtCore import QObject, QTimer, Signal

from app.errors import TandemError
from app.lab.session import Failure, SessionState
from app.library import Variant
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state import figures, words
from app.ui.state.figures import Strip
from app.ui.state.ports import Services, Session
from app.ui.state.status import Status, status
from engines.knobs import Settings
from engines.protocol import Beat, Event, Failed, Finished, Loaded, Progress, Text
from engines.spec import EngineSpec

WATCH_MS = 500  # how often "may Force be offered?" is asked while something is being ended
IDLE_MS = 15_000  # how often idle models are looked for

BUSY = (SessionState.LOADING, SessionState.CANCELLING, SessionState.UNRESPONSIVE)
UP = (SessionState.READY, SessionState.RUNNING, SessionState.CANCELLING)


@dataclass(frozen=True, slots=True)
class Opened:
    """One loaded model. detail: its engine and memory in words. current: the page talks to it."""

    key: str
    title: str
    detail: str
    current: bool


@dataclass(slots=True)
class Held:
    """One session and what it was loaded with. used: when it last did something (monotonic seconds)."""

    key: str
    session: Session
    variant: Variant
    spec: EngineSpec
    strip: Strip = field(default_factory=Strip)
    used: float = field(default_factory=time.monotonic)


class Sessions(QObject):
    """Signals: `changed` (what is loaded, status, failure), `figures_changed`, `knobs_changed(scope)` and
    `happened(event)`, each event of the current session after this state took it in."""

    changed = Signal()
    figures_changed = Signal()
    knobs_changed = Signal(str)
    happened = Signal(object)

    def __init__(self, services: Services, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services, self._bridge = services, bridge
        self._now: Held | None = None
        self._beside: list[Held] = []
        self._made = 0
        self.strip = Strip()
        self._progress: Progress | None = None
        self._refused: Failure | None = None  # what kept a load from starting at all
        self._polling = False
        self._seen = SessionState.EMPTY  # the state that `changed` told of last
        self._minutes = 0
        self._watch = _ticking(self, WATCH_MS, self._tick)
        self._idle = _ticking(self, IDLE_MS, self.unload_idle)
        bridge.add(self.poll)

    # --- what there is ------------------------------------------------------------------

    @property
    def session(self) -> Session | None:
        """The session that the page talks to."""
        return None if self._now is None else self._now.session

    @property
    def phase(self) -> SessionState:
        """The session's state; EMPTY without one, FAILED where a load could not even start."""
        if self._refused is not None:
            return SessionState.FAILED
        return SessionState.EMPTY if self._now is None else self._now.session.state

    @property
    def loaded(self) -> Loaded | None:
        """What the engine said when it was loaded, while it is."""
        return self._now.session.loaded if self._now is not None and self.phase in UP else None

    @property
    def held_variant(self) -> Variant | None:
        """The variant that is loaded, loading or failed."""
        return None if self._now is None else self._now.variant

    @property
    def held_spec(self) -> EngineSpec | None:
        """The engine that it is in."""
        return None if self._now is None else self._now.spec

    @property
    def loaded_variant(self) -> Variant | None:
        """The variant that is loaded."""
        return self.held_variant if self.loaded is not None else None

    @property
    def failure(self) -> Failure | None:
        """Why the session ended, while it is failed."""
        if self._refused is not None:
            return self._refused
        failed = self._now is not None and self.phase is SessionState.FAILED
        return self._now.session.failure if failed and self._now is not None else None

    @property
    def status(self) -> Status:
        """The top bar's line."""
        force = self._now is not None and self._now.session.can_force
        return status(self.phase, self._progress, self.failure, force)

    @property
    def opened(self) -> list[Opened]:
        """Every loaded model, the current one first."""
        held = [h for h in (self._now, *self._beside) if h is not None and h.session.loaded is not None]
        return [_opened(h, h is self._now) for h in held]

    @property
    def movable(self) -> bool:
        """True while another model may take the page: nothing loads or runs."""
        return self.phase not in (*BUSY, SessionState.RUNNING)

    # --- what may be done ---------------------------------------------------------------

    def start_load(self, variant: Variant, spec: EngineSpec, knobs: Settings, beside: bool) -> None:
        """Load in a fresh worker. beside: what is loaded now stays loaded."""
        if beside and self._now is not None and self._now.session.loaded is not None:
            if not self.movable:
                return
            self._put_beside()
        if self._now is None:
            self._made += 1
            made = self._services.new_session(self._bridge.notify)
            self._now = Held(f"s{self._made}", made, variant, spec)
        self._progress, self._refused = None, None
        self._now.used = time.monotonic()
        try:
            self._now.session.load(variant, spec, knobs)
            self._now.variant, self._now.spec = variant, spec
        except TandemError as error:
            self._refused = Failure(error.code, error.message, error.hint)
        self._refresh()

    def take(self, key: str) -> Held | None:
        """Make a model that is loaded beside the current one."""
        found = next((h for h in self._beside if h.key == key), None)
        if found is None or not self.movable:
            return None
        if self._now is not None:
            if self._now.session.loaded is not None:
                self._put_beside()
            else:
                self._now.session.close()
        self._beside.remove(found)
        self._now, self._refused, self._progress = found, None, None
        found.used = time.monotonic()
        self.set_strip(replace(found.strip, ghosts=figures.known(self.strip)))
        self._refresh()
        return found

    def unload(self) -> None:
        """End the session; its memory is free again."""
        self._refused = None
        if self._now is not None:
            self._now.session.close()
            self._now = None
            self.strip = figures.unloaded(self.strip)
            self.figures_changed.emit()
            self._refresh()

    def unload_key(self, key: str) -> None:
        """End one of the loaded models."""
        if self._now is not None and self._now.key == key:
            self.unload()
            return
        for held in [h for h in self._beside if h.key == key]:
            self._beside.remove(held)
            held.session.close()
        self.changed.emit()

    def unload_idle(self) -> None:
        """End what has done nothing for `idle_minutes`."""
        if not self._minutes:
            return
        edge = time.monotonic() - 60 * self._minutes
        for held in [h for h in (self._now, *self._beside) if h is not None and h.used < edge]:
            if held.session.state is SessionState.READY:
                self.unload_key(held.key)

    def set_idle(self, minutes: int) -> None:
        """0: never."""
        self._minutes = max(0, minutes)
        if self._minutes:
            self._idle.start()
        else:
            self._idle.stop()

    def stop(self) -> None:
        """Cancel what runs or loads; a second call ends the worker."""
        if self._now is not None:
            self._now.session.stop()
            self._refresh()

    def force(self) -> None:
        """End the worker now."""
        if self._now is not None:
            self._now.session.force()
            self._refresh()

    def close(self) -> None:
        """At shutdown: all workers ended."""
        self._watch.stop()
        self._idle.stop()
        self._bridge.remove(self.poll)
        for held in (self._now, *self._beside):
            if held is not None:
                held.session.close()
        self._now, self._beside = None, []

    def set_strip(self, strip: Strip) -> None:
        """New figures for the strip; told once for all events of a frame."""
        self.strip = strip
        if not self._polling:
            self.figures_changed.emit()

    # --- what the workers say -----------------------------------------------------------

    def poll(self) -> None:
        """Take what the sessions said; the bridge calls this."""
        self._poll_beside()
        if self._now is None:
            return
        before, figures_before = self.status, self.strip
        self._polling = True
        try:
            for event in self._now.session.poll():
                self._take(event)
                self.happened.emit(event)
        finally:
            self._polling = False
        if self.strip is not figures_before:
            self.figures_changed.emit()
        if self.status != before or self.phase is not self._seen:
            self._refresh()

    def _poll_beside(self) -> None:
        gone = []
        for held in self._beside:
            held.session.poll()
            if held.session.loaded is None:
                gone.append(held)
        for held in gone:
            self._beside.remove(held)
            held.session.close()
        if gone:
            self.changed.emit()

    def _take(self, event: Event) -> None:
        if self._now is not None and isinstance(event, Text | Loaded | Finished | Failed):
            self._now.used = time.monotonic()
        match event:
            case Progress():
                self._progress = event
            case Loaded():
                self._progress = None
                self.set_strip(figures.loaded(self.strip, event))
                self.knobs_changed.emit("load")
            case Beat():
                self.set_strip(figures.beat(self.strip, event))
            case Finished() | Failed():
                self._progress = None

    def _put_beside(self) -> None:
        if self._now is not None:
            self._now.strip = self.strip
            self._beside.append(self._now)
            self._now = None

    def _tick(self) -> None:
        if self.phase not in BUSY:
            self._watch.stop()
        self.changed.emit()

    def _refresh(self) -> None:
        self._seen = self.phase
        if self.phase in BUSY and not self._watch.isActive():
            self._watch.start()
        self.changed.emit()


def _opened(held: Held, current: bool) -> Opened:
    loaded = held.session.loaded
    memory = words.size(loaded.memory.model_bytes) if loaded is not None else words.NONE
    detail = tr("{engine} · {variant} · {memory}", engine=held.spec.title, variant=held.variant.variant, memory=memory)
    return Opened(held.key, held.variant.title, detail, current)


def _ticking(parent: QObject, ms: int, slot: object) -> QTimer:
    timer = QTimer(parent)
    timer.setInterval(ms)
    timer.timeout.connect(slot)
    return timer
