"""Servers that are started here: installed or not, the command line, from start to stop."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.errors import TandemError
from app.lab.session import Failure, SessionState
from app.ui.pages.servers import ServersPage
from app.ui.state.server_launch import EngineLaunch, address_of, preview
from app.ui.state.servers import ServersState
from engines import registry
from engines.knobs import Scope
from engines.protocol import Beat, Described, Ended, Progress
from tests.app.ui.servers.made import click, settle, shown, there
from tests.fakes import FakeServices, variant

COMMAND = ("env", "VLLM_API_KEY=***", "/opt/vllm", "serve", "/models/x", "--host", "127.0.0.1", "--port", "41873")


@pytest.fixture
def vllm(page: ServersPage, state: ServersState, services: FakeServices) -> EngineLaunch:
    """vLLM's card, and it is installed."""
    said = Described(id=0, engine="vllm", version="0.32.0", build="/opt/vllm", available=True)
    services.descriptions.known["vllm"] = said
    state.choose_engine("vllm")
    engine = state.launching.engines["vllm"]
    engine.poll()
    settle()
    return engine


def run(engine: EngineLaunch, services: FakeServices) -> None:
    services.session.become_ready()
    assert services.session.loaded is not None
    services.session.loaded = msgspec.structs.replace(services.session.loaded, command=COMMAND)
    engine.poll()
    settle()


def test_one_that_is_not_installed_says_how_to_get_it(
    qtbot: QtBot, page: ServersPage, state: ServersState, services: FakeServices
):
    gone = Described(id=0, engine="vllm", version="", build="", available=False, reason="vLLM is not installed here.")
    services.descriptions.known["vllm"] = gone
    state.choose_engine("vllm")
    state.launching.engines["vllm"].poll()
    settle()
    assert "pip install vllm" in shown(page, "servers.how_to_get").toPlainText()  # type: ignore[attr-defined]
    assert not shown(page, "servers.start").isEnabled()


def test_the_command_line_follows_the_settings_and_is_copied(
    qtbot: QtBot, page: ServersPage, vllm: EngineLaunch, state: ServersState
):
    text = shown(page, "servers.command").toPlainText  # type: ignore[attr-defined]
    assert text().startswith("env 'VLLM_API_KEY=***' /opt/vllm serve /models/smollm2-bf16 --host 127.0.0.1")
    vllm.set_knob("max_model_len", 2048)
    vllm.set_knob("enforce_eager", True)
    assert text().endswith("--max-model-len 2048 --enforce-eager")
    click(qtbot, page, "servers.copy_command")
    assert QGuiApplication.clipboard().text() == text()
    assert state.model.book.settings(vllm.spec, Scope.LOAD)["max_model_len"] == 2048, "the same as in Chat"


def test_the_preview_names_the_program_that_was_chosen():
    spec = next(s for s in registry.specs().values() if s.id == "llama-server")
    settings = {k.name: k.default for k in spec.load} | {
        "executable": "/my/llama-server",
        "extra_args": ["--mlock --n 'a b'"],
    }
    said = preview(spec, variant(), settings)
    assert said[:3] == ("env", "LLAMA_API_KEY=***", "/my/llama-server")
    assert said[-3:] == ("--mlock", "--n", "a b")


def test_every_engine_that_is_a_command_has_its_preview():
    for spec in registry.specs().values():
        if spec.programs:
            said = preview(spec, variant(), {k.name: k.default for k in spec.load})
            assert "/nowhere/model.gguf" in said
            assert "127.0.0.1" in said


def test_started_it_tells_where_it_is_and_stopped_it_is_gone(
    qtbot: QtBot, page: ServersPage, vllm: EngineLaunch, services: FakeServices
):
    click(qtbot, page, "servers.start")
    session = services.session
    assert (session.variant, session.spec) == (vllm.variant, vllm.spec)
    session.say(Progress(id=0, phase="loading weights", fraction=0.4, message="shard 2 of 5"))
    vllm.poll()
    settle()
    assert "shard 2 of 5" in shown(page, "servers.log").toPlainText()  # type: ignore[attr-defined]
    run(vllm, services)
    assert vllm.address == "http://127.0.0.1:41873/v1"
    click(qtbot, page, "servers.copy_address")
    assert QGuiApplication.clipboard().text() == vllm.address
    assert "41873" in shown(page, "servers.command").toPlainText()  # type: ignore[attr-defined]
    session.say(Beat(phase="idle", counter=1, cpu_s=0, rss=1, sample={"server_waiting": 2.0}))
    vllm.poll()
    assert page.findChildren(type(page.view.gauges))[-1] is not None
    assert vllm.gauges.now("server_waiting") == 2.0
    click(qtbot, page, "servers.stop")
    assert session.calls[-1] == "close"
    assert not there(page, "servers.address")
    assert there(page, "servers.start")


def test_one_that_dies_says_why_with_its_log(
    qtbot: QtBot, page: ServersPage, vllm: EngineLaunch, services: FakeServices
):
    click(qtbot, page, "servers.start")
    services.session.state = SessionState.FAILED
    services.session.failure = Failure(
        "load_failed", "No room for the KV cache.", "A shorter context.", ("ValueError: 0 blocks",)
    )
    services.session.say(Ended(code=1, words="ended", expected=False))
    vllm.poll()
    settle()
    click(qtbot, page, "error.details")
    assert "0 blocks" in shown(page, "error.log").toPlainText()  # type: ignore[attr-defined]
    click(qtbot, page, "error.again")
    assert len(services.sessions) == 2
    assert not there(page, "error.again")


def test_one_that_cannot_begin_is_told(qtbot: QtBot, page: ServersPage, vllm: EngineLaunch, services: FakeServices):
    services.refuse = TandemError("in_use", "The model is being changed.", "Wait.")
    click(qtbot, page, "servers.start")
    assert there(page, "error.again")
    assert not vllm.busy


def test_without_a_model_of_its_format_it_says_so(
    qtbot: QtBot, page: ServersPage, vllm: EngineLaunch, services: FakeServices
):
    services.library.items[:] = [variant()]
    vllm.refresh()
    settle()
    assert not shown(page, "servers.start").isEnabled()
    assert vllm.models() == []


def test_closing_the_program_ends_what_runs(
    qtbot: QtBot, page: ServersPage, vllm: EngineLaunch, state: ServersState, services: FakeServices
):
    click(qtbot, page, "servers.start")
    run(vllm, services)
    state.close()
    assert services.session.calls[-1] == "close"


@pytest.mark.parametrize(
    ("command", "address"),
    [
        (COMMAND, "http://127.0.0.1:41873/v1"),
        (("x", "--port=80", "--host=0.0.0.0"), "http://0.0.0.0:80/v1"),
        (("x", "--port"), ""),
        (("x", "--port", "no"), ""),
        ((), ""),
    ],
)
def test_the_address_is_read_from_the_command(command: tuple[str, ...], address: str):
    assert address_of(command) == address
