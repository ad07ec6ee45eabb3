"""What works on this machine, each value proved by a real forward of a tiny random model made here; or the true reason why not."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from engines.chat import transformers_quantization as quantization
from engines.chat.transformers_cache import make_cache
from engines.chat.transformers_knobs import ATTENTION, CACHE_BACKENDS, CACHES, DTYPE, LOAD_KNOBS, QUANTIZATIONS
from engines.chat.transformers_load import (
    DTYPES,
    build,
    compiler,
    devices,
    first_line,
    import_libraries,
    no_device,
    quiet,
    versions,
)
from engines.chat.transformers_tiny import tiny_model
from engines.errors import Cancelled, EngineError
from engines.job import Job
from engines.knobs import KnobState, Settings, defaults
from engines.protocol import Described

GPU_ONLY = "needs a CUDA GPU"
FLEX = "It compiles itself for about half a minute at first use and is slower than sdpa on a CPU: for GPUs."
Probe = tuple[str, str, Callable[[], str]]
"""(knob, value, probe): the probe returns why the value cannot be used, or "", or raises the reason."""


def describe(job: Job, engine: str) -> Described:
    """Never raises for a value that does not work; raises Cancelled."""
    try:
        job.progress(0.0, "starting torch and transformers")
        import_libraries()
    except EngineError as error:
        return Described(
            id=job.id, engine=engine, version="", build="", available=False, reason=f"{error.message} {error.hint}"
        )
    with _bench(job) as bench:
        states = _states(bench.probes(), job)
    return Described(
        id=job.id, engine=engine, version=versions(), build=build(), available=True, devices=devices(), knobs=states
    )


class Bench:
    """The tiny model, and one probe a value."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._device = folder, devices()[0]
        self._models: dict[str, Any] = {}
        tiny_model().save_pretrained(folder)

    def probes(self) -> Iterator[Probe]:
        """Cheap ones first."""
        for name in ("cpu", "cuda", "mps"):
            yield "device", name, partial(no_device, name)
        for name in DTYPE.values:
            yield "dtype", name, partial(self._forward, dtype=name)
        for name in ATTENTION:
            yield "attn_implementation", name, partial(self._attention, name)
        for name in CACHES:
            yield "cache_implementation", name, partial(self._kind_of_cache, name)
        for name in CACHE_BACKENDS:
            yield "cache_backend", name, partial(self._cache, cache_implementation="quantized", cache_backend=name)
        for name in QUANTIZATIONS:
            yield "quantization", name, partial(self._quantization, name)
        yield "compile", "", lambda: compiler() if self._device == "cpu" else ""

    def _attention(self, name: str) -> str:
        if name.startswith("flash") and self._device != "cuda":
            return GPU_ONLY
        if name == "flex_attention" and self._device != "cuda":
            return FLEX
        return self._forward(dtype="bf16" if name.startswith("flash") else "fp32", attn_implementation=name)

    def _kind_of_cache(self, name: str) -> str:
        if name.startswith("offloaded") and self._device != "cuda":
            return f"{GPU_ONLY}: it moves the cache from the GPU's memory to the computer's"
        if name == "quantized":  # proved by its backends
            return ""
        return self._cache(cache_implementation=name)

    def _cache(self, **changes: str) -> str:
        """Four tokens through the cache, the first three at once."""
        if changes.get("cache_backend") == "quanto" and not quantization.quanto_extension_built():
            return quantization.missing("quanto-int4") or quantization.QUANTO_BUILD
        settings: Settings = {**defaults(LOAD_KNOBS), "n_ctx": 64, "residual_length": 2, "cache_nbits": "4", **changes}
        self._forward(cache=lambda model: make_cache(model, settings))
        return ""

    def _quantization(self, name: str) -> str:
        if reason := quantization.missing(name):
            return reason
        if name in quantization.NEED_BUILD and not quantization.quanto_extension_built():
            return quantization.QUANTO_BUILD
        quantization.probe(name)
        return self._forward(dtype="bf16", quantization_name=name) if name != "none" else ""

    def _forward(
        self,
        dtype: str = "fp32",
        quantization_name: str = "none",
        cache: Callable[[Any], Any] | None = None,
        **options: str,
    ) -> str:
        import torch

        model = self._model(dtype, quantization_name, options)
        held = cache(model) if cache else None
        ids = torch.arange(3, 7, device=model.device)[None]
        with torch.no_grad():
            for block in (ids[:, :2], ids[:, 2:3], ids[:, 3:]) if held is not None else (ids,):
                logits = model(input_ids=block, past_key_values=held, use_cache=held is not None).logits
        if not bool(torch.isfinite(logits).all()):
            return "it runs, but gives numbers that are not finite"
        return ""

    def _model(self, dtype: str, name: str, options: dict[str, str]) -> Any:
        """The plain fp32 one is kept: the caches share it."""
        import torch
        from transformers import AutoModelForCausalLM

        key = f"{dtype} {name} {options}"
        if key not in self._models:
            torch_dtype = getattr(torch, DTYPES[dtype])
            more: dict[str, Any] = dict(options)
            if name != "none":
                more["quantization_config"] = quantization.config(name, defaults(LOAD_KNOBS), torch_dtype)
            if self._device != "cpu":
                more["device_map"] = {"": self._device}
            self._models = {key: AutoModelForCausalLM.from_pretrained(
                str(self._folder), dtype=torch_dtype, local_files_only=True, use_safetensors=True, **more
            ).eval()}  # fmt: skip
        return self._models[key]


@contextmanager
def _bench(job: Job) -> Iterator[Bench]:
    folder = tempfile.mkdtemp(prefix="probe-", dir=job.workdir)
    try:
        with quiet():
            yield Bench(Path(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _states(probes: Iterator[Probe], job: Job) -> dict[str, KnobState]:
    """Knob → what is off, of those with something to say."""
    off: dict[str, dict[str, str]] = {}
    whole: dict[str, str] = {}
    every = list(probes)
    for index, (knob, value, probe) in enumerate(every):
        job.check()
        job.progress(index / len(every), f"trying {knob} {value}".strip())
        reason = reason_of(probe)
        if reason and value:
            off.setdefault(knob, {})[value] = reason
        elif reason:
            whole[knob] = reason
    _quantized_cache(off)
    return {knob: KnobState(off=whole.get(knob, ""), values_off=off.get(knob, {})) for knob in [*off, *whole]}


def reason_of(probe: Callable[[], str]) -> str:
    """Why a probe failed, in the library's own words; "" if it did not."""
    try:
        return probe()
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001 - any failure is the answer
        return f"{type(error).__name__}: {first_line(error)}"


def _quantized_cache(off: dict[str, dict[str, str]]) -> None:
    """Without a backend the quantized cache cannot be had at all."""
    backends = off.get("cache_backend", {})
    if len(backends) == len(CACHE_BACKENDS):
        off.setdefault("cache_implementation", {})["quantized"] = (
            f"no quantizer works here: {next(iter(backends.values()))}"
        )
