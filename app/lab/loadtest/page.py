"""A load test as one HTML file that needs nothing else, with results of other tools beside it.

What a server said is hostile input: it reaches the page only through `Markup.format`, which escapes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from app.lab.loadtest import chart
from app.lab.loadtest.result import Level, LoadResult, Spread
from app.lab.record import VERSION
from app.lab.report import figures
from app.lab.report.html import policy
from app.paths import Paths

CHARTS = (("ttft", "Time to first token, p95"), ("itl", "Between tokens, p95"))
NOTE = (
    "Each point is a level, with its load above it; right and low is good. A ring marks the knee: from there on more load "
    "gains little."
)
NO_GAPS = " Where a file keeps no gaps between tokens, each request's mean (TPOT) stands for them."
HEADS = (
    "load", "tokens/s", "requests/s", "goodput", "first token p50", "p95", "p99", "TPOT p50", "p95", "ITL p95", "end to end p95",
    "failed",
)  # fmt: skip


def html_of(results: Sequence[LoadResult], resources: Path = Paths.resources) -> str:
    """The whole file. results: the first is what it is about, the others stand beside it."""
    style = (resources / "report" / "report.css").read_text(encoding="utf-8") + (
        resources / "report" / "loadtest.css"
    ).read_text(encoding="utf-8")
    page = Markup((resources / "report" / "report.html").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    safe_style = Markup(style)  # noqa: S704 - our own files
    first = results[0]
    parts = [_head(first), _charts(results), *(_table(result, i) for i, result in enumerate(results))]
    parts += [_server(first), *(_method(result) for result in results)]
    body = Markup("\n").join(part for part in parts if part)
    return str(
        page.format(
            policy=policy(style, ""), title=first.plan.title, body=body, style=safe_style, script="", version=VERSION
        )
    )


def _head(result: LoadResult) -> Markup:
    plan, served = result.plan, result.served
    where = " · ".join(part for part in (served.title, served.engine_title, served.version, served.url) if part)
    when = figures.moment(result.created) if result.created else ""
    facts = " · ".join(part for part in (where, when, f"{figures.seconds(result.seconds)} in all") if part)
    return Markup(
        '<header><p class="brand"><i class="mark"></i> Tandem <span>load test</span></p><h1>{}</h1><p class="question">{}</p>'
        '<p class="facts">{}</p></header><section class="verdict"><p class="sentence">{}</p>{}</section>'
    ).format(plan.title, _load(result), facts, result.sentence, _warnings(result))


def _load(result: LoadResult) -> str:
    plan = result.plan
    how = "Each user asks again as soon as the answer is there." if result.closed else "Requests arrive by chance."
    shared = f", of which {plan.shared:,} are the same in all" if plan.shared else ""
    return f"{how} Prompts of about {plan.prompt.mean:,} tokens{shared}, answers of about {plan.output.mean:,}."


def _warnings(result: LoadResult) -> Markup:
    words = list(result.notes)
    busy = [level for level in result.levels if (level.foreign_cpu or 0.0) > 0.1]
    if busy:
        most = figures.percent(max(level.foreign_cpu or 0.0 for level in busy), 0)
        words.append(f"Other programs used up to {most} of this machine's processor meanwhile.")
    words += [f"{result.words(level)}: {note}" for level in result.levels for note in level.notes]
    return Markup("").join(Markup('<p class="warn">{}</p>').format(one) for one in dict.fromkeys(words))


def _charts(results: Sequence[LoadResult]) -> Markup:
    drawn = [(title, chart.curve(results, which, title)) for which, title in CHARTS]
    parts = [
        Markup("<figure><figcaption>{} <span>against output tokens/s</span></figcaption>{}</figure>").format(title, svg)
        for title, svg in drawn
        if svg
    ]
    names = [
        Markup('<li class="lane-{}"><i class="dot"></i>{}</li>').format(i % 4, _name(result))
        for i, result in enumerate(results)
    ]
    legend = Markup('<ul class="legend">{}</ul>').format(Markup("").join(names)) if len(results) > 1 else Markup("")
    if not parts:
        return Markup("")
    no_gaps = any(level.itl is None and level.tpot is not None for one in results for level in one.levels)
    note = NOTE + (NO_GAPS if no_gaps else "")
    return Markup('<section><h2>Throughput against waiting</h2>{}<div class="plots">{}</div><p class="note">{}</p></section>').format(
        legend, Markup("").join(parts), note
    )  # fmt: skip


def _name(result: LoadResult) -> str:
    return f"{result.source}: {result.plan.title}" if result.source == "Tandem" else result.plan.title


def _table(result: LoadResult, index: int) -> Markup:
    heads = Markup("").join(Markup("<th>{}</th>").format(head) for head in HEADS)
    rows = Markup("").join(_row(result, i) for i in range(len(result.levels)))
    few = any(level.few for level in result.levels)
    note = "Levels marked ~ have fewer than 20 answers: their p95 and p99 say little." if few else ""
    return Markup(
        '<section class="lane-{}"><h2>{}</h2><div class="wide"><table class="plain"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
        '<p class="note">{}</p></section>'
    ).format(index % 4, _name(result), heads, rows, note)


def _row(result: LoadResult, index: int) -> Markup:
    level = result.levels[index]
    words = ("~ " if level.few else "") + result.words(level) + (" · knee" if index == result.knee else "")
    cells = (
        _rate(level.out_tok_s), f"{level.req_s:,.2f}", _good(level), _p(level.ttft, "p50"), _p(level.ttft, "p95"),
        _p(level.ttft, "p99"), _p(level.tpot, "p50"), _p(level.tpot, "p95"), _p(level.itl, "p95"), _p(level.e2e, "p95"), _failed(level),
    )  # fmt: skip
    mark = Markup(' class="knee"') if index == result.knee else Markup("")
    return Markup("<tr{}><th>{}</th>{}</tr>").format(
        mark, words, Markup("").join(Markup('<td class="n">{}</td>').format(cell) for cell in cells)
    )


def _rate(value: float | None) -> str:
    return figures.NONE if value is None else figures.plain(value)


def _p(spread: Spread | None, which: str) -> str:
    return figures.seconds(getattr(spread, which)) if spread is not None else figures.NONE


def _good(level: Level) -> str:
    if level.good_share is None:
        return figures.NONE
    rate = "" if level.goodput_req_s is None else f"{level.goodput_req_s:,.2f}/s · "
    return f"{rate}{figures.percent(level.good_share, 0)}"


def _failed(level: Level) -> str:
    lost = level.failed + level.unsent
    return f"{lost:,} of {level.n + lost:,}" if lost else "0"


def _server(result: LoadResult) -> Markup:
    gauges = [(result.words(level), level.server) for level in result.levels if level.server]
    rows = Markup("").join(
        Markup("<tr><th>{}</th>{}</tr>").format(
            words, Markup("").join(Markup('<td class="n">{}</td>').format(_gauge(g, n)) for n in chart.GAUGES)
        )
        for words, g in gauges
    )
    errors = [
        f"{result.words(level)}: {count:,} × {text}" for level in result.levels for text, count in level.errors.items()
    ]
    listed = Markup('<ul class="facts-list">{}</ul>').format(
        Markup("").join(Markup("<li>{}</li>").format(error) for error in errors)
    ) if errors else Markup("")  # fmt: skip
    heads = Markup("").join(Markup("<th>{}</th>").format(title) for title in ("load", *chart.GAUGES.values()))
    table = Markup(
        '<div class="wide"><table class="plain"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(heads, rows) if gauges else Markup("")  # fmt: skip
    command = (
        Markup('<p class="note"><code>{}</code></p>').format(" ".join(result.served.command))
        if result.served.command
        else Markup("")
    )
    if not (table or listed or command):
        return Markup("")
    return Markup("<section><h2>What the server said</h2>{}{}{}</section>").format(table, listed, command)


def _gauge(gauges: dict[str, float], name: str) -> str:
    value = gauges.get(name)
    if value is None:
        return figures.NONE
    return figures.percent(value, 0) if name in ("kv_use", "prefix_hit_rate", "accept_rate") else figures.whole(value)


def _method(result: LoadResult) -> Markup:
    plan = result.plan
    limits = [
        (n, v)
        for n, v in (
            ("first token", plan.limits.ttft_s),
            ("between tokens", plan.limits.itl_s),
            ("end to end", plan.limits.e2e_s),
        )
        if v is not None
    ]
    facts = [*result.definitions]
    if limits:
        facts.append("Limits: " + ", ".join(f"{name} {figures.seconds(value)}" for name, value in limits) + ".")
    if result.source == "Tandem":
        facts.append(
            f"Seed {plan.seed}, salt {plan.salt}; warm-up {plan.warmup:,} requests a level; prompts measured with {result.lengths_by}."
        )
    items = Markup("").join(Markup("<li>{}</li>").format(fact) for fact in facts)
    return Markup('<section><h2>How it was measured: {}</h2><ul class="facts-list">{}</ul></section>').format(
        _name(result), items
    )
