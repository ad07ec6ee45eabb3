"""A chat engine for tests, standard library alone: crashes, hangs, floods, leaks and lies on command.

The knob `trouble` names what goes wrong, `when` whether while loading or while answering.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
import time
from collections.abc import Callable, Sequence
from itertools import accumulate

import msgspec

from engines.chat.finish import finish
from engines.chat.knobs import CHAT_KNOBS
from engines.errors import Cancelled, EngineError
from engines.job import Job
from engines.knobs import Kind, Knob, Scope, Settings
from engines.protocol import (
    ChatRequest,
    Described,
    Ended,
    Finished,
    FinishReason,
    Loaded,
    Memory,
    Message,
    ModelFiles,
    Text,
)
from engines.spec import EngineSpec, Task, Verb
from engines.wire import encode

TROUBLES = (
    "none", "segv", "abort", "exit0", "exit9", "raise", "engine_error", "memory_error", "leak", "hang", "hang_in_c", "spin", "deaf",
    "flood", "flood_stderr", "garbage", "big_frame", "half_frame", "print", "grandchild", "lie_length", "unknown_event",
    "forged_end", "sys_exit",
)  # fmt: skip


def _choice(name: str, scope: Scope, values: tuple[str, ...], help: str) -> Knob:
    return Knob(name=name, title=name.replace("_", " "), kind=Kind.CHOICE, scope=scope, default=values[0], values=values,
                help=help, concept="test_engine")  # fmt: skip


def _number(name: str, scope: Scope, default: float, help: str) -> Knob:
    return Knob(
        name=name,
        title=name,
        kind=Kind.FLOAT,
        scope=scope,
        default=default,
        minimum=0.0,
        help=help,
        concept="test_engine",
    )


SPEC = EngineSpec(
    id="chaos",
    task=Task.CHAT,
    title="Chaos",
    formats=("gguf", "safetensors"),
    load=(_choice("load_trouble", Scope.LOAD, TROUBLES, "What goes wrong while loading."),),
    run=(
        *CHAT_KNOBS,
        _choice("trouble", Scope.RUN, TROUBLES, "What goes wrong while answering."),
        _number("after", Scope.RUN, 5, "Tokens before it does."),
        _number("seconds", Scope.RUN, 1.0, "How long a flood lasts."),
        _number("rate", Scope.RUN, 200.0, "Tokens, or frames of a flood, a second."),
    ),
    adapter="engines.chat.chaos:Chaos",
    verbs=(Verb.DESCRIBE, Verb.TOKENIZE),
    cancel_grain_s=0.05,
    for_tests=True,
)


class Chaos:
    """Repeats the message word by word until its trouble comes."""

    def load(self, files: ModelFiles, knobs: Settings, job: Job) -> Loaded:
        with job.phase("import"):
            pass
        with job.phase("read"):
            make_trouble(str(knobs["load_trouble"]), job, knobs)
        return Loaded(id=job.id, engine="chaos", version="1", build="standard library", device="cpu", effective=knobs,
                      phases={"import_s": 0.0}, n_ctx=4096, memory=Memory())  # fmt: skip

    def run(self, request: ChatRequest, job: Job) -> Finished:
        knobs = {k.name: k.default for k in SPEC.run} | request.knobs
        trouble, after = str(knobs["trouble"]), int(_number_of(knobs, "after"))
        words = ((request.messages[-1].content if request.messages else request.prompt or "") or "word").split()
        text: list[str] = []
        reason = FinishReason.STOP
        try:
            self._say(job, words, after, _number_of(knobs, "rate"), text)
            make_trouble(trouble, job, knobs)
            self._say(job, words, len(words), _number_of(knobs, "rate"), text)
        except Cancelled:
            reason = FinishReason.CANCELLED
        if trouble == "lie_length":
            return Finished(id=job.id, reason=FinishReason.STOP, text="", metrics={"n_out": 10**9}, counts=(1,))
        return finish(
            job, reason, "".join(text), [0] * len(words), [0] * len(text), 0, len(text),
            offsets=tuple(accumulate(map(len, text))), effective=knobs,
        )  # fmt: skip

    def _say(self, job: Job, words: list[str], count: int, rate: float, text: list[str]) -> None:
        for index in range(count):
            job.check()
            job.step()
            text.append(words[index % len(words)] + " ")
            job.text(text[-1])
            time.sleep(1 / max(rate, 1.0))

    def tokenize(self, text: str, messages: tuple[Message, ...]) -> list[int]:
        return [len(word) for word in (text or " ".join(m.content for m in messages)).split()]

    def pieces(self, ids: Sequence[int]) -> tuple[str, ...]:
        return tuple(f"<{token}> " for token in ids)

    def close(self) -> None:
        """Nothing is held."""

    def describe(self, job: Job) -> Described:
        return Described(
            id=job.id, engine="chaos", version="1", build="standard library", available=True, devices=("cpu",)
        )


def make_trouble(trouble: str, job: Job, knobs: Settings) -> None:
    """Do the named harm, now."""
    _TROUBLE.get(trouble, _nothing)(job, knobs)


def _nothing(job: Job, knobs: Settings) -> None:
    """No trouble."""


def _segv(job: Job, knobs: Settings) -> None:
    ctypes.string_at(0)


def _abort(job: Job, knobs: Settings) -> None:
    os.abort()


def _raise(job: Job, knobs: Settings) -> None:
    raise RuntimeError("a library failed in a way nobody planned")


def _engine_error(job: Job, knobs: Settings) -> None:
    raise EngineError("planned", "The engine refused on purpose.", "Choose another trouble.")


def _memory_error(job: Job, knobs: Settings) -> None:
    raise MemoryError


def _leak(job: Job, knobs: Settings) -> None:
    held = []
    end = time.monotonic() + _number_of(knobs, "seconds", 1.0)
    while time.monotonic() < end:
        held.append(bytearray(1 << 20))
        job.tick()
        job.check()
        time.sleep(0.01)


def _hang(job: Job, knobs: Settings) -> None:
    """Asleep: neither counter nor CPU time moves; beats go on."""
    while True:
        time.sleep(3600)


def _hang_in_c(job: Job, knobs: Settings) -> None:
    """Holds the interpreter's lock for ever: no beats, no answer to a cancel."""
    ctypes.PyDLL(None).pause()


def _spin(job: Job, knobs: Settings) -> None:
    """Works and never looks at the flag."""
    while True:
        job.tick()


def _deaf(job: Job, knobs: Settings) -> None:
    """Stops itself, as a debugger or a suspended machine would."""
    os.kill(os.getpid(), signal.SIGSTOP)


def _flood(job: Job, knobs: Settings) -> None:
    """Numbered texts as raw frames, past the writer that would merge them."""
    rate, seconds = _number_of(knobs, "rate", 20_000), _number_of(knobs, "seconds", 10.0)

    fd = _frames_fd(job)
    start, sent, total = time.monotonic(), 0, int(rate * seconds)
    while sent < total:
        job.check()
        due = min(total, int((time.monotonic() - start) * rate) + 1)
        block = b"".join(encode(Text(id=job.id, text=f"{n} ")) for n in range(sent, due))
        view = memoryview(block)
        while view:
            view = view[os.write(fd, view) :]
        sent = max(sent, due)
        job.tick()
        time.sleep(0.001)


def _flood_stderr(job: Job, knobs: Settings) -> None:
    end = time.monotonic() + _number_of(knobs, "seconds", 1.0)
    line = "noise " * 2000 + "\n"
    while time.monotonic() < end:
        sys.stderr.write(line)
        job.check()


def _garbage(job: Job, knobs: Settings) -> None:
    body = b"\xc1 this is no message"
    os.write(_frames_fd(job), struct.pack("<I", len(body)) + body)
    time.sleep(30)


def _big_frame(job: Job, knobs: Settings) -> None:
    os.write(_frames_fd(job), struct.pack("<I", 100 * 1024 * 1024) + b"x" * 1000)
    time.sleep(30)


def _half_frame(job: Job, knobs: Settings) -> None:
    os.write(_frames_fd(job), struct.pack("<I", 1000) + b"half")
    os._exit(0)


def _print(job: Job, knobs: Settings) -> None:
    """A library that prints to its standard output, from Python and from C."""
    print("this must not touch the frames", flush=True)
    os.write(1, b"nor this\n")


def _grandchild(job: Job, knobs: Settings) -> None:
    """Starts a helper that outlives a careless clean-up, says its number, and goes on."""
    child = job.child([sys.executable, "-c", "import time\nwhile True: time.sleep(0.2)"])
    job.text(f"grandchild={child.pid} ")
    time.sleep(_number_of(knobs, "seconds", 30.0))


def _unknown_event(job: Job, knobs: Settings) -> None:
    body = msgspec.msgpack.encode({"type": "FromTheFuture", "id": job.id})
    os.write(_frames_fd(job), struct.pack("<I", len(body)) + body)
    time.sleep(30)


def _forged_end(job: Job, knobs: Settings) -> None:
    """Claims what only the program may say."""
    os.write(_frames_fd(job), encode(Ended(code=0, words="all is well", expected=True)))
    time.sleep(30)


def _sys_exit(job: Job, knobs: Settings) -> None:
    """A library that takes itself for the program."""
    sys.exit(1)


def _frames_fd(job: Job) -> int:
    fd = getattr(job._outbox, "_fd", None)  # the one engine that is allowed to be rude
    if not isinstance(fd, int):
        raise EngineError("planned", "There are no frames here.")
    return fd


def _number_of(knobs: Settings, name: str, fallback: float = 0.0) -> float:
    value = knobs.get(name, fallback)
    return float(value) if isinstance(value, int | float) else fallback


_TROUBLE: dict[str, Callable[[Job, Settings], None]] = {
    "segv": _segv, "abort": _abort, "exit0": lambda j, k: os._exit(0), "exit9": lambda j, k: os._exit(9), "raise": _raise,
    "engine_error": _engine_error, "memory_error": _memory_error, "leak": _leak, "hang": _hang, "hang_in_c": _hang_in_c,
    "spin": _spin, "deaf": _deaf, "flood": _flood, "flood_stderr": _flood_stderr, "garbage": _garbage, "big_frame": _big_frame,
    "half_frame": _half_frame, "print": _print, "grandchild": _grandchild, "unknown_event": _unknown_event,
    "forged_end": _forged_end, "sys_exit": _sys_exit,
}  # fmt: skip
