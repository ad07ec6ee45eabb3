"""The load test's view: what is asked for, how far it is, its result, earlier ones, and those of other programs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from app.errors import TandemError
from app.lab.loadtest.events import LevelDone, LoadMoment, LoadWatcher
from app.lab.loadtest.plan import Limits, LoadMode, LoadPlan
from app.lab.loadtest.result import Level, LoadResult, Served, Spread
from app.library import Variant
from app.store import LoadTestRecord
from app.ui.pages.servers import ServersPage
from app.ui.servers.load_chart import curves, top_of
from app.ui.servers.load_table import cells, errors
from app.ui.servers.load_view import LoadView, _version
from app.ui.state.load_form import Form
from app.ui.state.load_test import LoadTestState
from app.ui.state.server_keeping import Draft
from app.ui.state.servers import ServersState
from engines.knobs import Settings
from engines.spec import EngineSpec
from tests.app.ui.servers.made import answering, click, settle, shown, there
from tests.fakes import FakeServices


def spread(value: float) -> Spread:
    return Spread(mean=value, p50=value, p90=value, p95=2 * value, p99=3 * value, n=20)


def level(users: float, rate: float, **more: Any) -> Level:
    fields = {
        "n": 20,
        "seconds": 10.0,
        "out_tok_s": rate,
        "req_s": rate / 100,
        "ttft": spread(0.1),
        "tpot": spread(0.02),
        "e2e": spread(2),
    }
    return Level(load=users, **(fields | more))  # type: ignore[arg-type]


def result(*levels: Level, **more: Any) -> LoadResult:
    fields: dict[str, Any] = {
        "plan": LoadPlan(title="Chat"),
        "levels": levels,
        "served": Served(title="org/m"),
        "created": 1.79e9,
    }
    return LoadResult(**(fields | more))


class Script:
    """Stands in for `run_test`: says what a test says, and ends when it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[Variant, EngineSpec, LoadPlan, Settings]] = []
        self.go = threading.Event()
        self.watcher: LoadWatcher | None = None
        self.end: Callable[[LoadPlan], LoadResult] = lambda plan: result(level(1, 100), plan=plan)

    def __call__(
        self,
        _launcher: object,
        variant: Variant,
        spec: EngineSpec,
        plan: LoadPlan,
        watcher: LoadWatcher,
        *,
        knobs: Settings,
    ) -> LoadResult:
        self.calls.append((variant, spec, plan, knobs))
        self.watcher = watcher
        watcher.event(
            LoadMoment("level", "1 user", 1, 4, 0.5, {"done": 10, "total": 20, "running": 1, "system_tok_s": 88.5})
        )
        assert self.go.wait(20)
        return self.end(plan)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    made = Script()
    monkeypatch.setattr("app.lab.loadtest.run.run_test", made)
    return made


@pytest.fixture
def test(qtbot: QtBot, page: ServersPage, state: ServersState, monkeypatch: pytest.MonkeyPatch) -> LoadTestState:
    """The view, with one served model."""
    answering(monkeypatch, "org/m")
    state.save(Draft("http://127.0.0.1:8000/v1", "Box"))
    qtbot.waitUntil(lambda: bool(state.servers.variants()) and not state.asking(state.chosen))
    page.show_view(1)
    settle()
    return state.load_test


def view(page: ServersPage) -> LoadView:
    found = page.findChild(LoadView)
    assert found is not None
    return found


def over(qtbot: QtBot, test: LoadTestState) -> None:
    qtbot.waitUntil(lambda: not test.running)
    settle()


def test_a_test_is_carried_out_followed_and_shown(qtbot: QtBot, page: ServersPage, test: LoadTestState, script: Script):
    click(qtbot, page, "servers.load_users_16")
    click(qtbot, page, "servers.load_users_1")
    click(qtbot, page, "servers.load_start")
    qtbot.waitUntil(lambda: "Level 1 of 4" in shown(page, "servers.load_progress").text())  # type: ignore[attr-defined]
    assert "10 of 20 requests" in view(page).progress.detail.text()
    assert view(page).progress.rate.figure().value == "88.5"
    assert not there(page, "servers.load_start")
    variant, spec, plan, _ = script.calls[0]
    assert (variant.served, spec.id) == ("org/m", "openai-server")
    assert plan.levels == (2, 4, 8, 16)
    assert plan.limits == Limits(ttft_s=0.2, itl_s=0.05)
    script.end = lambda plan: result(level(2, 100), level(4, 180), plan=plan, sentence="The most was there.")
    script.go.set()
    over(qtbot, test)
    assert shown(page, "servers.load_sentence").text() == "The most was there."  # type: ignore[attr-defined]
    assert there(page, "servers.load_export")
    assert view(page).throughput.accessibleDescription() == "Tandem: 2 users: 100, 4 users: 180"


def test_levels_are_shown_as_they_come(qtbot: QtBot, page: ServersPage, test: LoadTestState, script: Script):
    test.start()
    qtbot.waitUntil(lambda: script.watcher is not None)
    assert script.watcher is not None
    first = result(level(1, 100), status="running")
    script.watcher.event(LevelDone(first.levels[0], first))
    qtbot.waitUntil(lambda: test.result is not None)
    settle()
    assert view(page).throughput.accessibleDescription() == "Tandem: 1 user: 100"
    assert not there(page, "servers.load_export")
    script.go.set()
    over(qtbot, test)


def test_stop_asks_the_test_to_leave_off(qtbot: QtBot, page: ServersPage, test: LoadTestState, script: Script):
    test.start()
    qtbot.waitUntil(lambda: script.watcher is not None)
    assert script.watcher is not None
    assert not script.watcher.cancelled()
    click(qtbot, page, "servers.load_stop")
    assert script.watcher.cancelled()
    assert not shown(page, "servers.load_stop").isEnabled()
    script.end = lambda plan: result(level(1, 100), plan=plan, status="cancelled")
    script.go.set()
    over(qtbot, test)
    assert "stopped early" in view(page).facts.text()


def test_what_goes_wrong_is_a_card(qtbot: QtBot, page: ServersPage, test: LoadTestState, script: Script):
    def fail(_plan: LoadPlan) -> LoadResult:
        raise TandemError("no_server", "Nothing answers.", "Start it.")

    script.end = fail
    script.go.set()
    test.start()
    over(qtbot, test)
    assert test.problem is not None
    assert there(page, "error.dismiss")
    click(qtbot, page, "error.dismiss")
    assert not there(page, "error.dismiss")


def test_a_cancel_before_the_first_level_is_no_trouble(qtbot: QtBot, test: LoadTestState, script: Script):
    def cancelled(_plan: LoadPlan) -> LoadResult:
        raise TandemError("cancelled", "Cancelled.")

    script.end = cancelled
    script.go.set()
    test.start()
    over(qtbot, test)
    assert test.problem is None


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "poisson", "rates": "0.5, x"}, {"mode": "poisson", "rates": ""}, {"users": ()}, {"ttft_ms": "-3"},
        {"by_seconds": True, "seconds": "nan"}, {"mode": "poisson", "rates": "1e999"},
    ],
)  # fmt: skip
def test_a_form_that_makes_no_plan_is_told_and_nothing_begins(
    qtbot: QtBot, page: ServersPage, test: LoadTestState, script: Script, changes: dict[str, Any]
):
    test.set_form(**changes)
    click(qtbot, page, "servers.load_start")
    assert test.problem is not None
    assert not test.running
    assert script.calls == []


def test_arrival_rates_seconds_and_limits_become_the_plan(test: LoadTestState):
    test.set_form(mode="poisson", rates="0.5 2;4", by_seconds=True, seconds="20", ttft_ms="", itl_ms="", e2e_s="3.5")
    plan = test.plan()
    assert (plan.mode, plan.levels, plan.seconds, plan.requests) == (LoadMode.POISSON, (0.5, 2.0, 4.0), 20.0, 0)
    assert plan.limits == Limits(e2e_s=3.5)


def test_the_form_is_as_it_was_left_and_a_preset_brings_its_limits(
    qtbot: QtBot, page: ServersPage, test: LoadTestState, state: ServersState, services: FakeServices
):
    click(qtbot, page, "servers.load_preset_rag")
    preset = next(p for p in test.presets if p.id == "rag")
    assert test.plan().limits == preset.limits
    test.set_users("3, 5, 900, x")
    again = LoadTestState(services, state._bridge, state)
    assert (again.form.preset, again.form.users) == ("rag", (3, 5))


def test_a_form_that_cannot_be_read_any_more_is_as_at_first(services: FakeServices, state: ServersState):
    services.store.set("load_test.form", {"preset": "gone", "users": "x"})
    assert LoadTestState(services, state._bridge, state).form.preset == Form().preset


def test_a_server_that_runs_here_makes_room_for_its_own_test(
    qtbot: QtBot, test: LoadTestState, state: ServersState, script: Script, services: FakeServices
):
    engine = state.launching.engines["vllm"]
    engine.start()
    services.session.become_ready()
    engine.poll()
    engine_session = services.session
    test.choose_engine("vllm")
    script.go.set()
    test.start()
    assert engine_session.calls[-1] == "close"
    over(qtbot, test)
    variant, spec, _, knobs = script.calls[0]
    assert (variant.format, spec.id) == ("safetensors", "vllm")
    assert knobs == engine.settings


def test_an_earlier_test_is_opened_and_put_away(
    qtbot: QtBot, page: ServersPage, test: LoadTestState, services: FakeServices
):
    kept = result(level(1, 90), sentence="Kept.")
    services.store.add_load_test(LoadTestRecord(title="Chat", model="org/m", result=msgspec.to_builtins(kept)))
    test._tests = None
    test.changed.emit()
    settle()
    click(qtbot, page, "servers.load_earlier")
    assert test.result is not None
    assert test.result.levels == kept.levels
    click(qtbot, page, "servers.load_delete")
    assert test.result is None
    assert services.store.load_tests() == []


def test_an_earlier_test_of_another_shape_is_told(test: LoadTestState, services: FakeServices):
    odd = services.store.add_load_test(LoadTestRecord(title="Odd", result={"plan": 3}))
    test.open_test(odd)
    assert test.problem is not None
    assert test.result is None


def vllm_file(folder: Path) -> Path:
    data = {
        "backend": "vllm", "model_id": "org/m", "max_concurrency": 4, "request_rate": "inf", "duration": 10.0, "completed": 40,
        "total_input_tokens": 4000, "total_output_tokens": 2000, "output_throughput": 200.0, "request_throughput": 4.0,
        "total_token_throughput": 600.0, "mean_ttft_ms": 80.0, "median_ttft_ms": 70.0, "p95_ttft_ms": 150.0, "p99_ttft_ms": 160.0,
    }  # fmt: skip
    path = folder / "vllm.json"
    path.write_text(json.dumps(data))
    return path


def test_results_of_another_program_stand_beside_ours(
    qtbot: QtBot, page: ServersPage, test: LoadTestState, tmp_path: Path
):
    test.result = result(level(1, 100), level(4, 240))
    test.open_files([str(vllm_file(tmp_path))])
    qtbot.waitUntil(lambda: test.other is not None)
    settle()
    assert view(page).throughput.accessibleDescription().endswith("vllm bench serve: 4 users: 200")
    assert view(page).other_table.isVisible()
    click(qtbot, page, "servers.load_close_other")
    assert not view(page).other_table.isVisible()


def test_a_file_that_is_no_result_is_told(qtbot: QtBot, page: ServersPage, test: LoadTestState, tmp_path: Path):
    (tmp_path / "x.json").write_text("[1, 2")
    test.open_files([str(tmp_path / "x.json")])
    qtbot.waitUntil(lambda: test.problem is not None)
    settle()
    assert there(page, "error.card")


@pytest.mark.parametrize(("kind", "has"), [("html", "<html"), ("csv", "out_tok_s"), ("json", '"levels"')])
def test_a_result_is_exported(page: ServersPage, test: LoadTestState, tmp_path: Path, kind: str, has: str):
    test.result = result(level(1, 100), level(4, 240))
    view(page).export_to(kind, tmp_path / f"out.{kind}")
    assert has in (tmp_path / f"out.{kind}").read_text()
    assert str(tmp_path) in test.notice


def test_a_place_that_cannot_be_written_is_told(page: ServersPage, test: LoadTestState, tmp_path: Path):
    test.result = result(level(1, 100))
    view(page).export_to("json", tmp_path / "none" / "deeper" / "x.json")
    assert test.problem is not None or (tmp_path / "none" / "deeper" / "x.json").is_file()


def test_a_row_says_a_dash_for_what_is_not_known():
    one = level(1, 100, ttft=None, itl=None, goodput_req_s=None, failed=2, errors={"HTTP 503": 2})
    row = cells(result(one), one)
    assert row[0] == "100.0"
    assert row[2] == row[3] == row[4] == row[7] == "–"
    assert errors(result(one)) == ["1 user: HTTP 503 (2 times)"]


def test_another_program_that_varies_something_else_is_not_in_the_curves():
    ours = result(level(1, 100), level(2, 150), knee=1)
    rates = result(level(0.5, 80), plan=LoadPlan(title="r", mode=LoadMode.POISSON), source="guidellm")
    drawn = curves(ours, rates, lambda one: one.out_tok_s)
    assert [(c.title, c.knee) for c in drawn] == [("Tandem", 2)]
    assert curves(None, rates, lambda one: one.out_tok_s)[0].title == "guidellm"


@pytest.mark.parametrize(("most", "top"), [(543.6, 600), (0.07, 0.075), (1, 1), (0, 1), (9.9, 10)])
def test_an_axis_ends_at_a_round_number(most: float, top: float):
    found, step = top_of(most)
    assert found == pytest.approx(top)
    assert 2 <= found / step <= 5


def test_a_version_is_said_once():
    assert [_version(text) for text in ("0.32.0 vLLM 0.32.0 (uvicorn)", "0.6.0 build 7", "")] == [
        "vLLM 0.32.0 (uvicorn)", "0.6.0 build 7", "",
    ]  # fmt: skip


def test_columns_and_curves_give_way_in_a_narrow_window(qtbot: QtBot, page: ServersPage, state: ServersState):
    page.show_view(1)
    settle()
    shows = view(page)
    shows.state.result = result(level(1, 50), level(2, 90))
    shows.refresh()
    for width, fewest, most, stacked in ((1492, 10, 10, False), (780, 5, 9, True)):
        page.resize(width, 800)
        settle()
        heads = [label for column in shows.table._columns.values() for label in column[:1]]
        assert fewest <= sum(not label.isHidden() for label in heads) <= most
        assert shows._page.widget().width() <= shows._page.viewport().width(), "nothing is cut at the right"
        assert (shows.itl.x() == shows.ttft.x()) is stacked
        assert (shows.itl.y() > shows.ttft.y()) is stacked
