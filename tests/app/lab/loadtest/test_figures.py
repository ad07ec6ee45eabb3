"""Figures of planted times, each worked out by hand from vLLM's definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from app.lab.loadtest import figures
from app.lab.loadtest.plan import Limits
from engines.protocol import Served

MS = 1_000_000


def served(index: int = 0, due: int = 0, sent: int = 0, times: tuple[int, ...] = (), **more: object) -> Served:
    """Times in milliseconds."""
    end = max((*times, sent)) + 1
    fields = {"n_in": 10, "n_out": len(times), "reason": "length", **more}
    return Served(index=index, due_ns=due * MS, sent_ns=sent * MS, end_ns=end * MS, times_ns=tuple(t * MS for t in times), **fields)  # type: ignore[arg-type] # fmt: skip


@pytest.mark.parametrize("values", [[3.0], [1.0, 2.0], [5.0, 1.0, 4.0, 2.0, 8.0, 9.0, 7.0]])
@pytest.mark.parametrize("p", [0, 50, 90, 95, 99, 100])
def test_percentiles_are_numpys(values: list[float], p: float) -> None:
    assert figures.percentile(values, p) == pytest.approx(np.percentile(values, p))


def test_ttft_tpot_and_end_to_end_are_vllms() -> None:
    line = figures.line(served(sent=100, due=100, times=(150, 160, 190)))
    assert line.ttft_s == pytest.approx(0.05)
    assert line.e2e_s == pytest.approx(0.09)  # to the last chunk, not to the end of the exchange
    assert line.tpot_s == pytest.approx(0.04 / 2)


def test_tpot_counts_tokens_not_chunks() -> None:
    """A chunk may hold several tokens: the server's usage says how many there were."""
    assert figures.line(served(times=(10, 20), n_out=5)).tpot_s == pytest.approx(0.01 / 4)
    assert figures.line(served(times=(10, 20), n_out=None, counts=(1, 3))).tpot_s == pytest.approx(0.01 / 3)


def test_one_token_has_no_tpot() -> None:
    assert figures.line(served(times=(10,))).tpot_s is None


def test_latency_counts_from_the_due_time() -> None:
    level = figures.level(1, [served(due=0, sent=900, times=(1000, 1010))], Limits())
    assert level.ttft is not None
    assert level.ttft_sent is not None
    assert level.queue is not None
    assert (level.ttft.p50, level.ttft_sent.p50, level.queue.p50) == pytest.approx((1.0, 0.1, 0.9))


def test_itl_is_pooled_over_all_requests() -> None:
    level = figures.level(2, [served(times=(10, 20, 40)), served(index=1, times=(10, 15))], Limits())
    assert level.itl is not None
    assert level.itl.n == 3
    assert level.itl.mean == pytest.approx((0.010 + 0.020 + 0.005) / 3)
    assert level.itl.most == pytest.approx(0.020)


def test_rates_are_over_the_time_to_the_last_end() -> None:
    level = figures.level(2, [served(times=(100, 499)), served(index=1, times=(100, 999))], Limits())
    assert level.seconds == pytest.approx(1.0)
    assert (level.out_tok_s, level.total_tok_s, level.req_s) == pytest.approx((4.0, 24.0, 2.0))


def test_little_s_law_gives_the_mean_number_at_work() -> None:
    level = figures.level(2, [served(times=(999,)), served(index=1, times=(499,))], Limits())
    assert level.in_flight == pytest.approx(1.5)


LIMITS = Limits(ttft_s=0.1, itl_s=0.02, e2e_s=1.0)


@pytest.mark.parametrize(
    ("one", "good"),
    [
        (served(times=(100, 120)), True),
        (served(times=(101, 120)), False),  # first token too late
        (served(times=(50, 71)), False),  # too slow between tokens
        (served(times=tuple(range(50, 1070, 20))), False),  # end to end too late
        (served(times=(90,)), True),  # one token: no time between tokens
        (served(times=(50, 60), reason="error", error="x"), False),
        (served(times=(50, 60), reason="cancelled"), False),
        (served(due=0, sent=80, times=(120, 130)), False),  # counts from due
    ],
)
def test_a_request_is_good_only_if_it_keeps_every_limit(one: Served, good: bool) -> None:
    assert figures.good(figures.line(one), LIMITS) is good


def test_goodput_is_good_answers_a_second_and_their_share_of_all_that_were_due() -> None:
    these = [
        served(0, times=(50, 60)), served(1, times=(200, 210)), served(2, sent=999, reason="error", error="no", n_out=None),
        served(3, due=5, sent=999, reason="cancelled", error="It was due, and not sent.", n_out=None), served(4, sent=10, reason="cancelled"),
    ]  # fmt: skip
    level = figures.level(2, these, LIMITS)
    assert (level.n, level.failed, level.cancelled, level.unsent, level.good) == (2, 1, 1, 1, 1)
    assert level.goodput_req_s == pytest.approx(1.0)
    assert level.good_share == pytest.approx(1 / 4)  # the one that a person's stop cut off is not judged
    assert level.errors == {"no": 1}


def test_without_limits_there_is_no_goodput() -> None:
    level = figures.level(1, [served(times=(10, 20))], Limits())
    assert (level.good, level.goodput_req_s, level.good_share) == (None, None, None)


def test_other_limits_judge_the_same_requests_again() -> None:
    level = figures.level(1, [served(times=(10, 20)), served(1, times=(300, 310))], Limits())
    assert figures.judged(level, Limits(ttft_s=0.1)).good_share == pytest.approx(0.5)


def test_a_level_without_an_answer_has_no_figures() -> None:
    level = figures.level(1, [served(reason="error", error="gone", n_out=None)], LIMITS)
    assert (level.out_tok_s, level.ttft, level.itl, level.good_share) == (None, None, None, 0.0)
    assert math.isfinite(level.req_s)
    assert figures.level(1, [], LIMITS).good_share is None


def test_fewer_than_twenty_answers_are_few() -> None:
    assert figures.level(1, [served(i, times=(1, 2)) for i in range(19)], Limits()).few
    assert not figures.level(1, [served(i, times=(1, 2)) for i in range(20)], Limits()).few
