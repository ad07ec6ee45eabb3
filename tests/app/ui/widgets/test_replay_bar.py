"""The bar shows where a replay is and drives it by pointer and keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.lab.compare.lane import Lane
from app.lab.compare.plan import Mode, Plan, ask
from app.lab.compare.result import LaneResult, Result, Status, Track
from app.ui.state.replay import ReplayState
from app.ui.theme import Theme
from app.ui.widgets.replay_bar import ReplayBar


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def result(end: float) -> Result:
    lane = Lane(name="f16", model="m", engine="echo")
    track = Track(step="", prompt="?", text="ab", times_s=(end / 2, end), shown=(1, 2), end_s=end)
    return Result(
        id="x", plan=Plan(title="T", lanes=(lane,), steps=(ask("?"),)), mode=Mode.MEASURE, status=Status.DONE, created=0.0,
        lanes=(LaneResult(lane=lane, tracks=(track,)),),
    )  # fmt: skip


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(qapp: object, clock: Clock) -> Iterator[ReplayState]:
    made = ReplayState(clock=clock)
    yield made
    made.close()


@pytest.fixture
def bar(theme: Theme, state: ReplayState, qtbot: QtBot) -> ReplayBar:
    made = ReplayBar(theme, state)
    qtbot.addWidget(made)
    state.load(result(8.4))
    made.resize(700, 36)
    made.show()
    return made


def test_nothing_to_play_can_not_be_played(theme: Theme, state: ReplayState, qtbot: QtBot) -> None:
    bar = ReplayBar(theme, state)
    qtbot.addWidget(bar)
    assert not bar.isEnabled()
    state.load(result(1.0))
    assert bar.isEnabled()


def test_it_says_the_time_and_what_it_is(bar: ReplayBar, state: ReplayState) -> None:
    state.seek(3.2)
    assert bar.time.text() == "3.2 of 8.4 s"
    assert bar.scrub.value() == 3200
    assert bar.words.text() == "replay of uncontended runs"
    assert bar.height() == 36


def test_the_button_plays_and_pauses(bar: ReplayBar, state: ReplayState) -> None:
    bar.play.click()
    assert state.playing
    assert bar.play.accessibleName() == "Pause the replay"
    bar.play.click()
    assert not state.playing
    assert bar.play.accessibleName() == "Play the replay"


def test_space_and_arrows_work_wherever_the_focus_is(bar: ReplayBar, state: ReplayState, qtbot: QtBot) -> None:
    bar.scrub.setFocus()
    qtbot.keyClick(bar.scrub, Qt.Key.Key_Space)
    assert state.playing
    qtbot.keyClick(bar.scrub, Qt.Key.Key_Space)
    qtbot.keyClick(bar.scrub, Qt.Key.Key_Right)
    assert state.t == pytest.approx(0.1)
    qtbot.keyClick(bar, Qt.Key.Key_Right)
    qtbot.keyClick(bar, Qt.Key.Key_Left)
    assert state.t == pytest.approx(0.1)


def test_a_press_on_the_line_jumps_there_and_dragging_holds_the_time(
    bar: ReplayBar, state: ReplayState, clock: Clock, qtbot: QtBot
) -> None:
    state.play()
    middle = QPoint(bar.scrub.width() // 2, bar.scrub.height() // 2)
    qtbot.mousePress(bar.scrub, Qt.MouseButton.LeftButton, pos=middle)
    assert state.t == pytest.approx(4.2, abs=0.05)
    clock.now += 1.0
    assert not state.playing
    qtbot.mouseRelease(bar.scrub, Qt.MouseButton.LeftButton, pos=middle)
    assert state.playing
    assert state.t == pytest.approx(4.2, abs=0.05)


def test_speed_and_loop_go_both_ways(bar: ReplayBar, state: ReplayState, qtbot: QtBot) -> None:
    qtbot.keyClick(bar.speed, Qt.Key.Key_Down)
    assert state.speed == 2.0
    state.set_speed(0.25)
    assert bar.speed.currentText() == "0.25×"
    bar.loop.click()
    assert state.loop
    state.set_loop(False)
    assert not bar.loop.isChecked()


def test_every_part_has_a_name(bar: ReplayBar) -> None:
    for name in ("play", "scrub", "speed", "loop"):
        part = bar.findChild(QWidget, f"compare.replay_{name}")
        assert part is not None
        assert part.accessibleName()
        assert part.height() <= 36
