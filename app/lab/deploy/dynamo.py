"""Dynamo with vLLM workers: a frontend, and workers that are made for both phases or for one (docs.nvidia.com/dynamo)."""

from __future__ import annotations

import msgspec

from app.lab.deploy import vllm
from app.lab.deploy.deployment import Deployment, Process
from app.lab.deploy.source import DeploySource, Options

IMAGE = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.3.1"
WORKER_PORT = 9090  # its health and figures, where DYN_SYSTEM_PORT turns them on


def deployment(source: DeploySource) -> Deployment:
    """Frontend and workers. On Kubernetes Dynamo's operator makes them from one resource."""
    options = source.options
    router = ("--router-mode", "kv") if options.prefix_caching is not False else ()
    if options.disaggregated:
        workers = [
            _worker(source, "decode", options.decode_workers),
            _worker(source, "prefill", options.prefill_workers),
        ]
    else:
        workers = [_worker(source, "", options.data_parallel)]
    frontend = Process(
        name="frontend", argv=("python3", "-m", "dynamo.frontend", "--http-port", str(options.port), *router), port=options.port,
        env={"DYN_DISCOVERY_BACKEND": "file"}, needs=(),
    )  # fmt: skip
    return Deployment(
        title="Dynamo", image=IMAGE, processes=(frontend, *workers), front="frontend", source=source, cannot=tuple(_cannot(source)),
        operator=True, notes=_notes(source),
    )  # fmt: skip


def _worker(source: DeploySource, role: str, count: int) -> Process:
    options = source.options
    flags = vllm.engine_flags(_single(options), source)
    mode = ("--disaggregation-mode", role) if role else ()
    return Process(
        name=f"{role}-worker" if role else "worker", port=WORKER_PORT, gpus=options.tensor_parallel * options.pipeline_parallel,
        argv=("python3", "-m", "dynamo.vllm", "--model", "{model}", "--served-model-name", source.served, *flags, *mode),
        role=role, replicas=count, env={"DYN_DISCOVERY_BACKEND": "file"},
    )  # fmt: skip


def _single(options: Options) -> Options:
    """Data parallel becomes so many workers behind the router."""
    return msgspec.structs.replace(options, data_parallel=1)


def _notes(source: DeploySource) -> tuple[str, ...]:
    notes = ["Dynamo's operator must be in the cluster: helm charts dynamo-crds and dynamo-platform"]
    if source.options.data_parallel > 1 and not source.options.disaggregated:
        notes.append(f"Data parallel {source.options.data_parallel} is so many workers behind Dynamo's router")
    return tuple(notes)


def _cannot(source: DeploySource) -> list[str]:
    found = list(source.cannot)
    if source.format == "gguf":
        found.append(
            "GGUF weights: Dynamo's vLLM workers want safetensors; give the original weights in place of this file"
        )
    if source.options.disaggregated and source.options.data_parallel > 1:
        found.append(
            f"Data parallel {source.options.data_parallel}: set the numbers of prefill and decode workers instead"
        )
    found.append("An API key: the frontend has none; put a gateway before it")
    return found
