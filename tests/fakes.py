"""A scripted session and services around it: states and pages are tested against these, never claims about engines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from app.errors import TandemError
from app.glossary import Glossary
from app.lab.compare.events import Watcher
from app.lab.compare.plan import Mode, Plan
from app.lab.compare.result import Result
from app.lab.session import Failure, SessionState
from app.library import ConversionPlan, Library, Lineage, Starter, Variant
from app.library.hub import Downloads, Hub
from app.paths import Paths
from app.store import RunRecord, Store
from engines.chat.knobs import CHAT_KNOBS
from engines.knobs import Conflict, Kind, Knob, Scope, Settings
from engines.protocol import (
    ChatRequest,
    Described,
    Ended,
    Event,
    Failed,
    Finished,
    FinishReason,
    Loaded,
    Memory,
    Message,
    ModelShape,
    Progress,
    Text,
    Tokenize,
    Tokens,
    Unresponsive,
)  # fmt: skip
from engines.spec import EngineSpec, Task, Verb

SHAPE = ModelShape(
    architecture="llama", n_layers=30, n_embd=576, n_heads=9, n_kv_heads=3, head_dim_k=64, head_dim_v=64,
    n_vocab=49152, n_ff=1536, n_ctx_train=8192, n_params=134_515_008, tensor_bytes=96_000_000,
)  # fmt: skip

N_CTX = Knob(name="n_ctx", title="Context", kind=Kind.INT, scope=Scope.LOAD, default=4096, help="Tokens it holds.",
             concept="n_ctx", unit="tokens", minimum=16, maximum=131072, log=True, essential=True)  # fmt: skip
N_THREADS = Knob(name="n_threads", title="Threads", kind=Kind.INT, scope=Scope.LOAD, default="auto", auto=True,
                 help="Cores that decode.", concept="n_threads", minimum=1, maximum=64, essential=True)  # fmt: skip
FLASH = Knob(name="flash_attn", title="Flash attention", kind=Kind.BOOL, scope=Scope.LOAD, default=True,
             help="One pass over attention.", concept="flash_attn", essential=True)  # fmt: skip

SPEC = EngineSpec(id="fake", task=Task.CHAT, title="Fake engine", formats=("gguf",), load=(N_CTX, N_THREADS, FLASH),
                  run=CHAT_KNOBS, adapter="tests.fakes:None", verbs=(Verb.TOKENIZE,),
                  conflicts=(Conflict(when={"flash_attn": (False,), "n_threads": (1,)}, reason="Not together."),))  # fmt: skip
OTHER = EngineSpec(id="other", task=Task.CHAT, title="Other engine", formats=("safetensors",), load=(N_CTX,),
                   run=CHAT_KNOBS, adapter="tests.fakes:None", converts={"gguf": ("bf16",)})  # fmt: skip


def variant(name: str = "q4_1", **changes: Any) -> Variant:
    """SmolLM2 as the library would describe it; its file does not exist."""
    made = Variant(
        id="smollm2-135m", variant=name, task="chat", title="SmolLM2-135M-Instruct", format="gguf", licence="Apache-2.0",
        bytes=98_362_432, bits_per_weight=5.74, lineage=Lineage("original"), mix={"Q4_1": 210, "F32": 61, "Q8_0": 1},
        path="/nowhere/model.gguf", files=(), shape=SHAPE, template="{{ messages }}",
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def record(answer: Finished, id: str = "") -> RunRecord:
    """The run record of an answer."""
    return RunRecord(id=id, task="chat", model="smollm2-135m", variant="q4_1", engine="fake",
                     reason=answer.reason.value, text=answer.text, metrics=answer.metrics,
                     record={name: list(getattr(answer, name)) for name in OF_TOKENS})  # fmt: skip


OF_TOKENS = ("prompt_ids", "ids", "times_ns", "counts", "shown", "offsets", "logprobs", "top_logprobs")

METRICS: dict[str, float | None] = {
    "ttft_s": 0.041, "decode_tok_s": 142.6, "prefill_tok_s": 439.0, "n_in": 430.0, "n_cached": 412.0, "n_out": 187.0,
    "e2e_s": 1.36,
}  # fmt: skip


class FakeSession:
    """Does nothing by itself: a test says what the worker says, with `say` and the short forms below."""

    def __init__(self, services: FakeServices, notify: Callable[[], None]) -> None:
        self.services, self.notify = services, notify
        self.state = SessionState.EMPTY
        self.loaded: Loaded | None = None
        self.variant: Variant | None = None
        self.spec: EngineSpec | None = None
        self.asked: Settings = {}
        self.failure: Failure | None = None
        self.can_force = False
        self.last_run: RunRecord | None = None
        self.requests: list[ChatRequest] = []
        self.calls: list[str] = []
        self.tokenized: list[Tokenize] = []  # each order to tokenize, with its number
        self._queue: list[Event] = []
        self._next = 0

    # --- the session's own interface ------------------------------------------------------

    def load(self, variant: Variant, spec: EngineSpec, knobs: Settings) -> None:
        if self.services.refuse is not None:
            raise self.services.refuse
        self.calls.append("load")
        self.variant, self.spec, self.asked = variant, spec, dict(knobs)
        self.state, self.failure, self.loaded = SessionState.LOADING, None, None

    def run(self, request: ChatRequest) -> int:
        self.requests.append(request)
        self.state = SessionState.RUNNING
        return self._id()

    def tokenize(
        self, text: str = "", messages: tuple[Message, ...] = (), *, ids: tuple[int, ...] = (), pieces: bool = False
    ) -> int:
        self.calls.append(f"tokenize {text}")
        self.tokenized.append(Tokenize(id=self._id(), text=text, messages=messages, ids=ids, pieces=pieces))
        return self._next

    def stop(self) -> None:
        self.calls.append("stop")
        self.state = SessionState.CANCELLING

    def force(self) -> None:
        self.calls.append("force")
        self.die("ended because it was asked to")

    def close(self) -> None:
        self.calls.append("close")
        self.state, self.loaded = SessionState.CLOSED, None

    def poll(self) -> list[Event]:
        events, self._queue = self._queue, []
        return events

    # --- what a test says -----------------------------------------------------------------

    @property
    def run_id(self) -> int:
        """The newest request's number."""
        return self._next

    def say(self, *events: Event) -> None:
        """The worker says this; the window hears of it as it would from a reader thread."""
        self._queue.extend(events)
        self.notify()

    def progress(self, fraction: float) -> None:
        self.say(Progress(id=0, phase="read", fraction=fraction, message="reading weights"))

    def become_ready(self, template: str = "model", **why: str) -> None:
        memory = Memory(
            runtime_bytes=60_000_000, model_bytes=218_000_000, parts={"weights": 98_000_000, "kv": 94_000_000}
        )
        self.loaded = Loaded(id=0, engine="fake", version="1", build="", device="cpu", effective=dict(self.asked),
                             why=why, memory=memory, n_ctx=4096, template=template)  # fmt: skip
        self.state = SessionState.READY
        self.say(self.loaded)

    def text(self, *pieces: str) -> None:
        self.say(*(Text(id=self.run_id, text=p, stats={"n_out": float(i + 1)}) for i, p in enumerate(pieces)))

    def finish(self, text: str, reason: FinishReason = FinishReason.STOP, **more: Any) -> None:
        """more: fields of `Finished`; ids, offsets, times and counts are a word a token unless given."""
        ends = tuple(m.end() for m in re.finditer(r"\S+\s*|^\s+", text))
        tokens = {"ids": tuple(range(len(ends))), "offsets": ends, "counts": (1,) * len(ends), "shown": ends,
                  "times_ns": tuple(41_000_000 + 7_000_000 * i for i in range(len(ends)))}  # fmt: skip
        answer = Finished(id=self.run_id, reason=reason, text=text, metrics=METRICS)
        answer = msgspec.structs.replace(answer, **tokens | more)
        stored = self.services.store.add_run(record(answer))
        self.last_run = self.services.store.run(stored)
        self.state = SessionState.READY
        self.say(answer)

    def fail(self, code: str = "context_full", fatal: bool = False) -> None:
        self.state = SessionState.FAILED if fatal else SessionState.READY
        self.failure = Failure(code, "It did not work.", "Try less.", ("last line",))
        self.say(Failed(id=self.run_id, code=code, message="It did not work.", hint="Try less.", fatal=fatal))

    def die(self, words: str = "killed by signal 9") -> None:
        self.state, self.loaded = SessionState.FAILED, None
        self.failure = Failure("engine_ended", f"The engine ended: {words}.", "Restart loads it again.", ("a", "b"))
        self.say(Ended(code=-9, words=words, expected=False, stderr=("a", "b")))

    def hang(self) -> None:
        self.state = SessionState.UNRESPONSIVE
        self.say(Unresponsive(seconds=62.0, phase="decode"))

    def count(self, n: int, pieces: tuple[str, ...] = ()) -> None:
        self.say(Tokens(id=self.run_id, ids=tuple(range(n)), pieces=pieces))

    def _id(self) -> int:
        self._next += 1
        return self._next


class FakeLibrary:
    """The variants that a test gives it; `install` adds one. Places, servers and secrets are those of a real library."""

    def __init__(self, variants: Iterable[Variant], paths: Paths | None = None) -> None:
        self.items = list(variants)
        self.install_error: TandemError | None = None
        self.real = Library(paths or Paths.default())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def variants(self, task: str | None = None) -> list[Variant]:
        return [v for v in self.items if task in (None, v.task)]

    def get(self, ref: str, spec: EngineSpec | None = None) -> Variant:
        for found in self.items:
            if ref in (found.id, found.ref) and (spec is None or found.format in spec.formats):
                return found
        raise TandemError("no_variant", f"{spec.title if spec else 'It'} cannot load this.", "Make a bf16 copy.")

    def starters(self) -> list[Starter]:
        return self.real.starters()

    def install(
        self, id: str, progress: Callable[[str, int, int], None], cancelled: Callable[[], bool]
    ) -> list[Variant]:
        progress("downloading", 43, 100)
        if self.install_error is not None:
            raise self.install_error
        self.items.append(variant())
        return self.items[-1:]

    def conversion_targets(self, source: Variant, spec: EngineSpec) -> tuple[str, ...]:
        return spec.converts.get(source.format, ())

    def plan_conversion(self, source: Variant, spec: EngineSpec, target: str) -> ConversionPlan:
        return ConversionPlan(
            source=source, engine=spec.id, precision=target, variant=target, format=spec.formats[0], bytes=269_000_000,
            mix={"BF16": 272}, bits_per_weight=16.0, lineage=Lineage("made", source.variant),
            notes=("It cannot be better than its source.",),
        )  # fmt: skip


class FakeDescriptions:
    """Knows what a test tells it."""

    def __init__(self) -> None:
        self.known: dict[str, Described] = {}

    def get(self, spec: EngineSpec) -> Described | None:
        return self.known.get(spec.id)

    def refresh(self, spec: EngineSpec, done: Callable[[Described], None]) -> None:
        done(self.known.setdefault(spec.id, Described(id=0, engine=spec.id, version="1", build="", available=True)))


Script = Callable[[Plan, Mode, Watcher], Result]


@dataclass
class FakeServices:
    """A real store in a temporary home; library, sessions and descriptions are fakes. `sessions[-1]` is the newest."""

    paths: Paths
    store: Store
    library: Any
    glossary: Glossary
    descriptions: Any = field(default_factory=FakeDescriptions)
    launcher: Any = None
    sessions: list[FakeSession] = field(default_factory=list)
    refuse: TandemError | None = None
    script: Script | None = None  # what a comparison does, in its thread
    compared: list[tuple[Plan, Mode, Result | None]] = field(default_factory=list)

    @classmethod
    def open(cls, home: Path, variants: Iterable[Variant] | None = None) -> FakeServices:
        paths = Paths(home)
        library = FakeLibrary([variant()] if variants is None else variants, paths)
        return cls(paths, Store.open(paths), library, Glossary.load(paths.resources))

    @cached_property
    def hub(self) -> Hub:
        """Nobody answers there."""
        return Hub(self.paths, self.library.secrets, "http://127.0.0.1:9")

    @cached_property
    def downloads(self) -> Downloads:
        return Downloads(self.library.real, self.paths, self.hub)

    def close(self) -> None:
        if "downloads" in self.__dict__:
            self.downloads.close()
        self.store.close()

    def new_session(self, notify: Callable[[], None] = lambda: None) -> FakeSession:
        self.sessions.append(FakeSession(self, notify))
        return self.sessions[-1]

    @property
    def session(self) -> FakeSession:
        return self.sessions[-1]

    def compare(self, plan: Plan, mode: Mode, watcher: Watcher, resume: Result | None = None) -> Result:
        self.compared.append((plan, mode, resume))
        assert self.script is not None, "the test gives no script"
        return self.script(plan, mode, watcher)
