"""The table under the outputs, as values: rows are metrics, columns lanes. Only a decided difference has a tone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from app.lab.compare.lane import letter
from app.lab.compare.measures import Measure, measures
from app.lab.compare.result import Result
from app.ui.language import tr
from app.ui.state import compare_cells as cells
from app.ui.state import compare_quality as quality
from app.ui.state.compare_cells import TableCell
from app.ui.state.words import NONE

ARROWS = {"higher": "↑", "lower": "↓"}
SMALLEST_SPAN = 0.10  # a bar's half axis is ±10 % at least, so that noise is not drawn large


@dataclass(frozen=True, slots=True)
class Column:
    """A lane at the head of the table."""

    letter: str
    name: str
    reference: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric at one step. title: "" where the row above has the same metric; name: the same, never "". span: the
    ratio axis reaches from 1 / span to span. concept: a glossary key."""

    key: str
    title: str
    step: str = ""
    arrow: str = ""
    concept: str = ""
    note: str = ""
    cells: tuple[TableCell | None, ...] = ()
    span: float = 1 + SMALLEST_SPAN
    name: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """hidden: rows that a closer look would add."""

    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    hidden: int = 0
    ids: frozenset[str] = field(default=frozenset())


def build(result: Result, everything: bool = False) -> Table:
    """The table of a result; with `everything` also the rows that say nothing new. Rows without a figure are left out."""
    known = measures(result.plan.task)
    wanted = _asked_for(result)
    rows: list[Row] = []
    hidden = 0
    for measure in known.metric:
        for row in _metric_rows(result, measure):
            if everything or _shown(measure, row, wanted):
                rows.append(row)
            else:
                hidden += 1
    for entry in quality.lines(result):
        if everything or not entry.detail:
            rows.append(_quality_row(entry))
        else:
            hidden += 1
    rows = list(_titled_once(_spanned(rows)))
    ids = frozenset(c.id for row in rows for c in row.cells if c is not None)
    return Table(columns(result), tuple(rows), hidden, ids)


def columns(result: Result) -> tuple[Column, ...]:
    """The lanes, whether or not they have figures."""
    found = []
    for index, lane in enumerate(result.lanes):
        problem = lane.problem.message if lane.problem is not None else ""
        found.append(Column(letter(index), lane.lane.name, index == result.reference, problem))
    return tuple(found)


def spoken(table: Table, row: int, column: int) -> str:
    """A cell in plain words, for those who listen: "decode 90 % C: 73.6 tok/s 0.92×"; "" where there is none."""
    if row >= len(table.rows) or column >= len(table.columns):
        return ""
    line = table.rows[row]
    cell = line.cells[column] if column < len(line.cells) else None
    said = [line.name, line.step, f"{table.columns[column].letter}:"]
    if cell is None:
        said.append(tr("not measured"))
    else:
        said += [tr("no figure") if cell.value == NONE else f"{cell.value} {cell.unit}", *cell.texts[:1]]
    return " ".join(" ".join(said).split())


def _asked_for(result: Result) -> set[str]:
    """Metrics that the plan asks about or the sentence names: their rows are always shown."""
    plan = result.plan
    keys = set(plan.decide) | {e.metric for e in plan.expect}
    if plan.guess is not None:
        keys.add(plan.guess.metric)
    return keys | {phrase.cell.split("@")[0] for phrase in result.sentence if phrase.cell}


def _shown(measure: Measure, row: Row, wanted: set[str]) -> bool:
    if measure.shown == "table" or measure.key in wanted:
        return True
    if measure.kind == "size":  # a part of the memory is worth a row where it is decided to differ
        return any(cell is not None and cell.tone != "dim" for cell in row.cells)
    shown = {cell.value for cell in row.cells if cell is not None}
    return measure.kind == "count" and len(shown - {NONE}) > 1


def _metric_rows(result: Result, measure: Measure) -> Iterator[Row]:
    for step in _steps(result, measure.key):
        found = [result.cell(measure.key, step, lane) for lane in range(len(result.lanes))]
        if any(cell is not None and cell.value is not None for cell in found):
            yield Row(
                measure.key, measure.title, step, ARROWS.get(measure.better, ""), measure.key,
                cells=tuple(None if c is None else cells.metric_cell(c, measure, result) for c in found),
            )  # fmt: skip


def _steps(result: Result, key: str) -> list[str]:
    """The steps in the plan's order, then any others that the cells have (a load has no step)."""
    names = [step.name for step in result.plan.steps]
    there = [cell.step for cell in result.cells if cell.metric == key]
    return [n for n in dict.fromkeys(names) if n in there] + [n for n in dict.fromkeys(there) if n not in names]


def _quality_row(entry: quality.Line) -> Row:
    return Row(entry.key, entry.title, entry.step, ARROWS.get(entry.better, ""), entry.concept, entry.note, entry.cells)


def _spanned(rows: Sequence[Row]) -> Iterator[Row]:
    """One ratio axis for all rows of a metric, so that its bars can be compared."""
    reach: dict[str, float] = {}
    for row in rows:
        reach[row.key] = max([reach.get(row.key, 1 + SMALLEST_SPAN), *(_reach(c) for c in row.cells if c is not None)])
    for row in rows:
        yield replace(row, span=reach[row.key])


def _reach(cell: TableCell) -> float:
    ends = [end for end in (cell.ratio, cell.low, cell.high) if end is not None and end > 0]
    return max((max(end, 1 / end) for end in ends), default=1.0) if cell.ratio is not None else 1.0


def _titled_once(rows: Iterator[Row]) -> Iterator[Row]:
    last = ""
    for row in rows:
        yield replace(row, title="" if row.key == last else row.title, name=row.title)
        last = row.key
