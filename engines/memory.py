"""Memory, measured in a worker and estimated before a load (METRICS "Memory"). All sizes are bytes.

How well the formulas meet what is measured: docs/measurements.md, "Estimate"; `tests/bench/estimate.py` measures it again.
"""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from engines import hardware
from engines.knobs import Settings, Value
from engines.protocol import Memory, ModelShape

OUTPUT_ROWS = 32  # logits rows that our llama.cpp adapter asks for at once
AUTO_CTX = 4096  # both adapters: what the model was trained for, at most so much

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


@dataclass(frozen=True, slots=True)
class Estimated:
    """parts: weights, kv, compute, other: what the session takes once its context is full.

    at_load_bytes: what `model_bytes` will say after priming. It is less than all parts together: a dynamic cache is
    still empty then, and buffers that were reserved for a full context have only been touched at their beginning.
    """

    parts: dict[str, int]
    at_load_bytes: int

    @property
    def total_bytes(self) -> int:
        return sum(self.parts.values())


def kv_bytes(shape: ModelShape, n_ctx: int, type_k: str = "f16", type_v: str = "f16") -> int:
    """Bytes of a KV cache of n_ctx tokens: Σ layers × kv heads × (d_k·b_k + d_v·b_v)."""
    per_head = shape.head_dim_k * KV_BITS[type_k] + shape.head_dim_v * KV_BITS[type_v]
    return int(n_ctx * shape.n_layers * shape.n_kv_heads * per_head / 8)


def estimate(
    shape: ModelShape, engine: str, load: Mapping[str, Value], mix: Mapping[str, int] | None = None
) -> Estimated:
    """What a load would take, before it, from the header alone: no file is read, nothing blocks.

    load: the load knobs, Auto allowed. mix: tensor type → number of tensors (only says what is copied by repacking).
    """
    return _ESTIMATES.get(engine, _estimate_torch)(shape, load, mix or {})


def settled(shape: ModelShape, engine: str, load: Mapping[str, Value]) -> Settings:
    """The load knobs that memory depends on, Auto decided as the adapters decide it."""
    return (_settled_llama if engine == "llama-cpp" else _settled_torch)(shape, load)


def kind(engine: str, load: Mapping[str, Value]) -> tuple[str, ...]:
    """What of the load knobs decides how far reality lies from the formula: loads of one kind teach one another, and
    those that agree in the first word a little. Auto allowed."""
    if engine == "llama-cpp":
        got = _settled_llama(None, load)
        return "mapped" if got["use_mmap"] else "copied", str(got["flash_attn"]), str(got["type_k"]), str(got["type_v"])
    got = _settled_torch(None, load)
    attention = "eager" if got["attn_implementation"] == "eager" else "fused"
    return str(got["quantization"]), str(got["dtype"]), str(got["cache_implementation"]), attention


# --- llama.cpp ------------------------------------------------------------------------------------

# bytes a vocabulary entry takes in llama.cpp: its text in three tables, and its merge (measured at 49,152 to 151,936)
LLAMA_WORD = 390
LLAMA_FIXED = 7_000_000  # the library's own pages that inference touches, graphs, Python's objects
KV_PAD = 256  # the context and what attention looks at are rounded up to so many tokens (llama-context.cpp)
CELL_BYTES = 128  # a cache cell's position and set of sequences


def _settled_llama(shape: ModelShape | None, load: Mapping[str, Value]) -> Settings:
    """engines.chat.llama_auto.resolve, as far as memory goes; n_ctx is what llama.cpp rounds it to."""
    n_ctx = _rounded(_number(load.get("n_ctx"), _auto_ctx(shape)))
    n_batch = min(_number(load.get("n_batch"), 512), n_ctx)
    type_k, type_v = _word(load.get("type_k"), "f16"), _word(load.get("type_v"), "f16")
    lookup = _number(load.get("prompt_lookup_num_tokens"), 0)
    automatic = KV_BITS[type_v] < 16 or lookup > 0 or _number(load.get("n_gpu_layers"), 0) != 0
    return {
        "n_ctx": n_ctx, "n_batch": n_batch, "n_ubatch": min(_number(load.get("n_ubatch"), 512), n_batch),
        "type_k": type_k, "type_v": type_v, "flash_attn": _word(load.get("flash_attn"), "on" if automatic else "off"),
        "prompt_lookup_num_tokens": lookup,
        "use_mmap": load.get("use_mmap") is not False and not load.get("lora_path"),
    }  # fmt: skip


def _estimate_llama(shape: ModelShape, load: Mapping[str, Value], mix: Mapping[str, int]) -> Estimated:
    """llama.cpp takes the whole cache at once (cleared, so really resident) and reserves the compute buffer for a full
    context; priming with one batch touches what that batch needs of it."""
    got = _settled_llama(shape, load)
    n_ctx, n_batch = _whole(got["n_ctx"]), _whole(got["n_batch"])
    outputs = min(max(_whole(got["prompt_lookup_num_tokens"]) + 1, OUTPUT_ROWS), n_batch)
    weights = shape.tensor_bytes + (repacked_bytes(shape, mix) if got["use_mmap"] else 0)
    kv = kv_bytes(shape, n_ctx, str(got["type_k"]), str(got["type_v"]))
    other = LLAMA_FIXED + LLAMA_WORD * shape.n_vocab + CELL_BYTES * n_ctx
    touched = _llama_compute(shape, got, min(n_ctx, _rounded(n_batch)), 1)
    compute = _llama_compute(shape, got, n_ctx, outputs)
    parts = {"weights": weights, "kv": kv, "compute": compute, "other": other}
    return Estimated(parts, weights + kv + touched + other)


def _rounded(n_tokens: int) -> int:
    return -(-n_tokens // KV_PAD) * KV_PAD


def _llama_compute(shape: ModelShape, got: Settings, n_kv: int, outputs: int) -> int:
    """The buffer of a graph that looks at n_kv cached tokens (right for llama-like models, compared with the log at four
    shapes, six contexts, four micro-batches), and the threads' shared work space, which no log names.

    The buffer holds what is alive at once at the graph's widest place, f32 except the mask of flash attention: attention
    (one n_kv row a token and head without flash attention), the feed-forward block, or the logits.
    """
    n_ubatch, flash = _whole(got["n_ubatch"]), got["flash_attn"] == "on"
    width, cached = shape.n_embd, shape.n_kv_heads * shape.head_dim_k
    if flash:
        rows = 3 if KV_BITS[str(got["type_k"])] < 16 else 4
        widest = n_ubatch * (2 * n_kv + 4 * (3 * shape.n_ff + rows * width))
    else:
        attention = n_kv * (shape.n_heads + 1) + 5 * width + 2 * cached
        feed_forward = n_kv + 3 * shape.n_ff + 3 * width + 2 * cached
        widest = 4 * n_ubatch * max(attention, feed_forward)
    buffer = max(widest, 4 * (outputs * (shape.n_vocab + 2 * width) + n_ubatch * width))
    scores = 0 if flash or KV_BITS[str(got["type_v"])] > 16 else 2 * n_ubatch * n_kv * shape.n_heads
    return buffer + max(scores, n_ubatch * shape.n_ff * 9 // 8)  # the second matrix in the first's type: f16, q8_1


def repacked_bytes(shape: ModelShape, mix: Mapping[str, int]) -> int:
    """Bytes of the weights that llama.cpp copies into an order its CPU kernels like; the mapped file stays beside them.

    By counts: a type's share of the layers' matrices is taken as its share of their elements. More matrices of one type
    than the layers have: the output matrix is among them.
    """
    quantized = {kind: count for kind, count in mix.items() if kind not in ("F32", "F16", "BF16")}
    in_layers = max(1, MATRICES * shape.n_layers)
    embedding = shape.n_vocab * shape.n_embd
    body = max(0, shape.n_params - embedding)
    elements = {kind: body * min(count, in_layers) / in_layers + embedding * (count > in_layers)
                for kind, count in quantized.items() if kind in repacked_types()}  # fmt: skip
    return int(sum(n * REPACKED_BITS[kind] / 8 for kind, n in elements.items()))


MATRICES = 7  # of a layer: q, k, v, output, gate, up, down
REPACKED_BITS = {"Q4_0": 4.5, "IQ4_NL": 4.5, "Q4_K": 4.5, "Q2_K": 2.625, "Q5_K": 5.5, "Q6_K": 6.5625, "Q8_0": 8.5}


@functools.cache
def repacked_types() -> frozenset[str]:
    """Tensor types that llama.cpp's CPU backend repacks on this processor (ggml-cpu/repack.cpp)."""
    flags = hardware.cpu_flags()
    if platform.machine().lower() in ("arm64", "aarch64"):
        return frozenset(REPACKED_BITS) - {"Q2_K"}
    types = {"Q4_0", "IQ4_NL", "Q4_K"} if "avx2" in flags or sys.platform != "linux" else set()
    return frozenset(types | ({"Q2_K"} if "avx512f" in flags else set()))


# --- transformers -----------------------------------------------------------------------------------

# tokenizer (text, merges, ids, in Rust and as JSON) for each vocabulary entry; oneDNN, torch's and Python's own pages
TORCH_WORD = 740
TORCH_FIXED = 20_500_000
_QUANTIZED_BITS = {
    "torchao-int8": 8.2, "torchao-int8-dynamic": 8.2, "torchao-fp8": 8.2, "quanto-int8": 8.2, "quanto-fp8": 8.2, "bnb-8bit": 8.1,
    "hqq-8bit": 8.5, "bnb-nf4": 4.5, "bnb-fp4": 4.5, "torchao-int4": 5.0, "quanto-int4": 4.5, "hqq-4bit": 4.5, "quanto-int2": 2.5,
}  # fmt: skip


def _settled_torch(shape: ModelShape | None, load: Mapping[str, Value]) -> Settings:
    """engines.chat.transformers_load.resolve, as far as memory goes."""
    quantization = _word(load.get("quantization"), "none")
    fast = hardware.gpus() or hardware.bf16_flags() or quantization == "torchao-int4"
    cache = _word(load.get("cache_implementation"), "static" if load.get("compile") is True else "dynamic")
    backend = _word(load.get("cache_backend"), "fp8")
    return {
        "n_ctx": _number(load.get("n_ctx"), _auto_ctx(shape)),
        "dtype": _word(load.get("dtype"), "bf16" if fast else "fp32"), "quantization": quantization,
        "cache_implementation": cache, "cache_nbits": _word(load.get("cache_nbits"), "8" if backend == "fp8" else "4"),
        "attn_implementation": _word(load.get("attn_implementation"), "sdpa"),
        "prefill_chunk_size": _number(load.get("prefill_chunk_size"), 512),
    }  # fmt: skip


def _estimate_torch(shape: ModelShape, load: Mapping[str, Value], mix: Mapping[str, int]) -> Estimated:
    """transformers: weights in the asked dtype (mapped from the file if it is the file's own), a cache that grows with
    the conversation unless it is static, and one prefill chunk's activations, which go back to the system each time."""
    got = _settled_torch(shape, load)
    n_ctx = _whole(got["n_ctx"])
    chunk = min(_whole(got["prefill_chunk_size"]), n_ctx)
    width, static = (4 if got["dtype"] == "fp32" else 2), "static" in str(got["cache_implementation"])
    weights, copies = _torch_weights(shape, width, str(got["quantization"]))
    kv = kv_bytes(shape, n_ctx, "f32" if width == 4 else "f16", "f32" if width == 4 else "f16")
    if got["cache_implementation"] == "quantized":
        kv = int(kv * (float(str(got["cache_nbits"])) + 0.5) / (8 * width))
    other = TORCH_FIXED + TORCH_WORD * shape.n_vocab + copies
    eager = got["attn_implementation"] == "eager"
    compute = _torch_compute(shape, width, chunk, n_ctx if eager else 0)
    parts = {"weights": weights, "kv": kv, "compute": compute, "other": other}
    return Estimated(parts, weights + (kv if static else 0) + other)  # priming's activations are given back


def _torch_weights(shape: ModelShape, width: int, quantization: str) -> tuple[int, int]:
    """(bytes of the weights, bytes that quantizing while loading leaves: the mapped file and copies on the heap)."""
    bits = _QUANTIZED_BITS.get(quantization)
    if bits is None:
        return shape.n_params * width, 0
    embedding = shape.n_vocab * shape.n_embd
    body = max(0, shape.n_params - embedding)
    return int(embedding * width + body * bits / 8), (shape.n_params + body) * width


def _torch_compute(shape: ModelShape, width: int, chunk: int, attended: int) -> int:
    """Activations of one chunk: gate, up and their product, the residual and q, k, v; the last row's logits; and for eager
    attention each head's scores (in the dtype, and as f32 for the softmax)."""
    activations = width * chunk * (3 * shape.n_ff + 4 * shape.n_embd)
    return activations + 4 * shape.n_vocab + chunk * attended * shape.n_heads * (width + 4)


_ESTIMATES = {"llama-cpp": _estimate_llama, "transformers": _estimate_torch}


def _auto_ctx(shape: ModelShape | None) -> int:
    return min(shape.n_ctx_train or AUTO_CTX, AUTO_CTX) if shape is not None else AUTO_CTX


def _whole(value: Value) -> int:
    """A settled knob that is a whole number."""
    return value if isinstance(value, int) else 0


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
