"""TensorRT-LLM: `trtllm-serve` with its YAML of LLM arguments (nvidia.github.io/TensorRT-LLM, trtllm-serve; disaggregated serving)."""

from __future__ import annotations

from typing import Any

from app.lab.deploy.deployment import Deployment, Process
from app.lab.deploy.source import DeploySource, Options

IMAGE = "nvcr.io/nvidia/tensorrt-llm/release:latest"
PREFILL_PORT, DECODE_PORT = 8001, 8101
SPECULATION = {"ngram": "NGram", "draft_model": "DraftTarget", "eagle": "Eagle", "eagle3": "Eagle", "mtp": "MTP"}


def deployment(source: DeploySource) -> Deployment:
    """One server, or context and generation servers behind `trtllm-serve disaggregated`."""
    options = source.options
    if not options.disaggregated:
        argv = (*serve(source), "--host", "0.0.0.0", "--port", str(options.port), "--config", "{config}")
        config = ("llm.yaml", arguments(options))
        processes: tuple[Process, ...] = (
            Process(name="server", argv=argv, port=options.port, gpus=options.gpus, config=config),
        )
        return _made(source, processes, "server")
    context = [_worker(source, "context", i, PREFILL_PORT) for i in range(options.prefill_workers)]
    generation = [_worker(source, "generation", i, DECODE_PORT) for i in range(options.decode_workers)]
    front: dict[str, object] = {
        "hostname": "0.0.0.0", "port": options.port, "backend": "pytorch",
        "context_servers": _urls(context), "generation_servers": _urls(generation),
    }  # fmt: skip
    orchestrator = Process(
        name="orchestrator", argv=("trtllm-serve", "disaggregated", "-c", "{config}"), port=options.port,
        config=("disaggregated.yaml", front), needs=tuple(p.name for p in (*context, *generation)),
    )  # fmt: skip
    return _made(source, (*context, *generation, orchestrator), "orchestrator")


def serve(source: DeploySource) -> tuple[str, ...]:
    """`trtllm-serve` without host, port and configuration."""
    options = source.options
    flags: list[str] = []
    for flag, value in (
        ("--max_seq_len", options.max_len), ("--max_batch_size", options.max_seqs),
        ("--tp_size", options.tensor_parallel if options.tensor_parallel > 1 else None),
        ("--pp_size", options.pipeline_parallel if options.pipeline_parallel > 1 else None),
        ("--ep_size", options.tensor_parallel if options.expert_parallel else None),
        ("--kv_cache_free_gpu_memory_fraction", options.memory_share),
    ):  # fmt: skip
        flags += [flag, str(value)] if value is not None else []
    return ("trtllm-serve", "{model}", "--backend", "pytorch", *flags)


def arguments(options: Options, role: str = "") -> dict[str, Any]:
    """The YAML's mapping (`LlmArgs`)."""
    cache: dict[str, Any] = {}
    if options.prefix_caching is not None:
        cache["enable_block_reuse"] = options.prefix_caching
    if options.kv_dtype:
        cache["dtype"] = options.kv_dtype
    made: dict[str, Any] = {"enable_iter_perf_stats": True}
    if cache:
        made["kv_cache_config"] = cache
    if options.speculation is not None:
        made["speculative_config"] = _speculative(options)
    if options.eager:
        made["cuda_graph_config"] = None
    if role:
        made["cache_transceiver_config"] = {"backend": "DEFAULT"}
    if role == "context":
        made["disable_overlap_scheduler"] = True  # the context side does not support it
    return made


def _speculative(options: Options) -> dict[str, Any]:
    spoken = options.speculation
    assert spoken is not None
    if spoken.method == "mtp":
        return {"decoding_type": "MTP", "num_nextn_predict_layers": spoken.tokens}
    made: dict[str, Any] = {"decoding_type": SPECULATION[spoken.method], "max_draft_len": spoken.tokens}
    if spoken.method == "ngram":
        made["max_matching_ngram_size"] = spoken.lookup
    if spoken.model:
        made["speculative_model"] = spoken.model
    return made


def _worker(source: DeploySource, role: str, index: int, port: int) -> Process:
    argv = (*serve(source), "--host", "0.0.0.0", "--port", str(port + index), "--config", "{config}")
    config = (f"{role}.yaml", arguments(source.options, role))
    return Process(
        name=f"{role}-{index + 1}", argv=argv, port=port + index, gpus=source.options.gpus, role=role, config=config
    )


def _urls(processes: list[Process]) -> dict[str, object]:
    return {"num_instances": len(processes), "urls": [f"{{host:{p.name}}}:{p.port}" for p in processes]}


def _made(source: DeploySource, processes: tuple[Process, ...], front: str) -> Deployment:
    return Deployment(
        title="TensorRT-LLM", image=IMAGE, processes=processes, front=front, source=source, cannot=tuple(_cannot(source))
    )  # fmt: skip


def _cannot(source: DeploySource) -> list[str]:
    options, found = source.options, list(source.cannot)
    if source.format == "gguf":
        found.append("GGUF weights: TensorRT-LLM loads safetensors; give the original weights in place of this file")
    if options.dtype:
        found.append(f"Type {options.dtype}: it follows the checkpoint; convert the weights to change it")
    if options.quantization:
        found.append(
            f"Quantization {options.quantization}: it follows the checkpoint; quantize with ModelOpt beforehand"
        )
    if options.data_parallel > 1:
        found.append(f"Data parallel {options.data_parallel}: run so many servers behind a load balancer")
    found.append(f"The name “{source.served}”: the server answers to the model's path; its API has no key of its own")
    return found
