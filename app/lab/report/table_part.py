"""The one table: rows are metrics, columns lanes; a cell is value, ratio [interval] and a bar from 1.0."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from app.lab.compare.lane import letter
from app.lab.compare.measures import Measure
from app.lab.compare.result import Cell, Interval, Quality, Result, Word
from app.lab.report import figures, rows, svg
from app.lab.report.rows import Row
from app.lab.report.verdict_part import chip

QUALITY_ROWS = (
    ("kl_mean", "difference (KL)", "nats a token, mean; 0 is the same"),
    ("top1", "same first choice", "share of tokens"),
    ("ppl_ratio", "perplexity", "lane ÷ reference; under 1 predicts the texts better"),
)
QUALITY_FORMS: dict[str, Callable[[float | None], str]] = {
    "kl_mean": figures.nats, "top1": figures.percent, "ppl_ratio": figures.ratio,
}  # fmt: skip


def table(result: Result) -> Markup:
    """The whole table with quality at its foot."""
    head = Markup("").join(
        Markup('<th scope="col">{} <span class="lane-name">{}</span></th>').format(chip(i), lane.lane.name)
        for i, lane in enumerate(result.lanes)
    )
    found = rows.rows(result)
    body = Markup("").join(_row(result, row) for row in found) + _quality(result) + _scores(result)
    if not body:
        return Markup('<section id="results"><h2>Results</h2><p>There are no figures.</p></section>')
    return Markup(
        '<section id="results"><h2>Results</h2><div class="wide"><table class="results"><thead><tr><td></td>{}</tr></thead>'
        '<tbody>{}</tbody></table></div><p class="note">{}</p></section>'
    ).format(head, body, _note(result))


def _note(result: Result) -> str:
    first = letter(result.reference) if result.lanes else "A"
    return (
        f"Below each value: its ratio to {first} with the 95 % interval, and a bar from 1.0 (the band is ±2 %; each row has its own scale). "
        "Green and red only where a difference is decided: the interval excludes 1 and its near end is beyond 1 %."
    )


def _row(result: Result, row: Row) -> Markup:
    ratios = [r for c in row.cells if c is not None for r in (c.ratio, c.low, c.high)]
    span = svg.reach(ratios)
    cells = Markup("").join(_cell(result, row, i, cell, span) for i, cell in enumerate(row.cells))
    step = Markup("<small>{}</small>").format(row.step) if row.step else Markup("")
    return Markup('<tr><th scope="row">{}{}</th>{}</tr>').format(row.measure.title, step, cells)


def _cell(result: Result, row: Row, index: int, cell: Cell | None, span: float) -> Markup:
    if cell is None or cell.value is None:
        words = "no figures" if result.lanes[index].problem is not None else ""
        return Markup('<td class="none">{} <small>{}</small></td>').format(figures.NONE, words)
    figure, unit = figures.value(row.measure, cell.value)
    value = Markup('<span class="value">{} <span class="unit">{}</span></span>').format(figure, unit)
    return Markup('<td id="{}">{}{}</td>').format(
        figures.anchor(cell.id), value, _against(row, index, cell, span, result.reference)
    )


def _against(row: Row, index: int, cell: Cell, span: float, reference: int) -> Markup:
    marks = Markup('<span class="flag">contended</span>') if cell.contended else Markup("")
    if cell.within:
        marks += Markup('<span class="flag">within one load</span>')
    if index == reference:
        words = f"spread ±{figures.percent(row.spread)}" if row.spread is not None else "reference"
        return Markup('<span class="against">{}</span>{}').format(words, marks)
    if cell.ratio is None or row.measure.kind == "count":
        return marks
    tone = "" if cell.better is None or cell.word not in rows.DECIDED else "good" if cell.better else "bad"
    ratio = Markup('<span class="against"><b>{}</b> {}</span>').format(
        figures.ratio(cell.ratio), figures.interval(cell.low, cell.high)
    )
    bar = svg.ratio_bar(cell.ratio, cell.low, cell.high, span, tone)
    return Markup('{}{}<span class="word {}">{}</span>{}').format(ratio, bar, tone or "plain", _word(cell), marks)


def _word(cell: Cell) -> str:
    """The decided word; "same within ±x %"; "not decided: n more blocks"."""
    if cell.word is None:
        return ""
    if cell.word is Word.SAME and cell.low is not None and cell.high is not None:
        return f"same within ±{figures.percent(max(abs(cell.low - 1), abs(cell.high - 1)))}"
    if cell.word is Word.UNDECIDED and cell.more_blocks:
        return f"not decided: {cell.more_blocks} more blocks"
    return str(cell.word)


def _quality(result: Result) -> Markup:
    found = rows.overall(result)
    if not found:
        return Markup("")
    made = Markup("")
    for key, title, help_ in QUALITY_ROWS:
        cells = Markup("").join(_quality_cell(result, key, i, found.get(i)) for i in range(len(result.lanes)))
        made += Markup('<tr class="quality"><th scope="row">{}<small>{}</small></th>{}</tr>').format(
            title, help_, cells
        )
    return made


def _quality_cell(result: Result, key: str, index: int, one: Quality | None) -> Markup:
    if one is None:
        words = "reference" if index == result.reference else ""
        return Markup('<td class="none">{} <small>{}</small></td>').format(figures.NONE, words)
    chosen: Interval = getattr(one, key)
    text = QUALITY_FORMS[key]
    ends = [text(end).rstrip("×") for end in (chosen.low, chosen.high) if end is not None]
    shown = f"[{'–'.join(ends)}]" if len(ends) == 2 else ""
    cell_id = figures.anchor(f"{key}@:{index}")
    return Markup('<td id="{}"><span class="value">{}</span><span class="against">{}</span></td>').format(
        cell_id, text(chosen.value), shown
    )


def _scores(result: Result) -> Markup:
    made = Markup("")
    for prompts in dict.fromkeys(score.prompts for score in result.scores):
        by_lane = {s.lane: s for s in result.scores if s.prompts == prompts}
        cells: list[Markup] = []
        for index in range(len(result.lanes)):
            score = by_lane.get(index)
            if score is None:
                cells.append(Markup('<td class="none">{}</td>').format(figures.NONE))
                continue
            ends = f"[{figures.percent(score.share.low, 0)}–{figures.percent(score.share.high, 0)}]"
            cells.append(
                Markup('<td id="{}"><span class="value">{} of {}</span><span class="against">{} {}</span></td>').format(
                    figures.anchor(f"task_score@:{index}"),
                    score.right,
                    score.n,
                    figures.percent(score.share.value, 0),
                    ends,
                )
            )
        made += Markup('<tr class="quality"><th scope="row">right answers<small>{}</small></th>{}</tr>').format(
            prompts, Markup("").join(cells)
        )
    return made


def plots(result: Result) -> Markup:
    """Every judged speed's block means, a drawing for each metric and step."""
    drawn = Markup("").join(p for row in rows.rows(result) if row.measure.kind == "speed" for p in _plot(result, row))
    if not drawn:
        return Markup("")
    return Markup(
        '<section id="blocks"><h2>Block by block</h2><div class="plots">{}</div><p class="note">A point is one block of fresh loads. '
        "The grey band is the 95 % interval of the reference's own mean, the noise floor. Axes do not begin at 0.</p></section>"
    ).format(drawn)


def _plot(result: Result, row: Row) -> list[Markup]:
    series = [svg.Series(c.lane, letter(c.lane), c.values) for c in row.cells if c is not None and len(c.values) > 1]
    if not series:
        return []
    scale, unit = _axis(row.measure, series)
    band = _band(row, result.reference)
    drawing = svg.blocks(series, band, f"{row.title}, {unit}, by block", unit, scale)
    keys = Markup(" ").join(chip(s.lane) for s in series)
    return [
        Markup("<figure><figcaption>{} <span>{}</span> {}</figcaption>{}</figure>").format(
            row.title, unit, keys, drawing
        )
    ]


def _axis(measure: Measure, series: Sequence[svg.Series]) -> tuple[float, str]:
    if measure.form == "seconds":
        return (1000.0, "ms") if max(v for s in series for v in s.values) < 1 else (1.0, "s")
    return 1.0, measure.unit


def _band(row: Row, reference: int) -> tuple[float, float] | None:
    cell = row.cells[reference]
    if row.spread is None or cell is None or cell.value is None:
        return None
    return cell.value * (1 - row.spread), cell.value * (1 + row.spread)
