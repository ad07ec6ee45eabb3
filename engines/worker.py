"""The child's side: a reader thread for requests, the main thread for the adapter, a writer, a sampler.

Stdin is the death pipe: on its end the worker ends its own process group and is gone.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import platform
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec.structs

from engines import children, hardware, memory, registry
from engines.errors import Cancelled, EngineError
from engines.job import Job
from engines.knobs import Settings, settle
from engines.metrics import Clock
from engines.outbox import FrameWriter
from engines.protocol import (
    PROTOCOL_VERSION,
    Beat,
    Cancel,
    CancelSeen,
    Command,
    Convert,
    Converted,
    Describe,
    Described,
    Failed,
    Finished,
    FinishReason,
    Hello,
    Input,
    Load,
    Loaded,
    LoadTest,
    Message,
    ModelFiles,
    Request,
    Run,
    Score,
    Scored,
    Stop,
    Tokenize,
    Tokens,
)  # fmt: skip
from engines.spec import Verb
from engines.wire import Frames, decode_command

BEAT_S = 1.0
RUN_DIR = "TANDEM_RUN_DIR"


class Adapter(Protocol):
    """What one engine does. Verbs beyond load, run and close are there if its spec lists them."""

    def load(self, files: ModelFiles, knobs: dict[str, Any], job: Job) -> Loaded: ...
    def run(self, request: Request, job: Job) -> Finished: ...
    def close(self) -> None: ...
    def describe(self, job: Job) -> Described: ...
    def tokenize(self, text: str, messages: tuple[Message, ...]) -> list[int]: ...
    def pieces(self, ids: Sequence[int]) -> tuple[str, ...]: ...
    def score(self, order: Score, job: Job) -> Scored: ...
    def convert(self, order: Convert, job: Job) -> Converted: ...
    def load_test(self, order: LoadTest, job: Job) -> Finished: ...
    def sample(self) -> dict[str, float]: ...  # of a remote engine: its figures for the next beat; must not block


class Worker:
    """One session. `serve` runs the adapter's verbs in this thread until the program is done."""

    def __init__(self, read_fd: int, write_fd: int, workdir: Path) -> None:
        self._read_fd, self._workdir = read_fd, workdir
        self._orders: queue.SimpleQueue[tuple[Command, Job] | None] = queue.SimpleQueue()
        self._jobs: dict[int, Job] = {}
        self._current: Job | None = None
        self._adapter: Adapter | None = None
        self._load_knobs: Settings = {}
        self._loaded: Loaded | None = None
        self._meter = memory.Meter()
        self._out = FrameWriter(write_fd, children.end_own_group)

    def serve(self) -> None:
        self._out.push(Hello(protocol=PROTOCOL_VERSION, pid=os.getpid(), python=platform.python_version()))
        for target, name in ((self._read, "reader"), (self._beat, "sampler")):
            threading.Thread(target=target, name=name, daemon=True).start()
        while (order := self._orders.get()) is not None:
            command, job = order
            self._current = job
            self._work(command, job)
            self._current = None
            self._jobs.pop(job.id, None)
        self._drop()
        self._out.close()
        children.end_own_group(0)

    # --- the reader thread ------------------------------------------------------------------

    def _read(self) -> None:
        frames = Frames()
        try:
            while data := os.read(self._read_fd, 1 << 16):
                for body in frames.feed(data):
                    self._accept(decode_command(body))
        except EngineError as error:
            self._out.push(Failed(id=None, code=error.code, message=error.message, hint=error.hint, fatal=True))
            self._out.close()
        except OSError:
            pass
        children.end_own_group()

    def _accept(self, command: Command) -> None:
        """What overtakes is answered here; the rest waits its turn."""
        match command:
            case Cancel():
                self._cancel(command.id)
            case Tokenize():
                self._tokenize(command)
            case Input():
                if (job := self._jobs.get(command.run)) is not None:
                    job.inputs.append(command)
            case Stop():
                for job in list(self._jobs.values()):
                    job.cancel()
                self._orders.put(None)
            case _:
                job = Job(command.id, self._out, self._workdir, Clock())
                job.on_phase_end = self._phase_ended
                self._jobs[command.id] = job
                self._orders.put((command, job))

    def _cancel(self, request: int) -> None:
        self._out.push(CancelSeen(id=request))
        if (job := self._jobs.get(request)) is not None:
            job.cancel()

    def _tokenize(self, command: Tokenize) -> None:
        try:
            adapter, loaded = self._ready()
            self._must_have(loaded.engine, Verb.TOKENIZE)
            _must_see(loaded, command.messages)
            ids = command.ids or tuple(adapter.tokenize(command.text, command.messages))
            wanted = command.pieces or bool(command.ids)
            self._out.push(Tokens(id=command.id, ids=ids, pieces=adapter.pieces(ids) if wanted else ()))
        except Exception as error:  # noqa: BLE001 - the reader must live on, whatever a tokenizer does
            self._out.push(_failed(command.id, error))

    # --- the main thread --------------------------------------------------------------------

    def _work(self, command: Command, job: Job) -> None:
        verbs: dict[type, Callable[[Any, Job], Any]] = {
            Load: self._load, Run: self._run, Describe: self._describe, Score: self._score, Convert: self._convert,
        }  # fmt: skip
        try:
            job.check()
            self._out.push(verbs[type(command)](command, job))
        except Cancelled:
            self._out.push(Finished(id=job.id, reason=FinishReason.CANCELLED, notes=tuple(job.notes)))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - every failure of a library becomes an event
            if not isinstance(error, EngineError):
                traceback.print_exc(file=sys.stderr)
            self._out.push(_failed(job.id, error))

    def _make(self, engine: str, verb: Verb | None = None) -> Adapter:
        if verb is not None:
            self._must_have(engine, verb)
        module, name = registry.spec(engine).adapter.split(":")
        adapter: Adapter = getattr(importlib.import_module(module), name)()
        return adapter

    def _must_have(self, engine: str, verb: Verb) -> None:
        spec = registry.spec(engine)
        if verb not in spec.verbs:
            raise EngineError("not_supported", f"{spec.title} cannot do “{verb}”.", "Choose another engine.")

    def _ready(self) -> tuple[Adapter, Loaded]:
        if self._adapter is None or self._loaded is None:
            raise EngineError("not_loaded", "No model is loaded.", "Load one first.")
        return self._adapter, self._loaded

    def _drop(self) -> None:
        """Close the adapter, whatever state it is in, and free what it held."""
        adapter, self._adapter, self._loaded = self._adapter, None, None
        if adapter is not None:
            try:
                adapter.close()
            except Exception:  # noqa: BLE001 - it is on its way out
                traceback.print_exc(file=sys.stderr)
            del adapter
            gc.unfreeze()
            gc.collect()

    def _load(self, command: Load, job: Job) -> Loaded:
        spec = registry.spec(command.engine)
        own = {knob.name for knob in spec.load}
        knobs = settle(spec.load, command.knobs, [c for c in spec.conflicts if own.issuperset(c.when)])
        self._drop()
        self._load_knobs = knobs
        job.clock.t_start = time.perf_counter_ns()
        memory.reset_peak()
        try:
            self._adapter = self._make(command.engine)
            loaded = self._adapter.load(command.files, knobs, job)
            job.check()
        except BaseException:
            self._drop()
            raise
        gc.collect()
        gc.freeze()
        if not spec.remote:
            memory_now = self._meter.read(_paths(command.files), loaded.device, loaded.memory.parts)
            loaded = replace(loaded, memory=memory_now)
        self._loaded = loaded
        return loaded

    def _run(self, command: Run, job: Job) -> Finished:
        adapter, loaded = self._ready()
        asked, spec = command.request, registry.spec(loaded.engine)
        if isinstance(asked, LoadTest):
            self._must_have(loaded.engine, Verb.LOAD_TEST)
        else:
            _must_see(loaded, asked.messages)
        _, knobs = spec.split(self._load_knobs | asked.knobs)
        request = replace(asked, knobs=knobs)
        memory.reset_peak()
        gc.disable()
        job.clock.t_start = time.perf_counter_ns()
        try:
            done = adapter.load_test(request, job) if isinstance(request, LoadTest) else adapter.run(request, job)
        finally:
            gc.enable()
        if spec.remote:
            return done
        # What is mapped was read at load; reading every mapping again would hold the end of each answer back.
        now = self._meter.read((), loaded.device, loaded.memory.parts)
        now = replace(now, mapped_bytes=loaded.memory.mapped_bytes)
        finished: Finished = replace(done, memory=now)
        return finished

    def _describe(self, command: Describe, job: Job) -> Described:
        return self._make(command.engine, Verb.DESCRIBE).describe(job)

    def _score(self, command: Score, job: Job) -> Scored:
        adapter, loaded = self._ready()
        self._must_have(loaded.engine, Verb.SCORE)
        with job.phase("score"):
            return adapter.score(command, job)

    def _convert(self, command: Convert, job: Job) -> Converted:
        with job.phase("convert"):
            return self._make(command.engine, Verb.CONVERT).convert(command, job)

    def _phase_ended(self, name: str) -> None:
        if name == "import":
            self._meter.mark_runtime()

    # --- the sampler thread -----------------------------------------------------------------

    def _beat(self) -> None:
        sampler = hardware.Sampler()
        while True:
            time.sleep(BEAT_S)
            job = self._current
            sample: dict[str, float] = {}
            device_bytes = None
            with contextlib.suppress(Exception):  # a figure that fails must not silence the beats
                sample = sampler.sample() | self._remote_sample()
                device_bytes = memory.device_bytes() if self._on_gpu() else None
            if job is not None:
                sample["longest_step_s"] = job.longest_step_s
            self._out.push(
                Beat(
                    phase=job.phase_name if job else "idle",
                    counter=job.counter if job else 0,
                    cpu_s=time.process_time() - time.thread_time(),
                    rss=memory.rss(),
                    device_bytes=device_bytes,
                    sample=sample,
                )
            )

    def _remote_sample(self) -> dict[str, float]:
        adapter, loaded = self._adapter, self._loaded
        if adapter is None or loaded is None or not registry.spec(loaded.engine).remote:
            return {}
        return adapter.sample()

    def _on_gpu(self) -> bool:
        if self._loaded is not None and registry.spec(self._loaded.engine).remote:
            return False
        return self._loaded is not None and self._loaded.device != "cpu"


def main() -> None:
    """Entry of a worker process (`engines/boot.py`)."""
    children.hold_lifeline()
    read_fd, write_fd = children.private_pipes()
    children.harden()
    workdir = Path(os.environ.get(RUN_DIR, "."))
    Worker(read_fd, write_fd, workdir).serve()


def replace(struct: Any, **changes: Any) -> Any:
    """A frozen struct with some fields changed."""
    return msgspec.structs.replace(struct, **changes)


def _paths(files: ModelFiles) -> tuple[str, ...]:
    return files.files or (files.path,)


def _must_see(loaded: Loaded, messages: Sequence[Message]) -> None:
    """Raises EngineError `no_vision` for images that nobody would look at."""
    if not loaded.sees and any(message.images for message in messages):
        raise EngineError("no_vision", f"This model cannot see images here: {loaded.blind}.",
                          "Remove the images, or load a model that sees in an engine that lets it.")  # fmt: skip


def _failed(request: int, error: BaseException) -> Failed:
    """An exception as an event; running out of memory ends the worker's usefulness."""
    if isinstance(error, EngineError):
        fatal = error.code == "no_memory"
        return Failed(id=request, code=error.code, message=error.message, hint=error.hint, fatal=fatal)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return Failed(id=request, code="no_memory", message=f"Memory ran out: {str(error)[:300] or 'no more to be had'}.",
                      hint="Use a smaller context, a smaller variant, or close other programs.", fatal=True)  # fmt: skip
    words = str(error).strip().splitlines()
    return Failed(id=request, code="engine_error", message=f"{type(error).__name__}: {words[0][:500] if words else ''}",
                  hint="The last lines of the engine's own output say more.")  # fmt: skip
