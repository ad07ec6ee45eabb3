"""Memory, measured in a worker and estimated before a load (METRICS "Memory"). All sizes are bytes."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psutil

from engines import hardware
from engines.knobs import Value
from engines.protocol import Memory, ModelShape

OUTPUT_ROWS = 32  # logits rows that our llama.cpp adapter asks for at once

# bits per element of a KV-cache type: block bytes × 8 ÷ block length (ggml-common.h)
KV_BITS = {
    "f32": 32.0, "f16": 16.0, "bf16": 16.0, "q8_0": 8.5, "q5_1": 6.0, "q5_0": 5.5, "q4_1": 5.0, "q4_0": 4.5, "iq4_nl": 4.5,
    "fp32": 32.0, "fp16": 16.0,
}  # fmt: skip


def rss() -> int:
    """Resident bytes of this process."""
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return int(psutil.Process().memory_info().rss)


def reset_peak() -> None:
    """Start the kernel's high-water mark anew (Linux; elsewhere it counts from the process's start)."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")
    torch = _torch_cuda()
    if torch is not None:
        torch.cuda.reset_peak_memory_stats()


def peak() -> int | None:
    """The kernel's high-water mark of resident bytes since `reset_peak`."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    info = psutil.Process().memory_info()
    found = getattr(info, "peak_wset", None)
    return int(found) if found is not None else None


def mapped(files: Iterable[str]) -> int | None:
    """Resident pages of this process that map one of `files`; None where the system does not say."""
    wanted = {os.path.realpath(f) for f in files}
    if not wanted:
        return None
    total, inside = 0, False
    try:
        with open("/proc/self/smaps") as smaps:
            for line in smaps:
                if line[0] in "0123456789abcdef" and "-" in line.split(" ", 1)[0]:
                    parts = line.split(maxsplit=5)
                    inside = len(parts) == 6 and parts[5].strip() in wanted
                elif inside and line.startswith("Rss:"):
                    total += int(line.split()[1]) * 1024
    except OSError:
        return None
    return total


class Meter:
    """Memory of one session in its worker: the runtime's part is marked after the library's import."""

    def __init__(self) -> None:
        self.runtime_bytes: int | None = None

    def mark_runtime(self) -> None:
        self.runtime_bytes = rss()

    def read(self, files: Iterable[str], device: str, parts: Mapping[str, int]) -> Memory:
        """What the session holds now. model_bytes: resident minus runtime (CPU), or the GPU's own figure."""
        resident, base = rss(), self.runtime_bytes
        model = None if base is None else max(0, resident - base)
        on_device = device_bytes() if device != "cpu" else None
        return Memory(
            runtime_bytes=base,
            model_bytes=model if on_device is None else on_device,
            mapped_bytes=mapped(files),
            peak_bytes=device_peak() if device != "cpu" else peak(),
            device=device,
            device_bytes=on_device,
            parts=dict(parts),
        )


def device_bytes() -> int | None:
    """GPU memory of this process: torch's allocator (reserved), else NVML by process, else None."""
    torch = _torch_cuda()
    if torch is not None:
        return int(torch.cuda.memory_reserved())
    return hardware.gpu_process_bytes(os.getpid())


def device_peak() -> int | None:
    torch = _torch_cuda()
    return int(torch.cuda.max_memory_reserved()) if torch is not None else device_bytes()


def kv_bytes(shape: ModelShape, n_ctx: int, type_k: str = "f16", type_v: str = "f16") -> int:
    """Bytes of a KV cache of n_ctx tokens: Σ layers × kv heads × (d_k·b_k + d_v·b_v)."""
    per_head = shape.head_dim_k * KV_BITS[type_k] + shape.head_dim_v * KV_BITS[type_v]
    return int(n_ctx * shape.n_layers * shape.n_kv_heads * per_head / 8)


def estimate(
    shape: ModelShape, engine: str, load: Mapping[str, Value], overhead_bytes: int | None = None
) -> dict[str, int]:
    """Parts of `model_bytes` before a load: weights (header-exact), kv (formula), compute, other.

    load: the settled load knobs. overhead_bytes: what this machine's own loads of this engine came to
    beyond the formula (median of measured − estimated); None before the first.
    """
    parts = _ESTIMATES.get(engine, _estimate_torch)(shape, load)
    learnt = overhead_bytes or 0
    parts["compute"] = max(0, parts["compute"] + min(0, learnt))  # buffers that are reserved and never touched
    parts["other"] = max(0, learnt)
    return parts


def total(parts: Mapping[str, int]) -> int:
    """estimate_bytes: all parts together."""
    return sum(parts.values())


def _estimate_llama(shape: ModelShape, load: Mapping[str, Value]) -> dict[str, int]:
    """llama.cpp allocates n_ctx at once; compute = the attention mask, the logits' rows and one layer's
    activations (after gguf-parser-go's reading of its allocator; checked against the log's own sizes)."""
    n_ctx = _number(load.get("n_ctx"), min(shape.n_ctx_train or 4096, 4096))
    n_batch = min(_number(load.get("n_batch"), 512), n_ctx)
    n_ubatch = min(_number(load.get("n_ubatch"), 512), n_batch)
    kv = kv_bytes(shape, n_ctx, _word(load.get("type_k"), "f16"), _word(load.get("type_v"), "f16"))
    mask = 4 * n_ubatch * n_ctx
    layer = 4 * n_ubatch * max(3 * shape.n_ff, 6 * shape.n_embd)
    attention = 0 if load.get("flash_attn") in ("on", True) else mask * shape.n_heads
    logits = 4 * shape.n_vocab * min(OUTPUT_ROWS, n_ubatch)
    return {"weights": shape.tensor_bytes, "kv": kv, "compute": mask + logits + max(layer, attention)}


def _estimate_torch(shape: ModelShape, load: Mapping[str, Value]) -> dict[str, int]:
    """transformers: weights in the asked dtype or quantization, a cache that grows to the context."""
    auto = "bf16" if hardware.gpus() or hardware.bf16_flags() else "fp32"
    width = 4.0 if _word(load.get("dtype"), auto) == "fp32" else 2.0
    embedding = shape.n_vocab * shape.n_embd
    body = max(0, shape.n_params - embedding)
    bits = _QUANTIZED_BITS.get(_word(load.get("quantization"), "none"))
    weights = int(embedding * width + body * (width if bits is None else bits / 8))
    n_ctx = _number(load.get("max_cache_len") or load.get("n_ctx"), min(shape.n_ctx_train or 4096, 4096))
    kv = int(kv_bytes(shape, n_ctx, "f32" if width == 4 else "f16", "f32" if width == 4 else "f16"))
    compute = int(width * (512 * max(shape.n_ff, shape.n_embd) * 4 + 4 * shape.n_vocab))
    return {"weights": weights, "kv": kv, "compute": compute}


_ESTIMATES = {"llama-cpp": _estimate_llama, "transformers": _estimate_torch}
_QUANTIZED_BITS = {
    "torchao-int8": 8.2, "int8": 8.2, "quanto-int8": 8.2, "bnb-8bit": 8.1, "bnb-nf4": 4.5, "bnb-fp4": 4.5, "torchao-int4": 5.0,
}  # fmt: skip


def _number(value: Any, fallback: int) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value else fallback


def _word(value: Any, fallback: str) -> str:
    return value if isinstance(value, str) and value != "auto" else fallback


def _torch_cuda() -> Any:
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)  # absent while another thread still imports torch
    if cuda is not None and cuda.is_available() and cuda.is_initialized():
        return torch
    return None
