"""A load test as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from app.lab.loadtest.events import LoadMoment
from app.lab.loadtest.result import Level, LoadResult, Spread
from app.lab.report import figures

HEADS = ("", "tokens/s", "req/s", "goodput", "TTFT p50", "p95", "TPOT p50", "ITL p95", "e2e p95", "failed")


def result_text(result: LoadResult) -> str:
    """A table of the levels, then what was found."""
    served = result.served
    who = " · ".join(part for part in (served.title, served.engine_title, served.url) if part)
    title = result.plan.title if result.source != "Tandem" else f"Load test: {result.plan.title}"
    lines = ["", f"{title}  {who}".rstrip(), *table([HEADS, *(row(result, i) for i in range(len(result.levels)))])]
    if any(level.few for level in result.levels):
        lines.append("~ fewer than 20 answers: p95 says little")
    errors = [f"{count:,} × {text}" for level in result.levels for text, count in level.errors.items()]
    lines += ["", result.sentence, *(f"note: {note}" for note in result.notes), *(f"failed: {e}" for e in errors)]
    return "\n".join(lines)


def row(result: LoadResult, index: int) -> tuple[str, ...]:
    """A level's cells."""
    level = result.levels[index]
    mark = "~" if level.few else " "
    return (
        f"{mark} {result.words(level)}{' < knee' if index == result.knee else ''}",
        figures.NONE if level.out_tok_s is None else f"{level.out_tok_s:,.1f}", f"{level.req_s:,.2f}", _good(level),
        _p(level.ttft, "p50"), _p(level.ttft, "p95"), _p(level.tpot, "p50"), _p(level.itl, "p95"), _p(level.e2e, "p95"),
        f"{level.failed + level.unsent:,}",
    )  # fmt: skip


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell, the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def moment(event: LoadMoment) -> str:
    """One line of progress."""
    where = f"{event.level}/{event.levels} · " if event.level else ""
    if not event.stats:
        return f"{where}{event.phase}: {event.words}"
    stats = event.stats
    done = f"{stats.get('done', 0):,.0f} of {stats.get('total', 0):,.0f}"
    waiting = f" · server: {stats['server_waiting']:,.0f} waiting" if "server_waiting" in stats else ""
    return f"{where}{event.words} · {done} done · {stats.get('running', 0):,.0f} running · {stats.get('system_tok_s', 0):,.0f} tokens/s{waiting}"


def _p(spread: Spread | None, which: str) -> str:
    return figures.NONE if spread is None else figures.seconds(getattr(spread, which))


def _good(level: Level) -> str:
    return figures.NONE if level.good_share is None else figures.percent(level.good_share, 0)
