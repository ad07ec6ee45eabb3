"""SGLang, started for the session in its own environment, on this machine's own address, behind a key."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from engines.chat.sglang import SPEC
from engines.protocol import ModelFiles
from engines.servers.launch import HOST
from engines.servers.launched import LaunchedServer
from engines.servers.programs import PROGRAMS, runs_as_module


class Sglang(LaunchedServer):
    """`sglang serve` where the environment has the command, else `python -m sglang.launch_server`."""

    engine = SPEC.id
    program = "sglang"
    knobs = SPEC.load
    own_names: ClassVar[dict[str, str]] = {
        "dtype": r"[ (,]dtype='(\w+)'",
        "mem_fraction_static": r"[ (,]mem_fraction_static=([\d.]+)",
        "kv_cache_dtype": r"[ (,]kv_cache_dtype='(\w+)'",
        "chunked_prefill_size": r"[ (,]chunked_prefill_size=(-?\d+)",
        "max_running_requests": r"max_running_requests=(\d+)",
        "attention_backend": r"[ (,]attention_backend='(\w+)'",
    }

    def _arguments(self, files: ModelFiles, port: int, key: str, path: Path) -> tuple[str, ...]:
        start = ("-m", PROGRAMS["sglang"].module) if runs_as_module(path) else ("serve",)
        return (
            *start, "--model-path", files.path, "--served-model-name", files.id, "--host", HOST, "--port", str(port),
            "--api-key", key, "--enable-metrics", "--enable-cache-report",
        )  # fmt: skip
