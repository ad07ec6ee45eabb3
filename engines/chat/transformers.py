"""Chat on transformers: safetensors folders, every cache and quantizer that works here, measured like any other engine.

The parts: `transformers_knobs` (settings and conflicts), `transformers_load` (folder → model), `transformers_cache`
(prefix re-use), `transformers_generation` (one answer), `transformers_describe` (what works here), `transformers_convert`.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engines.chat.finish import finish
from engines.chat.prompt import prepare, room, text_of
from engines.chat.render import Renderer
from engines.chat.transformers_cache import PrefixCache, weights_bytes
from engines.chat.transformers_convert import convert
from engines.chat.transformers_describe import describe
from engines.chat.transformers_generation import (
    Outcome,
    Plan,
    Probabilities,
    answer,
    forward,
    layers_hear_cancel,
    prefill,
)
from engines.chat.transformers_knobs import CONFLICTS, LOAD_KNOBS, RUN_KNOBS
from engines.chat.transformers_load import (
    Resolved,
    build,
    compiler,
    first_line,
    forget_defaults,
    import_libraries,
    quiet,
    read_back,
    read_config,
    read_model,
    resolve,
    versions,
)
from engines.chat.transformers_tokens import Detokenizer, Tokens
from engines.chat.transformers_vision import Eyes, forget_images, has_sight, to_model
from engines.errors import Cancelled, EngineError
from engines.job import Job
from engines.knobs import Settings, settle
from engines.protocol import (
    TEXT_ALONE,
    ChatRequest,
    Convert,
    Converted,
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

SPEC = EngineSpec(
    id="transformers",
    task=Task.CHAT,
    title="Transformers",
    formats=("safetensors",),
    load=LOAD_KNOBS,
    run=RUN_KNOBS,
    adapter="engines.chat.transformers:Transformers",
    distributions=("transformers", "torch", "tokenizers", "safetensors"),
    extras=("torchao", "optimum-quanto", "bitsandbytes", "hqq", "pillow"),
    conflicts=CONFLICTS,
    verbs=(Verb.DESCRIBE, Verb.TOKENIZE, Verb.SCORE, Verb.CONVERT),
    converts={"gguf": ("bf16", "f16", "f32")},
    cancel_grain_s=1.0,
    about="Hugging Face's library on PyTorch: the reference implementation of most models, with the widest choice of quantizers.",
)

# Texts that end an answer wherever they are special tokens of the model (after llama.cpp's end-of-generation list)
ENDS = (
    "<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<|eom_id|>", "<EOT>", "_<EOT>",
    "<|return|>", "<|call|>", "<end_of_utterance>",
)  # fmt: skip
LOAD_NAMES = frozenset(
    knob.name for knob in LOAD_KNOBS
)  # a request may carry them for the record; they hold since load
PRIME_TOKENS = 64
PRIME_S = 5.0  # a full chunk that is expected to take longer is not primed with


class Transformers:
    """One model of one folder. `tokenize` may be called while `run` works."""

    def __init__(self) -> None:
        self._model: Any = None
        self._cache: PrefixCache | None = None
        self._tokens: Tokens | None = None
        self._renderer: Renderer | None = None
        self._with_sight, self._blind = False, ""
        self._eyes: Eyes | None = None
        self._files = ModelFiles(id="", variant="", format="", path="")
        self._got = Resolved({}, {})
        self._ends: tuple[int, ...] = ()
        self._notes: list[str] = []

    def load(self, files: ModelFiles, knobs: Settings, job: Job) -> Loaded:
        """Raises EngineError `bad_model`, `load_failed`, `no_memory`, `no_tokenizer`, `conflict`; Cancelled."""
        folder = Path(files.path)
        if not folder.is_dir():
            raise EngineError("bad_model", "transformers loads a folder of safetensors, not a single file.",
                              "Convert the GGUF first: `tandem models convert`.")  # fmt: skip
        self._renderer = Renderer(job.child)
        with job.phase("import"):
            job.progress(None, "starting torch and transformers")
            import_libraries()
        job.check()
        with job.phase("read"):
            config = read_config(folder)
            self._got = resolve(knobs, config)
            self._tokens = Tokens.read(folder)
            self._with_sight = has_sight(config)
            self._model = read_model(folder, self._got.effective, job, self._with_sight)
            read_back(self._model, self._got)
            self._open_eyes(folder)
        job.check()
        self._files = files
        self._ends = self._find_ends()
        forget_defaults(self._model)
        self._make_cache()
        self._compile(job)
        with job.phase("prime"):
            self._prime(job)
            if files.template is not None:
                self._renderer.warm()
        return self._loaded(job)

    def run(self, request: ChatRequest, job: Job) -> Finished:
        """Raises EngineError `empty_prompt`, `bad_template`, `context_full`, `no_memory`, `bad_knob`, `no_image`, `bad_images`."""
        model, cache, tokens, _ = self._ready()
        knobs = settle(RUN_KNOBS, {n: v for n, v in request.knobs.items() if n not in LOAD_NAMES})
        ids, images = self._read(request, job)
        knobs["seed"] = self._seed(knobs)
        plan = self._plan(ids, knobs, images)
        stops = knobs["stop"] if isinstance(knobs["stop"], list) else []
        text = Detokenizer(tokens, ids, stops, frozenset(self._ends))
        n_top = int(str(knobs["logprobs"]))
        probabilities = Probabilities(n_top, tokens.piece) if n_top else None
        outcome, cancelled = Outcome(), False
        fresh = request.clear_cache or not knobs["cache_prompt"]
        try:
            with quiet():
                outcome = answer(model, cache, plan, job, text, probabilities, fresh, request.discard_text)
        except Cancelled:
            cancelled = True
        except (MemoryError, RuntimeError) as error:
            self._out_of_memory(error)
            raise
        finally:
            if images:
                forget_images(model)
        rest = text.finish()
        if rest and not request.discard_text:
            job.text(rest)
        return finish(
            job, self._reason(plan, text, cancelled or job.cancelled), text.assembler.text, ids, text.ids, outcome.n_cached,
            text.n_shown(), offsets=text.offsets, drafted=outcome.draft.drafted, accepted=outcome.draft.accepted,
            logprobs=probabilities.logprobs if probabilities else (), top_logprobs=probabilities.top if probabilities else (),
            effective=knobs,
        )  # fmt: skip

    def tokenize(self, text: str, messages: tuple[Message, ...]) -> list[int]:
        """Ids of a text as the model's tokenizer starts one, or of a conversation through the template."""
        _, _, tokens, renderer = self._ready()
        if self._eyes is not None and any(m.images for m in messages):
            return self._eyes.read(messages, self._files, renderer)[0]
        return tokens.encode(*text_of(messages, self._files, renderer, self._with_sight) if messages else (text, True))

    def pieces(self, ids: Sequence[int]) -> tuple[str, ...]:
        """The texts of a prompt's ids. Raises EngineError `bad_ids`."""
        return self._ready()[2].pieces(ids)

    def score(self, order: Score, job: Job) -> Scored:
        """Teacher-forced through the cache in use. Raises EngineError `context_full`, `bad_score`."""
        from engines.score import Scorer

        model, cache, tokens, _ = self._ready()
        room(len(order.ids) - 1, int(str(self._got.effective["n_ctx"])), 1)
        scorer = Scorer(order, model.config.get_text_config(decoder=True).vocab_size, job, tokens.within)
        ids, head = list(order.ids), order.ids[: order.prefill]
        cache.clear()
        try:
            with quiet(), layers_hear_cancel(model, job):
                start = prefill(model, cache, head, 0, int(str(self._got.effective["prefill_chunk_size"])), job)
                last = forward(model, cache, head[start:], last_only=True)
                scorer.add(order.prefill - 1, last[0, 0].float().cpu().numpy())
                for at in range(order.prefill, len(ids), order.step):
                    rows = forward(model, cache, ids[at : at + order.step], last_only=False)[0].float().cpu().numpy()
                    for offset, row in enumerate(rows):
                        scorer.add(at + offset, row)
        finally:
            cache.clear()
        return scorer.result()

    def describe(self, job: Job) -> Described:
        return describe(job, SPEC.id)

    def convert(self, order: Convert, job: Job) -> Converted:
        return convert(order, job)

    def close(self) -> None:
        """Let go of the model and the template's helper."""
        if self._renderer is not None:
            self._renderer.close()
        on_gpu = self._model is not None and self._model.device.type == "cuda"
        self._model = self._cache = self._tokens = self._renderer = self._eyes = None
        gc.collect()
        if on_gpu:
            import torch

            torch.cuda.empty_cache()

    # --- loading ----------------------------------------------------------------------------

    def _open_eyes(self, folder: Path) -> None:
        self._blind = "" if self._with_sight else TEXT_ALONE
        if self._with_sight:
            try:
                self._eyes = Eyes.open(folder)
            except EngineError as error:
                self._blind = error.message
                self._notes.append(f"images: {error.message}")

    def _make_cache(self) -> None:
        try:
            self._cache = PrefixCache(self._model, self._got.effective)
        except (ValueError, ImportError, AssertionError, RuntimeError) as error:
            kind = self._got.effective["cache_implementation"]
            raise EngineError("load_failed", f"This model cannot have a {kind} cache here: {first_line(error)}.",
                              "Choose the dynamic cache.") from error  # fmt: skip

    def _compile(self, job: Job) -> None:
        """Compile by really making three tokens; without a compiler it stays off, and says why."""
        if not self._got.effective["compile"]:
            return
        reason = compiler() if self._model.device.type == "cpu" else ""
        if not reason:
            with job.phase("compile"):
                job.progress(None, "torch.compile works: about a minute, and Stop is heard only after it")
                reason = self._rehearse(job, 4)
        if reason:
            self._got.effective["compile"] = False
            self._got.why["compile"] = f"off: {reason}"

    def _rehearse(self, job: Job, n_out: int) -> str:
        """Answer throw-away ids in silence; returns why it failed, or ""."""
        model, cache, tokens, _ = self._ready()
        knobs = settle(RUN_KNOBS, {"temperature": 0.0, "max_tokens": n_out, "ignore_eos": True})
        plan = self._plan([self._filler()] * 8, knobs)
        silent = Job(job.id, _Nowhere(), job.workdir)
        try:
            with quiet():
                answer(model, cache, plan, silent, Detokenizer(tokens, plan.ids, (), frozenset()), None, True, True)
        except (RuntimeError, ValueError, AssertionError, TypeError, OSError, ImportError) as error:
            return first_line(error)
        finally:
            cache.clear()
        return ""

    def _prime(self, job: Job) -> None:
        """One prefill chunk and one decode step, so that memory is real. A slow machine reads part of a chunk."""
        model, cache, _, _ = self._ready()
        load = self._got.effective
        full = max(1, min(int(str(load["prefill_chunk_size"])), int(str(load["n_ctx"])) - 2))
        try:
            with quiet(), layers_hear_cancel(model, job):
                for size in dict.fromkeys((min(PRIME_TOKENS, full), full)):
                    cache.clear()
                    start = time.perf_counter()
                    forward(model, cache, [self._filler()] * size, last_only=True)
                    forward(model, cache, [self._filler()], last_only=True)
                    job.progress(size / full, "first tokens")
                    if size < full and (time.perf_counter() - start) * full / size > PRIME_S:
                        self._notes.append(
                            f"primed with {size} tokens, not a chunk of {full}, which would take long here"
                        )
                        break
        except (RuntimeError, MemoryError) as error:
            self._out_of_memory(error)
            raise EngineError("load_failed", f"The first forward failed: {first_line(error)}.",
                              "The knob that was changed last is the first suspect.") from error  # fmt: skip
        finally:
            cache.clear()

    def _loaded(self, job: Job) -> Loaded:
        seconds = {f"{name}_s": value for name, value in job.clock.phases.items()}
        parts = {"weights": weights_bytes(self._model)}
        if self._cache is not None and (kv := self._cache.bytes()):
            parts["kv"] = kv
        return Loaded(
            id=job.id, engine=SPEC.id, version=versions(), build=build(), device=self._model.device.type,
            effective=self._got.effective, why=self._got.why, phases=seconds, memory=Memory(parts=parts),
            n_ctx=int(str(self._got.effective["n_ctx"])), template="model" if self._files.template is not None else "none",
            sees=self._eyes is not None, blind=self._blind, notes=tuple(dict.fromkeys([*self._notes, *job.notes])),
        )  # fmt: skip

    # --- running ----------------------------------------------------------------------------

    def _ready(self) -> tuple[Any, PrefixCache, Tokens, Renderer]:
        if self._model is None or self._cache is None or self._tokens is None or self._renderer is None:
            raise EngineError("not_loaded", "No model is loaded.", "Load one first.")
        return self._model, self._cache, self._tokens, self._renderer

    def _read(self, request: ChatRequest, job: Job) -> tuple[list[int], dict[str, Any]]:
        """(the prompt's ids, tensors of its images)."""
        model, _, tokens, renderer = self._ready()
        if self._eyes is None or not any(m.images for m in request.messages):
            return prepare(job, request, self._files, renderer, tokens.encode, self._with_sight), {}
        with job.phase("prepare"):
            ids, tensors = self._eyes.read(request.messages, self._files, renderer)
            job.live["n_in"] = float(len(ids))
            if self._got.effective["prompt_lookup_num_tokens"]:
                job.note("prompt lookup rests while images are read")
            return ids, to_model(tensors, model)

    def _plan(self, ids: list[int], knobs: Settings, images: dict[str, Any] | None = None) -> Plan:
        load = self._got.effective
        limit = room(len(ids), int(str(load["n_ctx"])), int(str(knobs["max_tokens"])))
        ends = () if knobs["ignore_eos"] else self._ends
        pad = self._ends[0] if self._ends else 0
        return Plan(ids, limit, knobs, load, ends, pad, bool(load["compile"]), images or {})

    def _find_ends(self) -> tuple[int, ...]:
        """The ids that end an answer: the model's own, the variant's, and the usual end-of-turn texts it knows as special."""
        own = self._model.generation_config.eos_token_id
        found = list(own) if isinstance(own, list | tuple) else [own]
        backend = self._ready_tokens().backend
        special = {t.content for t in backend.get_added_tokens_decoder().values() if t.special}
        texts = [self._files.eos, *(text for text in ENDS if text in special)]
        found += [backend.token_to_id(text) for text in texts if text]
        return tuple(dict.fromkeys(i for i in found if i is not None))

    def _ready_tokens(self) -> Tokens:
        assert self._tokens is not None
        return self._tokens

    def _filler(self) -> int:
        """An ordinary id for throw-away prompts."""
        return min(100, int(self._model.config.get_text_config(decoder=True).vocab_size) - 1)

    def _seed(self, knobs: Settings) -> int:
        """Seed torch; a random one is drawn here, so that the record can be replayed."""
        import torch

        seed = knobs["seed"] if isinstance(knobs["seed"], int) else random.SystemRandom().randrange(2**32)
        torch.manual_seed(seed)
        return seed

    def _reason(self, plan: Plan, text: Detokenizer, cancelled: bool) -> FinishReason:
        if text.stopped or (text.ids and text.ids[-1] in plan.ends):
            return FinishReason.STOP
        if cancelled and len(text.ids) < plan.max_new_tokens:
            return FinishReason.CANCELLED
        return FinishReason.LENGTH

    def _out_of_memory(self, error: BaseException) -> None:
        """Raise EngineError `no_memory` if that is what `error` is."""
        words = first_line(error).lower()
        if isinstance(error, MemoryError) or "out of memory" in words or "can't allocate memory" in words:
            raise EngineError("no_memory", f"Memory ran out: {first_line(error)}.",
                              "Load with a smaller n_ctx or prefill_chunk_size, a quantized cache, or fewer bits.") from error  # fmt: skip


class _Nowhere:
    """The way out of a rehearsal."""

    def push(self, event: Any, job: Any = None) -> None:
        """Nobody listens."""

    def text(self, job: Job, delta: str) -> None:
        """Nobody reads."""
