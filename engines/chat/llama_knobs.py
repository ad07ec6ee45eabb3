"""Every setting of llama.cpp, as data. Names are the parameters of `llama_cpp.Llama`, its samplers and its prompt lookup.

Not declared, with the reason: seed (a run knob), vocab_only, embedding, pooling_type, attention_type, logits_all,
spm_infill (other uses than chat), chat_format, chat_handler (templates are ours, for all engines), draft_model (prompt
lookup has its own knobs), tokenizer, verbose.
"""

from __future__ import annotations

from typing import Any

from engines.chat.knobs import CHAT_KNOBS
from engines.knobs import AUTO, Conflict, Effect, Kind, Knob, Scope

KV_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
QUANTIZED_KV = KV_TYPES[3:]
QUANTIZED_V = "A quantized V cache needs flash attention: llama.cpp refuses it otherwise."


def _load(name: str, title: str, kind: Kind, default: Any, help: str, concept: str, **more: Any) -> Knob:
    return Knob(
        name=name, title=title, kind=kind, scope=Scope.LOAD, default=default, help=help, concept=concept, **more
    )


def _rest(name: str, title: str, kind: Kind, default: Any, help: str, concept: str, **more: Any) -> Knob:
    return _load(name, title, kind, default, help, concept, **({"advanced": True} | more))


N_CTX = _load("n_ctx", "Context", Kind.INT, AUTO,
    "How many tokens the conversation may hold. Its memory is taken at once. Auto: what the model was trained for, at most 4,096.",
    "n_ctx", auto=True, essential=True, minimum=256, maximum=1_048_576, unit="tokens", log=True)  # fmt: skip
N_GPU_LAYERS = _load("n_gpu_layers", "GPU layers", Kind.INT, AUTO,
    "Layers kept on the GPU; -1 is all. Auto: all where this build can use a GPU, otherwise none.", "n_gpu_layers",
    auto=True, essential=True, minimum=-1, maximum=1000, unit="layers", effect=Effect.NUMERIC)  # fmt: skip
N_THREADS = _load("n_threads", "Threads", Kind.INT, AUTO,
    "Threads for decoding. Auto: the cores this process may use.", "n_threads", auto=True, essential=True,
    minimum=1, maximum=512, unit="threads")  # fmt: skip
N_THREADS_BATCH = _load("n_threads_batch", "Prefill threads", Kind.INT, AUTO,
    "Threads for reading the prompt. Auto: the cores this process may use.", "n_threads_batch", auto=True,
    minimum=1, maximum=512, unit="threads")  # fmt: skip
N_BATCH = _load("n_batch", "Batch", Kind.INT, AUTO,
    "Prompt tokens handed to the engine at once; Stop is heard between and inside them. Auto: 512.", "n_batch", auto=True,
    minimum=1, maximum=65536, unit="tokens", log=True, effect=Effect.NUMERIC)  # fmt: skip
N_UBATCH = _load("n_ubatch", "Micro-batch", Kind.INT, AUTO,
    "Prompt tokens computed at once; more is faster to read and takes more memory. Auto: 512.", "n_ubatch", auto=True,
    minimum=1, maximum=65536, unit="tokens", log=True, effect=Effect.NUMERIC)  # fmt: skip
FLASH_ATTN = _load("flash_attn", "Flash attention", Kind.CHOICE, AUTO,
    "Computes attention in one pass. Saves memory at long contexts; on a CPU it can be slower. Auto: on for a GPU, a quantized V cache or prompt lookup.",
    "flash_attn", auto=True, essential=True, values=("on", "off"), effect=Effect.NUMERIC)  # fmt: skip
TYPE_K = _load("type_k", "K cache", Kind.CHOICE, "f16",
    "Precision of the cache's keys. Fewer bits: less memory, and the answer may suffer.", "kv_type", essential=True,
    values=KV_TYPES, effect=Effect.LOSSY)  # fmt: skip
TYPE_V = _load("type_v", "V cache", Kind.CHOICE, "f16",
    "Precision of the cache's values. A quantized one needs flash attention.", "kv_type", essential=True,
    values=KV_TYPES, effect=Effect.LOSSY)  # fmt: skip
USE_MMAP = _load("use_mmap", "Map the file", Kind.BOOL, True,
    "Reads weights from the file as they are needed; the system can drop them again. Off: copied into memory.", "use_mmap")  # fmt: skip
USE_MLOCK = _load("use_mlock", "Lock memory", Kind.BOOL, False,
    "Asks the system never to swap the weights out. It may refuse.", "use_mlock")  # fmt: skip
LOOKUP_TOKENS = _load("prompt_lookup_num_tokens", "Prompt lookup", Kind.INT, 0,
    "Guess this many tokens from what was already said and check them in one step; 0 is off. Helps where the answer copies the prompt.",
    "prompt_lookup", essential=True, minimum=0, maximum=31, unit="tokens", effect=Effect.NUMERIC)  # fmt: skip
LOOKUP_NGRAM = _load("max_matching_ngram_size", "Lookup match", Kind.INT, 2,
    "The longest run of tokens that must repeat before a guess is made.", "prompt_lookup", minimum=1, maximum=16,
    unit="tokens", effect=Effect.NUMERIC)  # fmt: skip

_MODEL: dict[str, Any] = {"nullable": True, "null_label": "from the model", "effect": Effect.LOSSY}
REST = (
    _rest("split_mode", "Split over GPUs", Kind.CHOICE, "layer", "How the model is shared out among several GPUs.",
          "split_mode", values=("none", "layer", "row", "tensor")),
    _rest("main_gpu", "Main GPU", Kind.INT, 0, "The GPU that is used where only one is.", "split_mode", minimum=0, maximum=15),
    _rest("tensor_split", "Shares of the GPUs", Kind.TEXT, None, "Share of the model for each GPU, like “3,1”.", "split_mode",
          nullable=True, null_label="even"),
    _rest("kv_overrides", "Header overrides", Kind.JSON, None,
          "JSON object that replaces values of the model's header, for models with a wrong one.", "kv_overrides",
          nullable=True, null_label="none", effect=Effect.LOSSY),
    _rest("rope_scaling_type", "RoPE scaling", Kind.CHOICE, None, "How positions are stretched beyond the trained context.",
          "rope_scaling", values=("none", "linear", "yarn", "longrope"), **_MODEL),
    _rest("rope_freq_base", "RoPE base", Kind.FLOAT, None, "Base frequency of the position code.", "rope_scaling",
          minimum=1.0, maximum=1e9, **_MODEL),
    _rest("rope_freq_scale", "RoPE scale", Kind.FLOAT, None, "Factor on positions; 0.5 doubles the reach.", "rope_scaling",
          minimum=0.001, maximum=16.0, **_MODEL),
    _rest("yarn_ext_factor", "YaRN mix", Kind.FLOAT, None, "Share of extrapolation in YaRN.", "yarn", minimum=0.0, maximum=1.0, **_MODEL),
    _rest("yarn_attn_factor", "YaRN attention", Kind.FLOAT, None, "YaRN's factor on attention.", "yarn", minimum=0.0, maximum=16.0, **_MODEL),
    _rest("yarn_beta_fast", "YaRN fast", Kind.FLOAT, None, "YaRN's low correction dimension.", "yarn", minimum=0.0, maximum=1000.0, **_MODEL),
    _rest("yarn_beta_slow", "YaRN slow", Kind.FLOAT, None, "YaRN's high correction dimension.", "yarn", minimum=0.0, maximum=1000.0, **_MODEL),
    _rest("yarn_orig_ctx", "YaRN trained context", Kind.INT, None, "The context the model was trained with.", "yarn",
          minimum=1, maximum=1_048_576, **_MODEL),
    _rest("offload_kqv", "Cache on the GPU", Kind.BOOL, True, "Keep the cache of a layer where the layer is.", "offload_kqv"),
    _rest("op_offload", "Compute on the GPU", Kind.BOOL, True, "Let the GPU help with layers kept in RAM.", "offload_kqv",
          effect=Effect.NUMERIC),
    _rest("swa_full", "Full sliding window", Kind.BOOL, True,
          "Keep the whole cache for sliding-window layers: more memory, and earlier turns can be used again.", "swa_full"),
    _rest("numa", "NUMA", Kind.CHOICE, "disabled", "How memory is spread on machines with several processor sockets.", "numa",
          values=("disabled", "distribute", "isolate", "numactl", "mirror")),
    _rest("no_perf", "No engine timers", Kind.BOOL, False, "Switch the engine's own timers off; ours stay.", "no_perf"),
    _rest("lora_path", "LoRA file", Kind.TEXT, None, "A GGUF adapter that is laid over the model.", "lora",
          nullable=True, null_label="none", effect=Effect.LOSSY, weights=True),
    _rest("lora_scale", "LoRA strength", Kind.FLOAT, 1.0, "How strongly the adapter acts.", "lora", minimum=0.0, maximum=4.0,
          effect=Effect.LOSSY, weights=True),
    _rest("lora_base", "LoRA base", Kind.TEXT, None, "Accepted by the library, which no longer reads it.", "lora",
          nullable=True, null_label="none"),
)  # fmt: skip

LOAD_KNOBS = (
    N_CTX, N_THREADS, FLASH_ATTN, TYPE_K, TYPE_V, N_GPU_LAYERS, LOOKUP_TOKENS, LOOKUP_NGRAM, N_THREADS_BATCH,
    N_BATCH, N_UBATCH, USE_MMAP, USE_MLOCK, *REST,
)  # fmt: skip


def _run(name: str, title: str, kind: Kind, default: Any, help: str, concept: str, **more: Any) -> Knob:
    fields: dict[str, Any] = {"effect": Effect.OUTPUT, "advanced": True} | more
    return Knob(
        name=name, title=title, kind=kind, scope=Scope.RUN, default=default, help=help, concept=concept, **fields
    )


SCHEMA = _run("schema", "JSON schema", Kind.JSON, None,
    "The answer must be JSON of this schema.", "schema", nullable=True, null_label="none", advanced=False)  # fmt: skip
GRAMMAR = _run("grammar", "Grammar", Kind.TEXT, None,
    "The answer must follow this grammar (GBNF).", "grammar", nullable=True, null_label="none", advanced=False)  # fmt: skip

SAMPLERS = (
    _run("typical_p", "Typical-p", Kind.FLOAT, 1.0, "Keep tokens of about average surprise; 1 keeps all.", "typical_p",
         minimum=0.0, maximum=1.0),
    _run("top_n_sigma", "Top-nσ", Kind.FLOAT, None, "Keep tokens within this many standard deviations of the best.", "top_n_sigma",
         minimum=0.0, maximum=10.0, nullable=True),
    _run("frequency_penalty", "Frequency penalty", Kind.FLOAT, 0.0, "Lowers tokens by how often they were used.", "repeat_penalty",
         minimum=-2.0, maximum=2.0),
    _run("presence_penalty", "Presence penalty", Kind.FLOAT, 0.0, "Lowers tokens that were used at all.", "repeat_penalty",
         minimum=-2.0, maximum=2.0),
    _run("last_n_tokens_size", "Penalty window", Kind.INT, 64, "How many of the last tokens the penalties look at.", "repeat_penalty",
         minimum=0, maximum=65536, unit="tokens"),
    _run("mirostat_mode", "Mirostat", Kind.CHOICE, "0", "Steers the surprise of the answer; replaces top-k, top-p and min-p.", "mirostat",
         values=("0", "1", "2")),
    _run("mirostat_tau", "Mirostat target", Kind.FLOAT, 5.0, "The surprise to aim at.", "mirostat", minimum=0.0, maximum=20.0),
    _run("mirostat_eta", "Mirostat rate", Kind.FLOAT, 0.1, "How fast it corrects.", "mirostat", minimum=0.0, maximum=1.0),
    _run("xtc_probability", "XTC chance", Kind.FLOAT, 0.0, "Chance of leaving out the likeliest tokens; 0 is off.", "xtc",
         minimum=0.0, maximum=1.0),
    _run("xtc_threshold", "XTC threshold", Kind.FLOAT, 0.1, "Only tokens at least this likely are left out.", "xtc",
         minimum=0.0, maximum=1.0),
    _run("dynatemp_range", "Dynamic temperature", Kind.FLOAT, 0.0, "Lets the temperature vary by this much; 0 is off.", "dynatemp",
         minimum=0.0, maximum=2.0),
    _run("dynatemp_exponent", "Dynamic exponent", Kind.FLOAT, 1.0, "How uncertainty becomes temperature.", "dynatemp",
         minimum=0.1, maximum=10.0),
    _run("dry_multiplier", "DRY strength", Kind.FLOAT, 0.0, "Lowers tokens that would repeat a passage; 0 is off.", "dry",
         minimum=0.0, maximum=5.0),
    _run("dry_base", "DRY base", Kind.FLOAT, 1.75, "How fast it grows with the passage's length.", "dry", minimum=1.0, maximum=4.0),
    _run("dry_allowed_length", "DRY allowed", Kind.INT, 2, "Repeats up to this length are free.", "dry", minimum=1, maximum=100, unit="tokens"),
    _run("dry_penalty_last_n", "DRY window", Kind.INT, -1, "How far back it looks; -1 is the whole context, 0 is off.", "dry",
         minimum=-1, maximum=65536, unit="tokens"),
    _run("dry_sequence_breakers", "DRY breakers", Kind.TEXTS, ["\n", ":", '"', "*"], "Texts that end a passage.", "dry"),
    _run("adaptive_target", "Adaptive-p target", Kind.FLOAT, None, "Chooses tokens near this probability; replaces the last draw.",
         "adaptive_p", minimum=0.0, maximum=1.0, nullable=True),
    _run("adaptive_decay", "Adaptive-p decay", Kind.FLOAT, 0.9, "How long its memory is.", "adaptive_p", minimum=0.0, maximum=0.99),
    _run("logit_bias", "Token bias", Kind.JSON, None, "JSON object: token id → what is added to its logit.", "logit_bias",
         nullable=True, null_label="none"),
)  # fmt: skip

RUN_KNOBS = (*CHAT_KNOBS, SCHEMA, GRAMMAR, *SAMPLERS)

CONFLICTS = (Conflict(when={"flash_attn": ("off",), "type_v": QUANTIZED_KV}, reason=QUANTIZED_V),)
