"""The replay follows its clock, whatever the ticks do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.lab.compare.lane import Lane
from app.lab.compare.plan import Mode, Plan, ask
from app.lab.compare.result import LaneResult, Result, Status, Track
from app.ui.state.replay import REST_S, ReplayState


class Clock:
    """A clock that goes when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def result(*ends: float) -> Result:
    lanes = tuple(Lane(name=f"lane {i}", model="m", engine="echo") for i in range(len(ends)))
    tracks = [Track(step="", prompt="?", text="abcd", times_s=(e / 2, e), shown=(2, 4), end_s=e) for e in ends]
    return Result(
        id="x", plan=Plan(title="T", lanes=lanes, steps=(ask("?"),)), mode=Mode.MEASURE, status=Status.DONE, created=0.0,
        lanes=tuple(LaneResult(lane=lane, tracks=(t,)) for lane, t in zip(lanes, tracks, strict=True)),
    )  # fmt: skip


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def replay(qapp: object, clock: Clock) -> Iterator[ReplayState]:
    made = ReplayState(clock=clock)
    made.load(result(2.0, 4.0))
    yield made
    made.close()


def go(replay: ReplayState, clock: Clock, seconds: float) -> float:
    clock.now += seconds
    replay.tick()
    return replay.t


def test_its_time_is_the_clocks_however_few_ticks_there_are(replay: ReplayState, clock: Clock) -> None:
    replay.play()
    assert go(replay, clock, 0.008) == pytest.approx(0.008)
    assert go(replay, clock, 1.5) == pytest.approx(1.508)
    assert [m.n_out for m in replay.moments()] == [1, 0]


def test_it_stops_at_its_end_and_plays_again_from_the_beginning(
    replay: ReplayState, clock: Clock, qtbot: QtBot
) -> None:
    replay.play()
    with qtbot.waitSignal(replay.changed):
        go(replay, clock, 9.0)
    assert (replay.t, replay.playing) == (4.0, False)
    replay.toggle()
    assert (replay.t, replay.playing) == (0.0, True)


def test_a_pause_holds_and_going_on_does_not_jump(replay: ReplayState, clock: Clock) -> None:
    replay.play()
    go(replay, clock, 1.0)
    replay.pause()
    assert go(replay, clock, 5.0) == pytest.approx(1.0)
    replay.play()
    assert go(replay, clock, 0.5) == pytest.approx(1.5)


def test_a_change_of_speed_does_not_jump(replay: ReplayState, clock: Clock) -> None:
    replay.play()
    go(replay, clock, 1.0)
    replay.set_speed(0.25)
    assert go(replay, clock, 1.0) == pytest.approx(1.25)
    replay.set_speed(4.0)
    assert go(replay, clock, 0.25) == pytest.approx(2.25)
    with pytest.raises(ValueError, match="not one of"):
        replay.set_speed(3.0)


def test_a_jump_goes_on_playing_and_stays_inside(replay: ReplayState, clock: Clock) -> None:
    seen: list[float] = []
    replay.moved.connect(seen.append)
    replay.seek(3.0)
    assert (replay.t, replay.playing, seen) == (3.0, False, [3.0])
    replay.play()
    replay.seek(1.0)
    assert replay.playing
    assert go(replay, clock, 0.5) == pytest.approx(1.5)
    replay.seek(99)
    assert replay.t == 4.0


def test_a_loop_rests_at_the_end_and_begins_again(replay: ReplayState, clock: Clock) -> None:
    replay.set_loop(True)
    replay.play()
    assert go(replay, clock, 4.0 + REST_S / 2) == 4.0
    assert replay.playing
    assert go(replay, clock, REST_S / 2 + 0.75) == pytest.approx(0.75)
    assert go(replay, clock, 3 * (4.0 + REST_S)) == pytest.approx(0.75)


def test_ending_the_loop_goes_on_from_where_it_is(replay: ReplayState, clock: Clock) -> None:
    replay.set_loop(True)
    replay.play()
    go(replay, clock, 4.0 + REST_S + 1.0)
    replay.set_loop(False)
    assert go(replay, clock, 0.5) == pytest.approx(1.5)


def test_nothing_recorded_cannot_be_played(replay: ReplayState) -> None:
    replay.play()
    replay.load(None)
    assert (replay.empty, replay.playing, replay.length_s, replay.moments()) == (True, False, 0.0, ())
    replay.play()
    assert not replay.playing


def test_the_timer_itself_moves_it(qtbot: QtBot) -> None:
    replay = ReplayState()
    replay.load(result(0.05))
    with qtbot.waitSignal(replay.changed, check_params_cb=lambda: not replay.playing, timeout=5000):
        replay.play()
    assert replay.t == pytest.approx(0.05)
    replay.close()
