"""vLLM: flags as `vllm serve --help=all` of 0.32 has them; disaggregation by docs.vllm.ai, NixlConnector usage guide."""

from __future__ import annotations

import json

from app.lab.deploy.deployment import Deployment, Process
from app.lab.deploy.source import DeploySource, Options

IMAGE = "vllm/vllm-openai:latest"
PROXY = "tests/v1/kv_connector/nixl_integration/toy_proxy_server.py"
PREFILL_PORT, DECODE_PORT, SIDE_PORT = 8100, 8200, 5600
TRANSFER = json.dumps({"kv_connector": "NixlConnector", "kv_role": "kv_both"}, separators=(",", ":"))


def deployment(source: DeploySource) -> Deployment:
    """One server, or prefill and decode servers behind vLLM's example proxy."""
    options = source.options
    cannot, notes = _cannot(source), list[str]()
    if not options.disaggregated:
        argv = (*serve(source), "--host", "0.0.0.0", "--port", str(options.port))
        return _made(
            source, (Process(name="server", argv=argv, port=options.port, gpus=options.gpus),), "server", cannot, notes
        )
    cannot.append(
        "Disaggregation: vLLM ships its proxy as an example only (in its repository); a router of your own takes its place"
    )
    notes.append("vLLM's documentation: disaggregation tunes TTFT and ITL apart, it does not raise throughput")
    prefill = [_worker(source, "prefill", i, PREFILL_PORT) for i in range(options.prefill_workers)]
    decode = [_worker(source, "decode", i, DECODE_PORT) for i in range(options.decode_workers)]
    proxy = Process(
        name="proxy", port=options.port, needs=tuple(p.name for p in (*prefill, *decode)),
        argv=("python3", PROXY, "--host", "0.0.0.0", "--port", str(options.port),
              "--prefiller-hosts", *(f"{{host:{p.name}}}" for p in prefill), "--prefiller-ports", *(str(p.port) for p in prefill),
              "--decoder-hosts", *(f"{{host:{p.name}}}" for p in decode), "--decoder-ports", *(str(p.port) for p in decode)),
    )  # fmt: skip
    return _made(source, (*prefill, *decode, proxy), "proxy", cannot, notes)


def serve(source: DeploySource) -> tuple[str, ...]:
    """`vllm serve` without host and port."""
    return ("vllm", "serve", "{model}", "--served-model-name", source.served, *engine_flags(source.options, source))


def engine_flags(options: Options, source: DeploySource) -> tuple[str, ...]:
    """The engine's own flags; Dynamo's vLLM workers take the same."""
    flags: list[str] = []
    for flag, value in (
        ("--revision", source.revision), ("--max-model-len", options.max_len), ("--dtype", options.dtype),
        ("--kv-cache-dtype", options.kv_dtype), ("--quantization", options.quantization),
        ("--tensor-parallel-size", options.tensor_parallel if options.tensor_parallel > 1 else None),
        ("--pipeline-parallel-size", options.pipeline_parallel if options.pipeline_parallel > 1 else None),
        ("--data-parallel-size", options.data_parallel if options.data_parallel > 1 else None),
        ("--max-num-seqs", options.max_seqs), ("--gpu-memory-utilization", options.memory_share),
    ):  # fmt: skip
        flags += [flag, str(value)] if value not in (None, "") else []
    flags += ["--enable-expert-parallel"] if options.expert_parallel else []
    flags += ["--enforce-eager"] if options.eager else []
    if options.prefix_caching is not None:
        flags.append("--enable-prefix-caching" if options.prefix_caching else "--no-enable-prefix-caching")
    if options.speculation is not None:
        flags += ["--speculative-config", _speculative(options)]
    return tuple(flags)


def _speculative(options: Options) -> str:
    spoken = options.speculation
    assert spoken is not None
    config: dict[str, object] = {"method": spoken.method, "num_speculative_tokens": spoken.tokens}
    if spoken.method == "ngram":
        config["prompt_lookup_max"] = spoken.lookup
    if spoken.model:
        config["model"] = spoken.model
    return json.dumps(config, separators=(",", ":"))


def _worker(source: DeploySource, role: str, index: int, port: int) -> Process:
    name = f"{role}-{index + 1}"
    argv = (*serve(source), "--host", "0.0.0.0", "--port", str(port + index), "--kv-transfer-config", TRANSFER)
    side = SIDE_PORT + index * 100 + (50 if role == "decode" else 0)
    env = {"VLLM_NIXL_SIDE_CHANNEL_HOST": f"{{host:{name}}}", "VLLM_NIXL_SIDE_CHANNEL_PORT": str(side)}
    return Process(name=name, argv=argv, port=port + index, gpus=source.options.gpus, role=role, env=env)


def _made(
    source: DeploySource, processes: tuple[Process, ...], front: str, cannot: list[str], notes: list[str]
) -> Deployment:
    return Deployment(
        title="vLLM", image=IMAGE, processes=processes, front=front, source=source, cannot=tuple(cannot), notes=tuple(notes),
        key_env="VLLM_API_KEY",
    )  # fmt: skip


def _cannot(source: DeploySource) -> list[str]:
    found = list(source.cannot)
    if source.format == "gguf":
        found.append(
            "GGUF weights: vLLM reads them as an experiment, one file, and wants --tokenizer ORIGINAL/MODEL; better the original weights"
        )
    return found
