"""What the window needs from the layers below, as types: `app.compose` hands the real ones in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from app.glossary import Glossary
from app.lab.launch import Launcher
from app.lab.session import Failure, SessionState
from app.library import Library, Variant
from app.paths import Paths
from app.store import RunRecord, Store
from engines.knobs import Settings
from engines.protocol import ChatRequest, Described, Event, Loaded, Message
from engines.spec import EngineSpec

if TYPE_CHECKING:
    from app.lab.compare.events import Watcher
    from app.lab.compare.plan import Mode, Plan
    from app.lab.compare.result import Result

Notify = Callable[[], None]


class Session(Protocol):
    """One variant in one engine; nothing here blocks. `app.lab.session.ModelSession` is the real one."""

    @property
    def state(self) -> SessionState: ...
    @property
    def loaded(self) -> Loaded | None: ...
    @property
    def asked(self) -> Settings: ...
    @property
    def failure(self) -> Failure | None: ...
    @property
    def can_force(self) -> bool: ...
    @property
    def last_run(self) -> RunRecord | None: ...

    def load(self, variant: Variant, spec: EngineSpec, knobs: Settings) -> None: ...
    def run(self, request: ChatRequest) -> int: ...
    def tokenize(
        self, text: str = "", messages: tuple[Message, ...] = (), *, ids: tuple[int, ...] = (), pieces: bool = False
    ) -> int: ...
    def stop(self) -> None: ...
    def force(self) -> None: ...
    def close(self) -> None: ...
    def poll(self) -> list[Event]: ...


class Descriptions(Protocol):
    """What each engine can do on this machine, as far as it has been asked."""

    def get(self, spec: EngineSpec) -> Described | None: ...
    def refresh(self, spec: EngineSpec, done: Callable[[Described], None]) -> None: ...


class Services(Protocol):
    """Everything the window is built from."""

    @property
    def paths(self) -> Paths: ...
    @property
    def store(self) -> Store: ...
    @property
    def library(self) -> Library: ...
    @property
    def launcher(self) -> Launcher: ...
    @property
    def descriptions(self) -> Descriptions: ...
    @property
    def glossary(self) -> Glossary: ...

    def new_session(self, notify: Notify) -> Session: ...
    def compare(self, plan: Plan, mode: Mode, watcher: Watcher, resume: Result | None = None) -> Result: ...
