"""Block bootstrap: as wide as theory says, wider where neighbours are alike, the same each time."""

from __future__ import annotations

import math
import random

import pytest

from app.lab.compare.bootstrap import Blocks, interval


def normal(n: int, seed: int = 1) -> list[float]:
    source = random.Random(seed)
    return [source.gauss(5.0, 2.0) for _ in range(n)]


def test_independent_values_give_the_usual_interval_of_a_mean() -> None:
    values = normal(3200)
    low, high = Blocks([1600, 1600]).mean([values[:1600], values[1600:]])
    mean, usual = math.fsum(values) / 3200, 2 * 1.96 * 2.0 / math.sqrt(3200)
    assert low < mean < high
    assert high - low == pytest.approx(usual, rel=0.15)


def test_neighbours_that_are_alike_count_as_fewer() -> None:
    """Runs of 32 equal values are 100 values, not 3,200: about √32 times as wide."""
    values = [value for value in normal(100) for _ in range(32)]
    low, high = Blocks([3200]).mean([values])
    usual = 2 * 1.96 * 2.0 / math.sqrt(3200)
    assert high - low > 3.5 * usual


def test_every_position_weighs_the_same_wherever_it_stands_in_its_document() -> None:
    """A block that could not run over the end would draw the first and last values less often."""
    values = [100.0] + [0.0] * 63
    low, high = Blocks([64] * 20).mean([values] * 20)
    assert low < 100 / 64 < high
    assert (low + high) / 2 == pytest.approx(100 / 64, rel=0.1)


def test_a_document_shorter_than_a_block_is_drawn_whole() -> None:
    low, high = Blocks([5, 5]).mean([[1.0] * 5, [1.0] * 5])
    assert (low, high) == (1, 1)


def test_a_percentile_has_an_interval_around_it() -> None:
    values = normal(3200)
    low, high = Blocks([3200]).percentile([values], 99)
    found = sorted(values)[math.ceil(0.99 * 3200) - 1]
    assert low < found < high
    assert 0.1 < high - low < 1.5


def test_the_same_values_give_the_same_interval_again() -> None:
    values = normal(500)
    assert Blocks([500]).mean([values]) == Blocks([500]).mean([values])


def test_an_interval_leaves_as_much_out_on_either_side() -> None:
    assert interval([float(i) for i in range(1000)]) == (24, 975)
    assert interval([3.0]) == (3, 3)
