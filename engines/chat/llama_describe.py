"""What this build can do here: each cache type is tried by one real forward of a toy; the rest is asked of the library."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from engines.chat.llama_auto import GGML_TYPES, no_gpu
from engines.chat.llama_build import advice, build
from engines.chat.llama_knobs import KV_TYPES, QUANTIZED_KV
from engines.chat.llama_log import Log
from engines.chat.llama_tiny import write_tiny_gguf
from engines.job import Job
from engines.knobs import KnobState
from engines.protocol import Described

_NEED_GPU = ("n_gpu_layers", "split_mode", "main_gpu", "tensor_split", "offload_kqv", "op_offload")
_PROMPT = tuple(range(5, 37))


def describe(job: Job, log: Log, engine: str) -> Described:
    """Raises EngineError nowhere: what fails becomes a reason."""
    with job.phase("import"):
        from llama_cpp import llama_cpp as api

        found = build()
    with job.phase("try"), tempfile.TemporaryDirectory() as folder:
        states = _cache_types(api, write_tiny_gguf(Path(folder) / "toy.gguf"), log, job)
    if not found.gpu:
        reason = no_gpu()[0].upper() + no_gpu()[1:] + "."
        states |= {name: KnobState(off=reason) for name in _NEED_GPU}
    if not api.llama_supports_mmap():
        states["use_mmap"] = KnobState(off="This system cannot map files.")
    if not api.llama_supports_mlock():
        states["use_mlock"] = KnobState(off="This system cannot lock memory.")
    return Described(
        id=job.id, engine=engine, version=found.version, build=found.words, available=True,
        devices=("cpu", *(g.lower() for g in found.gpus)), knobs=states, notes=tuple(n for n in (advice(found),) if n),
    )  # fmt: skip


def _cache_types(api: Any, toy: Path, log: Log, job: Job) -> dict[str, KnobState]:
    """`type_k` and `type_v` with the values that fail, and why; flash attention if it fails at all."""
    toy_model = _Toy(api, toy, log)
    try:
        k_off = _failures(KV_TYPES, lambda kind: toy_model.attempt(kind, "f16", False), job)
        v_off = _failures(KV_TYPES, lambda kind: toy_model.attempt("f16", kind, kind in QUANTIZED_KV), job)
        flash = toy_model.attempt("f16", "f16", True)
    finally:
        toy_model.close()
    states = {"type_k": KnobState(values_off=k_off), "type_v": KnobState(values_off=v_off)}
    if flash:
        states["flash_attn"] = KnobState(values_off={"on": flash})
    return {name: state for name, state in states.items() if state.values_off}


def _failures(kinds: Iterable[str], attempt: Any, job: Job) -> dict[str, str]:
    reasons = {}
    for kind in kinds:
        job.check()
        job.tick()
        if reason := attempt(kind):
            reasons[kind] = reason
    return reasons


class _Toy:
    """The toy's weights, loaded once; each attempt makes a context of its own."""

    def __init__(self, api: Any, path: Path, log: Log) -> None:
        self._api, self._log = api, log
        api.llama_backend_init()
        params = api.llama_model_default_params()
        params.n_gpu_layers = 0
        self._model = api.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            raise RuntimeError(log.reason("the toy model did not load"))
        self._n_vocab = int(api.llama_vocab_n_tokens(api.llama_model_get_vocab(self._model)))

    def attempt(self, type_k: str, type_v: str, flash: bool) -> str:
        """Prefill and one step with these types: "" if the numbers are sound, else the reason."""
        api = self._api
        self._log.clear()
        params = api.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch, params.n_threads, params.n_threads_batch = 256, 64, 64, 1, 1
        params.type_k, params.type_v = GGML_TYPES[type_k], GGML_TYPES[type_v]
        params.flash_attn_type = int(flash)
        ctx = api.llama_init_from_model(self._model, params)
        if not ctx:
            return self._log.reason("llama.cpp could not make a context")
        try:
            return self._forward(ctx)
        finally:
            api.llama_free(ctx)

    def _forward(self, ctx: Any) -> str:
        for tokens in (_PROMPT, _PROMPT[:1]):
            array = (ctypes.c_int32 * len(tokens))(*tokens)
            code = self._api.llama_decode(ctx, self._api.llama_batch_get_one(array, len(tokens)))
            if code != 0:
                return self._log.reason(f"llama_decode returned {code}")
        logits = np.ctypeslib.as_array(self._api.llama_get_logits_ith(ctx, -1), shape=(self._n_vocab,))
        return "" if np.isfinite(logits).all() else "the numbers it gave were not finite"

    def close(self) -> None:
        self._api.llama_model_free(self._model)
