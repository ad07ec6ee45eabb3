"""Servers that are started here: for each engine that is a command, what it needs, its model, settings and session."""

from __future__ import annotations

import contextlib
import queue
import shlex
from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.lab.session import Failure, SessionState
from app.library import Variant
from app.ui.bridge import Bridge
from app.ui.state.model import ModelState
from app.ui.state.picks import label
from app.ui.state.ports import Services, Session
from app.ui.state.server_gauges import Gauges
from app.ui.state.status import Status, status
from engines import knobs as knob_rules
from engines import registry
from engines.knobs import AUTO, Scope, Settings, Value
from engines.protocol import Beat, Described, Event, Loaded, Progress
from engines.spec import EngineSpec, Task, Verb

LOG_LINES = 200

LOOPBACK = "127.0.0.1"
COMMANDS: dict[str, tuple[str, ...]] = {
    "vllm": ("{program}", "serve", "{model}", "--host", LOOPBACK, "--port", "8000", "--served-model-name", "{id}"),
    "llama-server": ("{program}", "--model", "{model}", "--alias", "{id}", "--host", LOOPBACK, "--port", "8080"),
    "sglang": (
        "{program}", "serve", "--model-path", "{model}", "--served-model-name", "{id}", "--host", LOOPBACK, "--port", "30000",
        "--api-key", "***",
    ),
}  # fmt: skip
"""How each command begins, for the line that is shown before it is started; the start takes a free port and a new key."""

KEYS = {"vllm": "VLLM_API_KEY=***", "llama-server": "LLAMA_API_KEY=***"}
SPOKEN = {"cpu_kvcache_space": "VLLM_CPU_KVCACHE_SPACE"}  # settings that a command reads from its environment


class EngineLaunch(QObject):
    """One engine. `changed`: what is chosen, or its session; `log_changed`: a line more; `figures_changed`: a beat."""

    changed = Signal()
    log_changed = Signal()
    figures_changed = Signal()

    def __init__(
        self, services: Services, bridge: Bridge, model: ModelState, spec: EngineSpec, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._services, self._bridge, self._model = services, bridge, model
        self.spec = spec
        self.variant: Variant | None = None
        self.described: Described | None = services.descriptions.get(spec)
        self.gauges = Gauges()
        self.log: list[str] = []
        self._asked = False
        self._answers: queue.SimpleQueue[Described] = queue.SimpleQueue()
        self._session: Session | None = None
        self._progress: Progress | None = None
        self._refused: Failure | None = None
        self._told: object = None  # phase and status that `changed` told of last
        self.refresh()

    # --- before it is started ---------------------------------------------------------------

    def models(self) -> list[Variant]:
        """What this engine could serve, of the library."""
        found = self._services.library.variants(self.spec.task.value)
        return [v for v in found if v.format in self.spec.formats and not v.problem]

    def refresh(self) -> None:
        """Read the library again."""
        models = self.models()
        ref = self.variant.ref if self.variant is not None else ""
        self.variant = next((v for v in models if v.ref == ref), next(iter(models), None))
        self.changed.emit()

    def ask(self) -> None:
        """Look whether it is installed, once, in the background."""
        if self._asked or Verb.DESCRIBE not in self.spec.verbs:
            return
        self._asked = True
        self._bridge.add(self.poll)
        if self.described is None:
            answers, notify = self._answers, self._bridge.notify

            def put(answer: Described) -> None:
                answers.put(answer)
                notify()

            self._services.descriptions.refresh(self.spec, put)

    @property
    def available(self) -> bool | None:
        """None: not known yet."""
        return None if self.described is None else self.described.available

    def choose(self, ref: str) -> None:
        """Another model."""
        self.variant = next((v for v in self.models() if v.ref == ref), self.variant)
        self.changed.emit()

    @property
    def settings(self) -> Settings:
        """The load knobs; the same ones as in Chat."""
        return self._model.book.settings(self.spec, Scope.LOAD)

    def set_knob(self, name: str, value: Value) -> None:
        """Raises EngineError for a value that does not fit."""
        if self._model.book.put(self.spec, name, value):
            self._model.book.save(self.spec)
            self._model.knobs_changed.emit(Scope.LOAD.value)
            self.changed.emit()

    @property
    def command(self) -> tuple[str, ...]:
        """The exact command line while it runs; before that, as it would be."""
        loaded = self.loaded
        if loaded is not None and loaded.command:
            return loaded.command
        found = self.described.build if self.described is not None and self.described.available else ""
        return preview(self.spec, self.variant, self.settings, found)

    # --- while it runs ------------------------------------------------------------------------

    @property
    def phase(self) -> SessionState:
        """FAILED also where it could not begin."""
        if self._refused is not None:
            return SessionState.FAILED
        return SessionState.EMPTY if self._session is None else self._session.state

    @property
    def busy(self) -> bool:
        """True from Start until it is stopped or has failed."""
        return self.phase not in (SessionState.EMPTY, SessionState.FAILED, SessionState.CLOSED)

    @property
    def loaded(self) -> Loaded | None:
        """What it said when it was ready, while it runs."""
        return None if self._session is None or self._refused is not None else self._session.loaded

    @property
    def failure(self) -> Failure | None:
        """Why it ended."""
        return self._refused

    @property
    def status(self) -> Status:
        """Its line."""
        force = self._session is not None and self._session.can_force
        return status(self.phase, self._progress, self.failure, force)

    @property
    def address(self) -> str:
        """Where it listens, once it runs; "" where its command does not say."""
        loaded = self.loaded
        return address_of(loaded.command) if loaded is not None else ""

    def start(self) -> None:
        """Start the server with what is chosen."""
        if self.variant is None or self.busy:
            return
        self._end()
        self.log, self.gauges, self._progress = [], Gauges(), None
        session = self._services.new_session(self._bridge.notify)
        self._session = session
        if not self._asked:
            self._asked = True
            self._bridge.add(self.poll)
        try:
            session.load(self.variant, self.spec, self.settings)
        except TandemError as error:
            self._end()
            self._refused = Failure(error.code, error.message, error.hint)
        self._tell()

    def stop(self) -> None:
        """End it, with everything that it started."""
        self._end()
        self._tell()

    def close(self) -> None:
        """At shutdown."""
        self._bridge.remove(self.poll)
        self._end()

    def poll(self) -> None:
        """Take what was said; the bridge calls this."""
        while not self._answers.empty():
            self.described = self._answers.get_nowait()
            self.changed.emit()
        session = self._session
        if session is None:
            return
        beats, log = self.gauges.beats, self.log
        for event in session.poll():
            self._take(event, session)
        if session.state is SessionState.FAILED:
            failure = session.failure
            self._end()
            self._refused = failure
        if (self.phase, self.status) != self._told:
            self._tell()
        if self.gauges.beats != beats:
            self.figures_changed.emit()
        if self.log is not log:
            self.log_changed.emit()

    def _tell(self) -> None:
        self._told = (self.phase, self.status)
        self.changed.emit()

    def _take(self, event: Event, session: Session) -> None:
        match event:
            case Progress():
                self._progress = event
                self._write(event.message)
            case Loaded():
                self._progress = None
            case Beat() if session.loaded is not None:
                self.gauges.take(event.sample)
            case _:
                pass
        ring: Sequence[str] = getattr(session, "log", ())  # the engine's own last lines, where a session tells them
        if ring and list(ring)[-LOG_LINES:] != self.log:
            self.log = list(ring)[-LOG_LINES:]

    def _write(self, line: str) -> None:
        if line and (not self.log or self.log[-1] != line):
            self.log = [*self.log, line][-LOG_LINES:]

    def _end(self) -> None:
        self._refused, self._progress = None, None
        if self._session is not None:
            self._session.close()
            self._session = None


class Launching(QObject):
    """Every engine that is a command, in the registry's order. `changed` when one of them begins or ends."""

    changed = Signal()

    def __init__(self, services: Services, bridge: Bridge, model: ModelState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.engines = {
            spec.id: EngineLaunch(services, bridge, model, spec, self)
            for spec in registry.visible(Task.CHAT)
            if spec.programs
        }
        for engine in self.engines.values():
            engine.changed.connect(self.changed)

    def get(self, engine: str) -> EngineLaunch | None:
        """One of them."""
        return self.engines.get(engine)

    @property
    def running(self) -> list[EngineLaunch]:
        """Those that run now."""
        return [engine for engine in self.engines.values() if engine.loaded is not None]

    @property
    def busy(self) -> bool:
        """True while one is being started."""
        return any(engine.phase is SessionState.LOADING for engine in self.engines.values())

    def refresh(self) -> None:
        """Read the library again."""
        for engine in self.engines.values():
            engine.refresh()

    def close(self) -> None:
        """At shutdown: every server ended."""
        for engine in self.engines.values():
            engine.close()


def title(variant: Variant) -> str:
    """A model and its precision: "SmolLM2-135M-Instruct · bf16"."""
    return f"{variant.title} · {label(variant)}"


def preview(spec: EngineSpec, variant: Variant | None, settings: Settings, path: str = "") -> tuple[str, ...]:
    """The command line as it would be, on the command's usual port. path: where the program was found."""
    asked = settings.get("executable")
    program = (
        asked if isinstance(asked, str) and asked not in ("", AUTO) else path or next(iter(spec.programs), spec.id)
    )
    places = {
        "program": program,
        "model": variant.path if variant else "MODEL",
        "id": variant.id if variant else "model",
    }
    named = [KEYS[spec.id]] if spec.id in KEYS else []
    named += [f"{SPOKEN[name]}={value}" for name, value in settings.items() if name in SPOKEN and value is not None]
    words = [word.format(**places) for word in COMMANDS.get(spec.id, ("{program}", "{model}"))]
    return (*(("env", *named) if named else ()), *words, *knob_rules.flags(spec.load, settings), *_added(settings))


def _added(settings: Settings) -> tuple[str, ...]:
    """The arguments that a person wrote themselves; the engine refuses those that cannot be read."""
    given = settings.get("extra_args")
    with contextlib.suppress(ValueError):
        return tuple(word for text in (given if isinstance(given, list) else []) for word in shlex.split(text))
    return ()


def address_of(command: Sequence[str]) -> str:
    """The address in a command line: --host and --port, as two words or with "="."""
    said: dict[str, str] = {}
    for index, word in enumerate(command):
        name, given, value = word.partition("=")
        if name in ("--host", "--port"):
            said[name] = value if given else next(iter(command[index + 1 : index + 2]), "")
    if not said.get("--port", "").isdigit():
        return ""
    host = said.get("--host", "") or "127.0.0.1"
    return f"http://{host}:{said['--port']}/v1"
