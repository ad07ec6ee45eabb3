"""A load test as files: JSON and CSV for programs, HTML for people.

JSON shape (`json_of`): id, title, source, version, status, created (Unix s), seconds, sentence, served {model, variant, title,
engine, engine_title, url, version, device, n_ctx, local, knobs, command}, plan {preset, mode, levels, requests, seconds, warmup,
limits {ttft_s, itl_s, e2e_s}, seed, salt, prompt, output, shared, …}, lengths_by, knee (index of `levels`, or null), levels [{load,
n, failed, cancelled, unsent, seconds, n_in, n_cached, n_out, out_tok_s, total_tok_s, req_s, good, goodput_req_s, good_share,
in_flight, ttft, ttft_sent, tpot, itl, e2e, queue (each {mean, p50, p90, p95, p99, most, n} in seconds, or null), server {running,
waiting, kv_use …: greatest}, foreign_cpu, errors {words: count}, reason, few, notes}], definitions, notes. `json_text` is the whole
value with every request, which `outside.open_result` opens again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from app.lab.loadtest.result import Level, LoadResult, Spread

SPREADS = ("ttft", "ttft_sent", "tpot", "itl", "e2e", "queue")
LEVEL = (
    "source", "level", "load", "n", "failed", "cancelled", "unsent", "seconds", "n_in", "n_out", "out_tok_s", "total_tok_s", "req_s",
    "goodput_req_s", "good_share", "in_flight",
)  # fmt: skip
PARTS = ("mean", "p50", "p90", "p95", "p99", "most")
REQUEST = (
    "source", "level", "load", "request", "due_s", "sent_s", "ttft_s", "tpot_s", "e2e_s", "n_in", "n_cached", "n_out", "reason", "error"
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def json_of(result: LoadResult) -> dict[str, Any]:
    """Plain values, without the single requests. What cannot be had is None; no key is absent."""
    found: dict[str, Any] = msgspec.to_builtins(result)
    for level in found["levels"]:
        del level["requests"]
    return {"id": found.pop("id"), "title": result.plan.title, **found}


def json_text(result: LoadResult) -> str:
    """Everything, indented; `outside.open_result` makes the same value of it again."""
    return msgspec.json.format(msgspec.json.encode(result), indent=1).decode()


def csv_of(results: Sequence[LoadResult]) -> str:
    """A line a level, of all results."""
    heads = [*LEVEL, *(f"{name}_{part}_s" for name in SPREADS for part in PARTS), "knee"]
    return _table(heads, (_level(result, i) for result in results for i in range(len(result.levels))))


def requests_csv_of(results: Sequence[LoadResult]) -> str:
    """A line a request, of all results."""
    return _table(
        REQUEST,
        (
            [result.source, i + 1, level.load, j + 1, *msgspec.to_builtins(line)]
            for result in results
            for i, level in enumerate(result.levels)
            for j, line in enumerate(level.requests)
        ),
    )


def _level(result: LoadResult, index: int) -> list[Any]:
    level = result.levels[index]
    head = [result.source, index + 1, *(getattr(level, name) for name in LEVEL[2:])]
    spreads = [getattr(_spread(level, name), part, None) for name in SPREADS for part in PARTS]
    return [*head, *spreads, "true" if index == result.knee else ""]


def _spread(level: Level, name: str) -> Spread | None:
    found: Spread | None = getattr(level, name)
    return found


def _table(heads: Sequence[str], rows: Iterator[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> str:
    """No text that a spreadsheet takes for a formula; "" for what cannot be had."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return repr(value)
