"""One cell of the table in words: the value, the ratio with its interval, and how the number was taken."""

from __future__ import annotations

import html
import statistics
from dataclasses import dataclass

from app.lab.compare.lane import letter
from app.lab.compare.measures import Measure
from app.lab.compare.plan import Mode
from app.lab.compare.result import Cell, Interval, Result, Word
from app.ui.language import tr
from app.ui.state import words
from app.ui.state.words import NONE

THIN = "\N{NARROW NO-BREAK SPACE}"
PER_CENT = "\N{NO-BREAK SPACE}%"


@dataclass(frozen=True, slots=True)
class TableCell:
    """id: what a sentence links to. texts: what stands right of the bar, longest first: the first that fits is drawn;
    the third, where there is one, still has what matters.

    tone: "good" or "bad" only for a decided difference, else "dim". ratio None: no bar. how: rich text of the hover.
    """

    id: str
    value: str
    unit: str = ""
    texts: tuple[str, ...] = ()
    tone: str = "dim"
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    how: str = ""


def metric_cell(cell: Cell, measure: Measure, result: Result) -> TableCell:
    """A measured metric."""
    value, unit = figure(cell.value, measure)
    tone = {True: "good", False: "bad", None: "dim"}[cell.better if cell.word is not Word.UNDECIDED else None]
    return TableCell(
        cell.id, value, unit, _texts(cell), tone, cell.ratio, cell.low, cell.high,
        how=how_taken(cell, measure, result),
    )  # fmt: skip


def figure(value: float | None, measure: Measure) -> tuple[str, str]:
    """(figure, unit) in the measure's form."""
    if value is None:
        return NONE, ""
    match measure.form:
        case "rate":
            return words.rate(value), measure.unit
        case "seconds":
            return words.duration(value)
        case "bytes":
            number, unit = words.size(value).rsplit(" ", 1)
            return number, unit
        case "share":
            return f"{value * 100:.0f}", "%"
    return words.number(value, 0 if value == int(value) else 1), measure.unit


def _texts(cell: Cell) -> tuple[str, ...]:
    if cell.ratio is None:
        return ()
    short = times(cell.ratio)
    whole = f"{short} {bounds(cell.low, cell.high)}".strip()
    busy = tr(" · contended") if cell.contended else ""
    if cell.within:
        return (tr("{short} within one load", short=short), tr("{short} one load", short=short), short)
    if cell.word is Word.UNDECIDED:
        more = (
            tr(
                " · {more_blocks:,} more block{value}",
                more_blocks=cell.more_blocks,
                value="" if cell.more_blocks == 1 else "s",
            )
            if cell.more_blocks
            else ""
        )
        return (
            tr("{whole} not decided{more}{busy}", whole=whole, more=more, busy=busy), tr("{whole} not decided", whole=whole), tr("{short} not decided", short=short), tr("not decided"), short,
        )  # fmt: skip
    same = " same" if cell.word is Word.SAME else ""
    return (f"{whole}{same}{busy}", f"{whole}{same}", whole, short)


def times(ratio: float) -> str:
    """ "0.95×", "12.4×"."""
    return f"{ratio:,.2f}×" if ratio < 10 else f"{ratio:,.1f}×"


def bounds(low: float | None, high: float | None) -> str:
    """ "[0.93, 0.97]"; "" where there is no interval."""
    if low is None or high is None or low == high:
        return ""
    return f"[{low:,.2f}, {high:,.2f}]"


def between(interval: Interval, form: str = ".4f") -> str:
    """An interval around a value that is no ratio."""
    if interval.low is None or interval.high is None:
        return ""
    return f"[{interval.low:{form}}, {interval.high:{form}}]"


def signed(share: float) -> str:
    """ "−20 %", "+5 %"; a tenth where it is small."""
    digits = 0 if abs(share) >= 0.0995 or abs(share * 100 - round(share * 100)) < 0.05 else 1
    return f"{share * 100:+.{digits}f}".replace("-", "−") + PER_CENT


def how_taken(cell: Cell, measure: Measure, result: Result) -> str:
    """How the number was taken, as rich text below the glossary's entry."""
    lines = [_taken(cell, result)]
    if len(cell.values) > 1:
        shown = ", ".join(figure(v, measure)[0] for v in cell.values)
        unit = figure(statistics.fmean(cell.values), measure)[1]
        lines.append(tr("Blocks: {shown} {unit}", shown=shown, unit=unit))
    if cell.ratio is not None:
        interval = (
            tr(", 95 % interval {bounds}", bounds=bounds(cell.low, cell.high)) if bounds(cell.low, cell.high) else ""
        )
        lines.append(
            tr(
                "{times} of {letter}{interval}: {value}.",
                times=times(cell.ratio),
                letter=letter(result.reference),
                interval=interval,
                value=cell.word or "not judged",
            )
        )
    if cell.word is Word.UNDECIDED and cell.more_blocks:
        lines.append(tr("About {more_blocks:,} more blocks would decide it.", more_blocks=cell.more_blocks))
    if cell.contended:
        lines.append(tr("Some of its runs were disturbed by other programs."))
    return "<br>".join(html.escape(line) for line in lines if line)


def _taken(cell: Cell, result: Result) -> str:
    schedule = result.plan.schedule
    if result.mode is Mode.RACE:
        return tr("All lanes ran at once: a race is a show.")
    if cell.within:
        return tr(
            "Mean of {quick_runs} runs within one load; the load's own luck is in it.", quick_runs=schedule.quick_runs
        )
    blocks = cell.n_blocks or len(cell.values)
    if not blocks:
        return ""
    return tr(
        "Mean of {blocks:,} block{value} of fresh loads, {timed} timed runs in each after {discarded} discarded.",
        blocks=blocks,
        value="" if blocks == 1 else "s",
        timed=schedule.timed,
        discarded=schedule.discarded,
    )
