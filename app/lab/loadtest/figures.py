"""From the times of each request to a level's figures (definitions: `result.DEFINITIONS`). Pure functions."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from app.lab.loadtest.plan import Limits
from app.lab.loadtest.result import Level, Line, Spread
from engines.protocol import Served

WHOLE = ("stop", "length")
FEW = 20  # answers below which a p95 says little (METRICS)


def percentile(values: Sequence[float], p: float) -> float:
    """Linear interpolation between closest ranks, as numpy.percentile; of at least one value."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * p / 100
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def spread(values: Iterable[float | None]) -> Spread | None:
    """The distribution of what is known; None of nothing."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    p50, p90, p95, p99 = (percentile(known, p) for p in (50, 90, 95, 99))
    return Spread(mean=math.fsum(known) / len(known), p50=p50, p90=p90, p95=p95, p99=p99, most=known[-1], n=len(known))


def line(served: Served) -> Line:
    """One request in seconds. A request without its whole answer has no figures but those that were reached."""
    first = served.times_ns[0] if served.times_ns else None
    last = served.times_ns[-1] if served.times_ns and served.reason in WHOLE else None
    n_out = _n_out(served)
    tpot = (last - first) / 1e9 / (n_out - 1) if last is not None and first is not None and n_out > 1 else None
    return Line(
        due_s=served.due_ns / 1e9, sent_s=served.sent_ns / 1e9, ttft_s=_after(served.due_ns, first), tpot_s=tpot,
        e2e_s=_after(served.due_ns, last), n_in=served.n_in, n_cached=served.n_cached, n_out=n_out or None,
        reason=served.reason, error=served.error,
    )  # fmt: skip


def gaps(served: Iterable[Served]) -> list[float]:
    """Seconds between one output chunk and the next, of all requests together."""
    return [(b - a) / 1e9 for one in served for a, b in itertools.pairwise(one.times_ns)]


def good(one: Line, limits: Limits) -> bool:
    """Is the answer whole, and does it keep every limit? One of a single token has no time between tokens (vLLM: 0)."""
    if one.reason not in WHOLE or one.ttft_s is None or one.e2e_s is None:
        return False
    pairs = ((limits.ttft_s, one.ttft_s), (limits.itl_s, one.tpot_s or 0.0), (limits.e2e_s, one.e2e_s))
    return all(limit is None or value <= limit for limit, value in pairs)


def level(load: float, served: Sequence[Served], limits: Limits, seconds: float | None = None) -> Level:
    """All figures of one level. seconds: how long it lasted, if not until its last request ended."""
    lines = tuple(line(one) for one in served)
    whole = [one for one in served if one.reason in WHOLE]
    whole_lines = [one for one in lines if one.reason in WHOLE]
    lasted = seconds or max((one.end_ns for one in served), default=0) / 1e9
    n_in, n_out = _total(one.n_in for one in whole), sum(_n_out(one) for one in whole)
    unsent = [one for one in lines if _unsent(one)]
    found = Level(
        load=load, n=len(whole), failed=sum(1 for one in lines if one.reason == "error"), unsent=len(unsent),
        cancelled=sum(1 for one in lines if one.reason == "cancelled") - len(unsent), seconds=lasted,
        n_in=n_in, n_cached=_total(one.n_cached for one in whole), n_out=n_out if whole else None,
        out_tok_s=_rate(n_out, lasted) if whole else None,
        total_tok_s=_rate(n_in + n_out, lasted) if whole and n_in is not None else None,
        req_s=_rate(len(whole), lasted) or 0.0,
        in_flight=_rate(math.fsum((one.end_ns - one.sent_ns) / 1e9 for one in served), lasted),
        ttft=spread(one.ttft_s for one in whole_lines),
        ttft_sent=spread(_after(one.sent_ns, one.times_ns[0]) for one in whole),
        tpot=spread(one.tpot_s for one in whole_lines), itl=spread(gaps(whole)),
        e2e=spread(one.e2e_s for one in whole_lines), queue=spread(one.sent_s - one.due_s for one in whole_lines),
        errors=dict(Counter(one.error for one in lines if one.reason == "error").most_common(10)),
        few=len(whole) < FEW, requests=lines,
    )  # fmt: skip
    return judged(found, limits)


def judged(found: Level, limits: Limits) -> Level:
    """The level with its goodput by other limits, where its requests are known."""
    if not found.requests:
        return found
    kept = sum(good(one, limits) for one in found.requests) if limits.any else None
    due = _judged(found.requests)
    return msgspec.structs.replace(
        found, good=kept, goodput_req_s=None if kept is None else _rate(kept, found.seconds),
        good_share=kept / due if kept is not None and due else None,
    )  # fmt: skip


def _judged(lines: Sequence[Line]) -> int:
    """How many requests could have been good: not those that a person's stop cut off."""
    return sum(1 for one in lines if one.reason != "cancelled" or _unsent(one))


def _unsent(one: Line) -> bool:
    return one.reason == "cancelled" and bool(one.error)


def _n_out(served: Served) -> int:
    """Output tokens: as the server says, else those of its chunks."""
    return served.n_out if served.n_out is not None else sum(served.counts)


def _after(start_ns: int, point_ns: int | None) -> float | None:
    return None if point_ns is None else (point_ns - start_ns) / 1e9


def _rate(count: float, seconds: float) -> float | None:
    return count / seconds if seconds > 0 else None


def _total(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
