"""The load test's drawing as inline SVG: throughput to the right, waiting upwards, one line for each result."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from app.lab.loadtest.result import LoadResult
from app.lab.report import figures
from app.lab.report.svg import ticks

WIDTH, HEIGHT = 480.0, 280.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 20.0, 18.0, 40.0
GAUGES = {
    "running": "at work, most", "waiting": "waiting, most", "kv_use": "KV cache, most", "prefix_hit_rate": "prefix hits",
    "accept_rate": "drafts accepted",
}  # fmt: skip
Point = tuple[float, float, str, bool]  # tokens/s, seconds, load in words, knee


def curve(results: Sequence[LoadResult], which: str, title: str) -> Markup:
    """p95 of `which` (ttft, tpot, itl, e2e) over output tokens/s; "" where nothing is known."""
    lines = [points(result, which) for result in results]
    every = [point for line in lines for point in line]
    if not every:
        return Markup("")
    most_x, most_y = max(p[0] for p in every) * 1.08 or 1.0, max(p[1] for p in every) * 1.15 or 1.0
    drawn = _axes(most_x, most_y)
    for lane, line in enumerate(lines):
        drawn += _line(line, lane % 4, most_x, most_y)
    label = f"{title}, over output tokens a second: " + "; ".join(f"{p[2]} {figures.seconds(p[1])}" for p in every)
    return Markup('<svg class="plot" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, label, Markup("").join(drawn)
    )


def points(result: LoadResult, which: str) -> list[Point]:
    """The levels of which both are known, by load. Where no single gaps are known, a request's mean stands for them."""
    found = []
    for i, level in enumerate(result.levels):
        spread = getattr(level, which) or (level.tpot if which == "itl" else None)
        if level.out_tok_s is not None and spread is not None and spread.p95 is not None:
            found.append((level.load, (level.out_tok_s, spread.p95, f"{level.load:,.3g}", i == result.knee)))
    return [point for _, point in sorted(found)]


def _line(line: Sequence[Point], lane: int, most_x: float, most_y: float) -> list[Markup]:
    places = [(_x(p[0], most_x), _y(p[1], most_y)) for p in line]
    parts = [
        Markup('<polyline class="line lane-{}" points="{}"/>').format(
            lane, " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        )
    ]
    for (x, y), (rate, seconds, load, knee) in zip(places, line, strict=True):
        title = f"{load}: {figures.plain(rate)} tokens/s, {figures.seconds(seconds)}"
        if knee:
            parts.append(Markup('<circle class="ring lane-{}" cx="{:.1f}" cy="{:.1f}" r="9"/>').format(lane, x, y))
        parts.append(
            Markup('<circle class="point lane-{}" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>').format(
                lane, x, y, title
            )
        )
        parts.append(_text("tick load", x, y - 12, load))
    return parts


def _axes(most_x: float, most_y: float) -> list[Markup]:
    unit, scale = ("ms", 1000.0) if most_y < 1 else ("s", 1.0)
    parts = []
    for tick in ticks(0.0, most_y * scale):
        y = _y(tick / scale, most_y)
        parts += [_rule(LEFT, y, WIDTH - RIGHT, y), _text("tick end", LEFT - 6, y + 3.5, f"{tick:,.4g}")]
    for tick in ticks(0.0, most_x):
        parts.append(_text("tick mid", _x(tick, most_x), HEIGHT - BOTTOM + 16, f"{tick:,.4g}"))
    parts.append(_text("tick end", LEFT - 6, TOP - 4, unit))
    parts.append(_text("tick mid", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "output tokens/s"))
    return parts


def _x(value: float, most: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * value / most


def _y(value: float, most: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most)


def _rule(x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line class="grid" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(x1, y1, x2, y2)


def _text(kind: str, x: float, y: float, text: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(kind, x, y, text)
