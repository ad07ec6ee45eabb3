"""Orders, who fits together, the time that is left."""

from __future__ import annotations

import pytest

from app.lab.compare.plan import Mode, Schedule
from app.lab.compare.schedule import Pace, alone, order, planned, resident, rounds


def test_every_second_block_turns_the_order() -> None:
    assert [order(block, (0, 1, 2)) for block in (1, 2, 3)] == [(0, 1, 2), (2, 1, 0), (0, 1, 2)]


def test_lanes_that_are_loaded_together_take_turns_both_ways() -> None:
    runs = rounds(1, (0, 1), Schedule())
    assert runs == (
        ("discarded", 0), ("discarded", 1), ("timed", 0), ("timed", 1), ("timed", 1), ("timed", 0),
    )  # fmt: skip
    assert rounds(2, (0, 1), Schedule())[2:] == (("timed", 1), ("timed", 0), ("timed", 0), ("timed", 1))


def test_a_lane_alone_is_warmed_up_before_it_is_timed() -> None:
    assert alone(Schedule(), Mode.MEASURE) == ("discarded", "timed", "timed")
    assert alone(Schedule(), Mode.QUICK) == ("discarded", *["timed"] * 5)


@pytest.mark.parametrize(
    ("sizes", "free", "together"),
    [((100, 100), 220, True), ((100, 100), 219, False), ((100, None), 10_000, False), ((), 1, True)],
)
def test_lanes_stay_loaded_if_they_fit_with_a_tenth_to_spare(
    sizes: tuple[int | None, ...], free: int, together: bool
) -> None:
    assert resident(sizes, free) is together


def test_time_left_comes_from_the_blocks_so_far() -> None:
    assert Pace().left_s(0, 5) is None
    assert Pace(guess_s=10.0).left_s(4.0, 5) == 46.0
    assert Pace((8.0, 12.0, 10.0), 99.0).left_s(1.0, 5) == 19.0
    assert Pace((10.0,)).left_s(50.0, 2) == 0.0


def test_more_blocks_are_planned_where_the_spread_asks_for_them() -> None:
    plan = Schedule()
    assert planned(plan, 0, None) == 5
    assert planned(plan, 5, 3) == 8
    assert planned(plan, 5, 50) == 12
    assert planned(plan, 7, None) == 8
