"""A chat engine for tests, standard library alone: repeats the message at a planned rate, with planned slowdowns."""

from __future__ import annotations

import time
from itertools import cycle, islice

from engines.chat.finish import finish
from engines.chat.knobs import CHAT_KNOBS
from engines.errors import Cancelled
from engines.job import Job
from engines.knobs import Effect, Kind, Knob, Scope, Settings
from engines.protocol import ChatRequest, Described, Finished, FinishReason, Loaded, Memory, Message, ModelFiles
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
    load=(_knob("load_s", Scope.LOAD, 0.0, "How long loading takes."),),
    run=(
        *CHAT_KNOBS,
        _knob("rate", Scope.RUN, 200.0, "Tokens a second; 0 is as fast as it goes.", "tok/s"),
        _knob("prefill_s", Scope.RUN, 0.0, "How long the prompt takes."),
        _knob("slow_every", Scope.RUN, 0.0, "Every so many tokens one comes late; 0 never.", "tokens"),
        _knob("slow_s", Scope.RUN, 0.05, "How late that one is."),
    ),
    adapter="engines.chat.echo:Echo",
    verbs=(Verb.DESCRIBE, Verb.TOKENIZE),
    cancel_grain_s=0.05,
    for_tests=True,
)


class Echo:
    """A word is a token; its id is a number made from its letters."""

    def load(self, files: ModelFiles, knobs: Settings, job: Job) -> Loaded:
        with job.phase("import"):
            pass
        with job.phase("read"):
            _sleep(job, _seconds(knobs["load_s"]), report=True)
        return Loaded(
            id=job.id, engine="echo", version="1", build="standard library", device="cpu", effective=knobs,
            phases={"import_s": 0.0, "read_s": job.clock.phases["read"]}, n_ctx=4096, memory=Memory(parts={"weights": 0}),
        )  # fmt: skip

    def run(self, request: ChatRequest, job: Job) -> Finished:
        knobs = {k.name: k.default for k in SPEC.run} | request.knobs
        prompt = _words(request)
        with job.phase("prepare"):
            ids = [_id(word) for word in prompt]
        reason, shown, made = FinishReason.LENGTH, 0, list[int]()
        text: list[str] = []
        try:
            with job.phase("prefill"):
                _sleep(job, _seconds(knobs["prefill_s"]))
            with job.phase("decode"):
                for index, word in enumerate(_answer(prompt, knobs)):
                    _wait(job, index, knobs)
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
        return [_id(word) for word in (text or " ".join(m.content for m in messages)).split()]

    def describe(self, job: Job) -> Described:
        return Described(
            id=job.id, engine="echo", version="1", build="standard library", available=True, devices=("cpu",)
        )

    def close(self) -> None:
        """Nothing is held."""


def _answer(prompt: list[str], knobs: Settings) -> list[str]:
    limit = int(_seconds(knobs["max_tokens"]))
    return list(islice(cycle(prompt), limit)) if knobs["ignore_eos"] else prompt[:limit]


def _wait(job: Job, index: int, knobs: Settings) -> None:
    """Sleep until the planned moment of token `index`, counted from the first: sleeps do not add up their errors."""
    rate = _seconds(knobs["rate"])
    late = int(_seconds(knobs["slow_every"]))
    if late and index and index % late == 0:
        _sleep(job, _seconds(knobs["slow_s"]))
    if rate:
        _sleep(job, 1 / rate)
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
    return sum(word.encode()) % 50_000


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
