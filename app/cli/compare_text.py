"""A comparison in a terminal: the recipes, what is about to happen, and the result as a table with its verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from app.cli.figures import duration, rate, size
from app.lab.compare.lane import differences, letter, words
from app.lab.compare.measures import Measure
from app.lab.compare.plan import Mode, Plan
from app.lab.compare.recipes import RecipeInfo
from app.lab.compare.result import Cell, Result
from app.lab.report import moved
from app.lab.report.rows import rows as worth_showing

WIDTH = 100


def recipes(listed: Sequence[RecipeInfo]) -> str:
    """What can be compared, a few lines each."""
    lines = ["Recipes (tandem compare NAME):", ""]
    for info in listed:
        lines += [f"  {info.id:<15} {info.title}", *_folded(info.problem or info.question, 18), ""]
    return "\n".join(lines).rstrip()


def beforehand(plan: Plan) -> str:
    """The question, the lanes and what they differ in, said before anything runs."""
    lines = [plan.title, *_folded(plan.question, 0)]
    for index, lane in enumerate(plan.lanes):
        differs = "reference" if index == 0 else words(differences(lane, plan.lanes[0]))
        lines += _folded(f"{letter(index)}  {lane.name}: {differs}", 3, first=0)
    lines += [line for note in plan.notes for line in _folded(note, 0)]
    return "\n".join(lines)


def result(found: Result, older: Result | None = None) -> str:
    """The table, the verdict, and where to look further."""
    lines = ["", *_table(found), "", *_folded(found.words, 0)]
    for index, lane in enumerate(found.lanes):
        if lane.problem is not None:
            lines += _folded(
                f"{letter(index)} {lane.lane.name}: {lane.problem.message} {lane.problem.hint}", 2, first=0
            )
    lines += [f"note: {note}" for note in found.notes]
    if older is not None:
        lines += ["", "Against the older run:", *(f"  {line}" for line in moved(older, found))]
    state = "" if found.status == "done" else f"{found.status} · "
    lines += ["", f"{state}{_effort(found)} · tandem compare {found.id[:8]} runs it again"]
    return "\n".join(lines)


def clock(seconds: float) -> str:
    """ "1:05"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _effort(found: Result) -> str:
    spread = max(found.spread.values(), default=None)
    parts = [
        f"{found.blocks} blocks" if found.mode is Mode.MEASURE else str(found.mode),
        f"{len(found.runs)} runs",
        duration(found.seconds),
    ]
    if found.repeated:
        parts.append(f"{found.repeated} repeated")
    if spread is not None:
        parts.append(f"reference's own spread up to ±{spread:.1%}".replace("%", " %"))
    return " · ".join(parts)


def _table(found: Result) -> list[str]:
    rows = [["", *(f"{letter(i)} {lane.lane.name}" for i, lane in enumerate(found.lanes))]]
    for row in worth_showing(found):
        rows.append([row.title, *(cell_text(row.measure, cell) for cell in row.cells)])
    rows += _quality(found)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def cell_text(measure: Measure, cell: Cell | None) -> str:
    """ "83.9 tok/s  0.95× [0.93, 0.97] slower"."""
    if cell is None or cell.value is None:
        return "–"
    text = value_text(measure, cell.value)
    if cell.ratio is not None:
        text += f"  {cell.ratio:.2f}×"
    if cell.low is not None and cell.high is not None:
        text += f" [{cell.low:.2f}, {cell.high:.2f}]"
    return f"{text} {cell.word or ''}".rstrip()


def value_text(measure: Measure, value: float) -> str:
    """A figure in its own form, with its unit."""
    match measure.form:
        case "rate":
            return rate(value)
        case "seconds":
            return duration(value)
        case "bytes":
            return size(value)
        case "share":
            return f"{value:.0%}".replace("%", " %")
        case _:
            return f"{value:,.4g} {measure.unit}".rstrip()


def _quality(found: Result) -> list[list[str]]:
    rows: list[list[str]] = []
    for domain in dict.fromkeys(q.domain for q in found.quality):
        mine = {q.lane: q for q in found.quality if q.domain == domain}
        rows.append([f"KL to {letter(found.reference)} ({domain})", *(
            f"{mine[i].kl_mean.value:.4f}  top-1 {mine[i].top1.value:.1%}".replace("%", " %") if i in mine else "–"
            for i in range(len(found.lanes))
        )])  # fmt: skip
    for prompts in dict.fromkeys(s.prompts for s in found.scores):
        right = {s.lane: f"{s.right} of {s.n} right" for s in found.scores if s.prompts == prompts}
        rows.append([f"answers ({prompts})", *(right.get(i, "–") for i in range(len(found.lanes)))])
    return rows


def _folded(text: str, indent: int, first: int | None = None) -> list[str]:
    begin = " " * (indent if first is None else first)
    return textwrap.wrap(text, WIDTH, initial_indent=begin, subsequent_indent=" " * indent)
