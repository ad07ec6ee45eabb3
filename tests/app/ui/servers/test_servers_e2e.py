"""The page's state over the real services, a real worker and a server that speaks HTTP: asked, watched, tested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.compose import services
from app.lab.session import SessionState
from app.paths import Paths
from app.ui.program import Program
from app.ui.state.server_keeping import Draft
from app.ui.state.servers import ServersState
from engines import registry
from engines.spec import Task
from tests import programs
from tests.stand_in_server import stand_in

pytestmark = pytest.mark.e2e


@pytest.fixture
def state(qapp: object, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServersState]:
    monkeypatch.setenv("TANDEM_SERVER_KEY", "sk-e2e")
    for name, command in programs.write_all(home / "programs").items():
        monkeypatch.setenv(name, command)
    with services(Paths(home)) as parts:
        program = Program(parts, registry.visible(Task.CHAT))
        program.servers.meet(program.model)
        yield program.servers
        program.close()


def test_a_server_is_asked_watched_and_load_tested(qtbot: QtBot, state: ServersState):
    with stand_in(kind="vllm", key="sk-e2e", models=("org/small",)) as server:
        state.save(Draft(server.url, "Stand-in"))
        qtbot.waitUntil(lambda: state.probe(state.chosen) is not None, timeout=20_000)
        assert state.problem(state.chosen) is None
        assert [v.served for v in state.servers.variants()] == ["org/small"]
        state.watch()
        qtbot.waitUntil(lambda: state.watching.gauges.known, timeout=60_000)
        assert state.watching.gauges.now("server_running") is not None
        test = state.load_test
        test.set_form(users=(1, 2), requests="4", ttft_ms="5000", itl_ms="")
        test.start()
        qtbot.waitUntil(lambda: not test.running, timeout=120_000)
        assert test.problem is None
        assert test.result is not None
        assert [(one.load, one.n, one.failed) for one in test.result.levels] == [(1, 4, 0), (2, 4, 0)]
        assert all(one.out_tok_s for one in test.result.levels)
        assert [kept.status for kept in test.tests()] == ["done"]
    state.ask(state.chosen)
    qtbot.waitUntil(lambda: not state.asking(state.chosen), timeout=20_000)
    found = state.problem(state.chosen)
    assert found is not None
    assert found.title == "Does not answer"


def test_a_server_is_started_here_watched_and_ended(qtbot: QtBot, state: ServersState, tiny_gguf: Path):
    state.services.library.add(tiny_gguf)
    engine = state.launching.engines["llama-server"]
    engine.refresh()
    engine.ask()
    qtbot.waitUntil(lambda: engine.available is not None, timeout=60_000)
    assert engine.available, engine.described
    before = engine.command
    engine.start()
    qtbot.waitUntil(lambda: engine.phase in (SessionState.READY, SessionState.FAILED), timeout=60_000)
    assert engine.failure is None, engine.failure
    assert engine.address.startswith("http://127.0.0.1:")
    assert "***" in " ".join(engine.command)
    ports = {"--port"}
    said = [w for w in before if w.startswith("--") and w not in ports]
    assert set(said) <= set(engine.command), "what was shown before is what was started"
    qtbot.waitUntil(lambda: engine.gauges.known, timeout=60_000)
    engine.stop()
    assert engine.phase is SessionState.EMPTY
    assert engine.address == ""
