"""Services for `shot --demo`: a temporary home, and a session that plays a recorded run through the page's own paths."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.errors import TandemError
from app.glossary import Glossary
from app.lab.compare.events import Watcher
from app.lab.compare.plan import Mode, Plan
from app.lab.compare.result import Result
from app.lab.launch import Launcher
from app.lab.session import Failure, SessionState
from app.library import Library, Variant
from app.paths import Paths
from app.store import RunRecord, Store
from app.ui.program import Program
from app.ui.state.compare_shelf import RECIPE
from app.ui.state.demo import Demo, read
from app.ui.state.ports import Descriptions, Notify, Services, Session
from engines import registry
from engines.knobs import Settings
from engines.protocol import ChatRequest, Event, Loaded, Message
from engines.spec import EngineSpec

if TYPE_CHECKING:
    from app.library.hub import Downloads, Hub

FRAME = 2  # events a poll
SHOWN_RECIPE = "kv-types"


@dataclass(frozen=True)
class ReplayServices:
    """The real services, with the home and the session replaced."""

    paths: Paths
    store: Store
    library: Any  # Library's part that pages use, over the recorded variants
    launcher: Launcher
    descriptions: Descriptions
    glossary: Glossary
    demos: tuple[Demo, ...]

    @cached_property
    def hub(self) -> Hub:
        """Nothing is fetched in a demonstration, but the page may look."""
        found: Hub = importlib.import_module("app.library.hub").Hub(self.paths, self.library.secrets)
        return found

    @cached_property
    def downloads(self) -> Downloads:
        """None is under way in the temporary home."""
        found: Downloads = importlib.import_module("app.library.hub").Downloads(self.library, self.paths, self.hub)
        return found

    def new_session(self, notify: Notify) -> Session:
        """One that has loaded the first recorded run's model."""
        return ReplaySession(self.demos[0], notify)

    def compare(self, plan: Plan, mode: Mode, watcher: Watcher, resume: Result | None = None) -> Result:
        """Nothing is measured for a picture."""
        raise TandemError("no_demo", "A recorded comparison is shown, not run.", "Open the window to run one.")


class ReplayLibrary:
    """The recorded variants, and nothing to install or make."""

    def __init__(self, library: Library, variants: Sequence[Variant]) -> None:
        self._library = library
        self._variants = {v.ref: v for v in variants}

    def variants(self, task: str | None = None) -> list[Variant]:
        return [v for v in self._variants.values() if task in (None, v.task)]

    def get(self, ref: str, spec: EngineSpec | None = None) -> Variant:
        fitting = [
            v for v in self._variants.values() if ref in (v.id, v.ref) and (not spec or v.format in spec.formats)
        ]
        return fitting[0] if fitting else self._library.get(ref, spec)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)


class ReplaySession:
    """Plays one recorded run; loads at once, runs at once."""

    def __init__(self, demo: Demo, notify: Callable[[], None]) -> None:
        self._demo, self._notify = demo, notify
        self._queue: list[Event] = []
        self._runs = 0
        self.state = SessionState.EMPTY
        self.loaded: Loaded | None = None
        self.asked: Settings = {}
        self.failure: Failure | None = None
        self.can_force = False
        self.last_run: RunRecord | None = None

    def load(self, variant: Variant, spec: EngineSpec, knobs: Settings) -> None:
        self.state, self.asked, self.loaded = SessionState.READY, self._demo.asked, self._demo.loaded
        self._queue.append(self._demo.loaded)

    def run(self, request: ChatRequest) -> int:
        self._runs += 1
        self.state = SessionState.RUNNING
        self._queue.extend(self._demo.events(self._runs))
        return self._runs

    def tokenize(
        self, text: str = "", messages: tuple[Message, ...] = (), *, ids: tuple[int, ...] = (), pieces: bool = False
    ) -> int:
        return 0

    def stop(self) -> None:
        self.state = SessionState.READY

    def force(self) -> None:
        self.state = SessionState.EMPTY

    def close(self) -> None:
        self.state, self.loaded = SessionState.CLOSED, None

    def poll(self) -> list[Event]:
        """A few at a time, as they would come: each frame is one point of the rate's line."""
        events, self._queue = self._queue[:FRAME], self._queue[FRAME:]
        if self.state is SessionState.RUNNING and not self._queue:
            self.state = SessionState.READY
        return events


@contextmanager
def replayed(services: Services) -> Iterator[ReplayServices]:
    """Services over a temporary home that holds the recorded conversations."""
    demos = read(services.paths.resources / "replays")
    with tempfile.TemporaryDirectory(prefix="tandem-demo-") as folder:
        paths = Paths(Path(folder))
        store = Store.open(paths)
        try:
            _fill(store, demos)
            library = ReplayLibrary(services.library, [d.variant for d in demos])
            yield ReplayServices(
                paths, store, library, services.launcher, services.descriptions, services.glossary, tuple(demos)
            )
        finally:
            store.close()


def play(program: Program) -> None:
    """Load the recorded model and ask the recorded question again."""
    services = program.services
    assert isinstance(services, ReplayServices)
    demo = services.demos[0]
    model, chat = program.model, program.chat
    model.choose_model(demo.variant.id)
    model.choose_engine(demo.engine)
    model.choose_variant(demo.variant.variant)
    for name, value in {**demo.asked, **demo.request.knobs}.items():
        if registry.spec(demo.engine).knob(name) is not None:
            model.set_knob(name, value)
    chat.open(chat.conversations()[0].id)
    model.load()
    model.poll()
    chat.send(demo.question)
    while chat.running:
        model.poll()


def play_comparison(program: Program) -> None:
    """Open the recorded comparison that is shown to people. Raises TandemError `no_demo` where there is none."""
    compare = program.compare
    recorded = compare.shelf.recordings()
    if not recorded:
        raise TandemError("no_demo", "No recorded comparison is here to show.", "Record one: run a recipe and keep it.")
    recipe = SHOWN_RECIPE if SHOWN_RECIPE in recorded else next(iter(recorded))
    compare.open(RECIPE + recipe)


def _fill(store: Store, demos: Sequence[Demo]) -> None:
    """The recorded conversations, the first one newest and without its last question and answer."""
    for demo in reversed(demos):
        conversation = store.create_conversation(demo.title, demo.variant.id, demo.engine)
        last = demo is demos[0]
        for turn in demo.conversation[: -1 if last else None]:
            run = _run(store, demo, turn.content, turn.metrics, turn.reason) if turn.metrics else None
            store.add_message(conversation.id, turn.role, turn.content, run_id=run)
        if not last:
            run = _run(store, demo, demo.text, demo.finished.metrics, demo.finished.reason)
            store.add_message(conversation.id, "assistant", demo.text, run_id=run)


def _run(store: Store, demo: Demo, text: str, metrics: dict[str, float | None], reason: str) -> str:
    variant = demo.variant
    return store.add_run(
        RunRecord(
            task="chat", model=variant.id, variant=variant.variant, engine=demo.engine, reason=reason, text=text,
            metrics=metrics,
        )
    )  # fmt: skip
