"""Intervals for figures over the tokens of texts, where neighbours are alike: blocks of them are drawn, not single ones.

The circular block bootstrap (Politis and Romano, 1992): blocks run on from a document's end to its own beginning, so that
every position is drawn equally often and no block holds parts of two documents.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate

from engines.metrics import percentile

BLOCK = 32  # positions
RESAMPLES = 1000  # for means
RESAMPLES_TAIL = 200  # for percentiles, which must be sorted each time
SEED = 42
LOW, HIGH = 0.025, 0.975

Series = Sequence[Sequence[float]]
"""One value a position, document by document; no document is empty."""


class Blocks:
    """The blocks that can be drawn from documents of these lengths, and what is drawn from them: the same for every
    figure, so that those of one lane belong together."""

    def __init__(self, lengths: Sequence[int], size: int = BLOCK, seed: int = SEED) -> None:
        self._sizes = [min(size, length) for length in lengths]
        self._spans = [n for n, length in zip(self._sizes, lengths, strict=True) for _ in range(length)]
        random_ = random.Random(seed)  # noqa: S311 - the same figures again, not secrets
        total = sum(lengths)
        draws = max(1, round(total / size))
        self._picks = [random_.choices(range(total), k=draws) for _ in range(RESAMPLES)]

    def mean(self, series: Series) -> tuple[float, float]:
        """95 % interval (low, high) of the mean of `series`."""
        sums: list[float] = []
        for values, n in zip(series, self._sizes, strict=True):
            run = list(accumulate([*values, *values[: n - 1]], initial=0.0))
            sums += [run[start + n] - run[start] for start in range(len(values))]
        spans = self._spans
        return interval([sum(sums[i] for i in picks) / sum(spans[i] for i in picks) for picks in self._picks])

    def percentile(self, series: Series, percent: float) -> tuple[float, float]:
        """95 % interval (low, high) of a percentile of `series`."""
        blocks: list[list[float]] = []
        for values, n in zip(series, self._sizes, strict=True):
            around = [*values, *values[: n - 1]]
            blocks += [around[start : start + n] for start in range(len(values))]
        found: list[float] = []
        for picks in self._picks[:RESAMPLES_TAIL]:
            drawn = [value for i in picks for value in blocks[i]]
            found.append(percentile(drawn, percent) or 0.0)
        return interval(found)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The middle 95 % of resampled figures: (low, high)."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return ordered[int(LOW * last)], ordered[last - int((1 - HIGH) * last)]
