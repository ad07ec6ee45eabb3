"""Auto, resolved before loading, with its reason; and the names of `llama_cpp.Llama`'s parameters for what was settled."""

from __future__ import annotations

import json
import os
from typing import Any

from engines import hardware
from engines.chat.llama_knobs import QUANTIZED_KV, QUANTIZED_V
from engines.errors import EngineError
from engines.knobs import AUTO, Settings

AUTO_CTX = 4096
AUTO_BATCH = 512  # the default of llama_cpp.Llama

GGML_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "iq4_nl": 20, "bf16": 30}
_SPLIT = {"none": 0, "layer": 1, "row": 2, "tensor": 3}
_ROPE = {"none": 0, "linear": 1, "yarn": 2, "longrope": 3}
_NUMA = {"disabled": 0, "distribute": 1, "isolate": 2, "numactl": 3, "mirror": 4}
_YARN = ("yarn_ext_factor", "yarn_attn_factor", "yarn_beta_fast", "yarn_beta_slow")
_AS_THEY_ARE = (
    "n_ctx", "n_gpu_layers", "n_threads", "n_threads_batch", "n_batch", "n_ubatch", "use_mmap", "use_mlock", "main_gpu",
    "offload_kqv", "op_offload", "swa_full", "no_perf", "lora_path", "lora_scale", "lora_base",
)  # fmt: skip


def resolve(asked: Settings, n_ctx_train: int, gpu: bool) -> tuple[Settings, dict[str, str]]:
    """(settings without Auto, knob → why). gpu: this build can use one and one is there.

    Raises EngineError `conflict` for what Auto cannot make whole.
    """
    got, why = dict(asked), {}
    cores = hardware.usable_cores()
    for name in ("n_threads", "n_threads_batch"):
        if got[name] == AUTO:
            got[name] = cores
            why[name] = f"{cores} thread{'s' * (cores != 1)}: the cores this process may use"
    if got["n_ctx"] == AUTO:
        got["n_ctx"] = min(n_ctx_train or AUTO_CTX, AUTO_CTX)
        trained = f"trained with {n_ctx_train:,}, " if n_ctx_train else ""
        why["n_ctx"] = f"{got['n_ctx']:,} tokens: {trained}at most {AUTO_CTX:,} unless asked for"
    if got["n_gpu_layers"] == AUTO:
        got["n_gpu_layers"] = -1 if gpu else 0
        why["n_gpu_layers"] = "all: this build can use the GPU" if gpu else "0: " + no_gpu()
    _resolve_batch(got, why)
    _resolve_flash(got, why)
    if got["lora_path"] and not os.path.isfile(str(got["lora_path"])):
        raise EngineError("bad_knob", f"There is no LoRA file at {got['lora_path']}.", "Choose another file.")
    return got, why


def no_gpu() -> str:
    """Why there is no GPU to use here."""
    if hardware.gpus():
        return "this build of llama-cpp-python is for the CPU alone"
    return "no GPU was found, and this build is for the CPU alone"


def arguments(settings: Settings) -> dict[str, Any]:
    """Settings without Auto as keyword arguments of `llama_cpp.Llama`; None is left to the model."""
    args: dict[str, Any] = {name: settings[name] for name in _AS_THEY_ARE}
    args["flash_attn"] = settings["flash_attn"] == "on"
    args["type_k"], args["type_v"] = (GGML_TYPES[str(settings[name])] for name in ("type_k", "type_v"))
    args["split_mode"] = _SPLIT[str(settings["split_mode"])]
    args["numa"] = _NUMA[str(settings["numa"])]
    for name in ("rope_freq_base", "rope_freq_scale", "yarn_orig_ctx"):
        args[name] = settings[name] or 0
    for name in _YARN:  # the C library's own “from the model”; the class has fixed numbers instead
        value = settings[name]
        args[name] = -1.0 if value is None else value
    if settings["rope_scaling_type"] is not None:
        args["rope_scaling_type"] = _ROPE[str(settings["rope_scaling_type"])]
    if settings["tensor_split"]:
        args["tensor_split"] = _shares(str(settings["tensor_split"]))
    if settings["kv_overrides"]:
        args["kv_overrides"] = _object("kv_overrides", str(settings["kv_overrides"]))
    return args


def _resolve_batch(got: Settings, why: dict[str, str]) -> None:
    """The engine lowers n_batch to n_ctx, and n_ubatch to n_batch; we say so."""
    for name, limit in (("n_batch", "n_ctx"), ("n_ubatch", "n_batch")):
        if got[name] == AUTO:
            got[name] = AUTO_BATCH
            why[name] = f"{AUTO_BATCH} tokens: the library's own size"
        if int(got[name]) > int(got[limit]):  # type: ignore[arg-type]
            got[name] = got[limit]
            why[name] = f"{got[limit]} tokens: not more than {limit}"


def _resolve_flash(got: Settings, why: dict[str, str]) -> None:
    """Prompt lookup: with flash attention a batch gives bit for bit what single tokens give below 512 cached tokens, and
    nearly so above (CPU, tried with 5 drafted); without it logits differ by up to 0.8 and near-ties flip."""
    quantized, lookup = got["type_v"] in QUANTIZED_KV, got["prompt_lookup_num_tokens"] != 0
    if got["flash_attn"] == AUTO:
        reasons = (
            (quantized, "on: a quantized V cache needs it"),
            (got["n_gpu_layers"] != 0, "on: the model is on a GPU"),
            (lookup, "on: guesses are then checked as plain decoding would have it"),
            (True, "off: on a CPU it gains nothing in speed here"),
        )
        why["flash_attn"] = next(words for holds, words in reasons if holds)
        got["flash_attn"] = why["flash_attn"].split(":")[0]
    elif lookup and got["flash_attn"] == "off":
        why["prompt_lookup_num_tokens"] = (
            "without flash attention, rounding may differ from plain decoding at near-ties"
        )
    if quantized and got["flash_attn"] == "off":
        raise EngineError("conflict", QUANTIZED_V, "Switch flash_attn on, or set type_v to f16.")


def _shares(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise EngineError("bad_knob", f"tensor_split cannot be {text!r}.", "Give numbers like 3,1.") from None


def _object(name: str, text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise EngineError("bad_knob", f"{name} must be a JSON object.", 'Like {"key": 1}.')
    return value
