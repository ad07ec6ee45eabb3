"""What is to be deployed: a lane's model and settings, in words that all servers share, and what has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from app.errors import TandemError
from app.library import SERVED, Variant
from engines.knobs import AUTO, Knob, Settings, Value, show
from engines.spec import EngineSpec

METHODS = ("ngram", "draft_model", "eagle", "eagle3", "mtp")
DTYPES = {
    "bf16": "bfloat16", "fp16": "float16", "fp32": "float32", "bfloat16": "bfloat16", "float16": "float16",
    "half": "float16", "float32": "float32", "float": "float32",
}  # fmt: skip
PLAIN_KV = frozenset({"f16", "bf16", "auto", "float16", "bfloat16"})  # the weights' own type: nothing to be said
FP8_KV = frozenset({"fp8", "fp8_e4m3", "fp8_e5m2"})


class Speculation(msgspec.Struct, frozen=True, kw_only=True):
    """method: of METHODS. model: the draft's, "" for ngram and mtp. tokens: drafted a step. lookup: longest n-gram."""

    method: str
    model: str = ""
    tokens: int = 5
    lookup: int = 4


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How it is to be served. None or "" leaves the choice to the server.

    prefill_workers, decode_workers: of a disaggregated deployment, each with its own GPUs. host, port: where it listens.
    """

    max_len: int | None = None
    dtype: str = ""
    kv_dtype: str = ""
    quantization: str = ""
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    data_parallel: int = 1
    expert_parallel: bool = False
    prefix_caching: bool | None = None
    max_seqs: int | None = None
    memory_share: float | None = None
    eager: bool = False
    speculation: Speculation | None = None
    disaggregated: bool = False
    prefill_workers: int = 1
    decode_workers: int = 1
    port: int = 8000

    @property
    def gpus(self) -> int:
        """GPUs of one server (or worker): every rank has one."""
        return self.tensor_parallel * self.pipeline_parallel * self.data_parallel


class DeploySource(msgspec.Struct, frozen=True, kw_only=True):
    """model: a hub's "org/name" or a path on this machine. local: it is a path. cannot: what had no counterpart.

    requests: what travels with each request instead of the command line ("temperature 0.7").
    """

    model: str
    served: str
    title: str
    format: str
    engine: str
    local: bool
    revision: str = ""
    options: Options = Options()
    cannot: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()


def source_of(variant: Variant, spec: EngineSpec, load: Settings, run: Settings | None = None) -> DeploySource:
    """The lane as a source. Raises TandemError `no_files` for what lies on a server already."""
    if variant.format == SERVED:
        raise TandemError(
            "no_files",
            f"{variant.title} is on a server already: its files are not here.",
            "Choose a model of the library.",
        )
    options, cannot = _options(spec, load)
    whole = variant.origin.repo and variant.format != "gguf"
    model = variant.origin.repo if whole else str(Path(variant.path))
    made = "" if variant.lineage.kind == "original" else f"These weights were made here ({variant.lineage.text})"
    if whole and made:
        model, whole = str(Path(variant.path)), ""
    return DeploySource(
        model=model, served=variant.id, title=variant.title, format=variant.format, engine=spec.id, local=not whole,
        revision=variant.origin.revision if whole else "", options=options, cannot=tuple(cannot), requests=_requests(spec, run or {}),
    )  # fmt: skip


def _options(spec: EngineSpec, load: Settings) -> tuple[Options, list[str]]:
    """Known knobs become options; what differs from its default and has no counterpart is listed."""
    found: dict[str, Any] = {}
    cannot: list[str] = []
    for knob in spec.load:
        value = load.get(knob.name, knob.default)
        if value in (None, AUTO, "") or (knob.name not in _MAPS and value == knob.default):
            continue
        said = _MAPS.get(knob.name, _none)(value)
        if isinstance(said, dict):
            found |= said
        elif value != knob.default:
            cannot.append(f"{knob.title} {_bare(knob, value)}: {said}")
    spoken, missing = _speculation(spec, load)
    return Options(**found, speculation=spoken), cannot + missing


def _speculation(spec: EngineSpec, load: Settings) -> tuple[Speculation | None, list[str]]:
    """Prompt lookup of the in-process engines is the servers' ngram; vLLM's own JSON is read."""
    tokens = load.get("prompt_lookup_num_tokens")
    if isinstance(tokens, int) and tokens > 0:
        lookup = load.get("max_matching_ngram_size")
        return Speculation(method="ngram", tokens=tokens, lookup=lookup if isinstance(lookup, int) else 2), []
    text = load.get("speculative_config")
    if not isinstance(text, str) or not text.strip():
        return None, []
    try:
        config = json.loads(text)
        method = str(config.get("method", "draft_model" if config.get("model") else ""))
    except (ValueError, AttributeError, RecursionError):
        method = ""
    if method not in METHODS:
        return None, [f"Speculation {text[:120]}: it is not one of {', '.join(METHODS)}"]
    model, count, lookup = (
        config.get("model", ""),
        config.get("num_speculative_tokens", 5),
        config.get("prompt_lookup_max", 4),
    )
    if not all(isinstance(n, int) and 1 <= n <= 1024 for n in (count, lookup)):
        return None, [f"Speculation {text[:120]}: its numbers are not 1 to 1,024"]
    return Speculation(method=method, model=str(model), tokens=count, lookup=lookup), []


def _requests(spec: EngineSpec, run: Settings) -> tuple[str, ...]:
    def words(knob: Knob, value: Value) -> str:
        return f"{knob.title.lower()} {show(knob, value)}"

    return tuple(words(k, run[k.name]) for k in spec.run if k.name in run and run[k.name] != k.default)


def _bare(knob: Knob, value: Value) -> str:
    """The value, without its unit where the title says it: "Threads 2"."""
    text = show(knob, value)
    return text.removesuffix(f" {knob.unit}") if knob.unit == knob.title.lower() else text


def _none(value: Value) -> str | dict[str, Any]:
    return "these servers have no such setting"


def _kv(value: Value) -> str | dict[str, Any]:
    if value in PLAIN_KV:
        return {}
    return {"kv_dtype": "fp8"} if value in FP8_KV else "these servers store KV as it is or as fp8, so it was left out"


def _dtype(value: Value) -> str | dict[str, Any]:
    return {"dtype": DTYPES[str(value)]} if str(value) in DTYPES else f"no server knows the type {value}"


def _quantization(value: Value) -> str | dict[str, Any]:
    if value == "none":
        return {}
    names = {"torchao-fp8": "fp8", "quanto-fp8": "fp8", "fp8": "fp8", "awq": "awq", "gptq": "gptq"}
    return (
        {"quantization": names[str(value)]}
        if str(value) in names
        else "these servers want a checkpoint quantized beforehand"
    )


def _as(name: str) -> Any:
    return lambda value: {name: value}


_MAPS: dict[str, Any] = {
    "n_ctx": _as("max_len"), "max_model_len": _as("max_len"), "context_length": _as("max_len"),
    "dtype": _dtype, "quantization": _quantization,
    "type_k": _kv, "type_v": _kv, "kv_cache_dtype": _kv, "cache_type_k": _kv, "cache_type_v": _kv,
    "tensor_parallel_size": _as("tensor_parallel"), "tp_size": _as("tensor_parallel"),
    "pipeline_parallel_size": _as("pipeline_parallel"), "pp_size": _as("pipeline_parallel"),
    "data_parallel_size": _as("data_parallel"), "dp_size": _as("data_parallel"),
    "enable_expert_parallel": _as("expert_parallel"),
    "ep_size": lambda value: {"expert_parallel": isinstance(value, int) and value > 1},
    "enable_prefix_caching": _as("prefix_caching"), "disable_radix_cache": lambda value: {"prefix_caching": not value},
    "max_num_seqs": _as("max_seqs"), "max_running_requests": _as("max_seqs"), "parallel": _as("max_seqs"), "n_parallel": _as("max_seqs"),
    "gpu_memory_utilization": _as("memory_share"), "mem_fraction_static": _as("memory_share"),
    "enforce_eager": _as("eager"),
    "n_gpu_layers": lambda value: {} if value in (-1, 999) else "a server keeps all layers on its GPUs",
    "n_threads": lambda value: "servers choose their threads themselves",
    "num_threads": lambda value: "servers choose their threads themselves",
    "n_threads_batch": lambda value: "servers choose their threads themselves",
    "prompt_lookup_num_tokens": lambda value: {}, "max_matching_ngram_size": lambda value: {}, "speculative_config": lambda value: {},
    "cache_implementation": lambda value: "a server's paged cache takes its place",
    "attn_implementation": lambda value: "servers choose their attention kernels by the GPU",
    "device": lambda value: {}, "executable": lambda value: {}, "flash_attn": lambda value: {}, "use_mmap": lambda value: {},
}  # fmt: skip
