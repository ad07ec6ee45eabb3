"""SGLang: flags of `sglang serve` (0.5); disaggregation by docs.sglang.io, PD Disaggregation."""

from __future__ import annotations

from app.lab.deploy.deployment import Deployment, Process
from app.lab.deploy.source import DeploySource, Options

IMAGE = "lmsysorg/sglang:latest"
PREFILL_PORT, DECODE_PORT, BOOTSTRAP = 30100, 30200, 8998
DTYPES = {"float16": "half"}
METHODS = {"ngram": "NGRAM", "draft_model": "STANDALONE", "eagle": "EAGLE", "eagle3": "EAGLE3", "mtp": "EAGLE"}


def deployment(source: DeploySource) -> Deployment:
    """One server, or prefill and decode servers behind SGLang's router."""
    options = source.options
    cannot = _cannot(source)
    if not options.disaggregated:
        argv = (*serve(source), "--host", "0.0.0.0", "--port", str(options.port))
        processes: tuple[Process, ...] = (Process(name="server", argv=argv, port=options.port, gpus=options.gpus),)
        return Deployment(title="SGLang", image=IMAGE, processes=processes, front="server", source=source, cannot=tuple(cannot),
                          key_flag="--api-key")  # fmt: skip
    prefill = [_worker(source, "prefill", i, PREFILL_PORT) for i in range(options.prefill_workers)]
    decode = [_worker(source, "decode", i, DECODE_PORT) for i in range(options.decode_workers)]
    argv = ("python3", "-m", "sglang_router.launch_router", "--pd-disaggregation")
    for index, worker in enumerate(prefill):
        argv += ("--prefill", f"http://{{host:{worker.name}}}:{worker.port}", str(BOOTSTRAP + index))
    for worker in decode:
        argv += ("--decode", f"http://{{host:{worker.name}}}:{worker.port}")
    argv += ("--host", "0.0.0.0", "--port", str(options.port))
    router = Process(name="router", argv=argv, port=options.port, needs=tuple(p.name for p in (*prefill, *decode)))
    return Deployment(
        title="SGLang", image=IMAGE, processes=(*prefill, *decode, router), front="router", source=source, cannot=tuple(cannot),
        key_flag="--api-key", notes=("KV travels by NIXL; with InfiniBand and Mooncake: --disaggregation-transfer-backend mooncake",),
    )  # fmt: skip


def serve(source: DeploySource) -> tuple[str, ...]:
    """`sglang serve` without host and port."""
    base = ("sglang", "serve", "--model-path", "{model}", "--served-model-name", source.served, "--enable-metrics")
    return (*base, *engine_flags(source.options, source))


def engine_flags(options: Options, source: DeploySource) -> tuple[str, ...]:
    flags: list[str] = []
    experts = options.gpus // options.pipeline_parallel if options.expert_parallel else None
    for flag, value in (
        ("--revision", source.revision), ("--context-length", options.max_len), ("--dtype", DTYPES.get(options.dtype, options.dtype)),
        ("--kv-cache-dtype", "fp8_e4m3" if options.kv_dtype == "fp8" else options.kv_dtype), ("--quantization", options.quantization),
        ("--tp-size", options.tensor_parallel if options.tensor_parallel > 1 else None),
        ("--pp-size", options.pipeline_parallel if options.pipeline_parallel > 1 else None),
        ("--dp-size", options.data_parallel if options.data_parallel > 1 else None), ("--ep-size", experts),
        ("--max-running-requests", options.max_seqs), ("--mem-fraction-static", options.memory_share),
    ):  # fmt: skip
        flags += [flag, str(value)] if value not in (None, "") else []
    flags += ["--disable-radix-cache"] if options.prefix_caching is False else []
    flags += ["--disable-cuda-graph"] if options.eager else []
    if source.format == "gguf":
        flags += ["--load-format", "gguf", "--quantization", "gguf"]
    return (*flags, *_speculative(options))


def _speculative(options: Options) -> tuple[str, ...]:
    spoken = options.speculation
    if spoken is None:
        return ()
    flags = ["--speculative-algorithm", METHODS[spoken.method], "--speculative-num-draft-tokens", str(spoken.tokens)]
    if spoken.method in ("eagle", "eagle3", "mtp"):  # a chain: one branch, as deep as the draft is long
        flags += ["--speculative-num-steps", str(max(1, spoken.tokens - 1)), "--speculative-eagle-topk", "1"]
    if spoken.model:
        flags += ["--speculative-draft-model-path", spoken.model]
    return tuple(flags)


def _worker(source: DeploySource, role: str, index: int, port: int) -> Process:
    argv = (*serve(source), "--host", "0.0.0.0", "--port", str(port + index), "--disaggregation-mode", role,
            "--disaggregation-transfer-backend", "nixl")  # fmt: skip
    if role == "prefill":
        argv += ("--disaggregation-bootstrap-port", str(BOOTSTRAP + index))
    return Process(name=f"{role}-{index + 1}", argv=argv, port=port + index, gpus=source.options.gpus, role=role)


def _cannot(source: DeploySource) -> list[str]:
    found = list(source.cannot)
    spoken = source.options.speculation
    if source.format == "gguf":
        found.append("GGUF weights: SGLang loads one file of the architectures it knows; better the original weights")
    if spoken is not None and spoken.method == "ngram":
        found.append(
            f"Speculation: the n-gram's length {spoken.lookup} has no flag of that meaning, SGLang's own is used"
        )
    return found
