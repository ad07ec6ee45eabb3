"""The model side of a page: what is chosen, its knobs, its session from load to end. Every task's page has one."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer

from app.lab import estimates
from app.lab.session import SessionState
from app.library import Variant
from app.ui.bridge import Bridge
from app.ui.state import knob_book, picks
from app.ui.state.kept import Kept
from app.ui.state.ports import Services
from app.ui.state.sessions import BUSY, Opened, Sessions
from engines.knobs import AUTO, KnobState, Scope, Settings, Value, differences
from engines.protocol import Described
from engines.spec import EngineSpec, Task, Verb

KEEP_MS = 400  # knobs are written this long after the last change
RECENT = 8  # models that the picker remembers

__all__ = ["ModelState", "Opened"]


class ModelState(Sessions):
    """Besides its sessions' signals: `changed` also when other things are chosen, `knobs_changed(scope)`."""

    def __init__(
        self, services: Services, bridge: Bridge, task: Task, specs: Sequence[EngineSpec], parent: QObject | None = None
    ) -> None:
        super().__init__(services, bridge, parent)
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
        self._asked: set[str] = set()
        self._known: dict[str, Described] = {}
        self._answers: queue.SimpleQueue[Described] = queue.SimpleQueue()
        self._keep = _single_shot(self, KEEP_MS, self._keep_knobs)
        self.set_idle(self.idle_minutes)

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
            self._suit_engine()

    def _suit_engine(self) -> None:
        """Where the chosen engine neither loads the model nor gets a copy of it: one that loads it."""
        if self.variant is not None or self.offer() is not None:
            return
        found = picks.suiting(self.specs, self.siblings)
        if found is not None:
            self.choose_engine(found.id)

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

    def offer_of(self, precision: str) -> picks.Offer | None:
        """The copy of the chosen model at this precision, where the engine can make it."""
        if self.variant is None or self.spec is None:
            return None
        return picks.offer_of(self._services.library, self.variants, self.variant, self.spec, precision)

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
    def is_current(self) -> bool:
        """True if the loaded variant and engine are the chosen ones."""
        same = self.held_variant is not None and self.variant is not None
        return same and self.held_variant == self.variant and self.held_spec is self.spec

    @property
    def is_base(self) -> bool:
        """True if what is loaded has no chat template: it continues text."""
        return self.loaded is not None and self.loaded.template == "none"

    @property
    def recent(self) -> list[str]:
        """The models loaded last, newest first."""
        return list(self._kept.get(f"{self._page}.recent", []))

    @property
    def idle_minutes(self) -> int:
        """After how many idle minutes a model is unloaded; 0: never."""
        return self._kept.get(f"{self._page}.idle_minutes", 0)

    def set_idle_minutes(self, minutes: int) -> None:
        """Choose and remember it; 0: never."""
        self._kept.set(f"{self._page}.idle_minutes", max(0, minutes))
        self.set_idle(minutes)

    def load(self, beside: bool = False) -> None:
        """Load what is chosen, replacing what is loaded, or beside it."""
        if self.variant is None or self.spec is None or self.phase is SessionState.LOADING:
            return
        others = [model for model in self.recent if model != self.model_id]
        self._kept.set(f"{self._page}.recent", [self.model_id, *others][:RECENT])
        self.start_load(self.variant, self.spec, self.settings(Scope.LOAD), beside)

    def load_beside(self) -> None:
        """Load what is chosen in a worker of its own; what is loaded stays."""
        self.load(beside=True)

    def switch(self, key: str) -> None:
        """Talk to another loaded model; the picks and load knobs follow it."""
        found = self.take(key)
        if found is None:
            return
        self._keep_knobs()
        self.model_id, self.spec = found.variant.id, found.spec
        self._kept.set(f"{self._page}.model", self.model_id)
        self._kept.set(f"{self._page}.engine", found.spec.id)
        self._kept.set(self._variant_key(found.spec), found.variant.variant)
        for name, value in found.session.asked.items():
            self.book.put(found.spec, name, value)
        self._keep.start()
        self._resolve()
        self._announce_knobs()

    def close(self) -> None:
        """At shutdown: settings kept, workers ended."""
        self._keep_knobs()
        super().close()

    def poll(self) -> None:
        """Take what the engines and sessions said; the bridge calls this."""
        self._take_answers()
        super().poll()


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
