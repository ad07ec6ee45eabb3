"""Where more load stops paying, on curves whose knee is known; and the words for it."""

from __future__ import annotations

import pytest

from app.lab.loadtest.knee import knee, knee_of, sentence
from app.lab.loadtest.plan import Limits, LoadMode, LoadPlan
from app.lab.loadtest.result import Level, LoadResult, Spread
from app.lab.loadtest.stopping import hopeless

USERS = (1, 2, 4, 8, 16, 32, 64)


def spread(seconds: float) -> Spread:
    return Spread(mean=seconds, p50=seconds, p90=seconds, p95=seconds, p99=seconds, n=20)


def level(load: float, rate: float | None, ttft: float = 0.1, **more: object) -> Level:
    first = None if rate is None else spread(ttft)
    return Level(load=load, n=0 if rate is None else 20, seconds=10, out_tok_s=rate, ttft=first, **more)  # type: ignore[arg-type]


def result(*levels: Level, mode: LoadMode = LoadMode.CLOSED, limits: Limits | None = None) -> LoadResult:
    plan = LoadPlan(title="x", mode=mode, limits=limits or Limits(), levels=tuple(one.load for one in levels))
    return LoadResult(plan=plan, levels=levels, knee=knee_of(levels))


@pytest.mark.parametrize(
    ("rates", "users"),
    [
        ((25, 50, 100, 200, 205, 206, 206), 8),  # a sharp bend
        ((40, 41, 41, 42, 42, 42, 42), 1),  # one user fills it
        ((25, 50, 100, 200, 150, 120, 100), 8),  # it falls after the bend
        ((30, 60, 110, 170, 210, 230, 235), 16),  # a soft one
        ((25, 50, 100, 200, 400, 800, 1600), None),  # it scales
        ((25, 49, 95, 185, 350, 640, 1100), None),  # it nearly scales
    ],
)
def test_the_knee_of_a_curve(rates: tuple[float, ...], users: int | None) -> None:
    found = knee(list(zip(USERS, map(float, rates), strict=True)))
    assert (None if found is None else USERS[found]) == users


def test_two_levels_have_no_knee() -> None:
    assert knee([(1, 100.0), (64, 101.0)]) is None
    assert knee([(1, 0.0), (2, 0.0), (4, 0.0)]) is None


def test_noise_on_a_flat_curve_moves_no_knee_beyond_the_first_levels() -> None:
    assert knee([(1, 100.0), (2, 103.0), (4, 99.0), (8, 102.0)]) == 0


def test_order_and_levels_without_an_answer_do_not_matter() -> None:
    levels = [level(16, 206), level(4, 100), level(8, 200), level(1, 25), level(64, None)]
    assert knee_of(levels) == 2


def test_the_sentence_names_the_knee_its_waiting_and_its_rate() -> None:
    found = result(level(1, 50, 0.1), level(4, 200, 0.4), level(8, 205, 0.9), level(16, 206, 2.0))
    assert sentence(found) == (
        "Up to 4 users an answer starts within 400 ms (p95), at 200.0 tokens/s; beyond that only waiting grows."
    )


def test_a_knee_after_which_something_is_gained_says_how_much() -> None:
    found = result(level(1, 50), level(2, 95), level(8, 155))
    assert "beyond that a further user adds 10.0 tokens/s instead of 47.5." in sentence(found)


def test_without_a_knee_the_best_level_is_named() -> None:
    assert "throughput still grew there" in sentence(result(level(1, 25), level(2, 50), level(4, 100)))
    assert sentence(result(level(1, 25))).startswith("The most was 25.0 tokens/s at 1 user;")


def test_limits_are_judged_by_the_share_that_keeps_them() -> None:
    limits = Limits(ttft_s=0.2)
    words = sentence(
        result(
            level(1, 25, good_share=1.0), level(2, 50, good_share=0.95), level(4, 90, good_share=0.94), limits=limits
        )
    )
    assert words.endswith("Your limits hold up to 2 users (95\u00a0% of the requests).")
    none = sentence(result(level(1, 25, good_share=0.5), limits=limits))
    assert "fewer than 95 % of the requests at every level" in none


def test_rates_are_called_requests_a_second() -> None:
    found = result(level(0.5, 50), level(2, 200), level(4, 201), mode=LoadMode.POISSON)
    assert sentence(found).startswith("Up to 2 requests/s an answer")


def test_nothing_answered_is_said() -> None:
    assert sentence(result(level(1, None))) == "No request was answered."


@pytest.mark.parametrize(
    ("levels", "stops"),
    [
        ([level(1, 50)], False),
        ([level(1, 50, failed=21)], True),  # 20 answers, 21 failures
        ([level(1, 50, failed=20)], False),
        ([level(1, 50), level(2, 40), level(4, 30, 11.0)], True),
        ([level(1, 50), level(2, 40), level(4, 30, 9.0)], False),
        ([level(1, 50), level(2, 40), level(4, 45, 11.0)], False),
    ],
)
def test_further_levels_are_left_out_where_they_would_tell_nothing(levels: list[Level], stops: bool) -> None:
    assert bool(hopeless(levels)) is stops
