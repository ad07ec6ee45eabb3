"""The settings of `llama-server` that matter on one machine. Names are llama.cpp's parameters, as in `llama_knobs`, so that
one model in process and on a server has the same settings; flags are the command's own, which change from build to build.
"""

from __future__ import annotations

from engines.chat.llama_knobs import CONFLICTS as LLAMA_CONFLICTS
from engines.chat.llama_knobs import KV_TYPES
from engines.knobs import AUTO, Conflict, Effect, Kind
from engines.servers.program_knobs import executable, extra_args, load

SPEC_TYPES = (
    "draft-simple", "draft-eagle3", "draft-mtp", "draft-dflash", "draft-dspark", "ngram-simple", "ngram-map-k", "ngram-map-k4v",
    "ngram-mod", "ngram-cache",
)  # fmt: skip
LOAD_MODES = ("none", "mmap", "mlock", "mmap+mlock", "dio")

LOAD_KNOBS = (
    load("n_ctx", "Context", Kind.INT, AUTO,
         "How many tokens the conversation may hold; several answers at once share it. Auto: what the model was "
         "trained for, less where memory is short.", "n_ctx", "--ctx-size", essential=True, minimum=256, maximum=10_000_000,
         unit="tokens", log=True),
    load("n_gpu_layers", "GPU layers", Kind.INT, AUTO, "Layers kept on the GPU; 999 is all of any model.", "n_gpu_layers",
         "--n-gpu-layers", essential=True, minimum=0, maximum=999, unit="layers", effect=Effect.NUMERIC),
    load("n_threads", "Threads", Kind.INT, AUTO, "Threads for decoding.", "n_threads", "--threads", essential=True, minimum=1, maximum=512,
         unit="threads"),
    load("flash_attn", "Flash attention", Kind.CHOICE, AUTO, "Computes attention in one pass. Auto: where the device can.", "flash_attn",
         "--flash-attn", essential=True, values=("on", "off"), effect=Effect.NUMERIC),
    load("type_k", "K cache", Kind.CHOICE, "f16", "Precision of the cache's keys. Fewer bits: less memory, and the answer may suffer.",
         "kv_type", "--cache-type-k", essential=True, values=KV_TYPES, effect=Effect.LOSSY),
    load("type_v", "V cache", Kind.CHOICE, "f16", "Precision of the cache's values. A quantized one needs flash attention.", "kv_type",
         "--cache-type-v", essential=True, values=KV_TYPES, effect=Effect.LOSSY),
    load("parallel", "Answers at once", Kind.INT, None, "How many requests are answered at the same time, each in a slot of its own.",
         "continuous_batching", "--parallel", essential=True, minimum=1, maximum=1024, unit="slots"),
    load("spec_type", "Speculation", Kind.CHOICE, None, "How tokens are guessed ahead and checked in one step.", "speculation",
         "--spec-type", essential=True, values=SPEC_TYPES, effect=Effect.NUMERIC),
    load("spec_draft_n_max", "Guesses a step", Kind.INT, None, "The most tokens that are guessed at once.", "speculation",
         "--spec-draft-n-max", minimum=1, maximum=256, unit="tokens", effect=Effect.NUMERIC),
    load("model_draft", "Draft model", Kind.TEXT, None, "Path of a small GGUF file of the same family that makes the guesses.", "speculation",
         "--model-draft", effect=Effect.NUMERIC),
    load("n_batch", "Batch", Kind.INT, AUTO, "Prompt tokens handed over at once.", "n_batch", "--batch-size", minimum=1, maximum=65536,
         unit="tokens", log=True, effect=Effect.NUMERIC),
    load("n_ubatch", "Micro-batch", Kind.INT, AUTO, "Prompt tokens computed at once; more is faster to read and takes more memory.",
         "n_ubatch", "--ubatch-size", minimum=1, maximum=65536, unit="tokens", log=True, effect=Effect.NUMERIC),
    load("n_threads_batch", "Prefill threads", Kind.INT, AUTO, "Threads for reading the prompt.", "n_threads_batch", "--threads-batch",
         minimum=1, maximum=512, unit="threads"),
    load("cont_batching", "Continuous batching", Kind.BOOL, True, "New requests join the next step instead of waiting for the last to end.",
         "continuous_batching", "--cont-batching", flag_off="--no-cont-batching"),
    load("cache_reuse", "Shifted reuse", Kind.INT, None,
         "Parts of a prompt at least this long are used again where they moved. The answer may differ a little.", "prefix_cache",
         "--cache-reuse", minimum=0, maximum=65536, unit="tokens", effect=Effect.LOSSY),
    load("cache_ram", "Prompt cache in RAM", Kind.INT, None, "Memory for prompts of earlier conversations; 0 keeps none, -1 has no limit.",
         "kv_offload", "--cache-ram", minimum=-1, maximum=16_777_216, unit="MiB"),
    load("n_cpu_moe", "Experts on the CPU", Kind.INT, None, "Layers whose experts stay in the machine's memory, for mixture-of-experts models.",
         "offload_kqv", "--n-cpu-moe", minimum=0, maximum=1000, unit="layers", effect=Effect.NUMERIC),
    load("load_mode", "Reading the file", Kind.CHOICE, None,
         "mmap reads weights as they are needed; none copies them into memory; mlock asks the system never to swap them out.", "use_mmap",
         "--load-mode", values=LOAD_MODES),
    load("no_mmap", "Do not map (old builds)", Kind.BOOL, False, "Copies the weights into memory. New builds have “Reading the file” instead.",
         "use_mmap", "--no-mmap"),
    load("mlock", "Lock memory (old builds)", Kind.BOOL, False,
         "Asks the system never to swap the weights out. New builds have “Reading the file” instead.", "use_mlock", "--mlock"),
    executable("llama-server", "TANDEM_LLAMA_SERVER"),
    extra_args("llama-server"),
)  # fmt: skip

CONFLICTS = (
    *LLAMA_CONFLICTS,
    Conflict(
        when={"spec_type": ("draft-simple",), "model_draft": (None,)},
        reason="draft-simple guesses with a draft model, and none is named.",
    ),
)
