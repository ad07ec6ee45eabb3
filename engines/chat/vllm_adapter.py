"""vLLM, started for the session: `vllm serve` in its own environment, on this machine's own address, behind a key."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from engines import hardware
from engines.chat.vllm import SPEC
from engines.knobs import Settings
from engines.protocol import Loaded, ModelFiles
from engines.servers.launch import HOST
from engines.servers.launched import LaunchedServer

CACHE_SHARE, MOST_CACHE = 0.25, 16  # of the free memory, GiB


class Vllm(LaunchedServer):
    """`vllm serve FOLDER`."""

    _chosen: int | None = None
    engine = SPEC.id
    program = "vllm"
    knobs = SPEC.load
    key_variable = "VLLM_API_KEY"
    own_names: ClassVar[dict[str, str]] = {
        "dtype": r"[ ,]dtype=([\w.]+)",
        "quantization": r"[ ,]quantization=([\w-]+)",
        "kv_cache_dtype": r"[ ,]kv_cache_dtype=(\w+)",
        "enable_prefix_caching": r"[ ,]enable_prefix_caching=(\w+)",
        "enable_chunked_prefill": r"[ ,]enable_chunked_prefill=(\w+)",
        "enforce_eager": r"[ ,]enforce_eager=(\w+)",
        "tensor_parallel_size": r"[ ,]tensor_parallel_size=(\d+)",
        "pipeline_parallel_size": r"[ ,]pipeline_parallel_size=(\d+)",
        "data_parallel_size": r"[ ,]data_parallel_size=(\d+)",
        "server_seed": r"[ ,]seed=(\d+)",
        "max_num_batched_tokens": r"max_num_batched_tokens=(\d+)",
    }

    def _arguments(self, files: ModelFiles, port: int, key: str, path: Path) -> tuple[str, ...]:
        known = self._known(path, "--enable-prompt-tokens-details", "--disable-access-log-for-endpoints")
        quiet = ("--disable-access-log-for-endpoints", "/health,/metrics")
        return (
            "serve", files.path, "--host", HOST, "--port", str(port), "--served-model-name", files.id,
            *(() if known[:1] != ("--enable-prompt-tokens-details",) else known[:1]),
            *(quiet if quiet[0] in known else ()),
        )  # fmt: skip

    def _environment(self, knobs: Settings) -> dict[str, str]:
        space = self._space(knobs)
        return {} if space is None else {"VLLM_CPU_KVCACHE_SPACE": str(space)}

    def _effective(self, knobs: Settings, loaded: Loaded) -> tuple[Settings, dict[str, str]]:
        effective, why = super()._effective(knobs, loaded)
        if effective["cpu_kvcache_space"] is None and (space := self._space(knobs)) is not None:
            effective["cpu_kvcache_space"] = space
            why["cpu_kvcache_space"] = "a quarter of the memory that was free: vLLM's own choice wants nearly all of it"
        return effective, why

    def _space(self, knobs: Settings) -> int | None:
        """GiB of KV cache on a CPU. Left alone, vLLM wants 0.92 of all memory there and ends where other programs run."""
        asked = knobs["cpu_kvcache_space"]
        if isinstance(asked, int):
            return asked
        if hardware.machine().gpus or knobs["gpu_memory_utilization"] is not None:
            return None
        if self._chosen is None:
            self._chosen = max(1, min(MOST_CACHE, int(hardware.free_memory() * CACHE_SHARE) >> 30))
        return self._chosen
