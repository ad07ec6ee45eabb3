"""Measuring, guessing and replaying on the Compare page."""

from __future__ import annotations

import threading

from msgspec.structs import replace
from pytestqt.qtbot import QtBot

from app.lab.compare.events import Began, Delta, Moment, Watcher
from app.lab.compare.plan import Mode, Plan
from app.lab.compare.result import Result, Status
from app.ui.pages.compare import ComparePage
from app.ui.state.compare_phase import Phase
from app.ui.window import MainWindow
from tests import comparisons
from tests.app.ui.compare.pages import click, put, settle, shown, there
from tests.fakes import FakeServices


def test_while_it_runs_there_is_only_stop(page: ComparePage, services: FakeServices, qtbot: QtBot) -> None:
    go = threading.Event()

    def script(plan: Plan, mode: Mode, watcher: Watcher) -> Result:
        watcher.event(Began(0, 1))
        watcher.event(Delta(0, 1, "The gulls", {"decode_tok_s": 81.5, "n_out": 2}))
        watcher.event(Moment("speed", "timed run", block=3, blocks=5, lane=1, left_s=70, fraction=0.5))
        assert go.wait(10)
        return comparisons.result(plan=plan, status=Status.CANCELLED)

    services.script = script
    page.state.begin(comparisons.lanes(3))
    settle()
    click(qtbot, page, "compare.measure")
    qtbot.waitUntil(lambda: page.strip.place.text() == "block 3 of 5 · B")
    settle()
    assert page.strip.left.text() == "1:10 min left"
    assert page.strip.bar.value() == 500
    assert page.middle.outputs.views[0].text.text() == "The gulls"
    assert there(page, "compare.stop")
    assert shown(page, "compare.stop").property("kind") != "primary"
    assert not any(
        there(page, f"compare.{verb}") for verb in ("measure", "race", "quick", "again", "add_lane", "report")
    )
    click(qtbot, page, "compare.stop")
    assert page.strip.place.text() == "stopping"
    go.set()
    qtbot.waitUntil(lambda: not page.state.busy)
    settle()
    assert page.strip.place.text() == "stopped"
    assert there(page, "compare.go_on")


def test_the_replay_plays_all_lanes_and_gives_the_outputs_back(
    page: ComparePage, services: FakeServices, qtbot: QtBot
) -> None:
    put(page, services, comparisons.result())
    before = page.middle.outputs.views[2].text.text()
    click(qtbot, page, "compare.replay")
    assert there(page, "compare.replay_scrub")
    page.state.replay.pause()
    page.state.replay.seek(0.25)
    settle()
    assert page.middle.outputs.views[0].text.text() == comparisons.TEXT[: page.state.replay.moments()[0].shown]
    page.state.replay.seek(page.state.replay.length_s)
    click(qtbot, page, "compare.replay")
    assert not there(page, "compare.replay_scrub")
    assert page.middle.outputs.views[2].text.text() == before
    assert page.middle.prompt.step.currentIndex() == 1
    assert [view.steps.currentIndex() for view in page.middle.outputs.views] == [1, 1, 1]


def test_a_replay_waits_while_nobody_looks(window: MainWindow, page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    page.act("replay")
    assert page.state.replay.playing
    window.show_page("settings")
    assert not page.state.replay.playing


def test_prompt_and_outputs_show_the_same_step_after_a_run(
    page: ComparePage, services: FakeServices, qtbot: QtBot
) -> None:
    def script(plan: Plan, mode: Mode, watcher: Watcher) -> Result:
        watcher.event(Began(0, 0))
        watcher.event(Began(0, 1))
        return comparisons.result(plan=plan)

    services.script = script
    page.state._open(comparisons.plan())
    page.act("measure")
    qtbot.waitUntil(lambda: page.state.phase is Phase.SHOWN)
    settle()
    assert page.middle.prompt.step.currentIndex() == 1
    assert [view.steps.currentIndex() for view in page.middle.outputs.views] == [1, 1, 1]


def test_a_load_leaves_the_bar_and_quick_has_one_too(page: ComparePage, services: FakeServices, qtbot: QtBot) -> None:
    go = threading.Event()

    def script(plan: Plan, mode: Mode, watcher: Watcher) -> Result:
        watcher.event(Moment("speed", "run 3 of 5", lane=1, left_s=42, fraction=0.5))
        assert go.wait(10)
        go.clear()
        watcher.event(Moment("loading", "C loads: read", lane=2, left_s=30, fraction=0.1))
        assert go.wait(10)
        return comparisons.result(plan=plan, mode=mode)

    services.script = script
    page.state.begin(comparisons.lanes(3))
    page.act("quick")
    qtbot.waitUntil(lambda: page.strip.place.text() == "measuring · B")
    assert (page.strip.left.text(), page.strip.bar.value(), page.strip.bar.isVisible()) == ("42 s left", 500, True)
    go.set()
    qtbot.waitUntil(lambda: page.strip.place.text() == "loading · C")
    assert (page.strip.left.text(), page.strip.bar.value(), page.strip.bar.isVisible()) == ("30 s left", 500, True)
    assert page.strip.words.text() == "C loads: read, 10\N{NO-BREAK SPACE}%"
    go.set()
    qtbot.waitUntil(lambda: not page.state.busy)


def test_a_guess_is_asked_and_answered(page: ComparePage, services: FakeServices, qtbot: QtBot) -> None:
    services.script = lambda plan, mode, watcher: comparisons.result(plan=plan)
    page.state._open(comparisons.expecting())
    settle()
    click(qtbot, page, "compare.measure")
    assert page.state.phase is Phase.GUESS
    first = shown(page, "compare.guess_0")
    assert page.window().focusWidget() is first
    page.state.changed.emit()
    assert shown(page, "compare.guess_0") is first
    click(qtbot, page, "compare.guess_0")
    qtbot.waitUntil(lambda: page.state.phase is Phase.SHOWN)
    settle()
    assert page.middle.verdict.notes[0].text() == "You said “f16”; measured: “f16”. You were right."


def test_an_interrupted_comparison_is_offered(page: ComparePage, services: FakeServices, qtbot: QtBot) -> None:
    result = comparisons.result(status=Status.RUNNING)
    services.script = lambda plan, mode, watcher: replace(result, status=Status.DONE)
    put(page, services, result)
    page.state.close_comparison()
    settle()
    click(qtbot, page, "compare.resume_unfinished")
    qtbot.waitUntil(lambda: page.state.phase is Phase.SHOWN)
    assert services.compared[0][2] == result
    assert page.state.can_go_on is False


def test_commands_reach_the_page_that_is_shown(window: MainWindow, page: ComparePage, services: FakeServices) -> None:
    services.script = lambda plan, mode, watcher: comparisons.result(plan=plan)
    assert not window.commands["compare.measure"].trigger()
    page.state.begin(comparisons.lanes(2))
    assert window.commands["compare.add_lane"].trigger()
    assert page.state.plan is not None
    assert len(page.state.plan.lanes) == 3
    window.show_page("settings")
    assert not window.commands["compare.measure"].trigger()
    assert not window.commands["fold.left"].trigger()
    assert window.commands["page.compare"].trigger()
    assert window.commands["page.compare"].shortcut == "Ctrl+2"
    shown_before = page.bones.is_shown("left")
    assert window.commands["fold.left"].trigger()
    assert page.bones.is_shown("left") != shown_before
