"""Opens what GuideLLM wrote (versions 0.3 to 0.8, JSON), with its figures brought to our definitions where the file allows it.

What differs (guidellm/schemas/base/request_stats.py): its TPOT is (last token − start) ÷ tokens, so the time to first
token is in it; its ITL is each request's mean, which vLLM and we call TPOT; its percentiles are nearest ranks. The file
keeps the first and the last token's time of each request, and from these our figures are computed again. The single gaps
between tokens are not in the file, so a pooled ITL cannot be had. Where a file keeps no requests, its own summaries are taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from app.errors import TandemError
from app.lab.loadtest import figures
from app.lab.loadtest.knee import knee_of, sentence
from app.lab.loadtest.plan import Lengths, Limits, LoadMode, LoadPlan
from app.lab.loadtest.result import Level, LoadResult, Served, Spread
from engines import protocol

MOST_BYTES = 1 << 30
RATED = ("constant", "poisson", "async")
STATES = (("successful", "stop"), ("errored", "error"), ("incomplete", "cancelled"))
COMPUTED = (
    "Opened from GuideLLM, and computed again from each request's times: time to first token, TPOT = (last − first token) ÷ "
    "(tokens − 1) and end to end are as ours. GuideLLM's own “TPOT” has the time to first token in it and is not shown.",
    "ITL: not in the file, which keeps no single gaps. GuideLLM's “ITL” is each request's mean: here that is TPOT.",
    "Percentiles: linear interpolation, as numpy.percentile; GuideLLM's own are nearest ranks.",
)
SUMMARISED = (
    "Opened from GuideLLM, which kept no requests in this file: these are its own summaries. TPOT is its “inter-token "
    "latency” (each request's mean), which vLLM calls TPOT; its own “TPOT” has the time to first token in it and is not shown.",
    "ITL: not in the file. End to end: to the end of the response, not to the last token. Percentiles: nearest ranks.",
)


def open_guidellm(path: Path) -> LoadResult:
    """Raises TandemError `no_input`, `not_a_result`."""
    return read_guidellm(load_json(path), path.name)


def load_json(path: Path) -> Any:
    """The JSON of a file. Raises TandemError `no_input`, `not_a_result`."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise TandemError("not_a_result", f"{path.name} is larger than 1 GiB.", "Choose a benchmark's result.")
        return msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise TandemError("no_input", f"{path.name} cannot be read: {error.strerror}.", "Check the name.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TandemError("not_a_result", f"{path.name} is no JSON.", "Save GuideLLM's report as JSON.") from error


def read_guidellm(data: Any, name: str = "this file") -> LoadResult:
    """Raises TandemError `not_a_result`."""
    found = at(data, "benchmarks")
    benchmarks = (
        [one for one in found if isinstance(one, dict) and isinstance(at(one, "metrics"), dict)]
        if isinstance(found, list)
        else []
    )
    if not benchmarks:
        raise TandemError("not_a_result", f"{name} holds no benchmark of GuideLLM's.", "Open its benchmarks.json.")
    kinds = [_strategy(one).get("type_", "") for one in benchmarks]
    mode = LoadMode.POISSON if all(kind in RATED for kind in kinds) else LoadMode.CLOSED
    limits = _limits(benchmarks[0])
    levels = tuple(sorted((_level(one, mode, limits) for one in benchmarks), key=lambda level: level.load))
    whole = all(level.requests for level in levels)
    version = at(data, "metadata", "guidellm_version")
    made = LoadResult(
        plan=_plan(benchmarks, levels, mode, limits, name), levels=levels, knee=knee_of(levels), source="guidellm",
        version=version if isinstance(version, str) else "", created=number(benchmarks[0].get("start_time")) or 0.0,
        served=_served(data, benchmarks[0]), definitions=COMPUTED if whole else SUMMARISED,
        notes=_notes(kinds, mode), seconds=math.fsum(level.seconds for level in levels),
    )  # fmt: skip
    return msgspec.structs.replace(made, sentence=sentence(made))


def at(found: Any, *path: str) -> Any:
    """What lies at a path of keys; None where it ends before."""
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def number(value: Any) -> float | None:
    """A finite number, else None."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def _strategy(benchmark: dict[str, Any]) -> dict[str, Any]:
    """How requests were scheduled: 0.4 and later in `config`, before in `args`; 0.4 also in `scheduler`."""
    places = (("config", "strategy"), ("args", "strategy"), ("scheduler", "strategy"))
    return next((found for place in places if isinstance(found := at(benchmark, *place), dict)), {})


def _level(benchmark: dict[str, Any], mode: LoadMode, limits: Limits) -> Level:
    load = _load(benchmark, mode)
    seconds = number(benchmark.get("duration")) or 0.0
    rated = _strategy(benchmark).get("type_") in RATED
    served = _requests(benchmark, rated)
    totals = {state: int(number(at(benchmark, *place, state)) or 0) for state, _ in STATES
              for place in [_totals(benchmark)]}  # fmt: skip
    if len([one for one in served if one.reason == "stop"]) == totals["successful"] and served:
        level = figures.level(load, served, limits, seconds or None)
        return msgspec.structs.replace(level, itl=None)  # between the first and the last token nothing is known
    return _summary(benchmark, load, seconds, totals)


def _totals(benchmark: dict[str, Any]) -> tuple[str, ...]:
    places = (("metrics", "request_totals"), ("request_totals",), ("run_stats", "requests_made"))
    return next((place for place in places if isinstance(at(benchmark, *place), dict)), places[0])


def _load(benchmark: dict[str, Any], mode: LoadMode) -> float:
    """Users, or requests a second. Where users are not what was set, the mean number that was at work."""
    strategy = _strategy(benchmark)
    if mode is LoadMode.POISSON:
        return number(strategy.get("rate")) or 0.0
    if strategy.get("type_") == "synchronous":
        return 1.0
    mean = number(at(benchmark, "metrics", "request_concurrency", "successful", "mean")) or 0.0
    return number(strategy.get("streams")) or round(mean, 1)


def _requests(benchmark: dict[str, Any], rated: bool) -> list[protocol.Served]:
    start = number(benchmark.get("start_time")) or 0.0
    made: list[protocol.Served] = []
    for state, reason in STATES:
        found = at(benchmark, "requests", state)
        for one in found if isinstance(found, list) else []:
            made.append(_request(one, len(made), start, reason, rated))
    return made


def _request(one: Any, index: int, start: float, reason: str, rated: bool) -> protocol.Served:
    timings = at(one, "info", "timings") or at(one, "scheduler_info", "timings") or one
    first = _first(timings, "first_token_iteration", "first_iteration", "first_token_time")
    last = _first(timings, "last_token_iteration", "last_iteration", "last_token_time")
    sent = _first(timings, "request_start", "start_time", "resolve_start") or start
    end = _first(timings, "request_end", "end_time", "resolve_end") or last or sent
    due = (
        (_first(timings, "targeted_start") or number(at(one, "scheduler_info", "targeted_start_time")))
        if rated
        else None
    )
    times = [t for t in (first, last) if t is not None]
    error = at(one, "info", "error") or at(one, "error")
    return protocol.Served(
        index=index, due_ns=_ns(min(due or sent, sent), start), sent_ns=_ns(sent, start), end_ns=_ns(end, start),
        times_ns=tuple(_ns(t, start) for t in times), n_in=_count(one, "input_metrics", "prompt_tokens"),
        n_out=_count(one, "output_metrics", "output_tokens"), reason=reason,
        error=str(error)[:200] if error and reason == "error" else "",
    )  # fmt: skip


def _first(found: Any, *names: str) -> float | None:
    return next((value for name in names if (value := number(at(found, name))) is not None), None)


def _count(one: Any, group: str, old: str) -> int | None:
    value = number(at(one, group, "text_tokens")) or number(at(one, group, "total_tokens")) or number(at(one, old))
    return None if value is None else int(value)


def _ns(moment: float, start: float) -> int:
    return round((moment - start) * 1e9)


def _summary(benchmark: dict[str, Any], load: float, seconds: float, totals: dict[str, int]) -> Level:
    """A level by GuideLLM's own summaries."""
    n_in, n_out = (_sum(benchmark, name) for name in ("prompt_token_count", "output_token_count"))
    n, rate = totals["successful"], (1 / seconds if seconds else 0.0)
    good = number(at(benchmark, "metrics", "slo_attainment"))
    return Level(
        load=load, n=n, failed=totals["errored"], cancelled=totals["incomplete"], seconds=seconds,
        n_in=None if n_in is None else int(n_in), n_out=None if n_out is None else int(n_out),
        out_tok_s=None if n_out is None else n_out * rate,
        total_tok_s=None if n_out is None or n_in is None else (n_in + n_out) * rate, req_s=n * rate, good_share=good,
        in_flight=number(at(benchmark, "metrics", "request_concurrency", "successful", "mean")),
        ttft=_spread(benchmark, "time_to_first_token_ms", 1e-3), ttft_sent=_spread(benchmark, "time_to_first_token_ms", 1e-3),
        tpot=_spread(benchmark, "inter_token_latency_ms", 1e-3), e2e=_spread(benchmark, "request_latency", 1.0),
        few=n < figures.FEW, notes=("by GuideLLM's own summaries",),
    )  # fmt: skip


def _sum(benchmark: dict[str, Any], name: str) -> float | None:
    return number(at(benchmark, "metrics", name, "successful", "total_sum"))


def _spread(benchmark: dict[str, Any], name: str, unit: float) -> Spread | None:
    found = at(benchmark, "metrics", name, "successful")
    mean, n = number(at(found, "mean")), int(number(at(found, "count")) or 0)
    if mean is None or not n:
        return None

    def share(which: str) -> float | None:
        value = number(at(found, "percentiles", which))
        return None if value is None else value * unit

    most = number(at(found, "max"))
    return Spread(mean=mean * unit, p50=share("p50"), p90=share("p90"), p95=share("p95"), p99=share("p99"),
                  most=None if most is None else most * unit, n=n)  # fmt: skip


def _limits(benchmark: dict[str, Any]) -> Limits:
    """The objectives of a goodput run (0.8), in seconds."""
    slo = at(benchmark, "config", "slo")

    def limit(*names: str) -> float | None:
        value = _first(slo, *names)
        return None if value is None else value / 1000

    return Limits(
        ttft_s=limit("time_to_first_token_ms", "ttft_ms"), itl_s=limit("inter_token_latency_ms", "itl_ms"),
        e2e_s=limit("request_latency_ms", "e2e_ms"),
    )  # fmt: skip


def _plan(
    benchmarks: Sequence[dict[str, Any]], levels: Sequence[Level], mode: LoadMode, limits: Limits, name: str
) -> LoadPlan:
    known = [level for level in levels if level.n and level.n_in is not None and level.n_out is not None]
    n = sum(level.n for level in known)
    prompt, output = (sum(getattr(level, which) for level in known) // n if n else 1 for which in ("n_in", "n_out"))
    return LoadPlan(
        title=f"GuideLLM: {name}", preset="", mode=mode, levels=tuple(level.load for level in levels), limits=limits, warmup=0,
        prompt=Lengths(mean=max(1, prompt)), output=Lengths(mean=max(1, output)), texts=(),
        requests=max((level.n for level in levels), default=0),
    )  # fmt: skip


def _served(data: Any, benchmark: dict[str, Any]) -> Served:
    """Where the file names the model and the server."""
    backends = (
        at(data, "config", "spec", "backend"),
        at(benchmark, "config", "backend"),
        at(data, "args"),
        at(benchmark, "worker"),
    )
    words = {"title": ("model", "backend_model"), "url": ("target", "backend_target")}
    found = {
        field: next((str(at(b, key)) for b in backends for key in keys if isinstance(at(b, key), str)), "")
        for field, keys in words.items()
    }
    return Served(
        title=found["title"],
        url=found["url"].split("?")[0].rpartition("@")[2] if found["url"] else "",
        engine_title="GuideLLM",
    )


def _notes(kinds: Sequence[str], mode: LoadMode) -> tuple[str, ...]:
    if mode is LoadMode.CLOSED and any(kind not in ("concurrent", "synchronous") for kind in kinds):
        return ("Levels without a number of users stand at the mean number of requests that were at work.",)
    return ()
