"""llama.cpp's adapter: load, run, tokenize, score, convert, describe. Apart from its spec, which the window imports too."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from typing import Any

from engines.chat.llama_auto import arguments, no_gpu, resolve
from engines.chat.llama_build import Build, advice, build
from engines.chat.llama_convert import convert
from engines.chat.llama_describe import describe
from engines.chat.llama_knobs import CONFLICTS, LOAD_KNOBS, RUN_KNOBS
from engines.chat.llama_log import Log, buffers, devices, flash_attention, kv_types, mlock_refused, offloaded
from engines.chat.llama_model import Model
from engines.chat.llama_run import ChatRun, whole
from engines.chat.llama_sampling import Sampler
from engines.chat.prompt import check_ids, prepare, text_of
from engines.chat.render import Renderer
from engines.errors import EngineError
from engines.job import Job
from engines.knobs import Settings, settle
from engines.protocol import (
    ChatRequest,
    Convert,
    Converted,
    Described,
    Finished,
    Loaded,
    Memory,
    Message,
    ModelFiles,
    Score,
    Scored,
)  # fmt: skip
from engines.score import Scorer

ENGINE = "llama-cpp"
BLIND = "Tandem gives llama.cpp no projector file (mmproj), where a GGUF model's sight is kept"
SLOW_STEP_S = 0.1  # from here on a single token gets the abort callback too


class LlamaCpp:
    """One session: a model with its context. See `engines.worker.Adapter`."""

    def __init__(self) -> None:
        self._log = Log()
        self._model: Model | None = None
        self._files: ModelFiles | None = None
        self._renderer: Renderer | None = None
        self._effective: Settings = {}

    # --- load -------------------------------------------------------------------------------

    def load(self, files: ModelFiles, knobs: Settings, job: Job) -> Loaded:
        """Import, read, prime. Raises EngineError `load_failed`, `no_memory`, `conflict`; Cancelled."""
        asked = settle(LOAD_KNOBS, knobs, CONFLICTS)
        with job.phase("import"):
            self._log.install()
            found = build()
        self._files, self._renderer = files, Renderer(job.child)
        with job.phase("read"):
            if files.template is not None:
                self._renderer.warm()
            settings, why = resolve(asked, _n_ctx_train(files), found.gpu)
            self._model = self._open(files, settings, job)
        self._effective = self._engaged(settings, why, found)
        lines = self._log.texts()
        with job.phase("prime"):
            self._prime(self._model, job)
        return self._loaded(job, why, lines, found)

    def _open(self, files: ModelFiles, settings: Settings, job: Job) -> Model:
        self._log.clear()
        last = -1

        def progress(fraction: float) -> bool:
            nonlocal last
            if int(fraction * 100) > last:
                last = int(fraction * 100)
                job.progress(fraction, "reading the model")
            return not job.cancelled

        outputs = whole(settings["prompt_lookup_num_tokens"]) + 1
        try:
            return Model(files.path, arguments(settings), outputs, progress)
        except (ValueError, RuntimeError, OSError) as error:
            job.check()
            raise self._load_error(str(error)) from error

    def _load_error(self, words: str) -> EngineError:
        reason = self._log.reason(words)
        low = reason.lower()
        if "alloc" in low or "out of memory" in low:
            return EngineError("no_memory", f"Not enough memory to load the model: {reason}.",
                               "Try a smaller context (n_ctx), or a smaller variant.")  # fmt: skip
        return EngineError("load_failed", f"llama.cpp could not load the model: {reason}.",
                           "Check the settings named here, or use another file.")  # fmt: skip

    def _engaged(self, settings: Settings, why: dict[str, str], found: Build) -> Settings:
        """Settings as the library's log shows them; `why` gets the reason of each difference."""
        assert self._model is not None
        got, lines, model = dict(settings), self._log.texts(), self._model
        real: Settings = {
            "n_ctx": model.n_ctx,
            "n_batch": model.n_batch,
            "n_ubatch": int(model.api.llama_n_ubatch(model.ctx)),
        }
        if (types := kv_types(lines)) is not None:
            real["type_k"], real["type_v"] = types
        if (flash := flash_attention(lines)) is not None:
            real["flash_attn"] = flash
        for name, value in real.items():
            if got[name] != value:
                why[name] = f"{value}: llama.cpp made it so (asked: {got[name]})"
                got[name] = value
        self._engaged_elsewhere(got, why, found, lines)
        return got

    def _engaged_elsewhere(self, got: Settings, why: dict[str, str], found: Build, lines: list[str]) -> None:
        assert self._model is not None
        layers = offloaded(lines)
        if got["n_gpu_layers"] != layers and not (got["n_gpu_layers"] == -1 and layers):
            why["n_gpu_layers"] = f"{layers}: {no_gpu() if not found.gpu else 'the model has no more layers'}"
            got["n_gpu_layers"] = layers
        if got["use_mlock"] and (refused := mlock_refused(lines)):
            got["use_mlock"], why["use_mlock"] = False, f"off: the system refused ({refused})"
        if got["use_mmap"] and got["lora_path"]:
            got["use_mmap"], why["use_mmap"] = False, "off: the library copies weights when a LoRA is laid over them"
        wanted = whole(got["prompt_lookup_num_tokens"])
        usable = min(wanted, self._model.n_batch - 1) if self._model.can_rewind else 0
        if usable != wanted:
            reason = (
                "not more than a batch" if self._model.can_rewind else "this kind of model cannot take a guess back"
            )
            got["prompt_lookup_num_tokens"], why["prompt_lookup_num_tokens"] = usable, f"{usable}: {reason}"

    def _prime(self, model: Model, job: Job) -> None:
        """One full batch and one step on throw-away tokens, so that all memory is really taken."""
        n = max(1, min(model.n_batch, model.n_ctx - 2))
        with model.stoppable(job):
            model.prefill([i % model.n_vocab for i in range(n)], job)
            start = time.perf_counter()
            model.prefill([0], job)
            model.slow = time.perf_counter() - start > SLOW_STEP_S
        model.clear()

    def _loaded(self, job: Job, why: dict[str, str], lines: list[str], found: Build) -> Loaded:
        assert self._model is not None
        assert self._files is not None
        gpus = sorted(devices(lines))
        notes = [note for note in (advice(found), "template: none" if self._files.template is None else "") if note]
        return Loaded(
            id=job.id, engine=ENGINE, version=found.version, build=found.words, device=", ".join(gpus).lower() or "cpu",
            effective=self._effective, why=why, phases={f"{k}_s": v for k, v in job.clock.phases.items()},
            memory=Memory(parts=buffers(lines)), n_ctx=self._model.n_ctx,
            template="none" if self._files.template is None else "model", blind=BLIND, notes=tuple(notes),
        )  # fmt: skip

    # --- the verbs --------------------------------------------------------------------------

    def run(self, request: ChatRequest, job: Job) -> Finished:
        """Answer one request. Raises EngineError `empty_prompt`, `context_full`, `bad_grammar` …"""
        model, files, renderer = self._ready()
        settings = settle(RUN_KNOBS, request.knobs)
        if request.clear_cache or not settings["cache_prompt"]:
            model.clear()
        prompt = prepare(job, request, files, renderer, model.tokenize)
        check_ids(prompt, model.n_vocab)
        sampler = Sampler(model, settings, self._log)
        try:
            run = ChatRun(model, sampler, request, settings, job)
            n_draft = whole(self._effective["prompt_lookup_num_tokens"])
            max_ngram = whole(self._effective["max_matching_ngram_size"])
            return run.run(prompt, n_draft, max_ngram, settings | {"seed": sampler.seed})
        finally:
            sampler.close()

    def tokenize(self, text: str, messages: Sequence[Message]) -> list[int]:
        """Ids of a text as it is, or of messages through the template. Safe while a run works."""
        model, files, renderer = self._ready()
        if messages:
            return model.tokenize(*text_of(messages, files, renderer))
        return model.tokenize(text, True)

    def pieces(self, ids: Sequence[int]) -> tuple[str, ...]:
        """The texts of a prompt's ids, special tokens too. Raises EngineError `bad_ids`. Safe while a run works."""
        model, _, _ = self._ready()
        check_ids(ids, model.n_vocab)
        known = {token: model.written(token) for token in set(ids)}
        return tuple(known[token] for token in ids)

    def score(self, order: Score, job: Job) -> Scored:
        """Teacher-forced: `prefill` ids at once, then `step` at a time, as METRICS "Comparing" 6."""
        model, _, _ = self._ready()
        if len(order.ids) > model.n_ctx:
            raise EngineError("context_full", f"The text has {len(order.ids):,} tokens and the context holds {model.n_ctx:,}.",
                              "Load with a larger context (n_ctx), or score less.")  # fmt: skip
        check_ids(order.ids, model.n_vocab)
        scorer = Scorer(order, model.n_vocab, job, lambda token: model.piece(token).decode("utf-8", "replace"))
        model.clear()
        with model.stoppable(job):
            model.prefill(order.ids[: order.prefill], job)
            scorer.add(order.prefill - 1, model.logits(-1))
            step = min(order.step, model.n_batch)
            for start in range(order.prefill, len(order.ids), step):
                tokens = order.ids[start : start + step]
                model.decode(tokens, all_logits=True)
                for i in range(len(tokens)):
                    scorer.add(start + i, model.logits(i))
        return scorer.result()

    def convert(self, order: Convert, job: Job) -> Converted:
        """Re-quantize a GGUF; needs no loaded model."""
        self._log.install()
        return convert(order, job, self._log)

    def describe(self, job: Job) -> Described:
        """What this build can really do, tried on a toy."""
        self._log.install()
        return describe(job, self._log, ENGINE)

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
        if self._model is not None:
            self._model.close()
        self._model = self._renderer = None

    def _ready(self) -> tuple[Model, ModelFiles, Renderer]:
        if self._model is None or self._files is None or self._renderer is None:
            raise EngineError("not_loaded", "No model is loaded.", "Load one first.")
        return self._model, self._files, self._renderer


def _n_ctx_train(files: ModelFiles) -> int:
    """The context the model was trained with: from its checked header, else from the file; 0 if it does not say."""
    if files.shape is not None:
        return files.shape.n_ctx_train
    from llama_cpp import llama_cpp as api

    params: Any = api.llama_model_default_params()
    params.vocab_only = True
    api.llama_backend_init()
    model = api.llama_model_load_from_file(files.path.encode(), params)
    if not model:
        return 0  # the real load says why
    try:
        value = _header_value(api, model, f"{_header_value(api, model, 'general.architecture')}.context_length")
        return int(value) if value.isdigit() else 0
    finally:
        api.llama_model_free(model)


def _header_value(api: Any, model: Any, key: str) -> str:
    buffer = ctypes.create_string_buffer(256)
    n = api.llama_model_meta_val_str(model, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if n >= 0 else ""
