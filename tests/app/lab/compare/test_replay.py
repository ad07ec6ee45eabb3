"""A replay shows at every time what the record says of that time."""

from __future__ import annotations

import random

import pytest

from app.lab.compare.lane import Lane
from app.lab.compare.plan import Mode, Plan, ask
from app.lab.compare.replay import WORDS, Timeline, words
from app.lab.compare.result import LaneRun, Result, Status, Track


def track(text: str, times: list[float], end_s: float = 0.0, step: str = "", counts: tuple[int, ...] = ()) -> Track:
    """An answer whose output i brings as many characters as make the text end with the last one."""
    n = len(times)
    shown = tuple(round(len(text) * (i + 1) / n) for i in range(n))
    return Track(step=step, prompt="Why?", text=text, times_s=tuple(times), shown=shown, counts=counts, end_s=end_s)


def test_nothing_is_shown_before_its_time_and_everything_at_it() -> None:
    line = Timeline([[track("abcd", [0.5, 0.6, 0.7, 0.8], end_s=0.9)]])
    before, at, between = (line.at(t)[0] for t in (0.499, 0.5, 0.65))
    assert (before.shown, before.phase, before.n_out) == (0, "prefill", 0)
    assert (at.shown, at.phase, at.n_out, at.visible) == (1, "decode", 1, "a")
    assert (between.visible, between.elapsed_s) == ("ab", 0.65)
    assert line.at(0.85)[0].phase == "decode"


def test_the_search_agrees_with_a_scan_of_every_output() -> None:
    rng = random.Random(3)
    times = sorted(rng.uniform(0.1, 4.0) for _ in range(200))
    answer = track("x" * 900, times)
    line = Timeline([[answer]])
    for t in [rng.uniform(0, times[-1]) for _ in range(200)]:
        made = [i for i, at in enumerate(times) if at <= t]
        assert line.at(t)[0].n_out == len(made)
        if t < line.length_s:
            assert line.at(t)[0].shown == (answer.shown[made[-1]] if made else 0)


def test_lanes_start_together_and_end_on_their_own() -> None:
    line = Timeline([[track("ab", [0.1, 0.2], end_s=0.3)], [track("cd", [1.0, 2.0], end_s=2.5)]])
    assert line.length_s == 2.5
    fast, slow = line.at(0.5)
    assert (fast.phase, fast.elapsed_s) == ("done", 0.3)
    assert slow.phase == "prefill"
    assert [m.phase for m in line.at(99)] == ["done", "done"]


def test_steps_play_one_after_the_other() -> None:
    steps = [track("one", [0.5], end_s=1.0, step="ask"), track("two", [0.25], end_s=0.5, step="ask again")]
    line = Timeline([steps])
    assert line.length_s == 1.5
    first, second, reading = line.at(0.9)[0], line.at(1.3)[0], line.at(1.1)[0]
    assert (first.step, first.name, first.visible) == (0, "ask", "one")
    assert (second.step, second.name, second.visible) == (1, "ask again", "two")
    assert (reading.phase, reading.shown) == ("prefill", 0)
    assert second.elapsed_s == pytest.approx(0.3)
    assert line.output_times_s == ((0.5, 1.25),)


def test_the_rate_counts_tokens_over_the_last_second() -> None:
    fast_then_slow = [i / 100 for i in range(1, 101)] + [1.0 + i / 10 for i in range(1, 21)]
    line = Timeline([[track("x" * 120, fast_then_slow)]])
    assert line.at(0.01)[0].rate is None
    assert line.at(0.9)[0].rate == pytest.approx(100)
    assert line.at(2.95)[0].rate == pytest.approx(10)


def test_a_step_of_several_tokens_counts_them_all() -> None:
    line = Timeline([[track("abcdef", [0.1, 0.2, 0.3], counts=(1, 3, 2))]])
    assert [line.at(t)[0].n_out for t in (0.1, 0.2, 0.3)] == [1, 4, 6]
    assert line.at(0.3)[0].rate == pytest.approx(25)


def test_outputs_slower_than_a_second_still_have_a_rate() -> None:
    line = Timeline([[track("abc", [1.0, 3.0, 5.0])]])
    assert line.at(3.5)[0].rate == pytest.approx(0.5)


def test_a_lane_without_a_record_waits() -> None:
    line = Timeline([[], [track("", [], end_s=0.4)]])
    without, empty = line.at(0.1)
    assert (without.phase, without.text) == ("waiting", "")
    assert (empty.phase, empty.shown) == ("prefill", 0)
    assert line.at(1)[1].phase == "done"
    assert Timeline([]).length_s == 0


def test_the_end_shows_the_whole_text() -> None:
    answer = Track(step="", prompt="", text="héllo…", times_s=(0.1,), shown=(4,), end_s=0.2)
    line = Timeline([[answer]])
    assert line.at(0.15)[0].visible == "héll"
    assert line.at(0.2)[0].visible == "héllo…"


def test_only_runs_that_were_alone_are_called_uncontended() -> None:
    plan = Plan(title="T", lanes=(Lane(name="f16", model="m", engine="echo"),), steps=(ask("?"),))

    def made(mode: Mode, *runs: LaneRun) -> Result:
        return Result(id="x", plan=plan, mode=mode, status=Status.DONE, created=0.0, runs=runs)

    disturbed = LaneRun(lane=0, block=1, kind="answer", steps=(), contended=True)
    assert words(made(Mode.QUICK)) == WORDS == "replay of uncontended runs"
    assert words(made(Mode.MEASURE, LaneRun(lane=0, block=1, kind="timed", steps=(), contended=True))) == WORDS
    assert "uncontended" not in words(made(Mode.MEASURE, disturbed))
    assert "uncontended" not in words(made(Mode.RACE))
