"""Where more load stops paying: the knee of the throughput curve, and the sentence that says what was found.

The rule is Kneedle's (Satopää and others, 2011) with the chord drawn from the origin: both axes are divided by their
greatest value, and the height of a level is how far it lies above the diagonal. The knee is the highest level of those
after which a further user adds at most a quarter of what each user up to there brought (GuideLLM's bound on the tail of
its own fit); there is none if it lies less than 0.15 above the diagonal, or with fewer than three levels.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.lab.loadtest.result import Level, LoadResult
from app.lab.report import figures

LEAST_LEVELS = 3
LEAST_HEIGHT = 0.15
MOST_TAIL = 0.25
NOISE = 0.02  # heights that differ by less are the same: then the level with the least waiting counts
STILL = 0.10  # throughput that grows by less after the knee does not grow
KEPT = 0.95


def knee(points: Sequence[tuple[float, float]]) -> int | None:
    """Index of the knee of (load, throughput), in rising order of load; None below three points, or without one."""
    if len(points) < LEAST_LEVELS:
        return None
    most_load, most_rate = points[-1][0], max(rate for _, rate in points)
    if most_rate <= 0:
        return None
    heights = {i: points[i][1] / most_rate - points[i][0] / most_load for i in _flat_after(points)}
    most = max(heights.values(), default=0.0)
    return (
        min((i for i, height in heights.items() if height >= most - NOISE), default=None)
        if most >= LEAST_HEIGHT
        else None
    )


def _flat_after(points: Sequence[tuple[float, float]]) -> list[int]:
    """The levels but the last after which a further user adds little."""
    return [i for i in range(len(points) - 1) if added(points, i) <= MOST_TAIL * points[i][1] / points[i][0]]


def added(points: Sequence[tuple[float, float]], index: int) -> float:
    """Throughput that each further user (or request a second) adds from a level to the last one."""
    (load, rate), (last_load, last_rate) = points[index], points[-1]
    return (last_rate - rate) / (last_load - load)


def knee_of(levels: Sequence[Level]) -> int | None:
    """The knee among levels in any order, as an index of `levels`; those without an answer do not count."""
    rates = {i: rate for i, level in enumerate(levels) if (rate := level.out_tok_s) is not None}
    order = sorted(rates, key=lambda i: levels[i].load)
    found = knee([(levels[i].load, rates[i]) for i in order])
    return None if found is None else order[found]


def sentence(result: LoadResult) -> str:
    """What was found, in plain words: about the knee, and about the limits."""
    levels = [level for level in result.levels if level.n]
    if not levels:
        return "No request was answered." if result.levels else "Nothing was measured."
    return " ".join(
        part for part in (_about_knee(result, levels), _about_limits(result, levels), _about_failures(result)) if part
    )


def _about_knee(result: LoadResult, levels: list[Level]) -> str:
    if result.knee is None:
        best = max(levels, key=lambda level: level.out_tok_s or 0.0)
        where = f"The most was {_rate(best)} at {result.words(best)}"
        last = best.load == max(level.load for level in levels)
        if not (last and result.closed and len(levels) >= LEAST_LEVELS):
            return f"{where}; {_start(best)}."
        return f"{where}, and throughput still grew there; {_start(best)}."
    level = result.levels[result.knee]
    head = f"Up to {result.words(level)} {_start(level)}, at {_rate(level)}; beyond that"
    points = sorted((other.load, other.out_tok_s or 0.0) for other in levels)
    rate = level.out_tok_s or 0.0
    if max(other for _, other in points) <= rate * (1 + STILL):
        return f"{head} only waiting grows."
    more = added(points, points.index((level.load, rate)))
    what = "user adds" if result.closed else "request a second adds"
    return f"{head} a further {what} {figures.plain(more)} tokens/s instead of {figures.plain(rate / level.load)}."


def _about_limits(result: LoadResult, levels: list[Level]) -> str:
    if not result.limits.any:
        return ""
    kept = [level for level in levels if level.good_share is not None and level.good_share >= KEPT]
    if not kept:
        return f"Your limits are kept by fewer than {KEPT:.0%} of the requests at every level.".replace("%", " %")
    best = max(kept, key=lambda level: level.load)
    return f"Your limits hold up to {result.words(best)} ({figures.percent(best.good_share, 0)} of the requests)."


def _about_failures(result: LoadResult) -> str:
    """Requests that failed: the other figures are of those that were answered."""
    worst = max(result.levels, key=lambda level: level.failed)
    if not worst.failed:
        return ""
    asked = worst.n + worst.failed
    return f"At {result.words(worst)} {worst.failed:,} of {asked:,} requests failed."


def _start(level: Level) -> str:
    if level.ttft is None:
        return "when an answer starts is not known"
    return f"an answer starts within {figures.seconds(level.ttft.p95)} (p95)"


def _rate(level: Level) -> str:
    return f"{figures.plain(level.out_tok_s or 0.0)} tokens/s"
