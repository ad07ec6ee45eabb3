"""The settings of SGLang's server that matter on one machine, under its own names; the rest go into `extra_args`."""

from __future__ import annotations

from engines.knobs import AUTO, Conflict, Effect, Kind
from engines.servers.program_knobs import executable, extra_args, load

QUANTIZATIONS = (
    "awq", "awq_marlin", "fp8", "gptq", "gptq_marlin", "marlin", "bitsandbytes", "gguf", "modelopt", "modelopt_fp8", "modelopt_fp4",
    "petit_nvfp4", "w8a8_int8", "w8a8_fp8", "w4afp8", "moe_wna16", "qoq", "mxfp4", "mxfp8", "auto-round", "compressed-tensors",
    "quark_int4fp8_moe",
)  # fmt: skip
ATTENTION = (
    "triton", "torch_native", "flex_attention", "flashinfer", "fa3", "fa4", "flashmla", "cutlass_mla", "trtllm_mla", "trtllm_mha",
    "aiter", "wave", "intel_amx", "intel_xpu", "ascend",
)  # fmt: skip
SPECULATION = ("EAGLE", "EAGLE3", "NEXTN", "STANDALONE", "NGRAM")

LOAD_KNOBS = (
    load("context_length", "Context", Kind.INT, None,
         "How many tokens prompt and answer may have together. The server's choice is what the model was trained for.", "n_ctx",
         "--context-length", essential=True, minimum=1, maximum=10_000_000, unit="tokens", log=True),
    load("dtype", "Precision", Kind.CHOICE, AUTO, "Numbers that weights and arithmetic use. Auto: the model's own, fp16 for fp32 models.",
         "dtype", "--dtype", essential=True, values=("bfloat16", "float16", "float32", "half", "float"), effect=Effect.NUMERIC, weights=True),
    load("mem_fraction_static", "Share of the memory", Kind.FLOAT, None,
         "Part of the device's memory for weights and cache. Lower it where memory runs out while answering.", "device_share",
         "--mem-fraction-static", essential=True, minimum=0.05, maximum=1.0),
    load("quantization", "Quantization", Kind.CHOICE, None,
         "Method for the weights. Most checkpoints say it themselves; fp8 also quantizes while loading.", "quantization", "--quantization",
         essential=True, values=QUANTIZATIONS, effect=Effect.LOSSY, weights=True),
    load("kv_cache_dtype", "KV cache precision", Kind.CHOICE, AUTO,
         "Fewer bits hold more tokens in the same memory, and the answer may suffer. Auto: the model's own.", "kv_type", "--kv-cache-dtype",
         essential=True, values=("bf16", "bfloat16", "fp8_e4m3", "fp8_e5m2", "fp4_e2m1"), effect=Effect.LOSSY),
    load("disable_radix_cache", "No prefix cache", Kind.BOOL, False, "Do not keep what was read: every prompt is read from its start.",
         "prefix_cache", "--disable-radix-cache", essential=True),
    load("attention_backend", "Attention", Kind.CHOICE, None, "Kernels for attention.", "attn_implementation", "--attention-backend",
         essential=True, values=ATTENTION, effect=Effect.NUMERIC),
    load("speculative_algorithm", "Speculation", Kind.CHOICE, None, "How tokens are guessed ahead and checked in one step.", "speculation",
         "--speculative-algorithm", essential=True, values=SPECULATION, effect=Effect.NUMERIC),
    load("speculative_draft_model_path", "Draft model", Kind.TEXT, None, "Folder of the model that makes the guesses.", "speculation",
         "--speculative-draft-model-path", effect=Effect.NUMERIC),
    load("speculative_num_steps", "Steps of guessing", Kind.INT, None, "How deep the guesses go.", "speculation", "--speculative-num-steps",
         minimum=1, maximum=64, effect=Effect.NUMERIC),
    load("speculative_eagle_topk", "Guesses a step", Kind.INT, None, "Alternatives that each step of EAGLE follows.", "speculation",
         "--speculative-eagle-topk", minimum=1, maximum=64, effect=Effect.NUMERIC),
    load("speculative_num_draft_tokens", "Guessed tokens", Kind.INT, None, "The most guessed tokens that one step checks.", "speculation",
         "--speculative-num-draft-tokens", minimum=1, maximum=256, unit="tokens", effect=Effect.NUMERIC),
    load("chunked_prefill_size", "Chunked prefill", Kind.INT, None,
         "Long prompts are read in parts of this length between the tokens of other answers; -1 reads them whole.", "chunked_prefill",
         "--chunked-prefill-size", minimum=-1, maximum=1_048_576, unit="tokens", effect=Effect.NUMERIC),
    load("max_running_requests", "Answers at once", Kind.INT, None, "The most answers that are worked on in one step.",
         "continuous_batching", "--max-running-requests", minimum=1, maximum=65536, log=True),
    load("tp_size", "Tensor parallel", Kind.INT, 1, "GPUs that share each layer.", "tensor_parallel", "--tp-size", minimum=1, maximum=64,
         unit="GPUs", effect=Effect.NUMERIC),
    load("pp_size", "Pipeline parallel", Kind.INT, 1, "Groups of GPUs that have the layers one after the other.", "pipeline_parallel",
         "--pp-size", minimum=1, maximum=64, unit="stages", effect=Effect.NUMERIC),
    load("dp_size", "Data parallel", Kind.INT, 1, "Copies of the model that answer side by side.", "data_parallel", "--dp-size", minimum=1,
         maximum=64, unit="copies"),
    load("ep_size", "Expert parallel", Kind.INT, 1, "GPUs over which whole experts are spread, for mixture-of-experts models.", "expert_parallel",
         "--ep-size", minimum=1, maximum=64, unit="GPUs", effect=Effect.NUMERIC),
    load("torchao_config", "TorchAO", Kind.TEXT, None, "Quantizes while loading, like int8wo, int8dq, int4wo-128, fp8wo, fp8dq-per_tensor.",
         "quantization", "--torchao-config", effect=Effect.LOSSY, weights=True),
    load("disaggregation_mode", "Part of the work", Kind.CHOICE, None,
         "A server that only reads prompts, or only answers. It needs a partner and a router, which Tandem does not start.",
         "disaggregation", "--disaggregation-mode", values=("prefill", "decode")),
    executable("SGLang", "TANDEM_SGLANG"),
    extra_args("SGLang"),
)  # fmt: skip

CONFLICTS = (
    Conflict(when={"quantization": tuple(QUANTIZATIONS), "torchao_config": ("int8wo", "int8dq", "int4wo-128", "fp8wo", "fp8dq-per_tensor")},
             reason="The weights are quantized once: by quantization or by torchao_config."),
    Conflict(when={"ep_size": tuple(range(2, 65)), "tp_size": (1,)},
             reason="Experts are spread over the GPUs of tensor parallelism: with tp_size 1 there is nothing to spread."),
)  # fmt: skip
