"""The page's state over the real services, a real worker and a server that speaks HTTP: asked, watched, tested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.compose import services
from app.paths import Paths
from app.ui.program import Program
from app.ui.state.servers import Draft, ServersState
from engines import registry
from engines.spec import Task
from tests.stand_in_server import stand_in

pytestmark = pytest.mark.e2e


@pytest.fixture
def state(qapp: object, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServersState]:
    monkeypatch.setenv("TANDEM_SERVER_KEY", "sk-e2e")
    with services(Paths(home)) as parts:
        program = Program(parts, registry.visible(Task.CHAT))
        program.servers.meet(program.model)
        yield program.servers
        program.close()


def test_a_server_is_asked_watched_and_load_tested(qtbot: QtBot, state: ServersState):
    with stand_in(kind="vllm", key="sk-e2e", models=("org/small",)) as server:
        state.save(Draft(server.url, "Stand-in"))
        qtbot.waitUntil(lambda: not state.asking(state.chosen), timeout=20_000)
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
