import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lab.compare import stats
from app.lab.compare.plan import Schedule
from app.lab.compare.result import Word

LOGS = st.lists(st.floats(-1, 1), min_size=2, max_size=12)


def share_below(t: float, df: int, steps: int = 4000) -> float:
    """P(T < t) by Simpson's rule on the density."""
    scale = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    heights = [(1 + (t * i / steps) ** 2 / df) ** (-(df + 1) / 2) for i in range(steps + 1)]
    weights = [1, *([4, 2] * (steps // 2))[:-1], 1]
    return 0.5 + scale * t / steps / 3 * math.fsum(w * h for w, h in zip(weights, heights, strict=True))


@pytest.mark.parametrize("df", [*range(1, 32), 40, 60, 120, 1000])
def test_the_quantile_leaves_two_and_a_half_per_cent(df):
    assert share_below(stats.t975(df), df) == pytest.approx(0.975, abs=3e-5)


def test_no_interval_from_one_value():
    with pytest.raises(ValueError, match="two values"):
        stats.t975(0)
    one = stats.Comparison((0.1,))
    assert (one.sd, one.low, one.high, one.half_width) == (None, None, None, None)
    assert one.ratio == pytest.approx(math.exp(0.1))


def test_a_ratio_with_its_interval():
    """By hand: mean 0.03, sd 0.02, t(2) 4.303."""
    found = stats.Comparison((0.01, 0.03, 0.05))
    reach = 4.303 * 0.02 / math.sqrt(3)
    assert found.ratio == pytest.approx(math.exp(0.03))
    assert (found.low, found.high) == (pytest.approx(math.exp(0.03 - reach)), pytest.approx(math.exp(0.03 + reach)))
    assert found.half_width == pytest.approx((found.high - found.low) / 2 / found.ratio)


@given(LOGS)
def test_the_other_way_round_is_the_mirrored_interval(logs):
    there, back = stats.Comparison(tuple(logs)), stats.Comparison(tuple(-x for x in logs))
    assert (there.low or 0) * (back.high or 0) == pytest.approx(1)


def test_only_blocks_that_both_have_are_compared():
    found = stats.compared([1.0, None, 2.0], [0.5, 0.1, None])
    assert found is not None
    assert found.logs == (0.5,)
    assert stats.compared([None], [1.0]) is None


@pytest.mark.parametrize("value", [None, 0, -1.0, math.nan, math.inf])
def test_what_has_no_logarithm(value):
    assert stats.log(value) is None


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (1.02, 1.08, Word.FASTER),
        (0.93, 0.97, Word.SLOWER),
        (1.005, 1.08, Word.UNDECIDED),  # excludes 1, but its near end is not beyond 1 %
        (1.001, 1.019, Word.SAME),
        (0.985, 1.015, Word.SAME),
        (0.97, 1.01, Word.UNDECIDED),
        (1.012, 1.018, Word.FASTER),
        (0.5, 2.0, Word.UNDECIDED),
    ],
)
def test_words(low, high, said):
    assert stats.word("speed", "higher", (low * high) ** 0.5, low, high) is said


def test_faster_is_the_side_that_helps():
    assert stats.word("speed", "lower", 0.9, 0.88, 0.92) is Word.FASTER
    assert stats.word("speed", "lower", 1.1, 1.08, 1.12) is Word.SLOWER
    assert stats.word("size", "lower", 0.9, 0.9, 0.9) is Word.LESS
    assert stats.word("size", "lower", 1.1, 1.1, 1.1) is Word.MORE
    assert stats.word("size", "lower", 1.0, 1.0, 1.0) is Word.SAME
    assert stats.word("count", "", 2.0, 2.0, 2.0) is None
    assert stats.word("speed", "higher", None, None, None) is Word.UNDECIDED
    assert stats.word("speed", "higher", 3.0, None, None) is Word.UNDECIDED


@given(LOGS)
def test_no_word_of_a_direction_where_the_interval_holds_1(logs):
    found = stats.Comparison(tuple(logs))
    said = stats.word("speed", "higher", found.ratio, found.low, found.high)
    if (found.low or 0) <= 1 <= (found.high or 0):
        assert said in (Word.SAME, Word.UNDECIDED)


def test_identical_blocks_are_decided():
    same = stats.compared([math.log(98e6)] * 5, [math.log(142e6)] * 5)
    assert same is not None
    assert same.low == pytest.approx(same.ratio) == pytest.approx(same.high)
    assert stats.word("size", "lower", same.ratio, same.low, same.high) is Word.LESS


@pytest.mark.parametrize("logs", [(0.02, 0.06, 0.00, 0.05, 0.01), (0.03, -0.03, 0.02, -0.01, 0.0)])
def test_so_many_more_blocks_would_decide_and_one_less_would_not(logs):
    found = stats.Comparison(logs)
    more = stats.more_blocks(found)
    assert more is not None
    for extra, decided in ((more, True), (more - 1, False)):
        n = found.n + extra
        reach = stats.t975(n - 1) * (found.sd or 0) / math.sqrt(n)
        low, high = math.exp(found.mean - reach), math.exp(found.mean + reach)
        assert (stats.word("speed", "higher", found.ratio, low, high) is not Word.UNDECIDED) is decided


def test_more_blocks_where_it_cannot_be_known_or_is_hopeless():
    assert stats.more_blocks(stats.Comparison((0.1,))) is None
    assert stats.more_blocks(stats.Comparison((0.5, -0.5, 0.6, -0.6))) is None
    assert stats.more_blocks(stats.Comparison((0.2, 0.2)), least=5) == 3


def test_a_lanes_own_spread():
    assert stats.spread([1.0]) is None
    assert stats.spread([2.0, 2.0, 2.0]) == 0
    assert stats.spread([0.01, 0.03, 0.05]) == pytest.approx(math.sinh(4.303 * 0.02 / math.sqrt(3)))


def test_when_it_is_enough():
    plan = Schedule(min_blocks=5, max_blocks=12, half_width=0.02, minutes=10)
    assert not stats.enough([0.001], 4, plan, 1e9)  # never below the least
    assert stats.enough([0.02, 0.001], 5, plan, 0)
    assert not stats.enough([0.021, 0.001], 5, plan, 0)
    assert not stats.enough([None], 5, plan, 0)
    assert stats.enough([0.5], 12, plan, 0)
    assert stats.enough([0.5], 6, plan, 600)
    assert not stats.enough([0.5], 6, plan, 599)
    assert stats.enough([], 5, plan, 0)


def test_wilson():
    """By the formula's own example values: 10 of 20 is 0.299 to 0.701; 0 of 10 reaches to 0.278."""
    half = stats.wilson(10, 20)
    assert (half.value, half.low, half.high) == (0.5, pytest.approx(0.2993, abs=1e-4), pytest.approx(0.7007, abs=1e-4))
    none = stats.wilson(0, 10)
    assert (none.low, none.high) == (0.0, pytest.approx(0.2775, abs=1e-4))
    assert stats.wilson(10, 10).high == 1.0
    with pytest.raises(ValueError, match="at least one"):
        stats.wilson(0, 0)
