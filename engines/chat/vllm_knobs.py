"""The settings of `vllm serve` that matter on one machine, under its own names (0.32); the rest go into `extra_args`.

Not declared, with the reason: trust_remote_code (runs a model's own code), tokenizer, revision, hf_overrides (the
library's files are taken as they are), LoRA, multimodal, tool and reasoning parsers (extra_args).
"""

from __future__ import annotations

from engines.knobs import AUTO, Conflict, Effect, Kind
from engines.servers.program_knobs import executable, extra_args, load

DTYPES = ("bfloat16", "float16", "float32", "half", "float")
QUANTIZATIONS = (
    "awq", "auto_awq", "awq_marlin", "gptq", "auto_gptq", "gptq_marlin", "fp8", "fbgemm_fp8", "fp8_per_tensor", "fp8_per_block",
    "fp8_per_channel", "int8_per_channel_weight_only", "experts_int8", "moe_wna16", "compressed-tensors", "bitsandbytes", "torchao",
    "quark", "inc", "fp_quant", "modelopt", "modelopt_fp4", "modelopt_mxfp8", "modelopt_mixed", "mxfp4", "mxfp8", "nvfp4_per_token", "gguf",
    "humming", "online",
)  # fmt: skip
KV_DTYPES = (
    "auto", "bfloat16", "float16", "fp8", "fp8_e4m3", "fp8_e5m2", "fp8_inc", "fp8_ds_mla", "fp8_per_token_head",
    "int8_per_token_head", "int4_per_token_head", "nvfp4", "nvfp4_4over6", "nvfp4_ds_mla", "turboquant_k8v4", "turboquant_4bit_nc",
    "turboquant_k3v4_nc", "turboquant_3bit_nc", "ultraquant_4bit",
)[1:]  # fmt: skip
EXPERTS_NEED = "Expert parallelism spreads experts over the ranks of tensor or data parallelism: with one rank there is nothing to spread."

LOAD_KNOBS = (
    load("max_model_len", "Context", Kind.INT, None,
         "How many tokens prompt and answer may have together. The server's choice is what the model was trained for, which may not fit.",
         "n_ctx", "--max-model-len", essential=True, minimum=1, maximum=10_000_000, unit="tokens", log=True),
    load("dtype", "Precision", Kind.CHOICE, AUTO, "Numbers that weights and arithmetic use. Auto: the model's own, fp16 for fp32 models.",
         "dtype", "--dtype", essential=True, values=DTYPES, effect=Effect.NUMERIC, weights=True),
    load("gpu_memory_utilization", "Share of the memory", Kind.FLOAT, None,
         "Part of the device's memory that vLLM takes for weights and cache together, from the start. Its own choice is 0.92.",
         "device_share", "--gpu-memory-utilization", essential=True, minimum=0.05, maximum=1.0),
    load("cpu_kvcache_space", "KV cache on a CPU", Kind.INT, None,
         "Memory for the KV cache where vLLM computes on the CPU (VLLM_CPU_KVCACHE_SPACE). All of it is taken at once.",
         "kv_cache", essential=True, minimum=1, maximum=4096, unit="GiB"),
    load("quantization", "Quantization", Kind.CHOICE, None,
         "Method for the weights. Most checkpoints say it themselves; fp8 and the int8 ones also quantize while loading.",
         "quantization", "--quantization", essential=True, values=QUANTIZATIONS, effect=Effect.LOSSY, weights=True),
    load("kv_cache_dtype", "KV cache precision", Kind.CHOICE, AUTO,
         "Fewer bits hold more tokens in the same memory, and the answer may suffer. Auto: the model's own.",
         "kv_type", "--kv-cache-dtype", essential=True, values=KV_DTYPES, effect=Effect.LOSSY),
    load("enable_prefix_caching", "Prefix caching", Kind.CHOICE, AUTO, "Keep what was read: a beginning that is the same is not read again.",
         "prefix_cache", "--enable-prefix-caching", essential=True, values=("on", "off"), flag_off="--no-enable-prefix-caching"),
    load("enforce_eager", "No compiled graphs", Kind.BOOL, False,
         "Starts sooner and takes less memory, and each token takes longer: no torch.compile, no CUDA graphs.",
         "cuda_graphs", "--enforce-eager", essential=True, effect=Effect.NUMERIC),
    load("enable_chunked_prefill", "Chunked prefill", Kind.CHOICE, AUTO,
         "Reads long prompts in parts between the tokens of other answers, so that those do not stall.",
         "chunked_prefill", "--enable-chunked-prefill", values=("on", "off"), flag_off="--no-enable-chunked-prefill", effect=Effect.NUMERIC),
    load("max_num_seqs", "Answers at once", Kind.INT, None, "The most answers that are worked on in one step.",
         "continuous_batching", "--max-num-seqs", minimum=1, maximum=65536, log=True),
    load("max_num_batched_tokens", "Tokens a step", Kind.INT, None,
         "The most tokens that one step computes: more reads prompts faster, less keeps answers flowing.",
         "continuous_batching", "--max-num-batched-tokens", minimum=1, maximum=1_048_576, log=True, unit="tokens", effect=Effect.NUMERIC),
    load("tensor_parallel_size", "Tensor parallel", Kind.INT, 1, "GPUs that share each layer.", "tensor_parallel", "--tensor-parallel-size",
         minimum=1, maximum=64, unit="GPUs", effect=Effect.NUMERIC),
    load("pipeline_parallel_size", "Pipeline parallel", Kind.INT, 1, "Groups of GPUs that have the layers one after the other.",
         "pipeline_parallel", "--pipeline-parallel-size", minimum=1, maximum=64, unit="stages", effect=Effect.NUMERIC),
    load("data_parallel_size", "Data parallel", Kind.INT, 1, "Copies of the model that answer side by side.", "data_parallel",
         "--data-parallel-size", minimum=1, maximum=64, unit="copies"),
    load("enable_expert_parallel", "Expert parallel", Kind.BOOL, False,
         "Whole experts on each GPU instead of a part of every expert, for mixture-of-experts models.", "expert_parallel",
         "--enable-expert-parallel", effect=Effect.NUMERIC),
    load("speculative_config", "Speculation", Kind.JSON, None,
         "How tokens are guessed ahead, as JSON, like {\"method\": \"ngram\", \"num_speculative_tokens\": 4, \"prompt_lookup_max\": 4}.",
         "speculation", "--speculative-config", effect=Effect.NUMERIC),
    load("kv_transfer_config", "KV transfer", Kind.JSON, None,
         "Hands KV caches between servers, as JSON, like {\"kv_connector\": \"NixlConnector\", \"kv_role\": \"kv_both\"}.",
         "disaggregation", "--kv-transfer-config"),
    load("kv_offloading_size", "KV cache in RAM", Kind.FLOAT, None, "Memory of the machine that takes cache blocks which the device has no room for.",
         "kv_offload", "--kv-offloading-size", minimum=0.1, maximum=65536.0, unit="GiB"),
    load("cpu_offload_gb", "Weights in RAM", Kind.FLOAT, 0.0, "Weights of each GPU that stay in the machine's memory and are read at each step.",
         "offload_kqv", "--cpu-offload-gb", minimum=0.0, maximum=4096.0, unit="GiB"),
    load("server_seed", "Start seed", Kind.INT, None, "Seed of the engine's own draws; each run has its own seed besides.", "seed", "--seed",
         minimum=0, maximum=2**32 - 1),
    executable("vLLM", "TANDEM_VLLM"),
    extra_args("vllm serve"),
)  # fmt: skip

CONFLICTS = (
    Conflict(
        when={"enable_expert_parallel": (True,), "tensor_parallel_size": (1,), "data_parallel_size": (1,)}, reason=EXPERTS_NEED
    ),
)  # fmt: skip
