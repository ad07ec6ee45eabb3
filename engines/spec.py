"""What an engine is, as data: enough for forms, flags, validation and comparison without importing it."""

from __future__ import annotations

import enum

import msgspec

from engines.knobs import Conflict, Knob, Scope, Settings, Value, settle


class Task(enum.StrEnum):
    CHAT = "chat"
    TRANSCRIBE = "transcribe"
    SPEAK = "speak"
    IMAGE = "image"
    VIDEO = "video"
    EMBED = "embed"


class Verb(enum.StrEnum):
    """Optional verbs, by capability; `Load`, `Run`, `Cancel` and `Stop` are always there."""

    DESCRIBE = "describe"
    TOKENIZE = "tokenize"
    SCORE = "score"
    CONVERT = "convert"
    INPUT = "input"
    LOAD_TEST = "load_test"


class EngineSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One engine. `adapter` is "module:Class", imported only in a worker.

    formats: what it loads. converts: source format → target variant → format it can make
    (`{"gguf": ("bf16",)}`). distributions: the packages it cannot run without; extras: those that
    widen it. Their versions make up the build.
    cancel_grain_s: the longest time between two looks at the cancel flag.
    remote: the model runs in another process: the worker's own memory says nothing of it, the adapter says what it knows.
    programs: commands that it starts; it is available only where one is installed (`engines.servers.programs`).
    """

    id: str
    task: Task
    title: str
    formats: tuple[str, ...]
    load: tuple[Knob, ...]
    run: tuple[Knob, ...]
    adapter: str
    distributions: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    verbs: tuple[Verb, ...] = ()
    converts: dict[str, tuple[str, ...]] = {}
    cancel_grain_s: float = 0.5
    remote: bool = False
    programs: tuple[str, ...] = ()
    for_tests: bool = False  # hidden from people
    about: str = ""

    @property
    def knobs(self) -> tuple[Knob, ...]:
        return self.load + self.run

    def knob(self, name: str) -> Knob | None:
        return next((k for k in self.knobs if k.name == name), None)

    def split(self, given: dict[str, Value]) -> tuple[Settings, Settings]:
        """`given` as complete (load, run) settings. Raises EngineError for what does not fit."""
        everything = settle(self.knobs, given, self.conflicts)
        load = {k.name: everything[k.name] for k in self.knobs if k.scope is Scope.LOAD}
        run = {k.name: everything[k.name] for k in self.knobs if k.scope is Scope.RUN}
        return load, run
