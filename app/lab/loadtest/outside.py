"""Opens a load test's file, whoever wrote it: Tandem, GuideLLM, or `vllm bench serve --save-result`."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from app.errors import TandemError
from app.lab.loadtest import figures
from app.lab.loadtest.guidellm import at, load_json, number, read_guidellm
from app.lab.loadtest.knee import knee_of, sentence
from app.lab.loadtest.plan import Lengths, Limits, LoadMode, LoadPlan
from app.lab.loadtest.result import DEFINITIONS, Level, LoadResult, Served, Spread
from engines import protocol

VLLM = "vllm bench serve"
SENT = "Opened from vLLM's benchmark: everything counts from the sending of a request, also where requests arrive by chance."


def open_result(path: Path) -> LoadResult:
    """One file. Raises TandemError `no_input`, `not_a_result`."""
    data = load_json(path)
    if isinstance(at(data, "benchmarks"), list):
        return read_guidellm(data, path.name)
    if at(data, "output_throughput") is not None and at(data, "duration") is not None:
        return read_vllm(data, path.name)
    try:
        return msgspec.convert(data, LoadResult, strict=True)
    except msgspec.ValidationError as error:
        raise TandemError("not_a_result", f"{path.name} is no load test's result.",
                          "Files of Tandem, GuideLLM and `vllm bench serve --save-result` can be opened.") from error  # fmt: skip


def open_results(paths: Sequence[Path]) -> list[LoadResult]:
    """Several files. vLLM writes one a level: those of one model become one result."""
    opened = [open_result(path) for path in paths]
    ours = [one for one in opened if one.source != VLLM]
    kinds = {(one.served.title, one.plan.mode): None for one in opened if one.source == VLLM}
    return ours + [
        merged([one for one in opened if one.source == VLLM and (one.served.title, one.plan.mode) == kind])
        for kind in kinds
    ]


def merged(results: Sequence[LoadResult]) -> LoadResult:
    """Levels of several results as those of one."""
    levels = tuple(sorted((level for one in results for level in one.levels), key=lambda level: level.load))
    plan = msgspec.structs.replace(results[0].plan, levels=tuple(level.load for level in levels))
    made = msgspec.structs.replace(results[0], plan=plan, levels=levels, knee=knee_of(levels))
    return msgspec.structs.replace(made, sentence=sentence(made))


def under(result: LoadResult, limits: Limits) -> LoadResult:
    """A result judged by other limits than its own: a person's, where it stands beside a test with them."""
    levels = tuple(figures.judged(level, limits) for level in result.levels)
    made = msgspec.structs.replace(result, plan=msgspec.structs.replace(result.plan, limits=limits), levels=levels)
    return msgspec.structs.replace(made, sentence=sentence(made))


def read_vllm(data: Any, name: str = "this file") -> LoadResult:
    """A result of `vllm bench serve`; with `--save-detailed` every figure can be had."""
    rate, users = number(at(data, "request_rate")), number(at(data, "max_concurrency"))
    mode = LoadMode.CLOSED if rate is None else LoadMode.POISSON  # "inf" is no number
    load = rate if rate is not None else users or number(at(data, "num_prompts")) or 1.0
    level = _detailed(data, load) or _summary(data, load)
    plan = LoadPlan(
        title=f"vLLM's benchmark: {name}", preset="", mode=mode, levels=(load,), requests=level.n + level.failed, warmup=0,
        prompt=_mean(level.n_in, level.n), output=_mean(level.n_out, level.n), texts=(), in_flight=int(users or 0),
    )  # fmt: skip
    made = LoadResult(
        plan=plan, levels=(level,), source=VLLM, seconds=level.seconds, created=_date(at(data, "date")),
        served=Served(title=str(at(data, "model_id") or ""), engine_title="vLLM"), definitions=(SENT, *DEFINITIONS[1:]),
    )  # fmt: skip
    return msgspec.structs.replace(made, sentence=sentence(made))


def _detailed(data: Any, load: float) -> Level | None:
    """The level by each request's times, where the file has them."""
    names = ("ttfts", "itls", "input_lens", "output_lens", "start_times")
    lists = [at(data, name) for name in names]
    if not all(isinstance(one, list) and one for one in lists):
        return None
    errors = at(data, "errors") or []
    begin = min(lists[-1])
    served = [
        _request(i, (*row,), errors[i] if i < len(errors) else "", begin)
        for i, row in enumerate(zip(*lists, strict=False))
    ]
    return figures.level(load, served, Limits(), number(at(data, "duration")))


def _request(index: int, row: tuple[Any, ...], error: str, begin: float) -> protocol.Served:
    ttft, gaps, n_in, n_out, start = row
    sent = round((start - begin) * 1e9)
    times = [sent + round(at_s * 1e9) for at_s in itertools.accumulate(gaps, initial=ttft)]
    failed = bool(error) or not n_out
    return protocol.Served(
        index=index, due_ns=sent, sent_ns=sent, end_ns=times[-1], times_ns=() if failed else tuple(times), n_in=n_in, n_out=n_out,
        reason="error" if failed else "stop", error=str(error).strip().splitlines()[-1][:200] if error else "" if not failed else "no output",
    )  # fmt: skip


def _summary(data: Any, load: float) -> Level:
    n = int(number(at(data, "completed")) or 0)
    n_in, n_out = (number(at(data, f"total_{kind}_tokens")) for kind in ("input", "output"))
    ttft = _spread(data, "ttft", n)
    return Level(
        load=load, n=n, failed=int(number(at(data, "failed")) or 0), seconds=number(at(data, "duration")) or 0.0,
        n_in=None if n_in is None else int(n_in), n_out=None if n_out is None else int(n_out),
        out_tok_s=number(at(data, "output_throughput")), total_tok_s=number(at(data, "total_token_throughput")),
        req_s=number(at(data, "request_throughput")) or 0.0, goodput_req_s=number(at(data, "request_goodput")),
        ttft=ttft, ttft_sent=ttft, tpot=_spread(data, "tpot", n), itl=_spread(data, "itl", n), e2e=_spread(data, "e2el", n),
        few=n < figures.FEW, notes=("by vLLM's own summaries; --save-detailed keeps each request",),
    )  # fmt: skip


def _spread(data: Any, name: str, n: int) -> Spread | None:
    def share(which: str) -> float | None:
        value = number(at(data, f"{which}_{name}_ms"))
        return None if value is None else value / 1000

    mean = share("mean")
    return None if mean is None or not n else Spread(
        mean=mean, p50=share("median"), p90=share("p90"), p95=share("p95"), p99=share("p99"), n=n
    )  # fmt: skip


def _mean(total: int | None, n: int) -> Lengths:
    return Lengths(mean=max(1, (total or 0) // n if n else 1))


def _date(text: Any) -> float:
    """vLLM's "20261125-084412", which is local time."""
    try:
        return datetime.datetime.strptime(str(text), "%Y%m%d-%H%M%S").astimezone().timestamp()
    except ValueError:
        return 0.0
