"""What the tests of the Servers page are made of: a library with servers, engines that are commands, a scripted probe."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.library.secrets import Secrets
from app.library.server_probe import Offered, Probe
from app.library.servers import Server, Servers
from engines import registry
from engines.chat.knobs import CHAT_KNOBS
from engines.knobs import Kind, Knob, Scope
from engines.spec import EngineSpec, Task, Verb
from tests.fakes import OTHER, SPEC, FakeServices, variant


class Ring:
    """A keyring in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, name: str) -> str | None:
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, value: str) -> None:
        self.kept[service, name] = value

    def delete_password(self, service: str, name: str) -> None:
        del self.kept[service, name]


MAX_LEN = Knob(name="max_model_len", title="Context", kind=Kind.INT, scope=Scope.LOAD, default="auto", auto=True, help="Tokens.",
               concept="n_ctx", minimum=16, maximum=131072, essential=True, flag="--max-model-len")  # fmt: skip
EAGER = Knob(name="enforce_eager", title="Eager mode", kind=Kind.BOOL, scope=Scope.LOAD, default=False, help="No graphs.",
             concept="flash_attn", essential=True, flag="--enforce-eager")  # fmt: skip
EXECUTABLE = Knob(name="executable", title="Executable", kind=Kind.TEXT, scope=Scope.LOAD, default="auto", auto=True,
                  help="Where it is.", concept="n_ctx")  # fmt: skip
REMOTE = EngineSpec(id="openai-server", task=Task.CHAT, title="OpenAI-compatible server", formats=("server",), load=(),
                    run=CHAT_KNOBS, adapter="tests.fakes:None", remote=True, verbs=(Verb.LOAD_TEST,))  # fmt: skip
VLLM = EngineSpec(id="vllm", task=Task.CHAT, title="vLLM", formats=("safetensors",), load=(MAX_LEN, EAGER, EXECUTABLE),
                  run=CHAT_KNOBS, adapter="tests.fakes:None", remote=True, programs=("vllm",), about="Many answers at once, prefix caching.",
                  verbs=(Verb.DESCRIBE, Verb.LOAD_TEST))  # fmt: skip
LLAMA = EngineSpec(id="llama-server", task=Task.CHAT, title="llama-server", formats=("gguf",), load=(MAX_LEN, EXECUTABLE),
                   run=CHAT_KNOBS, adapter="tests.fakes:None", remote=True, programs=("llama-server",),
                   verbs=(Verb.DESCRIBE, Verb.LOAD_TEST))  # fmt: skip
SPECS = [SPEC, OTHER, REMOTE, VLLM, LLAMA]


def furnish(services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> Ring:
    """Give the fake library servers and secrets, and the registry engines that are commands."""
    ring = Ring()
    library: Any = services.library
    library.secrets = Secrets(ring)
    library.servers = Servers(services.paths, library.secrets)
    library.items.append(
        variant("bf16", format="safetensors", bytes=269_000_000, bits_per_weight=16.0, path="/models/smollm2-bf16")
    )
    monkeypatch.setattr(registry, "visible", lambda task=None: SPECS)
    monkeypatch.delenv("TANDEM_SERVER_KEY", raising=False)
    return ring


def answering(monkeypatch: pytest.MonkeyPatch, *models: str, kind: str = "vllm", n_ctx: int = 8192) -> list[Server]:
    """Every server answers with these models; returns those that were asked."""
    asked: list[Server] = []

    def ask(servers: Servers, server: Server) -> Probe:
        import msgspec

        asked.append(server)
        kept = msgspec.structs.replace(server, models=models, kind=kind, asked=1_790_000_000.0)
        servers.put(kept)
        return Probe(server=kept, models=tuple(Offered(m, n_ctx) for m in models), version="0.19.1", seconds=0.012)

    monkeypatch.setattr("app.library.server_probe.ask", ask)
    return asked


def settle() -> None:
    for _ in range(4):
        QApplication.processEvents()


def shown(root: QWidget, name: str) -> QWidget:
    found = [w for w in root.findChildren(QWidget, name) if w.isVisible()]
    assert len(found) == 1, f"{name}: {len(found)} visible"
    return found[0]


def there(root: QWidget, name: str) -> bool:
    return any(w.isVisible() for w in root.findChildren(QWidget, name))


def click(qtbot: QtBot, root: QWidget, name: str) -> None:
    qtbot.mouseClick(shown(root, name), Qt.MouseButton.LeftButton)
    settle()
