"""The model side of a page: what is chosen, its knobs, its session from load to end. Every task's page has one."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer, Signal

from app.errors import TandemError
from app.lab import estimates
from app.lab.session import Failure, SessionState
from app.library import Variant
from app.ui.bridge import Bridge
from app.ui.state import figures, knob_book, picks
from app.ui.state.figures import Strip
from app.ui.state.kept import Kept
from app.ui.state.ports import Services, Session
from app.ui.state.status import Status, status
from engines.knobs import AUTO, KnobState, Scope, Settings, Value, differences
from engines.protocol import Beat, Described, Event, Failed, Finished, Loaded, Progress
from engines.spec import EngineSpec, Task, Verb

KEEP_MS = 400  # knobs are written this long after the last change
WATCH_MS = 500  # how often "may Force be offered?" is asked while something is being ended

BUSY = (SessionState.LOADING, SessionState.CANCELLING, SessionState.UNRESPONSIVE)
UP = (SessionState.READY, SessionState.RUNNING, SessionState.CANCELLING)


class ModelState(QObject):
    """Signals: `changed` (picks, status, failure), `knobs_changed(scope)`, `figures_changed` and
    `happened(event)`, each session event after this state took it in."""

    changed = Signal()
    knobs_changed = Signal(str)
    figures_changed = Signal()
    happened = Signal(object)

    def __init__(
        self, services: Services, bridge: Bridge, task: Task, specs: Sequence[EngineSpec], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._services = services
        self._bridge = bridge
        self._page = task.value
        self._kept = Kept(services.store)
        self.task = task
        self.specs = list(specs)
        self.book = knob_book.KnobBook(self._kept)
        self.variants: list[Variant] = []
        self.model_id = ""
        self.spec: EngineSpec | None = None
        self.variant: Variant | None = None
        self.trouble = ""
        self.session: Session | None = None
        self.strip = Strip()
        self._progress: Progress | None = None
        self._loaded_variant: Variant | None = None
        self._loaded_spec: EngineSpec | None = None
        self._refused: Failure | None = None  # what kept a load from starting at all
        self._polling = False
        self._seen = SessionState.EMPTY  # the state that `changed` told of last
        self._asked: set[str] = set()
        self._known: dict[str, Described] = {}
        self._answers: queue.SimpleQueue[Described] = queue.SimpleQueue()
        self._keep = _single_shot(self, KEEP_MS, self._keep_knobs)
        self._watch = QTimer(self)
        self._watch.setInterval(WATCH_MS)
        self._watch.timeout.connect(self._tick)
        bridge.add(self.poll)

    # --- picks --------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the library again and choose what was chosen last, or the first there is."""
        self.variants = self._services.library.variants(self.task)
        kept = self._kept
        wanted = self.model_id or kept.get(f"{self._page}.model", "")
        ids = [pick.id for pick in self.models]
        self.model_id = wanted if wanted in ids else next(iter(ids), "")
        if self.spec is None:
            engine = kept.get(f"{self._page}.engine", "")
            self.spec = next((s for s in self.specs if s.id == engine), next(iter(self.specs), None))
        self._resolve()

    @property
    def models(self) -> list[picks.Pick]:
        """The model picker's lines."""
        return picks.model_picks(self.variants)

    @property
    def engines(self) -> list[picks.Pick]:
        """The engine picker's lines, with why one cannot be used."""
        return picks.engine_picks(self.specs, self._known)

    @property
    def siblings(self) -> list[Variant]:
        """Every variant of the chosen model."""
        return [v for v in self.variants if v.id == self.model_id]

    @property
    def title(self) -> str:
        """The chosen model's name, or ""."""
        return next((pick.title for pick in self.models if pick.id == self.model_id), "")

    def choose_model(self, model_id: str) -> None:
        """Another model; what is loaded stays until Load."""
        if model_id != self.model_id:
            self.model_id = model_id
            self._kept.set(f"{self._page}.model", model_id)
            self._resolve()

    def choose_engine(self, engine_id: str) -> None:
        """Another engine; its own knobs come with it."""
        spec = next((s for s in self.specs if s.id == engine_id), None)
        if spec is None or spec is self.spec:
            return
        self._keep_knobs()
        self.spec = spec
        self._kept.set(f"{self._page}.engine", engine_id)
        self._resolve()
        self._announce_knobs()
        self.ask_engine()

    def choose_variant(self, name: str) -> None:
        """Another precision of the chosen model, for the chosen engine."""
        if self.spec is not None:
            self._kept.set(self._variant_key(self.spec), name)
            self._resolve()

    def offer(self) -> picks.Offer | None:
        """The copy to make where the engine cannot load the model as it is."""
        if self.variant is not None or self.spec is None or not self.model_id:
            return None
        return picks.offer(self._services.library, self.variants, self.model_id, self.spec)

    def other_precisions(self) -> list[picks.Offer]:
        """Copies of the chosen model that could be made for the chosen engine."""
        if self.variant is None or self.spec is None:
            return []
        return picks.other_precisions(self._services.library, self.variants, self.variant, self.spec)

    def _resolve(self) -> None:
        self.variant, self.trouble = None, ""
        if self.model_id and self.spec is not None:
            preferred = self._kept.get(self._variant_key(self.spec), "")
            library = self._services.library
            self.variant, self.trouble = picks.choose(library, self.variants, self.model_id, self.spec, preferred)
        self.changed.emit()

    def _variant_key(self, spec: EngineSpec) -> str:
        return f"{self._page}.variant.{self.model_id}.{spec.id}"

    # --- knobs --------------------------------------------------------------------------

    def settings(self, scope: Scope) -> Settings:
        """The chosen engine's knobs of `scope`, complete."""
        return {} if self.spec is None else self.book.settings(self.spec, scope)

    def set_knob(self, name: str, value: Value) -> None:
        """Set one knob; a load knob waits for Apply. Raises EngineError for a value that does not fit."""
        if self.spec is None:
            return
        if self.book.put(self.spec, name, value):
            self._keep.start()
            knob = self.spec.knob(name)
            self.knobs_changed.emit(knob.scope.value if knob else Scope.RUN.value)

    def apply_preset(self, name: str) -> None:
        """Set the run knobs that a preset names, as far as this engine has them."""
        for knob, value in self.book.presets().get(name, {}).items():
            if self.spec is not None and self.spec.knob(knob) is not None:
                self.book.put(self.spec, knob, value)
        self._keep.start()
        self._announce_knobs()

    def reset_knobs(self, scope: Scope) -> None:
        """All knobs of `scope` back to their defaults."""
        if self.spec is not None:
            self.book.reset(self.spec, scope)
            self._keep.start()
            self._announce_knobs()

    @property
    def described(self) -> Described | None:
        """What the chosen engine said of this machine, as far as `learn` has heard."""
        return None if self.spec is None else self._known.get(self.spec.id)

    @property
    def knob_states(self) -> dict[str, KnobState]:
        """Why knobs, or values of them, are off here."""
        return self.described.knobs if self.described is not None else {}

    @property
    def explanations(self) -> dict[str, str]:
        """Why the engine uses another value than was asked, for what is loaded."""
        loaded = self.loaded
        if loaded is None or self.session is None or not self.is_current:
            return {}
        now, asked = self.settings(Scope.LOAD), self.session.asked
        return {name: why for name, why in loaded.why.items() if now.get(name) == asked.get(name)}

    def reload_words(self) -> list[str]:
        """What Apply would change in the loaded session; [] when nothing, or nothing is loaded."""
        if self.session is None or self.loaded is None or self.spec is None or not self.is_current:
            return []
        now, asked = self.settings(Scope.LOAD), self.session.asked
        resolved = {
            name: self.loaded.effective.get(name, value) if value == AUTO else value for name, value in asked.items()
        }
        changed = differences(asked, now)
        return knob_book.reload_words(self.spec.load, {n: resolved[n] for n in changed if n in asked}, now, changed)

    @property
    def needs_reload(self) -> bool:
        """True if what is loaded differs from what is chosen: another model, engine, or load knob."""
        if self.session is None or self.loaded is None:
            return False
        return not self.is_current or bool(differences(self.session.asked, self.settings(Scope.LOAD)))

    def undo_load_knobs(self) -> None:
        """Take the load knobs back to what is loaded."""
        if self.session is not None and self.spec is not None:
            for name, value in self.session.asked.items():
                self.book.put(self.spec, name, value)
            self._keep.start()
            self._announce_knobs()

    def estimate(self) -> estimates.Estimate | None:
        """The memory of what is chosen, before it is loaded; None where the header does not say its shape."""
        if self.variant is None or self.spec is None:
            return None
        return estimates.estimate(self._services.store, self.spec, self.variant, self.settings(Scope.LOAD))

    def _announce_knobs(self) -> None:
        self.knobs_changed.emit(Scope.RUN.value)
        self.knobs_changed.emit(Scope.LOAD.value)

    def _keep_knobs(self) -> None:
        self._keep.stop()
        if self.spec is not None:
            self.book.save(self.spec)

    def learn(self) -> None:
        """Read what is known of every engine. Not at start: it looks into the installed packages."""
        found = {spec.id: self._services.descriptions.get(spec) for spec in self.specs}
        known = {name: described for name, described in found.items() if described is not None}
        if known != self._known:
            self._known = known
            self._announce_knobs()
            self.changed.emit()

    def ask_engine(self) -> None:
        """Ask the chosen engine what it can do here, once, in the background, while nothing else goes on."""
        spec = self.spec
        if spec is None or spec.id in self._asked or self.phase in (*BUSY, SessionState.RUNNING):
            return
        self.learn()
        self._asked.add(spec.id)
        if spec.id not in self._known and Verb.DESCRIBE in spec.verbs:
            self._services.descriptions.refresh(spec, _Mailbox(self._answers, self._bridge.notify))

    def _take_answers(self) -> None:
        if not self._answers.empty():
            while not self._answers.empty():
                self._answers.get_nowait()  # `descriptions` keeps what it says
            self.learn()

    # --- the session --------------------------------------------------------------------

    @property
    def phase(self) -> SessionState:
        """The session's state; EMPTY without one, FAILED where a load could not even start."""
        if self._refused is not None:
            return SessionState.FAILED
        return SessionState.EMPTY if self.session is None else self.session.state

    @property
    def loaded(self) -> Loaded | None:
        """What the engine said when it was loaded, while it is."""
        return self.session.loaded if self.session is not None and self.phase in UP else None

    @property
    def loaded_variant(self) -> Variant | None:
        """The variant that is loaded."""
        return self._loaded_variant if self.loaded is not None else None

    @property
    def is_current(self) -> bool:
        """True if the loaded variant and engine are the chosen ones."""
        same = self._loaded_variant is not None and self.variant is not None
        return same and self._loaded_variant == self.variant and self._loaded_spec is self.spec

    @property
    def failure(self) -> Failure | None:
        """Why the session ended, while it is failed."""
        if self._refused is not None:
            return self._refused
        return self.session.failure if self.session is not None and self.phase is SessionState.FAILED else None

    @property
    def is_base(self) -> bool:
        """True if what is loaded has no chat template: it continues text."""
        return self.loaded is not None and self.loaded.template == "none"

    @property
    def status(self) -> Status:
        """The top bar's line."""
        force = self.session is not None and self.session.can_force
        return status(self.phase, self._progress, self.failure, force)

    def load(self) -> None:
        """Load what is chosen, replacing what is loaded."""
        if self.variant is None or self.spec is None or self.phase is SessionState.LOADING:
            return
        if self.session is None:
            self.session = self._services.new_session(self._bridge.notify)
        self._progress, self._refused = None, None
        self._loaded_variant, self._loaded_spec = self.variant, self.spec
        try:
            self.session.load(self.variant, self.spec, self.settings(Scope.LOAD))
        except TandemError as error:
            self._refused = Failure(error.code, error.message, error.hint)
        self._refresh()

    def unload(self) -> None:
        """End the session; its memory is free again."""
        self._refused = None
        if self.session is not None:
            self.session.close()
            self.session = None
            self.strip = Strip(ghosts=self.strip.ghosts)
            self.figures_changed.emit()
            self._refresh()

    def stop(self) -> None:
        """Cancel what runs or loads; a second call ends the worker."""
        if self.session is not None:
            self.session.stop()
            self._refresh()

    def force(self) -> None:
        """End the worker now."""
        if self.session is not None:
            self.session.force()
            self._refresh()

    def close(self) -> None:
        """At shutdown: settings kept, worker ended."""
        self._keep_knobs()
        self._watch.stop()
        self._bridge.remove(self.poll)
        if self.session is not None:
            self.session.close()
            self.session = None

    def set_strip(self, strip: Strip) -> None:
        """New figures for the strip; told once for all events of a frame."""
        self.strip = strip
        if not self._polling:
            self.figures_changed.emit()

    def poll(self) -> None:
        """Take what the session said; the bridge calls this."""
        self._take_answers()
        if self.session is None:
            return
        before, figures_before = self.status, self.strip
        self._polling = True
        try:
            for event in self.session.poll():
                self._take(event)
                self.happened.emit(event)
        finally:
            self._polling = False
        if self.strip is not figures_before:
            self.figures_changed.emit()
        if self.status != before or self.phase is not self._seen:
            self._refresh()

    def _take(self, event: Event) -> None:
        match event:
            case Progress():
                self._progress = event
            case Loaded():
                self._progress = None
                self.set_strip(figures.loaded(self.strip, event))
                self.knobs_changed.emit(Scope.LOAD.value)
            case Beat():
                self.set_strip(figures.beat(self.strip, event))
            case Finished() | Failed():
                self._progress = None

    def _tick(self) -> None:
        if self.phase not in BUSY:
            self._watch.stop()
        self.changed.emit()

    def _refresh(self) -> None:
        self._seen = self.phase
        if self.phase in BUSY and not self._watch.isActive():
            self._watch.start()
        self.changed.emit()


class _Mailbox:
    """What a background thread holds instead of a QObject."""

    def __init__(self, answers: queue.SimpleQueue[Described], notify: Callable[[], None]) -> None:
        self._answers, self._notify = answers, notify

    def __call__(self, answer: Described) -> None:
        self._answers.put(answer)
        self._notify()


def _single_shot(parent: QObject, ms: int, slot: object) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(ms)
    timer.timeout.connect(slot)
    return timer
