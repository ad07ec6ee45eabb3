"""What a report's table holds, the same for every format: rows are metrics at steps, columns are lanes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.lab.compare.lane import Difference, letter
from app.lab.compare.lane import words as difference_words
from app.lab.compare.measures import Measure, Measures, measures
from app.lab.compare.plan import Mode
from app.lab.compare.result import Cell, Expected, Quality, Result, Status, Word

DECIDED = (Word.FASTER, Word.SLOWER, Word.MORE, Word.LESS)
MODES = {
    Mode.QUICK: "Quick look: one load, nothing is decided",
    Mode.MEASURE: "Measured in blocks of fresh loads",
    Mode.RACE: "Race: a show, everything in it is contended",
}
STATUS = {
    Status.RUNNING: "still running", Status.DONE: "finished", Status.CANCELLED: "cancelled: what was done is kept",
    Status.FAILED: "failed",
}  # fmt: skip

QUALITY_TITLES = {
    "kl_mean": "difference (KL)", "kl_p99": "difference (KL), p99", "kl_max": "largest difference (KL)",
    "top1": "same first choice", "ppl": "perplexity", "ppl_ratio": "perplexity", "task_score": "right answers",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A metric at a step. cells: one a lane, None where the lane has none. spread: the reference's own, relative."""

    measure: Measure
    step: str
    cells: tuple[Cell | None, ...]
    spread: float | None

    @property
    def title(self) -> str:
        """ "decode · ask again"."""
        return f"{self.measure.title} · {self.step}" if self.step else self.measure.title


def measures_of(result: Result) -> Measures:
    """The task's measures."""
    return measures(result.plan.task)


def rows(result: Result, every: bool = False) -> tuple[Row, ...]:
    """The rows in the measures' order. every: those too that a table leaves out because nothing differs in them."""
    known = measures_of(result)
    keys = dict.fromkeys([m.key for m in known.metric] + [c.metric for c in result.cells])
    found = [row for key in keys for row in _metric(result, known.get(key))]
    return tuple(row for row in found if every or worth(row, found))


def worth(row: Row, among: Sequence[Row]) -> bool:
    """Does the table show it? "some": only where lanes or steps differ."""
    if not any(cell is not None and cell.value is not None for cell in row.cells):
        return False
    if row.measure.shown == "table":
        return True
    same_metric = [r for r in among if r.measure.key == row.measure.key]
    if row.measure.kind == "count":
        return len({_rounded(c) for r in same_metric for c in r.cells if c is not None and c.value is not None}) > 1
    return any(c is not None and c.word in DECIDED for r in same_metric for c in r.cells)


def differs(found: Sequence[Difference]) -> str:
    """What differs from the reference, in words."""
    return difference_words(found)


def overall(result: Result) -> dict[int, Quality]:
    """Lane → its quality over all shipped domains, or over the only one that there is."""
    found: dict[int, Quality] = {}
    for one in result.quality:
        if one.lane not in found or one.domain == "all":
            found[one.lane] = one
    return found


def subject(result: Result, one: Expected) -> str:
    """What an expectation is about: "decode · ask again"."""
    title = QUALITY_TITLES.get(one.metric) or measures_of(result).get(one.metric).title
    return f"{title} · {one.step}" if one.step else title


def name(result: Result, index: int) -> str:
    """ "B · q8_0"."""
    return f"{letter(index)} · {result.lanes[index].lane.name}"


def _rounded(cell: Cell) -> float | None:
    return None if cell.value is None else round(cell.value, 3)


def _metric(result: Result, measure: Measure) -> list[Row]:
    steps = dict.fromkeys(c.step for c in result.cells if c.metric == measure.key)
    return [
        Row(
            measure=measure, step=step, spread=result.spread.get(f"{measure.key}@{step}"),
            cells=tuple(result.cell(measure.key, step, lane) for lane in range(len(result.lanes))),
        )
        for step in steps
    ]  # fmt: skip
