"""A chat engine for tests, standard library alone: repeats the message at a planned rate, with planned slowdowns.

Its times are exact, so that an effect of a known size can be planted and looked for. (Its scores need numpy.)
"""

from __future__ import annotations

import time
import zlib
from itertools import cycle, islice

from engines.chat.finish import finish
from engines.chat.knobs import CHAT_KNOBS
from engines.errors import Cancelled
from engines.job import Job
from engines.knobs import Effect, Kind, Knob, Scope, Settings
from engines.protocol import (
    ChatRequest,
    Described,
    Finished,
    FinishReason,
    Loaded,
    Memory,
    Message,
    ModelFiles,
    Score,
    Scored,
)
from engines.spec import EngineSpec, Task, Verb


def _knob(name: str, scope: Scope, default: float, help: str, unit: str = "s", maximum: float = 1e6) -> Knob:
    return Knob(
        name=name, title=name.replace("_", " "), kind=Kind.FLOAT, scope=scope, default=default, help=help,
        concept="test_engine", effect=Effect.LOSSLESS, minimum=0.0, maximum=maximum, unit=unit,
    )  # fmt: skip


SPEC = EngineSpec(
    id="echo",
    task=Task.CHAT,
    title="Echo",
    formats=("gguf", "safetensors"),
    load=(
        _knob("load_s", Scope.LOAD, 0.0, "How long loading takes."),
        _knob("slowdown", Scope.LOAD, 1.0, "How many times longer each token takes.", "times"),
        _knob("blur", Scope.LOAD, 0.0, "How far its scores are from the exact ones; 0 is exact.", ""),
    ),
    run=(
        *CHAT_KNOBS,
        _knob("rate", Scope.RUN, 200.0, "Tokens a second; 0 is as fast as it goes.", "tok/s"),
        _knob("prefill_s", Scope.RUN, 0.0, "How long the prompt takes."),
        _knob("slow_every", Scope.RUN, 0.0, "Every so many tokens one comes late; 0 never.", "tokens"),
        _knob("slow_s", Scope.RUN, 0.05, "How late that one is."),
    ),
    adapter="engines.chat.echo:Echo",
    verbs=(Verb.DESCRIBE, Verb.TOKENIZE, Verb.SCORE),
    cancel_grain_s=0.05,
    for_tests=True,
)
N_CTX = 4096
SPIN_NS = 200_000  # a sleep ends up to so late: the rest is waited for awake


class Echo:
    """A word is a token; its id is a number made from its letters."""

    def __init__(self) -> None:
        self._slowdown, self._blur = 1.0, 0.0
        self._words: dict[int, str] = {}  # those said so far

    def load(self, files: ModelFiles, knobs: Settings, job: Job) -> Loaded:
        with job.phase("import"):
            pass
        with job.phase("read"):
            _sleep(job, _seconds(knobs["load_s"]), report=True)
        self._slowdown, self._blur = _seconds(knobs["slowdown"]), _seconds(knobs["blur"])
        return Loaded(
            id=job.id, engine="echo", version="1", build="standard library", device="cpu", effective=knobs,
            phases={"import_s": 0.0, "read_s": job.clock.phases["read"]}, n_ctx=N_CTX, memory=Memory(parts={"weights": 0}),
        )  # fmt: skip

    def run(self, request: ChatRequest, job: Job) -> Finished:
        knobs = {k.name: k.default for k in SPEC.run} | request.knobs
        prompt = _words(request)
        with job.phase("prepare"):
            ids = [self._id(word) for word in prompt]
        reason, shown, made = FinishReason.LENGTH, 0, list[int]()
        text: list[str] = []
        try:
            with job.phase("prefill"):
                _sleep(job, _seconds(knobs["prefill_s"]))
            with job.phase("decode"):
                for index, word in enumerate(_answer(prompt, knobs)):
                    _wait(job, index, knobs, self._slowdown)
                    job.step()
                    made.append(_id(word))
                    shown += 1
                    text.append(word + " ")
                    if not request.discard_text:
                        job.text(word + " ")
            if not knobs["ignore_eos"] and shown < _seconds(knobs["max_tokens"]):
                reason = FinishReason.STOP
        except Cancelled:
            reason = FinishReason.CANCELLED
        return finish(job, reason, "".join(text), ids, made, 0, shown, effective=knobs)

    def tokenize(self, text: str, messages: tuple[Message, ...]) -> list[int]:
        return [self._id(word) for word in (text or " ".join(m.content for m in messages)).split()]

    def score(self, order: Score, job: Job) -> Scored:
        from engines.chat.echo_score import score  # noqa: PLC0415 - numpy, where a score is made alone

        return score(order, job, N_CTX, self._blur, lambda token: self._words.get(token, f"<{token}>") + " ")

    def describe(self, job: Job) -> Described:
        return Described(
            id=job.id, engine="echo", version="1", build="standard library", available=True, devices=("cpu",)
        )

    def close(self) -> None:
        """Nothing is held."""

    def _id(self, word: str) -> int:
        token = _id(word)
        self._words[token] = word
        return token


def _answer(prompt: list[str], knobs: Settings) -> list[str]:
    limit = int(_seconds(knobs["max_tokens"]))
    return list(islice(cycle(prompt), limit)) if knobs["ignore_eos"] else prompt[:limit]


def _wait(job: Job, index: int, knobs: Settings, slowdown: float) -> None:
    """Wait until the planned moment of token `index`, counted from the first one: errors do not add up."""
    rate, late = _seconds(knobs["rate"]), int(_seconds(knobs["slow_every"]))
    token_s = slowdown / rate if rate else 0.0
    steps = job.clock.steps_ns
    start, n = (steps[0], index) if steps else (time.perf_counter_ns(), 1)
    late_s = _seconds(knobs["slow_s"]) * (index // late if late else 0)
    _until(job, start + int((n * token_s + late_s) * 1e9))


def _until(job: Job, moment_ns: int) -> None:
    """Wait for a moment of `perf_counter_ns`, to some microseconds."""
    while (left := moment_ns - time.perf_counter_ns()) > 0:
        job.check()
        if left > SPIN_NS:
            time.sleep(min((left - SPIN_NS) / 1e9, 0.05))
    job.check()


def _sleep(job: Job, seconds: float, report: bool = False) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        job.check()
        if report:
            job.progress(1 - left / seconds, "reading")
        time.sleep(min(left, 0.05))
    job.check()


def _words(request: ChatRequest) -> list[str]:
    if request.ids is not None:
        return [str(i) for i in request.ids]
    text = request.prompt if request.prompt is not None else request.messages[-1].content if request.messages else ""
    return text.split() or ["…"]


def _id(word: str) -> int:
    return zlib.crc32(word.encode()) % 50_000


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
