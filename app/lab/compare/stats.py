"""What blocks of fresh loads say about a ratio (METRICS "Comparing" 3 and 4). Pure functions, small enough to check.

Everything is done on natural logarithms: a ratio and its inverse then have mirrored intervals, and it does not matter
which lane is the reference. One value a block and lane, because repeats inside one load share its luck.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.lab.compare.plan import Schedule
from app.lab.compare.result import Interval, Word

BEYOND = 0.01  # the near end of an interval that claims a difference lies beyond 1 %
INSIDE = 0.02  # an interval that says "the same" lies inside ±2 %
LEAST_BLOCKS = 5  # below that no word is said, whatever a plan asks for
HOPELESS = 50  # more blocks than that nobody runs
Z = 1.959963984540054  # 97.5 % quantile of the normal distribution

# 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom, to three decimals.
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def t975(df: int) -> float:
    """97.5 % quantile of Student's t. Above 30 the Cornish-Fisher expansion (Abramowitz and Stegun 26.7.5), good to 1e-5.

    Raises ValueError below one degree of freedom.
    """
    if df < 1:
        raise ValueError("an interval needs two values")
    if df <= len(_T):
        return _T[df - 1]
    first = (Z**3 + Z) / 4
    second = (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96
    third = (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384
    return Z + first / df + second / df**2 + third / df**3


def log(value: float | None) -> float | None:
    """The natural logarithm; None for what has none: nothing, zero, less, or no finite number."""
    return math.log(value) if value is not None and math.isfinite(value) and value > 0 else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Log ratios (lane ÷ reference), one a block; at least one."""

    logs: tuple[float, ...]

    @property
    def n(self) -> int:
        """How many blocks both lanes have."""
        return len(self.logs)

    @property
    def mean(self) -> float:
        """Mean log ratio."""
        return math.fsum(self.logs) / self.n

    @property
    def sd(self) -> float | None:
        """Standard deviation of the blocks' log ratios; None of one block."""
        if self.n < 2:
            return None
        mean = self.mean
        return math.sqrt(math.fsum((x - mean) ** 2 for x in self.logs) / (self.n - 1))

    @property
    def reach(self) -> float | None:
        """Half-width of the 95 % t interval of the mean log ratio."""
        return None if self.sd is None else t975(self.n - 1) * self.sd / math.sqrt(self.n)

    @property
    def ratio(self) -> float:
        """Lane ÷ reference: geometric mean over blocks."""
        return math.exp(self.mean)

    @property
    def low(self) -> float | None:
        """Lower end of the ratio's 95 % interval."""
        return None if self.reach is None else math.exp(self.mean - self.reach)

    @property
    def high(self) -> float | None:
        """Upper end."""
        return None if self.reach is None else math.exp(self.mean + self.reach)

    @property
    def half_width(self) -> float | None:
        """(high − low) ÷ 2, relative to the ratio."""
        return None if self.reach is None else math.sinh(self.reach)


def compared(lane: Sequence[float | None], reference: Sequence[float | None]) -> Comparison | None:
    """Of both lanes' mean logs, block by block; a block that one of them lacks is left out. None without any block."""
    logs = tuple(a - b for a, b in zip(lane, reference, strict=True) if a is not None and b is not None)
    return Comparison(logs) if logs else None


def word(kind: str, better: str, ratio: float | None, low: float | None, high: float | None) -> Word | None:
    """METRICS "Comparing" 4. kind: "speed" (faster, slower), "size" (more, less), else None: never judged.

    better: which side helps; of a speed it is the faster one.
    """
    if kind not in ("speed", "size"):
        return None
    if ratio is None or low is None or high is None:
        return Word.UNDECIDED
    if (side := direction(low, high)) is not None:
        if kind == "size":
            return Word.MORE if side == "higher" else Word.LESS
        return Word.FASTER if side == (better or "higher") else Word.SLOWER
    return Word.SAME if inside(low, high) else Word.UNDECIDED


def direction(low: float, high: float) -> str | None:
    """ "higher" or "lower" where the interval excludes 1 and its near end is beyond 1 %."""
    if low > 1 + BEYOND:
        return "higher"
    return "lower" if high < 1 - BEYOND else None


def inside(low: float, high: float) -> bool:
    """Does the interval lie within ±2 % of 1?"""
    return low >= 1 - INSIDE and high <= 1 + INSIDE


def more_blocks(comparison: Comparison, least: int = 0) -> int | None:
    """How many more blocks would probably decide it, if mean and spread stay as they are. None: hopeless, or not known
    from one block. least: no word is said below so many blocks."""
    sd, mean = comparison.sd, comparison.mean
    if sd is None:
        return None
    for n in range(max(comparison.n + 1, least), comparison.n + HOPELESS + 1):
        reach = t975(n - 1) * sd / math.sqrt(n)
        low, high = math.exp(mean - reach), math.exp(mean + reach)
        if direction(low, high) is not None or inside(low, high):
            return n - comparison.n
    return None


def spread(logs: Sequence[float]) -> float | None:
    """A lane's own spread: the relative half-width of the t interval of its blocks' means. None below two blocks."""
    return Comparison(tuple(logs)).half_width if len(logs) > 1 else None


def enough(halves: Sequence[float | None], blocks: int, schedule: Schedule, elapsed_s: float) -> bool:
    """METRICS "Comparing" 3: the least number of blocks, then until every interval is narrow, or most blocks, or time.

    halves: relative half-widths of the intervals that must be narrow; None is one that cannot be had yet. Whether
    something is decided plays no part: to stop as soon as it is would find differences where there are none.
    """
    if blocks >= schedule.max_blocks:
        return True
    if blocks < schedule.min_blocks:
        return False
    if schedule.minutes is not None and elapsed_s >= schedule.minutes * 60:
        return True
    return all(half is not None and half <= schedule.half_width for half in halves)


def wilson(right: int, n: int) -> Interval:
    """A share with Wilson's 95 % interval (E. B. Wilson, 1927), which also holds near 0 and 1. Raises ValueError for n < 1."""
    if n < 1 or not 0 <= right <= n:
        raise ValueError("a share is of at least one")
    share, z2 = right / n, Z * Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low = 0.0 if right == 0 else max(0.0, middle - reach)
    high = 1.0 if right == n else min(1.0, middle + reach)
    return Interval(share, low, high)
