"""What moved between two runs of one plan. Only what lies beyond both runs' own spread is called a move."""

from __future__ import annotations

import math

from app.lab.compare import stats
from app.lab.compare.lane import letter, title_of
from app.lab.compare.result import Cell, Quality, Result, Word
from app.lab.report import figures, rows
from app.lab.report.rows import Row

LEAST = 0.01
"""Under 1 % nothing is a difference, whatever the spread says (METRICS "Comparing" 4)."""
NOTHING = "Nothing moved beyond the spread."
OPPOSITE = {Word.FASTER: Word.SLOWER, Word.SLOWER: Word.FASTER, Word.MORE: Word.LESS, Word.LESS: Word.MORE}


def moved(old: Result, new: Result) -> tuple[str, ...]:
    """Sentences; the only one is `NOTHING` where nothing did. Different lanes or versions are said first."""
    if [lane.lane for lane in old.lanes] != [lane.lane for lane in new.lanes]:
        return ("The lanes are not the same in both runs, so their figures are not compared.",)
    circumstances = [*_versions(old, new), *_machine(old, new)]
    found = [*_lanes(old, new), *_cells(old, new), *_quality(old, new)]
    return (*circumstances, *(found or [NOTHING]))


def _versions(old: Result, new: Result) -> list[str]:
    found = []
    for before, after in zip(old.lanes, new.lanes, strict=True):
        if before.engine_version and after.engine_version and before.engine_version != after.engine_version:
            title = title_of(after.lane.engine)
            found.append(f"{title} was {before.engine_version} then and is {after.engine_version} now.")
    if old.tandem != new.tandem:
        found.append(f"Tandem was {old.tandem or figures.NONE} then and is {new.tandem or figures.NONE} now.")
    return list(dict.fromkeys(found))


def _machine(old: Result, new: Result) -> list[str]:
    before, after = old.machine, new.machine
    keys = [key for key in dict.fromkeys([*before, *after]) if before.get(key) != after.get(key)]
    return [f"The machine is not the same: {', '.join(key.replace('_', ' ') for key in keys)}."] if keys else []


def _lanes(old: Result, new: Result) -> list[str]:
    found = []
    for index, (before, after) in enumerate(zip(old.lanes, new.lanes, strict=True)):
        if before.problem is None and after.problem is not None:
            found.append(f"{rows.name(new, index)} failed now: {after.problem.message}")
        elif before.problem is not None and after.problem is None:
            found.append(f"{rows.name(new, index)} failed then and works now.")
    return found


def _cells(old: Result, new: Result) -> list[str]:
    found = []
    for row in rows.rows(new, every=True):
        if row.measure.kind == "count":
            continue
        for cell in row.cells:
            before = None if cell is None else old.cell(cell.metric, cell.step, cell.lane)
            if cell is not None and before is not None:
                found += _value(new, row, before, cell) + _word(new, row, before, cell)
    return found


def _value(new: Result, row: Row, before: Cell, after: Cell) -> list[str]:
    """The cell's own value, where it moved by more than both spreads together."""
    noise = [_spread(before), _spread(after)]
    if not before.value or not after.value or None in noise:
        return []
    change = after.value / before.value - 1
    if abs(change) <= max(LEAST, sum(n for n in noise if n is not None)):
        return []
    side = "higher" if change > 0 else "lower"
    was, now = figures.spoken(row.measure, before.value), figures.spoken(row.measure, after.value)
    return [f"{rows.name(new, after.lane)}, {row.title}: {was} then, {now} now, {figures.percent(abs(change))} {side}."]


def _spread(cell: Cell) -> float | None:
    """A cell's own spread from its blocks; None below two blocks (Quick), where nothing can be said."""
    logs = [math.log(v) for v in cell.values if v > 0]
    return stats.spread(logs)


def _word(new: Result, row: Row, before: Cell, after: Cell) -> list[str]:
    """A verdict that turned round, or that both runs decided differently."""
    decided = (*rows.DECIDED, Word.SAME)
    if before.word == after.word or before.word not in decided or after.word not in decided:
        return []
    first = letter(new.reference)
    turned = " It turned round." if OPPOSITE.get(before.word) == after.word else ""
    return [
        f"{rows.name(new, after.lane)}, {row.title}, against {first}: “{before.word}” then, “{after.word}” now.{turned}"
    ]


def _quality(old: Result, new: Result) -> list[str]:
    then, found = {(q.lane, q.domain): q for q in old.quality}, []
    for now in new.quality:
        before = then.get((now.lane, now.domain))
        if before is not None and _apart(before, now):
            text = f"{figures.nats(before.kl_mean.value)} then, {figures.nats(now.kl_mean.value)} now"
            found.append(f"{rows.name(new, now.lane)}, KL on {now.domain}: {text}.")
    return found


def _apart(before: Quality, now: Quality) -> bool:
    one, two = before.kl_mean, now.kl_mean
    if one.low is None or one.high is None or two.low is None or two.high is None:
        return False
    return one.high < two.low or two.high < one.low
