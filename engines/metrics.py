"""Figures from clock points (METRICS.md). Pure functions; a figure that cannot be had is None, never 0.

Clock points are `time.perf_counter_ns()` of one process. Percentiles are nearest-rank.
"""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

Metrics = dict[str, float | None]

MIN_PREFILL_TOKENS = 128  # below this a prefill rate is noise
MIN_GAPS_P95 = 20


@dataclass(slots=True)
class Clock:
    """The clock points of one run. steps_ns[i]: when output step i was made; counts[i]: outputs in it."""

    t_submit: int = field(default_factory=time.perf_counter_ns)
    t_start: int | None = None
    t_end: int | None = None
    steps_ns: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)  # name → seconds

    def step(self, count: int = 1, at_ns: int | None = None) -> None:
        """Stamp one output step of `count` outputs: now, or when it arrived."""
        self.steps_ns.append(time.perf_counter_ns() if at_ns is None else at_ns)
        self.counts.append(count)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time spent inside to phase `name`."""
        start = time.perf_counter_ns()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + (time.perf_counter_ns() - start) / 1e9

    def seconds(self, point: int | None) -> float | None:
        """Seconds from `t_submit` to `point`."""
        return None if point is None else (point - self.t_submit) / 1e9


@dataclass(frozen=True, slots=True)
class ChatCounts:
    """Tokens of one chat run, as the engine's ids (METRICS "Chat"); None: a server does not say. drafted, accepted: speculation."""

    n_in: int | None
    n_cached: int | None
    n_out: int | None
    n_shown: int
    n_chars: int
    drafted: int = 0
    accepted: int = 0

    @property
    def new(self) -> int:
        """Prompt tokens that were computed; 0 where that is not known."""
        return 0 if self.n_in is None or self.n_cached is None else self.n_in - self.n_cached


def chat(clock: Clock, counts: ChatCounts) -> Metrics:
    """Every chat figure of METRICS.md for one run."""
    first = clock.steps_ns[0] if clock.steps_ns else None
    ttft = clock.seconds(first)
    queue = clock.seconds(clock.t_start)
    prepare = clock.phases.get("prepare")
    prefill = clock.phases.get("prefill")
    known = [t for t in (queue, prepare, prefill) if t is not None]
    gaps = step_gaps(clock)
    return {
        "ttft_s": ttft,
        "queue_s": queue,
        "prepare_s": prepare,
        "prefill_s": prefill,
        "first_sample_s": None if ttft is None or prefill is None else max(0.0, ttft - sum(known)),
        "prefill_tok_s": prefill_rate(counts.new, prefill),
        "decode_tok_s": decode_rate(clock),
        "itl_p50_s": token_gap_median(clock),
        "itl_p95_s": percentile(gaps, 95) if len(gaps) >= MIN_GAPS_P95 else None,
        "itl_max_s": max(gaps, default=None),
        "e2e_s": clock.seconds(clock.t_end),
        "n_in": counts.n_in,
        "n_cached": counts.n_cached,
        "n_out": counts.n_out,
        "n_shown": counts.n_shown,
        "accept_rate": counts.accepted / counts.drafted if counts.drafted else None,
        "drafted": counts.drafted or None,
        "accepted": counts.accepted if counts.drafted else None,
        "tokens_per_step": sum(clock.counts) / len(clock.counts) if clock.counts else None,
        "chars_s": _chars_rate(clock, counts.n_chars),
    }


def chat_live(clock: Clock) -> dict[str, float]:
    """The figures of a run that still goes on; only those that are known."""
    live: dict[str, float] = {"n_out": float(sum(clock.counts))}
    if clock.steps_ns:
        live["ttft_s"] = (clock.steps_ns[0] - clock.t_submit) / 1e9
    rate = decode_rate(clock, last_ns=2_000_000_000)
    if rate is not None:
        live["decode_tok_s"] = rate
    return live


def decode_rate(clock: Clock, last_ns: int | None = None) -> float | None:
    """(n_out − k₁) / (t_last − t_1), tokens a second; None below two steps.

    last_ns: only the steps of the last so many nanoseconds (the live figure).
    """
    n = len(clock.counts)  # counts is appended last: index n - 1 exists in both lists
    if n < 2:
        return None
    start = 0
    if last_ns is not None:
        edge = clock.steps_ns[n - 1] - last_ns
        start = n - 2
        while start > 0 and clock.steps_ns[start] > edge:
            start -= 1
    span = clock.steps_ns[n - 1] - clock.steps_ns[start]
    return sum(clock.counts[start + 1 : n]) * 1e9 / span if span > 0 else None


def prefill_rate(new_tokens: int, prefill_s: float | None) -> float | None:
    """Uncached prompt tokens ÷ the engine's own prefill time; None below 128 of them."""
    if prefill_s is None or prefill_s <= 0 or new_tokens < MIN_PREFILL_TOKENS:
        return None
    return new_tokens / prefill_s


def step_gaps(clock: Clock) -> list[float]:
    """Seconds between one step and the next."""
    points = clock.steps_ns
    return [(b - a) / 1e9 for a, b in itertools.pairwise(points)]


def token_gap_median(clock: Clock) -> float | None:
    """Median gap per token: a step of k tokens counts k gaps of dt/k."""
    gaps: list[float] = []
    for gap, count in zip(step_gaps(clock), clock.counts[1:], strict=False):
        gaps.extend([gap / max(count, 1)] * count)
    return statistics.median(gaps) if gaps else None


def percentile(values: Sequence[float], p: float) -> float | None:
    """Nearest-rank percentile."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(p * len(ordered) / 100) - 1)]


def _chars_rate(clock: Clock, n_chars: int) -> float | None:
    if len(clock.steps_ns) < 2:
        return None
    span = (clock.steps_ns[-1] - clock.steps_ns[0]) / 1e9
    return n_chars / span if span > 0 else None
