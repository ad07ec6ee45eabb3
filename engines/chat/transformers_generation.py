"""One answer through `generate`: our streamer stamps each token, our criterion hears Cancel, hooks part prefill from decode.

Why hooks and not a loop of our own: the library's loop knows every model's special inputs, masks and caches, and a
lean streamer costs it nothing measurable (tests/bench/raw_transformers.py).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from engines.chat.transformers_cache import PrefixCache
from engines.chat.transformers_tokens import Detokenizer
from engines.job import Job
from engines.knobs import Settings


class Halt(Exception):  # noqa: N818 - an outcome, not an error
    """Raised in the streamer when a stop text is complete: `generate` would compute one token more otherwise."""


@dataclass(slots=True)
class Draft:
    """Prompt lookup: guesses handed to a verify step, and those it kept."""

    drafted: int = 0
    accepted: int = 0
    waiting: int = 0  # guesses in the step that now runs


class Streamer:
    """transformers' BaseStreamer by shape: stamps first, then detokenizes and sends. The first put is the prompt."""

    def __init__(
        self, job: Job, text: Detokenizer, draft: Draft, probabilities: Probabilities | None, mute: bool
    ) -> None:
        self._job, self._text, self._draft, self._mute = job, text, draft, mute
        self._probabilities = probabilities
        self._prompt_seen = False

    def put(self, value: Any) -> None:
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        self._job.step(value.numel())
        ids: list[int] = value.flatten().tolist()
        self._draft.accepted += min(len(ids) - 1, self._draft.waiting)
        self._draft.waiting = 0
        if self._probabilities is not None:
            self._probabilities.take(ids)
        for token in ids:
            piece = self._text.push(token)
            if piece and not self._mute:
                self._job.text(piece)
        if self._text.stopped:
            raise Halt

    def end(self) -> None:
        """The rest of the text is sent by `answer`, which also comes here after a Halt."""


class CancelCriterion:
    """transformers' StoppingCriteria by shape, asked once a step. The answers are made beforehand."""

    def __init__(self, job: Job, device: Any) -> None:
        import torch

        self._job = job
        self._no = torch.zeros(1, dtype=torch.bool, device=device)
        self._yes = torch.ones(1, dtype=torch.bool, device=device)

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        return self._yes if self._job.cancelled else self._no


class Probabilities:
    """A logits processor, first of all, that keeps each step's raw logits until the chosen token is known.

    logprobs: log-softmax at the sampled ids; top: the `n` likeliest, text → log-probability.
    """

    def __init__(self, n: int, piece: Callable[[int], str]) -> None:
        self.logprobs: list[float] = []
        self.top: list[dict[str, float]] = []
        self._n, self._piece = n, piece
        self._rows: list[Any] = []

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        self._rows.append(scores[0])
        return scores

    def forget(self) -> None:
        """The rows so far were prompt lookup's own (it asks the processors which guesses are allowed)."""
        self._rows.clear()

    def take(self, ids: Sequence[int]) -> None:
        """`ids` were chosen from the first rows that wait."""
        import torch

        for token, row in zip(ids, self._rows, strict=False):
            logs = torch.log_softmax(row.float(), dim=-1)
            best = torch.topk(logs, self._n)
            self.logprobs.append(float(logs[token]))
            table: dict[str, float] = {}
            for index, value in zip(best.indices.tolist(), best.values.tolist(), strict=True):
                text = self._piece(index)
                table[text if text not in table else f"{text}<{index}>"] = value
            self.top.append(table)
        self._rows.clear()


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call of `generate` needs. ends: the ids that end an answer; () to go on past them."""

    ids: list[int]
    max_new_tokens: int
    knobs: Settings
    load: Settings
    ends: tuple[int, ...]
    pad: int
    compile: bool
    inputs: dict[str, Any] = field(default_factory=dict)  # tensors of images; then nothing is re-used, nor kept

    @property
    def lookup(self) -> int:
        """Tokens to guess from the prompt; none with images, whose places in the prompt would be guessed too."""
        return 0 if self.inputs else _number(self.load["prompt_lookup_num_tokens"])


@dataclass(slots=True)
class Outcome:
    """What came of it. halted: a stop text ended it."""

    draft: Draft = field(default_factory=Draft)
    n_cached: int = 0
    halted: bool = False


def answer(
    model: Any, cache: PrefixCache, plan: Plan, job: Job, text: Detokenizer, probabilities: Probabilities | None,
    fresh: bool, mute: bool,
) -> Outcome:  # fmt: skip
    """Prefill and decode; text goes out as it comes. Raises Cancelled inside prefill, and what the library raises."""
    import torch

    outcome, whole = Outcome(), False
    streamer = Streamer(job, text, outcome.draft, probabilities, mute)
    try:
        with ExitStack() as all_of_it, torch.no_grad():
            reading = all_of_it.enter_context(ExitStack())
            reading.enter_context(job.phase("prefill"))
            outcome.n_cached = cache.begin(plan.ids, fresh or bool(plan.inputs))
            reading.enter_context(layers_hear_cancel(model, job))
            if not plan.inputs:
                prefill(model, cache, plan.ids, outcome.n_cached, _number(plan.load["prefill_chunk_size"]), job)

            def decode_begins() -> None:
                _wait_for(model.device)
                reading.close()
                all_of_it.enter_context(job.phase("decode"))

            all_of_it.enter_context(_after_first_forward(model, decode_begins))
            all_of_it.enter_context(_drafts(model, cache, outcome.draft, probabilities, plan))
            outcome.halted = _generate(model, cache, plan, job, streamer, probabilities)
            whole = True
    finally:
        if whole and not plan.inputs:  # the ids do not say which images were read
            cache.end([*plan.ids, *text.ids])
        else:
            cache.clear()  # or it may have been left in the middle of a forward
    return outcome


def prefill(model: Any, cache: PrefixCache, ids: Sequence[int], start: int, chunk: int, job: Job) -> int:
    """Compute ids[start:] chunk by chunk into the cache, all but the last chunk, which `generate` or the caller needs
    for its logits. Returns where that last chunk begins. Raises Cancelled."""
    first = start
    while len(ids) - start > chunk:
        forward(model, cache, ids[start : start + chunk], last_only=True)
        start += chunk
        job.progress((start - first) / (len(ids) - first), "reading the prompt")
        job.check()
    return start


def forward(model: Any, cache: PrefixCache, ids: Sequence[int], last_only: bool) -> Any:
    """Logits (1, n, n_vocab) after `ids`, which follow what the cache holds; n is 1 with last_only."""
    import torch

    block = torch.tensor([list(ids)], dtype=torch.long, device=model.device)
    few = {"logits_to_keep": 1} if last_only and _keeps_few_logits(model.forward.__func__) else {}
    with torch.no_grad():
        logits = model(input_ids=block, past_key_values=cache.cache, use_cache=True, **few).logits
    return logits[:, -1:] if last_only else logits


@contextmanager
def layers_hear_cancel(model: Any, job: Job) -> Iterator[None]:
    """While it lasts, every layer of a forward first looks whether the person wants to stop: a chunk need not end."""

    def look(module: Any, inputs: Any) -> None:
        job.tick()
        job.check()

    handles = [layer.register_forward_pre_hook(look) for layer in _layers(model)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def generation_config(plan: Plan, device: str) -> Any:
    """Everything explicit: what is left out would come from the model's own generation_config.json."""
    from transformers import GenerationConfig

    options: dict[str, Any] = {
        "max_new_tokens": plan.max_new_tokens, "eos_token_id": list(plan.ends) or None, "pad_token_id": plan.pad,
        "use_cache": True, "disable_compile": not plan.compile, **_sampling(plan.knobs),
    }  # fmt: skip
    if lookup := plan.lookup:
        options["prompt_lookup_num_tokens"] = lookup
        options["max_matching_ngram_size"] = plan.load["max_matching_ngram_size"]
    if plan.compile:
        options["compile_config"] = _compile_config(plan.load, device)
    return GenerationConfig(**options)


def _sampling(knobs: Settings) -> dict[str, Any]:
    """Our shared names → the library's. Temperature 0 is greedy."""
    temperature = float(str(knobs["temperature"]))
    if temperature <= 0:
        return {"do_sample": False}
    return {
        "do_sample": True, "temperature": temperature, "top_p": knobs["top_p"], "top_k": knobs["top_k"],
        "min_p": knobs["min_p"] or None,
    }  # fmt: skip


def _generate(
    model: Any, cache: PrefixCache, plan: Plan, job: Job, streamer: Streamer, probabilities: Probabilities | None
) -> bool:
    """True if a stop text ended it."""
    import torch
    from transformers import LogitsProcessorList, RepetitionPenaltyLogitsProcessor, StoppingCriteriaList

    ids = torch.tensor([plan.ids], dtype=torch.long, device=model.device)
    processors: list[Any] = [probabilities] if probabilities is not None else []
    penalty = float(str(plan.knobs["repeat_penalty"]))
    if penalty != 1.0:  # ours, not the config's: it must come after the raw logits were kept
        processors.append(RepetitionPenaltyLogitsProcessor(penalty))
    try:
        model.generate(
            ids, attention_mask=torch.ones_like(ids), generation_config=generation_config(plan, model.device.type),
            past_key_values=cache.cache, streamer=streamer, logits_processor=LogitsProcessorList(processors),
            stopping_criteria=StoppingCriteriaList([CancelCriterion(job, model.device)]), **plan.inputs,
        )  # fmt: skip
    except Halt:
        return True
    return False


@contextmanager
def _after_first_forward(model: Any, call: Callable[[], None]) -> Iterator[None]:
    """Call `call` once, when the next forward of the whole model is done."""

    def done(module: Any, inputs: Any, output: Any) -> None:
        handle.remove()
        call()

    handle = model.register_forward_hook(done)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _drafts(
    model: Any, cache: PrefixCache, draft: Draft, probabilities: Probabilities | None, plan: Plan
) -> Iterator[None]:
    """While prompt lookup runs: count its guesses, and hand the first step only what the cache lacks.

    (transformers passes the whole prompt in the first verify step even when the cache holds most of it: the
    cache then holds it twice, and the answer is wrong without an error.)
    """
    if not plan.lookup:
        yield
        return
    from transformers.generation.candidate_generator import PromptLookupCandidateGenerator as Lookup

    guess, prepare = Lookup.get_candidates, model.prepare_inputs_for_generation

    @functools.wraps(guess)
    def counted(self: Any, input_ids: Any, **kwargs: Any) -> Any:
        candidates, logits = guess(self, input_ids, **kwargs)
        draft.waiting = candidates.shape[1] - input_ids.shape[1]
        draft.drafted += draft.waiting
        if probabilities is not None:
            probabilities.forget()
        return candidates, logits

    @functools.wraps(prepare)
    def sliced(input_ids: Any, next_sequence_length: int | None = None, **kwargs: Any) -> Any:
        length = input_ids.shape[1] - cache.length() if next_sequence_length is None else next_sequence_length
        return prepare(input_ids, next_sequence_length=length, **kwargs)

    Lookup.get_candidates, model.prepare_inputs_for_generation = counted, sliced
    try:
        yield
    finally:
        Lookup.get_candidates = guess
        del model.prepare_inputs_for_generation


def _compile_config(load: Settings, device: str) -> Any:
    """dynamic False: the static cache keeps every shape, so one graph serves all requests."""
    from transformers import CompileConfig

    config = CompileConfig(mode=load["compile_mode"], fullgraph=False, dynamic=False)
    config._compile_all_devices = device == "cpu"  # transformers compiles on accelerators alone unless told
    return config


def _layers(model: Any) -> list[Any]:
    """The layers of the decoder and, of a model that sees, those of its vision part; [] for one built in another way."""
    text = model.config.get_text_config(decoder=True).num_hidden_layers
    vision = getattr(getattr(model.config, "vision_config", None), "num_hidden_layers", None)
    decoder = model.get_decoder() if vision else model
    own = {id(module) for module in decoder.modules()}
    return [*_listed(decoder.modules(), text), *_listed((m for m in model.modules() if id(m) not in own), vision)]


def _listed(modules: Iterable[Any], count: int | None) -> list[Any]:
    """The members of the first list of so many modules."""
    found = (m for m in modules if count and type(m).__name__ == "ModuleList" and len(m) == count)
    return list(next(found, ()))


@functools.cache
def _keeps_few_logits(forward_of_class: Callable[..., Any]) -> bool:
    return "logits_to_keep" in inspect.signature(forward_of_class).parameters


def _wait_for(device: Any) -> None:
    """A GPU works on after the call has returned; a clock read before it is done would lie."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _number(value: Any) -> int:
    return int(value)
