"""What is left, as it is told with every moment."""

from __future__ import annotations

import msgspec
import pytest

from app.lab.compare.events import Moment
from app.lab.compare.experiment import begun
from app.lab.compare.lane import Lane
from app.lab.compare.plan import Mode, Plan, Schedule, ask
from app.lab.compare.result import LaneRun
from app.lab.compare.schedule import Pace
from app.lab.compare.standing import Standing

PLAN = Plan(title="t", lanes=(Lane(name="a", model="m", engine="echo"),) * 2, steps=(ask("hi"),))
SAID = Moment("speed", "A: timed run", lane=0)


def run(kind: str, block: int, counts: bool = True) -> LaneRun:
    return LaneRun(lane=0, block=block, kind=kind, steps=(), counts=counts)


def test_before_the_first_block_nothing_is_known() -> None:
    told = Standing(Schedule(), Mode.MEASURE).placed(SAID, begun(PLAN, Mode.MEASURE), 2, 3.0)
    assert (told.block, told.left_s, told.fraction, told.done_s, told.words) == (0, None, None, 3.0, "A: timed run")


def test_in_the_first_block_the_answers_tell_how_long_it_takes() -> None:
    standing = Standing(Schedule(), Mode.MEASURE, Pace(guess_s=20.0))
    standing.begin_block(1, 10.0, None)
    told = standing.placed(SAID, begun(PLAN, Mode.MEASURE), 2, 15.0)
    assert (told.block, told.blocks, told.left_s, told.fraction) == (1, 5, 95.0, 0.0)


def test_later_the_blocks_themselves_do() -> None:
    standing = Standing(Schedule(), Mode.MEASURE, Pace(guess_s=20.0))
    standing.begin_block(1, 10.0, None)
    standing.end_block(22.0)
    standing.begin_block(2, 22.0, None)
    done = (run("discarded", 2), run("timed", 2), run("timed", 2, counts=False))
    result = msgspec.structs.replace(begun(PLAN, Mode.MEASURE), runs=done)
    told = standing.placed(SAID, result, 2, 26.0)
    assert (told.left_s, told.fraction) == (4 * 12.0 - 4.0, pytest.approx((1 + 2 / 6) / 5))


@pytest.mark.parametrize(
    ("minutes", "block", "now_s", "blocks", "left_s"),
    [
        (None, 6, 60.0, 9, 40.0),  # four more asked for
        (2.0, 6, 60.0, 9, 40.0),  # and time for six
        (2.0, 6, 105.0, 7, 20.0),  # a block that has begun is finished
        (0.5, 3, 60.0, 5, 30.0),  # the least number is always made
    ],
)
def test_more_blocks_are_foreseen_as_far_as_the_time_limit_allows(
    minutes: float | None, block: int, now_s: float, blocks: int, left_s: float
) -> None:
    standing = Standing(Schedule(minutes=minutes), Mode.MEASURE, Pace((10.0,) * (block - 1)))
    standing.begin_block(block, now_s, 4)
    told = standing.placed(SAID, begun(PLAN, Mode.MEASURE), 2, now_s)
    assert (told.blocks, told.left_s) == (blocks, left_s)


def test_quick_counts_its_runs() -> None:
    result = msgspec.structs.replace(
        begun(PLAN, Mode.QUICK), runs=(run("answer", 0), run("discarded", 0), run("timed", 0))
    )
    told = Standing(Schedule(), Mode.QUICK).placed(SAID, result, 2, 6.0)
    assert (told.fraction, told.left_s) == (pytest.approx(3 / 14), 22.0)


def test_a_load_keeps_its_own_share_and_quality_is_left_alone() -> None:
    standing = Standing(Schedule(), Mode.MEASURE)
    standing.begin_block(1, 0.0, None)
    result = begun(PLAN, Mode.MEASURE)
    assert standing.placed(Moment("loading", "A loads", fraction=0.7), result, 2, 1.0).fraction == 0.7
    assert standing.placed(Moment("quality", "A", fraction=0.3), result, 2, 1.0).block == 0
