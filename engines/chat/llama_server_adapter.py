"""llama.cpp's own server, started for the session: what the library in this process cannot do (several answers at once, drafts)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from engines.chat.llama_server import SPEC
from engines.knobs import Knob, Value
from engines.protocol import Loaded, ModelFiles
from engines.servers.launch import HOST
from engines.servers.launched import LaunchedServer

SLOTS = r"n_slots *= *(\d+)"
IF_KNOWN = ("--metrics", "--jinja", "--offline", "--no-webui", "--no-ui")


class LlamaServer(LaunchedServer):
    """`llama-server --model FILE`."""

    engine = SPEC.id
    program = "llama-server"
    knobs = SPEC.load
    key_variable = "LLAMA_API_KEY"
    own_names: ClassVar[dict[str, str]] = {
        "n_batch": r"llama_context: n_batch *= *(\d+)",
        "n_ubatch": r"llama_context: n_ubatch *= *(\d+)",
        "n_threads": r"n_threads *= *(\d+)",
        "n_threads_batch": r"n_threads_batch *= *(\d+)",
        "n_gpu_layers": r"offloaded (\d+)/\d+ layers to GPU",
        "parallel": SLOTS,
        "flash_attn": r"[Ff]lash [Aa]ttention was auto, set to (\w+)|llama_context: flash_attn *= *(enabled|disabled)",
    }

    def _told(self, knob: Knob, loaded: Loaded) -> Value:
        """The context is shared out among the slots: of what each has, as it says itself, the whole is the knob's value."""
        find = self._running().find
        if knob.name != "n_ctx":
            return super()._told(knob, loaded)
        one, slots = find(r"n_ctx_slot *= *(\d+)"), find(SLOTS)
        if not one or not slots:
            return None
        return int(one) * (int(slots) if find(r"kv_unified *= *'?(\w+)") == "false" else 1)

    def _arguments(self, files: ModelFiles, port: int, key: str, path: Path) -> tuple[str, ...]:
        known = self._known(path, *IF_KNOWN)
        known = tuple(flag for flag in known if flag != "--no-webui" or "--no-ui" not in known)
        origins = ("--cors-origins", "localhost") if self._known(path, "--cors-origins") else ()
        return ("--model", files.path, "--alias", files.id, "--host", HOST, "--port", str(port), *known, *origins)
