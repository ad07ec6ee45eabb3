"""Every raw figure of a result as one tidy table: a line a value."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from app.lab.compare.lane import letter
from app.lab.compare.result import LaneRun, Load, Result
from app.lab.report.rows import measures_of

COLUMNS = ("lane", "name", "block", "kind", "attempt", "counts", "contended", "step", "metric", "value", "unit")
Line = tuple[str, ...]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_of(result: Result) -> str:
    """CSV with a header. kind: load, discarded, timed or answer. value: "" is what cannot be had; in the unit beside it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(lines(result))
    return out.getvalue()


def lines(result: Result) -> Iterator[Line]:
    """The table without its header: loads, then runs in the order in which they were made."""
    units = {m.key: m.unit for m in measures_of(result).metric}
    for load in result.loads:
        yield from _load(result, load, units)
    for run in result.runs:
        yield from _run(result, run, units)


def _load(result: Result, load: Load, units: dict[str, str]) -> Iterator[Line]:
    sizes = {k: v for k, v in load.memory.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    for metric, value in (load.phases | sizes).items():
        unit = units.get(metric) or ("B" if metric.endswith("_bytes") else "s")
        yield (
            *_lane(result, load.lane),
            str(load.block),
            "load",
            "1",
            "true",
            "false",
            "",
            metric,
            _number(value),
            unit,
        )


def _run(result: Result, run: LaneRun, units: dict[str, str]) -> Iterator[Line]:
    head = (
        *_lane(result, run.lane), str(run.block), run.kind, str(run.attempt), _flag(run.counts), _flag(run.contended)
    )  # fmt: skip
    for step in run.steps:
        for metric, value in step.metrics.items():
            yield (*head, _safe(step.name), metric, _number(value), units.get(metric) or _unit(metric))
    for metric, value in (("foreign_cpu", run.disturbance.foreign_cpu), ("run_s", run.seconds)):
        yield (*head, "", metric, _number(value), _unit(metric))


def _lane(result: Result, index: int) -> tuple[str, str]:
    return letter(index), _safe(result.lanes[index].lane.name)


def _unit(metric: str) -> str:
    ends = {"_tok_s": "tok/s", "_bytes": "B", "_s": "s"}
    return next((unit for end, unit in ends.items() if metric.endswith(end)), "")


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
