"""The figures of METRICS "Chat", against clock points set by hand."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.metrics import ChatCounts, Clock, chat, chat_live, decode_rate, percentile, prefill_rate, token_gap_median

MS = 1_000_000


def clock(steps_ms: list[float], counts: list[int] | None = None, start_ms: float = 1, **phases: float) -> Clock:
    points = [int(t * MS) for t in steps_ms]
    end = points[-1] + MS if points else 5 * MS
    return Clock(t_submit=0, t_start=int(start_ms * MS), t_end=end, steps_ns=points, counts=counts or [1] * len(points), phases=phases)  # fmt: skip


def counts(n_out: int, n_in: int = 200, n_cached: int = 0, **more: int) -> ChatCounts:
    return ChatCounts(n_in=n_in, n_cached=n_cached, n_out=n_out, n_shown=n_out, n_chars=100, **more)


def test_a_plain_run() -> None:
    found = chat(clock([100, 110, 120, 140], start_ms=5, prepare=0.010, prefill=0.080), counts(4))
    assert found["ttft_s"] == pytest.approx(0.100)
    assert found["queue_s"] == pytest.approx(0.005)
    assert found["prepare_s"] == pytest.approx(0.010)
    assert found["prefill_s"] == pytest.approx(0.080)
    assert found["first_sample_s"] == pytest.approx(0.005)
    assert found["prefill_tok_s"] == pytest.approx(200 / 0.080)
    assert found["decode_tok_s"] == pytest.approx(3 / 0.040)
    assert found["itl_p50_s"] == pytest.approx(0.010)
    assert found["itl_p95_s"] is None
    assert found["itl_max_s"] == pytest.approx(0.020)
    assert found["e2e_s"] == pytest.approx(0.141)
    assert (found["n_in"], found["n_cached"], found["n_out"], found["n_shown"]) == (200, 0, 4, 4)
    assert found["accept_rate"] is None
    assert found["drafted"] is None
    assert found["tokens_per_step"] == 1
    assert found["chars_s"] == pytest.approx(100 / 0.040)


def test_nothing_was_made() -> None:
    found = chat(clock([]), counts(0, n_in=5))
    null = {"ttft_s", "prepare_s", "prefill_s", "first_sample_s", "prefill_tok_s", "decode_tok_s", "itl_p50_s", "itl_p95_s",
            "itl_max_s", "accept_rate", "drafted", "accepted", "tokens_per_step", "chars_s"}  # fmt: skip
    assert {name for name, value in found.items() if value is None} == null
    assert found["n_out"] == 0


def test_one_token_has_no_rate() -> None:
    found = chat(clock([100]), counts(1))
    assert found["ttft_s"] == pytest.approx(0.1)
    assert found["decode_tok_s"] is None
    assert found["itl_p50_s"] is None
    assert found["chars_s"] is None


def test_one_step_of_several_tokens_has_no_rate() -> None:
    assert decode_rate(clock([100], [5])) is None


def test_the_tokens_of_the_first_step_came_before_the_clock_of_the_rate() -> None:
    """decode = (n_out − k_1) / (t_last − t_1), here (9 − 4) / 20 ms."""
    assert decode_rate(clock([100, 110, 120], [4, 3, 2])) == pytest.approx(5 / 0.020)


def test_a_step_of_k_tokens_counts_k_gaps_of_dt_over_k() -> None:
    run = clock([0, 12, 20], [1, 3, 1])  # 4 4 4 and 8 ms
    assert token_gap_median(run) == pytest.approx(0.004)
    found = chat(run, counts(5, drafted=10, accepted=4))
    assert found["itl_max_s"] == pytest.approx(0.012)  # stalls are over steps
    assert found["accept_rate"] == pytest.approx(0.4)
    assert (found["drafted"], found["accepted"]) == (10, 4)
    assert found["tokens_per_step"] == pytest.approx(5 / 3)


def test_speculation_that_never_hit_is_no_missing_figure() -> None:
    found = chat(clock([0, 1]), counts(2, drafted=7, accepted=0))
    assert (found["accept_rate"], found["accepted"]) == (0, 0)


@pytest.mark.parametrize(("steps", "null"), [(20, True), (21, False)])
def test_the_95th_percentile_needs_twenty_gaps(steps: int, null: bool) -> None:
    found = chat(clock([10 * i for i in range(steps)]), counts(steps))
    assert (found["itl_p95_s"] is None) == null


def test_the_95th_percentile_is_nearest_rank() -> None:
    points = [0.0]
    for gap in range(1, 21):
        points.append(points[-1] + gap)
    assert chat(clock(points), counts(21))["itl_p95_s"] == pytest.approx(0.019)


@pytest.mark.parametrize(
    ("n_in", "n_cached", "null"), [(127, 0, True), (128, 0, False), (300, 173, True), (300, 172, False)]
)
def test_a_prefill_rate_needs_128_new_tokens(n_in: int, n_cached: int, null: bool) -> None:
    found = chat(clock([100], prefill=0.05), counts(1, n_in=n_in, n_cached=n_cached))
    assert (found["prefill_tok_s"] is None) == null
    if not null:
        assert found["prefill_tok_s"] == pytest.approx((n_in - n_cached) / 0.05)


@pytest.mark.parametrize("seconds", [None, 0.0])
def test_a_prefill_that_was_not_timed_has_no_rate(seconds: float | None) -> None:
    assert prefill_rate(1000, seconds) is None


def test_the_live_rate_looks_at_the_last_two_seconds() -> None:
    slow_then_fast = [*(1000.0 * i for i in range(5)), *(4000 + 10.0 * i for i in range(1, 300))]
    live = chat_live(clock(slow_then_fast))
    assert live["decode_tok_s"] == pytest.approx(100, rel=0.01)
    assert live["n_out"] == len(slow_then_fast)
    assert decode_rate(clock(slow_then_fast)) == pytest.approx(303 / 6.99, rel=0.01)


def test_before_the_first_token_little_is_known() -> None:
    assert chat_live(clock([])) == {"n_out": 0.0}


def test_phases_add_up() -> None:
    run = Clock()
    for _ in range(2):
        with run.phase("read"):
            pass
    assert run.phases["read"] > 0
    with pytest.raises(ValueError, match="x"), run.phase("prime"):
        raise ValueError("x")
    assert "prime" in run.phases


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.integers(1, 100))
def test_a_percentile_is_one_of_the_values_with_enough_below_it(values: list[float], p: int) -> None:
    found = percentile(values, p)
    assert found in values
    assert sum(v <= found for v in values) * 100 >= p * len(values)
    assert sum(v < found for v in values) * 100 < p * len(values)


@given(st.lists(st.integers(1, 50), min_size=2, max_size=30))
def test_without_speculation_the_token_gap_is_the_step_gap(gaps_ms: list[int]) -> None:
    points = [0]
    for gap in gaps_ms:
        points.append(points[-1] + gap)
    run = clock([float(t) for t in points])
    assert token_gap_median(run) == pytest.approx(statistics.median(gaps_ms) / 1000)
    assert decode_rate(run) == pytest.approx(len(gaps_ms) / (sum(gaps_ms) / 1000))


def test_no_values_no_percentile() -> None:
    assert percentile([], 95) is None
