"""A chat engine for tests, standard library alone: repeats the last message at a planned rate, with planned slowdowns.

Its times are exact, so that an effect of a known size can be planted and looked for. (Its scores need numpy.) It reads
the whole conversation, keeps what it read for the next request, ends before stop texts and makes probabilities up.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import cycle, islice

from engines.chat.echo_words import Said, pieces_of, probabilities, shared, token_of
from engines.chat.finish import finish
from engines.chat.knobs import CHAT_KNOBS
from engines.chat.prompt import room
from engines.chat.text import Assembler
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


N_CTX = Knob(
    name="n_ctx", title="Context", kind=Kind.INT, scope=Scope.LOAD, default=4096, help="Words that it reads at most.",
    concept="n_ctx", minimum=16, maximum=1_048_576, unit="tokens", log=True,
)  # fmt: skip
SPEC = EngineSpec(
    id="echo",
    task=Task.CHAT,
    title="Echo",
    formats=("gguf", "safetensors"),
    load=(
        N_CTX,
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
SPIN_NS = 200_000  # a sleep ends up to so late: the rest is waited for awake


class Echo:
    """A word with the white space after it is a token; its id is a number made from its letters."""

    def __init__(self) -> None:
        self._slowdown, self._blur, self._n_ctx = 1.0, 0.0, 4096
        self._words: dict[int, str] = {}  # those said so far
        self._read: list[int] = []  # what it keeps of the last request

    def load(self, files: ModelFiles, knobs: Settings, job: Job) -> Loaded:
        with job.phase("import"):
            pass
        with job.phase("read"):
            _sleep(job, _seconds(knobs["load_s"]), report=True)
        self._slowdown, self._blur = _seconds(knobs["slowdown"]), _seconds(knobs["blur"])
        self._n_ctx = int(_seconds(knobs["n_ctx"]))
        return Loaded(
            id=job.id, engine="echo", version="1", build="standard library", device="cpu", effective=knobs,
            phases={"import_s": 0.0, "read_s": job.clock.phases["read"]}, n_ctx=self._n_ctx, memory=Memory(parts={"weights": 0}),
        )  # fmt: skip

    def run(self, request: ChatRequest, job: Job) -> Finished:
        """Raises EngineError `context_full`: the conversation is longer than the context."""
        knobs = {k.name: k.default for k in SPEC.run} | request.knobs
        with job.phase("prepare"):
            ids, asked = self._prompt(request)
        answer = self._answer(len(ids), asked, knobs)
        if request.clear_cache or not knobs["cache_prompt"]:
            self._read = []
        n_cached = shared(self._read, ids)
        job.live |= {"n_in": float(len(ids)), "n_cached": float(n_cached)}
        stop = knobs["stop"]
        said = Said(Assembler(stop if isinstance(stop, list) else ()))
        self._read = ids[:n_cached]
        try:
            with job.phase("prefill"):
                _sleep(job, _seconds(knobs["prefill_s"]))
            self._read = ids
            with job.phase("decode"):
                self._say(answer, said, knobs, job, mute=request.discard_text)
            reason = _reason(said, len(asked), knobs)
        except Cancelled:
            reason = FinishReason.CANCELLED
        _show(job, said.text.finish(), request.discard_text)
        self._read = [*self._read, *said.ids]
        logprobs, top = probabilities(said.ids, self._words, int(_seconds(knobs["logprobs"])))
        return finish(
            job, reason, said.text.text, ids, said.ids, n_cached, said.n_shown, offsets=said.offsets, logprobs=logprobs,
            top_logprobs=top, effective=knobs,
        )  # fmt: skip

    def tokenize(self, text: str, messages: tuple[Message, ...]) -> list[int]:
        """Ids of a text, or of a conversation as `run` reads it."""
        return self._ids([piece for m in messages for piece in pieces_of(m.content)] if messages else pieces_of(text))

    def pieces(self, ids: Sequence[int]) -> tuple[str, ...]:
        """The words of the ids; a word that was never said is named by its number."""
        return tuple(self._piece(token) for token in ids)

    def score(self, order: Score, job: Job) -> Scored:
        from engines.chat.echo_score import score  # noqa: PLC0415 - numpy, where a score is made alone

        return score(order, job, self._n_ctx, self._blur, self._piece)

    def describe(self, job: Job) -> Described:
        return Described(
            id=job.id, engine="echo", version="1", build="standard library", available=True, devices=("cpu",)
        )

    def close(self) -> None:
        """Nothing is held."""

    def _prompt(self, request: ChatRequest) -> tuple[list[int], list[str]]:
        """(what is read, what is to be said). Ids are read as they are and said as numbers."""
        if request.ids is not None:
            return list(request.ids), [f"{token} " for token in request.ids] or ["… "]
        texts = [request.prompt] if request.prompt is not None else [m.content for m in request.messages]
        asked = pieces_of(texts[-1] if texts else "") or ["… "]
        return self._ids([*(piece for text in texts[:-1] for piece in pieces_of(text)), *asked]), asked

    def _answer(self, n_prompt: int, asked: list[str], knobs: Settings) -> list[str]:
        """What to say: what was asked, or that over and over where the end is ignored, past the context too."""
        limit = int(_seconds(knobs["max_tokens"]))
        left = room(n_prompt, self._n_ctx, limit)
        return list(islice(cycle(asked), limit)) if knobs["ignore_eos"] else asked[:left]

    def _say(self, answer: list[str], said: Said, knobs: Settings, job: Job, mute: bool) -> None:
        for index, (token, word) in enumerate(zip(self._ids(answer), answer, strict=True)):
            _wait(job, index, knobs, self._slowdown)
            job.step()
            _show(job, said.push(token, word), mute)
            if said.text.stopped:
                break

    def _ids(self, pieces: Sequence[str]) -> list[int]:
        ids = [token_of(piece) for piece in pieces]
        self._words.update(zip(ids, pieces, strict=True))
        return ids

    def _piece(self, token: int) -> str:
        return self._words.get(token, f"<{token}> ")


def _reason(said: Said, n_asked: int, knobs: Settings) -> FinishReason:
    if said.text.stopped:
        return FinishReason.STOP
    cut = knobs["ignore_eos"] or len(said.ids) < n_asked or n_asked == int(_seconds(knobs["max_tokens"]))
    return FinishReason.LENGTH if cut else FinishReason.STOP


def _show(job: Job, delta: str, mute: bool) -> None:
    if not mute:
        job.text(delta)


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


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
