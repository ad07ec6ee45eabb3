"""From raw runs and loads to the table: one cell for every metric, step and lane. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from app.lab.compare import stats
from app.lab.compare.measures import Measure, Measures
from app.lab.compare.plan import Mode, Plan
from app.lab.compare.result import Cell, LaneRun, Load, Word

ByBlock = Mapping[int, float]  # block → its mean


def cells(
    plan: Plan,
    mode: Mode,
    reference: int,
    runs: Sequence[LaneRun],
    loads: Sequence[Load],
    n_lanes: int,
    measures: Measures,
) -> tuple[Cell, ...]:
    """The table's cells by metric, step, lane. A row in which no lane has a value is left out."""
    found: list[Cell] = []
    for measure in measures.metric:
        for row in _rows(plan, mode, runs, loads, n_lanes, measure):
            if any(row.blocks):
                found.extend(_cells(row, plan, mode, reference))
    return tuple(found)


def spread(
    plan: Plan, mode: Mode, reference: int, runs: Sequence[LaneRun], loads: Sequence[Load], measures: Measures
) -> dict[str, float]:
    """metric@step → the reference lane's own spread (relative half-width), the noise floor. Only where there is one."""
    found: dict[str, float] = {}
    for measure in measures.metric:
        if measure.kind == "count" or mode is not Mode.MEASURE:
            continue
        for row in _rows(plan, mode, runs, loads, reference + 1, measure):
            logs = [v for v in _logs(row.blocks[reference]).values() if v is not None]
            if (half := stats.spread(logs)) is not None:
                found[f"{measure.key}@{row.step}"] = half
    return found


@dataclass(frozen=True, slots=True)
class _Row:
    """A metric at a step. blocks, contended: by lane."""

    measure: Measure
    step: str
    blocks: tuple[ByBlock, ...]
    contended: tuple[bool, ...]


# --- rows ---------------------------------------------------------------------------------------


def _rows(
    plan: Plan, mode: Mode, runs: Sequence[LaneRun], loads: Sequence[Load], n_lanes: int, measure: Measure
) -> list[_Row]:
    """A metric of loads has one row; a metric of runs one for each step."""
    timed = [run for run in runs if run.kind == "timed" and run.counts and _belongs(run.block, mode)]
    disturbed = {run.lane for run in timed if run.contended} if measure.kind != "size" else set()
    busy = tuple(mode is Mode.RACE or lane in disturbed for lane in range(n_lanes))
    mine = [load for load in loads if _belongs(load.block, mode)]
    if any(_of_load(load, measure.key) is not None for load in mine):
        blocks = tuple(_load_blocks(mine, lane, measure.key) for lane in range(n_lanes))
        return [_Row(measure, "", blocks, busy)]
    return [
        _Row(measure, step, tuple(_run_blocks(timed, lane, step, measure) for lane in range(n_lanes)), busy)
        for step in dict.fromkeys(step.name for step in plan.steps)
    ]


def _belongs(block: int, mode: Mode) -> bool:
    """Blocks count from 1. Block 0 is the answers' load, which a measurement does not count and all else consists of."""
    return block > 0 or mode is not Mode.MEASURE


def _load_blocks(loads: Sequence[Load], lane: int, key: str) -> ByBlock:
    values = ((load.block, _of_load(load, key)) for load in loads if load.lane == lane)
    return {block: value for block, value in values if value is not None}


def _of_load(load: Load, key: str) -> float | None:
    """A figure of a load; "kv_bytes" and the like are the parts that the engine itself says of its memory."""
    parts = load.memory.get("parts") or {}
    part = key.removesuffix("_bytes")
    if key not in load.memory and part in parts:
        return _number(parts[part])
    return _number(load.memory[key] if key in load.memory else load.phases.get(key))


def _run_blocks(runs: Sequence[LaneRun], lane: int, step: str, measure: Measure) -> ByBlock:
    """Each block's mean over its runs: of the logs, so geometric; arithmetic for counts and where one value has no log."""
    values: dict[int, list[float]] = {}
    for run in runs:
        if run.lane == lane:
            values.setdefault(run.block, []).extend(_of_run(run, step, measure.key))
    return {block: _mean(found, measure) for block, found in values.items() if found}


def _of_run(run: LaneRun, step: str, key: str) -> Iterable[float]:
    numbers = (_number(part.metrics.get(key)) for part in run.steps if part.name == step)
    return (number for number in numbers if number is not None)


def _number(value: object) -> float | None:
    """A finite number, or None. An engine's bools and words are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _mean(values: Sequence[float], measure: Measure) -> float:
    """The exp of the mean log, that a ratio of means is the mean ratio; a mean of equal values is exactly that value."""
    if min(values) == max(values):
        return values[0]
    logs = [stats.log(v) for v in values]
    known = [v for v in logs if v is not None]
    if measure.kind == "count" or len(known) < len(logs):
        return math.fsum(values) / len(values)
    return math.exp(math.fsum(known) / len(known))


def _logs(blocks: ByBlock) -> dict[int, float | None]:
    return {block: stats.log(value) for block, value in blocks.items()}


# --- cells --------------------------------------------------------------------------------------


def _cells(row: _Row, plan: Plan, mode: Mode, reference: int) -> list[Cell]:
    made = []
    for lane, blocks in enumerate(row.blocks):
        values = tuple(blocks[block] for block in sorted(blocks))
        cell = Cell(
            metric=row.measure.key, step=row.step, lane=lane, values=values, n_blocks=len(values),
            value=_mean(values, row.measure) if values else None,
            contended=row.contended[lane], within=mode is Mode.QUICK,
        )  # fmt: skip
        if values and lane != reference and row.measure.kind != "count" and mode is not Mode.RACE:
            cell = _against(cell, row, plan, mode, reference)
        made.append(cell)
    return made


def _against(cell: Cell, row: _Row, plan: Plan, mode: Mode, reference: int) -> Cell:
    """The cell with its ratio to the reference lane, the interval and the word."""
    mine, theirs = _logs(row.blocks[cell.lane]), _logs(row.blocks[reference])
    if None in (*mine.values(), *theirs.values()):
        return cell  # a zero or less among them: no ratio says what that means
    common = sorted(mine.keys() & theirs.keys())
    comparison = stats.compared([mine[b] for b in common], [theirs[b] for b in common])
    if comparison is None:
        return cell
    cell = msgspec.structs.replace(cell, contended=cell.contended or row.contended[reference])
    if mode is Mode.QUICK:
        return msgspec.structs.replace(cell, ratio=comparison.ratio, word=Word.UNDECIDED)
    return _decided(cell, row.measure, comparison, max(plan.schedule.min_blocks, stats.LEAST_BLOCKS))


def _decided(cell: Cell, measure: Measure, comparison: stats.Comparison, least: int) -> Cell:
    """No word before the least number of blocks: who looks after each one would find differences where there are none."""
    word: Word | None = Word.UNDECIDED
    if comparison.n >= least:
        word = stats.word(measure.kind, measure.better, comparison.ratio, comparison.low, comparison.high)
    side = "higher" if comparison.ratio > 1 else "lower"
    directed = word not in (Word.UNDECIDED, Word.SAME)
    return msgspec.structs.replace(
        cell, ratio=comparison.ratio, low=comparison.low, high=comparison.high, word=word, n_blocks=comparison.n,
        better=side == measure.better if directed and measure.better else None,
        more_blocks=stats.more_blocks(comparison, least) if word is Word.UNDECIDED else None,
    )  # fmt: skip
