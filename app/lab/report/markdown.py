"""A result as Markdown, for a pull request, an issue or a note. What models wrote stands in fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from app.lab.compare.lane import letter, title_of
from app.lab.compare.measures import Measure
from app.lab.compare.result import Cell, LaneResult, Result
from app.lab.report import facts_part, figures, rows, text_part
from app.lab.report.since import moved

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&])")


def markdown_of(result: Result, older: Result | None = None) -> str:
    """The report: question, verdict, lanes, table, quality, answers, certainty, machine, settings."""
    parts = [
        _head(result), _verdict(result), _since(result, older), _lanes(result), _results(result), _quality(result), _scores(result), _answers(result),
        _list("How sure is this", [*facts_part.certainty(result), *result.notes]), _machine(result), _settings(result),
        _list("How it was measured", facts_part.METHOD),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def plain(text: str) -> str:
    """Text as text: nothing in it is Markdown or HTML, and it stays in its line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _head(result: Result) -> str:
    plan = result.plan
    facts = [figures.moment(result.created), rows.MODES[result.mode], rows.STATUS[result.status]]
    lines = [f"# {plain(plan.title)}", f"**{plain(plan.question)}**" if plan.question else "", " · ".join(facts)]
    return "\n\n".join(line for line in lines if line)


def _verdict(result: Result) -> str:
    said = [f"> {plain(result.words) or 'Nothing was decided.'}"]
    said += [f"> This machine was too busy: {plain(b)}" for b in result.busy]
    expected = [
        f"- **{letter(e.lane)}, {plain(rows.subject(result, e))}:** {plain(e.text)}"
        + (f" Source: {plain(e.source)}" if e.source else "")
        for e in result.expected
    ]
    return "\n>\n".join(said) + ("\n\n" + "\n".join(expected) if expected else "")


def _since(result: Result, older: Result | None) -> str:
    if older is None:
        return ""
    return _list(f"Since the run of {figures.moment(older.created)}", moved(older, result))


def _lanes(result: Result) -> str:
    lines = [_lane(result, i, lane) for i, lane in enumerate(result.lanes)]
    return "## What is compared\n\n" + _table(("lane", "name", "engine", "model", "differs", "notes"), lines)


def _lane(result: Result, index: int, lane: LaneResult) -> Sequence[str]:
    bits = f", {lane.bits:.2f} bits a weight" if lane.bits else ""
    model = f"{lane.title or lane.lane.model} {lane.variant or lane.lane.variant}{bits}"
    differs = "reference" if index == result.reference else rows.differs(lane.differs)
    problem = f"No figures: {lane.problem.message} {lane.problem.hint}" if lane.problem is not None else lane.lineage
    return letter(index), lane.lane.name, f"{title_of(lane.lane.engine)} {lane.engine_version}", model, differs, problem


def _results(result: Result) -> str:
    found = rows.rows(result)
    if not found:
        return "## Results\n\nThere are no figures."
    head = ("", *(rows.name(result, i) for i in range(len(result.lanes))), "spread")
    lines = [
        (row.title, *(_cell(row.measure, cell) for cell in row.cells), figures.NONE if row.spread is None else f"±{figures.percent(row.spread)}")
        for row in found
    ]  # fmt: skip
    note = f"In brackets: ratio to {letter(result.reference)} with its 95 % interval."
    return f"## Results\n\n{_table(head, lines)}\n\n{note}"


def _cell(measure: Measure, cell: Cell | None) -> str:
    if cell is None or cell.value is None:
        return figures.NONE
    parts = [figures.spoken(measure, cell.value)]
    if cell.ratio is not None and measure.kind != "count" and cell.word is not None:
        parts.append(
            f"({figures.ratio(cell.ratio)} {figures.interval(cell.low, cell.high)}".rstrip() + f", {cell.word})"
        )
    return " ".join(parts) + (", contended" if cell.contended else "")


def _quality(result: Result) -> str:
    if not result.quality:
        return ""
    lines = [
        (rows.name(result, q.lane), q.domain, figures.nats(q.kl_mean.value), figures.nats(q.kl_p99.value), figures.nats(q.kl_max),
         figures.percent(q.top1.value), figures.ratio(q.ppl_ratio.value), f"{q.n:,}")
        for q in result.quality
    ]  # fmt: skip
    head = ("lane", "text", "KL mean (nats)", "p99", "max", "same first choice", "perplexity ratio", "tokens")
    return f"## Quality of the text\n\n{_table(head, lines)}"


def _scores(result: Result) -> str:
    lines = [
        (rows.name(result, s.lane), s.prompts, f"{s.right} of {s.n}", figures.percent(s.share.value, 0))
        for s in result.scores
    ]
    return "## Right answers\n\n" + _table(("lane", "prompts", "right", "share"), lines) if lines else ""


def _answers(result: Result) -> str:
    parts = []
    for index, lane in enumerate(result.lanes):
        for track in lane.tracks:
            apart = next((d for d in lane.divergence if d.step == track.step), None)
            said = f" — {text_part.divergence(apart)}" if apart is not None and index != result.reference else ""
            step = f", {plain(track.step)}" if track.step else ""
            parts.append(f"{plain(rows.name(result, index))}{step}{said}:\n\n{fenced(track.text)}")
    return "## Answers\n\n" + "\n\n".join(parts) if parts else ""


def fenced(text: str) -> str:
    """A code block whose fence is longer than any inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _machine(result: Result) -> str:
    pairs = [
        *facts_part.machine_facts(result.machine),
        ("Tandem", result.tandem or figures.NONE),
        ("experiment", result.id),
    ]
    return "## Machine and versions\n\n" + "\n".join(f"- {plain(name)}: {plain(words)}" for name, words in pairs)


def _settings(result: Result) -> str:
    lines = [
        (letter(i), knob, asked, effective, why)
        for i, knob, asked, effective, why, _ in facts_part.setting_rows(result)
        if asked != "not set"
    ]
    return "## Settings\n\n" + _table(("lane", "knob", "asked", "effective", "why"), lines) if lines else ""


def _list(title: str, items: Iterable[str]) -> str:
    return f"## {title}\n\n" + "\n".join(f"- {plain(item)}" for item in items)


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    def row(cells: Iterable[str]) -> str:
        return "| " + " | ".join(plain(cell) for cell in cells) + " |"

    return "\n".join([row(head), "|" + "---|" * len(head), *(row(line) for line in lines)])
