"""Every setting of the transformers engine, as data, and the pairs that cannot stand together.

Names are the parameters of `from_pretrained`, `generate`, `cache_config` and torch. The conflicts were found
by running each pair (transformers 5.23, torch 2.13); `describe` proves single values on this machine.
"""

from __future__ import annotations

from typing import Any

from engines.chat.knobs import CHAT_KNOBS
from engines.knobs import AUTO, Conflict, Effect, Kind, Knob, Scope

CACHES = ("dynamic", "static", "quantized", "offloaded", "offloaded_static")
CACHE_BACKENDS = ("fp8", "hqq", "quanto")
ATTENTION = ("sdpa", "eager", "flash_attention_2", "flash_attention_3", "flex_attention")
QUANTIZATIONS = (
    "none", "torchao-int8", "torchao-int8-dynamic", "torchao-fp8", "torchao-int4", "quanto-int8", "quanto-fp8", "quanto-int4",
    "quanto-int2", "bnb-8bit", "bnb-nf4", "bnb-fp4", "hqq-8bit", "hqq-4bit",
)  # fmt: skip
MAX_LOOKUP = 31
STATIC = ("static", "offloaded_static")


def _load(name: str, title: str, kind: Kind, default: Any, help: str, concept: str, **more: Any) -> Knob:
    return Knob(
        name=name, title=title, kind=kind, scope=Scope.LOAD, default=default, help=help, concept=concept, **more
    )


NUM_THREADS = _load("num_threads", "Threads", Kind.INT, AUTO,
    "Cores that work on one operation. On a CPU nothing matters more: more threads than free cores is many times slower. "
    "Auto: the cores this process may use.", "n_threads", auto=True, essential=True, minimum=1, maximum=512, unit="threads",
    effect=Effect.NUMERIC)  # fmt: skip
DTYPE = _load("dtype", "Precision", Kind.CHOICE, AUTO,
    "The number format of weights and arithmetic. Auto: bf16 where the processor computes it fast, otherwise fp32.",
    "dtype", auto=True, essential=True, values=("bf16", "fp16", "fp32"), effect=Effect.NUMERIC,
    weights=True)  # fmt: skip
QUANTIZATION = _load("quantization", "Quantization", Kind.CHOICE, "none",
    "Store the weights in fewer bits, made while loading. Less memory; faster only where a kernel for it exists.",
    "quantization", essential=True, values=QUANTIZATIONS, effect=Effect.LOSSY,
    weights=True)  # fmt: skip
ATTN = _load("attn_implementation", "Attention", Kind.CHOICE, AUTO,
    "The code that computes attention. Auto: what transformers picks for this model (sdpa where it can).",
    "attn_implementation", auto=True, essential=True, values=ATTENTION, effect=Effect.NUMERIC)  # fmt: skip
CACHE = _load("cache_implementation", "KV cache", Kind.CHOICE, AUTO,
    "How keys and values of past tokens are kept. Auto: dynamic, or static where compile needs it.",
    "cache_implementation", auto=True, essential=True, values=CACHES, effect=Effect.LOSSY)  # fmt: skip
COMPILE = _load("compile", "Compile", Kind.BOOL, False,
    "Compiles the decode step with torch.compile. Takes about a minute at load, needs a C++ compiler and a static cache.",
    "torch_compile", essential=True, effect=Effect.NUMERIC)  # fmt: skip
LOOKUP = _load("prompt_lookup_num_tokens", "Prompt lookup", Kind.INT, 0,
    "Guess so many tokens ahead by looking the last ones up in the text so far, and check them in one step; 0 is off. "
    "Pays when the answer copies from the prompt.", "prompt_lookup", essential=True, minimum=0, maximum=MAX_LOOKUP,
    unit="tokens", effect=Effect.NUMERIC)  # fmt: skip
NGRAM = _load("max_matching_ngram_size", "Lookup match", Kind.INT, 2,
    "The longest run of tokens that must repeat before a guess is made.", "prompt_lookup", minimum=1, maximum=16,
    unit="tokens", effect=Effect.NUMERIC)  # fmt: skip
N_CTX = _load("n_ctx", "Context", Kind.INT, AUTO,
    "How many tokens the conversation may hold; a static cache takes its memory at once. "
    "Auto: what the model was trained for, at most 4,096.", "n_ctx", auto=True, essential=True, minimum=64,
    maximum=1_048_576, unit="tokens", log=True)  # fmt: skip
DEVICE = _load("device", "Device", Kind.CHOICE, AUTO,
    "Where the model computes. Auto: a GPU if this torch can use one, otherwise the CPU.", "device", auto=True,
    values=("cpu", "cuda", "mps"), effect=Effect.NUMERIC)  # fmt: skip
CACHE_BACKEND = _load("cache_backend", "Cache quantizer", Kind.CHOICE, "fp8",
    "The library that quantizes the KV cache; used with the quantized cache only.", "kv_type", values=CACHE_BACKENDS,
    effect=Effect.LOSSY)  # fmt: skip
CACHE_NBITS = _load("cache_nbits", "Cache bits", Kind.CHOICE, AUTO,
    "Bits of one value in the quantized cache. Auto: 8 for fp8, otherwise 4.", "kv_type", auto=True,
    values=("8", "4", "2"), effect=Effect.LOSSY)  # fmt: skip
RESIDUAL = _load("residual_length", "Cache kept exact", Kind.INT, 128,
    "The newest tokens that a quantized cache (hqq, quanto) keeps in full precision.", "kv_type", minimum=1, maximum=8192,
    unit="tokens", effect=Effect.LOSSY, advanced=True)  # fmt: skip
GROUP = _load("q_group_size", "Cache group", Kind.CHOICE, "64",
    "Values that share one scale in a quantized cache (hqq, quanto).", "kv_type", values=("32", "64", "128"),
    effect=Effect.LOSSY, advanced=True)  # fmt: skip
DOUBLE_QUANT = _load("bnb_4bit_use_double_quant", "Double quantization", Kind.BOOL, True,
    "bitsandbytes 4-bit: store the scales quantized too (0.4 bit a weight less).", "quantization", effect=Effect.LOSSY,
    advanced=True, weights=True)  # fmt: skip
PREFILL_CHUNK = _load("prefill_chunk_size", "Prefill chunk", Kind.INT, 512,
    "Prompt tokens computed at once. Smaller takes less memory; larger reads faster.", "n_batch", minimum=16, maximum=65536,
    unit="tokens", log=True, effect=Effect.NUMERIC, advanced=True)  # fmt: skip
INTEROP = _load("num_interop_threads", "Interop threads", Kind.INT, 1,
    "Operations that may run at the same time. Chat has no use for more than one; it holds for the worker's whole life.",
    "n_threads", minimum=1, maximum=64, unit="threads", advanced=True)  # fmt: skip
COMPILE_MODE = _load("compile_mode", "Compile mode", Kind.CHOICE, "default",
    "What torch.compile strives for; reduce-overhead uses CUDA graphs and acts on NVIDIA GPUs only.", "torch_compile",
    values=("default", "reduce-overhead", "max-autotune"), advanced=True, effect=Effect.NUMERIC)  # fmt: skip

LOAD_KNOBS = (
    NUM_THREADS, DTYPE, QUANTIZATION, ATTN, CACHE, COMPILE, LOOKUP, N_CTX, NGRAM, DEVICE, CACHE_BACKEND, CACHE_NBITS,
    RESIDUAL, GROUP, DOUBLE_QUANT, PREFILL_CHUNK, INTEROP, COMPILE_MODE,
)  # fmt: skip
RUN_KNOBS = CHAT_KNOBS

_DRAFTING = tuple(range(1, MAX_LOOKUP + 1))
_FLASH = ("flash_attention_2", "flash_attention_3")
_NOT_TRACED = tuple(q for q in QUANTIZATIONS if q != "none" and not q.startswith("torchao"))

CONFLICTS = (
    Conflict({"prompt_lookup_num_tokens": _DRAFTING, "cache_implementation": STATIC},
        "Prompt lookup must take rejected tokens back out of the cache; transformers refuses static caches for it."),
    Conflict({"prompt_lookup_num_tokens": _DRAFTING, "cache_implementation": ("quantized",)},
        "Prompt lookup must take rejected tokens back out of the cache, which a quantized cache cannot do."),
    Conflict({"prompt_lookup_num_tokens": _DRAFTING, "compile": (True,)},
        "A compiled decode step needs a static cache, and prompt lookup cannot use one."),
    Conflict({"compile": (True,), "cache_implementation": ("dynamic", "quantized", "offloaded")},
        "torch.compile needs a cache whose shape never changes: the static one."),
    Conflict({"compile": (True,), "quantization": _NOT_TRACED},
        "transformers does not compile models quantized by this library; torchao's can be."),
    Conflict({"compile": (True,), "attn_implementation": ("flex_attention",)},
        "flex_attention is compiled by itself; a second compilation around it fails."),
    Conflict({"device": ("cpu",), "cache_implementation": ("offloaded", "offloaded_static")},
        "Offloading moves the cache from a GPU's memory to the computer's; on the CPU it already is there."),
    Conflict({"device": ("cpu", "mps"), "attn_implementation": _FLASH}, "FlashAttention runs on CUDA GPUs only."),
    Conflict({"dtype": ("fp32",), "attn_implementation": _FLASH}, "FlashAttention computes in bf16 or fp16 only."),
    Conflict({"dtype": ("fp32", "fp16"), "quantization": ("torchao-int4",)},
        "torchao's 4-bit kernel computes in bf16 only."),
    Conflict({"cache_implementation": ("quantized",), "cache_backend": ("fp8",), "cache_nbits": ("4", "2")},
        "fp8 has 8 bits; hqq and quanto have 4."),
    Conflict({"cache_implementation": ("quantized",), "cache_backend": ("quanto",), "cache_nbits": ("8",)},
        "quanto quantizes a cache to 4 or 2 bits; hqq and fp8 have 8."),
)  # fmt: skip
