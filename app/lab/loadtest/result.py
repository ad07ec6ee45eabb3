"""What a load test found, as values: one `Level` for each number of users or rate of arrival.

The definitions are those of `vllm bench serve` (vllm/benchmarks/serve.py), which `DEFINITIONS` says in words.
"""

from __future__ import annotations

import msgspec

from app.lab.loadtest.plan import Limits, LoadMode, LoadPlan

DEFINITIONS = (
    "Time to first token: from the sending of a request to its first output chunk, at the client. Where requests arrive "
    "by chance it counts from the moment at which the request was due, so that a stalled server cannot hide its queue.",
    "TPOT: (last output chunk − first output chunk) ÷ (output tokens − 1), one value a request, as vLLM's benchmark has it.",
    "ITL: the gaps between the output chunks of all requests, pooled, as vLLM's benchmark has it (AIPerf calls that ICL).",
    "End to end: from sending, or due, to the last output chunk.",
    "Output rate: output tokens of all whole answers ÷ the time from the level's start to its last end.",
    "Goodput: whole answers that keep every limit, a second. The limit on the time between tokens is on a request's TPOT.",
    "Percentiles: linear interpolation, as numpy.percentile.",
)


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """One figure's distribution, seconds. n: of how many values. None only in another tool's result that does not say."""

    mean: float
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    most: float | None = None
    n: int = 0


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One request, seconds after its level's start; ttft_s and e2e_s count from `due_s`. None: not reached or not said."""

    due_s: float
    sent_s: float
    ttft_s: float | None
    tpot_s: float | None
    e2e_s: float | None
    n_in: int | None
    n_cached: int | None
    n_out: int | None
    reason: str
    error: str = ""


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """One level. load: users, or requests a second.

    n: whole answers; failed; cancelled: cut off by a stop; unsent: due, but not sent before the end. seconds: from the start to
    the last end. out_tok_s, total_tok_s (with the prompts), req_s: by whole answers. good: how many keep all limits, None
    without limits; goodput_req_s of them a second; good_share of all requests that were due.
    ttft, e2e count from due; ttft_sent from sending; queue: sent − due. in_flight: mean number at work.
    server: greatest gauges (running, waiting, kv_use …). foreign_cpu: share of this machine that other programs used.
    errors: words → how often. reason: done, cancelled, or stopped (it made no sense to go on). few: too few answers for a p95.
    """

    load: float
    n: int
    failed: int = 0
    cancelled: int = 0
    unsent: int = 0
    seconds: float
    n_in: int | None = None
    n_cached: int | None = None
    n_out: int | None = None
    out_tok_s: float | None = None
    total_tok_s: float | None = None
    req_s: float = 0.0
    good: int | None = None
    goodput_req_s: float | None = None
    good_share: float | None = None
    in_flight: float | None = None
    ttft: Spread | None = None
    ttft_sent: Spread | None = None
    tpot: Spread | None = None
    itl: Spread | None = None
    e2e: Spread | None = None
    queue: Spread | None = None
    server: dict[str, float] = {}
    foreign_cpu: float | None = None
    errors: dict[str, int] = {}
    reason: str = "done"
    few: bool = False
    notes: tuple[str, ...] = ()
    requests: tuple[Line, ...] = ()


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """Who was tested. url: without a key. command: of a server that was started for the test, its command line, keys masked."""

    model: str = ""
    variant: str = ""
    title: str = ""
    engine: str = ""
    engine_title: str = ""
    url: str = ""
    version: str = ""
    device: str = ""
    n_ctx: int = 0
    local: bool = False
    knobs: dict[str, object] = {}
    command: tuple[str, ...] = ()


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """A whole load test, ours or another tool's. source: "Tandem", "guidellm" or "vllm bench serve".

    knee: index of the level after which throughput hardly grows (`knee.py`), None if there is none to be seen.
    status: running, done, cancelled, failed. definitions: what the figures mean, in words. lengths_by: how prompts were measured.
    """

    id: str = ""
    plan: LoadPlan
    served: Served = Served()
    levels: tuple[Level, ...] = ()
    knee: int | None = None
    sentence: str = ""
    status: str = "done"
    source: str = "Tandem"
    version: str = ""
    created: float = 0.0
    seconds: float = 0.0
    lengths_by: str = ""
    definitions: tuple[str, ...] = DEFINITIONS
    notes: tuple[str, ...] = ()

    @property
    def limits(self) -> Limits:
        """The person's limits."""
        return self.plan.limits

    @property
    def closed(self) -> bool:
        """Users, not rates?"""
        return self.plan.mode is LoadMode.CLOSED

    def words(self, level: Level) -> str:
        """The level's load, as a person says it."""
        return self.plan.words(level.load)
