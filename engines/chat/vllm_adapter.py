"""vLLM, started for the session: `vllm serve` in its own environment, on this machine's own address, behind a key."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from engines.chat.vllm import SPEC
from engines.knobs import Settings
from engines.protocol import ModelFiles
from engines.servers.launch import HOST
from engines.servers.launched import LaunchedServer


class Vllm(LaunchedServer):
    """`vllm serve FOLDER`."""

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
        space = knobs["cpu_kvcache_space"]
        return {} if space is None else {"VLLM_CPU_KVCACHE_SPACE": str(space)}
