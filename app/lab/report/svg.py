"""The report's drawings as inline SVG: colours come from the page's classes, so that light and dark share one drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from app.lab.report import figures

BAR_W, BAR_H = 176.0, 16.0
PLOT_W, PLOT_H = 320.0, 176.0
LEFT, RIGHT, TOP, BOTTOM = 48.0, 12.0, 12.0, 26.0
SAME = 0.02
LEAST = math.log(1.1)
"""A row's bars reach at least ±10 %, so that noise does not look large."""


def reach(ratios: Sequence[float | None]) -> float:
    """The half-width of a row's bars, in natural logarithms: what its ratios and intervals need."""
    found = [abs(math.log(r)) for r in ratios if r is not None and r > 0 and math.isfinite(r)]
    return max([LEAST, *(f * 1.08 for f in found)])


def ratio_bar(ratio: float, low: float | None, high: float | None, span: float, tone: str) -> Markup:
    """A bar from 1.0 to the ratio on a logarithmic axis, its interval as a whisker, ±2 % as a band. tone: good, bad or "" ."""

    def x(r: float) -> float:
        at = math.log(r) / span if r > 0 else -1.0
        return BAR_W / 2 + max(-1.0, min(1.0, at)) * (BAR_W / 2 - 2)

    one, end = BAR_W / 2, x(ratio)
    parts = [
        _rect("band", x(1 - SAME), 1, x(1 + SAME) - x(1 - SAME), BAR_H - 2),
        _rect(f"bar {tone}".strip(), min(one, end), 5, max(1.0, abs(end - one)), BAR_H - 10),
        _line("one", one, 0, one, BAR_H),
    ]
    if low is not None and high is not None:
        parts += [
            _line("whisker", x(low), BAR_H / 2, x(high), BAR_H / 2),
            _line("whisker", x(low), 4, x(low), BAR_H - 4),
            _line("whisker", x(high), 4, x(high), BAR_H - 4),
        ]
    label = f"{figures.ratio(ratio)} {figures.interval(low, high)}".strip()
    return _svg("ratio", BAR_W, BAR_H, label, parts)


@dataclass(frozen=True, slots=True)
class Series:
    """A lane's block means. lane: index, for colour and shape."""

    lane: int
    letter: str
    values: tuple[float, ...]


def blocks(
    series: Sequence[Series], spread: tuple[float, float] | None, label: str, unit: str, scale: float = 1.0
) -> Markup:
    """Each block's mean as a point, lanes by colour and shape. spread: (low, high) of the reference's mean, as a band.

    scale: what a value is multiplied with for the axis's unit.
    """
    every = [v * scale for s in series for v in s.values]
    low, high = _padded(min(every), max(every))
    count = max(len(s.values) for s in series)

    def x(i: int) -> float:
        inner = PLOT_W - LEFT - RIGHT
        return LEFT + inner * ((i + 0.5) / count)

    def y(v: float) -> float:
        return TOP + (PLOT_H - TOP - BOTTOM) * (high - v) / (high - low)

    parts: list[Markup] = []
    if spread is not None:
        top, bottom = y(min(high, spread[1] * scale)), y(max(low, spread[0] * scale))
        parts.append(_rect("floor", LEFT, top, PLOT_W - LEFT - RIGHT, max(1.0, bottom - top)))
    for tick in ticks(low, high):
        parts.append(_line("grid", LEFT, y(tick), PLOT_W - RIGHT, y(tick)))
        parts.append(_text("tick end", LEFT - 6, y(tick) + 3.5, _tick(tick)))
    for i in range(count):
        parts.append(_text("tick mid", x(i), PLOT_H - 10, str(i + 1)))
    for s in series:
        points = [(x(i), y(v * scale)) for i, v in enumerate(s.values)]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(Markup('<polyline class="line lane-{}" points="{}"/>').format(s.lane, path))
        parts += [
            mark(s.lane, a, b, f"{s.letter}, block {i + 1}: {_tick(s.values[i] * scale)} {unit}")
            for i, (a, b) in enumerate(points)
        ]
    return _svg("plot", PLOT_W, PLOT_H, label, parts)


def mark(lane: int, x: float, y: float, title: str = "") -> Markup:
    """A lane's point: circle, square, triangle or diamond."""
    shapes = (
        f"M{x - 4:.1f} {y:.1f}a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
        f"M{x - 3.5:.1f} {y - 3.5:.1f}h7v7h-7z",
        f"M{x:.1f} {y - 4.5:.1f}l4.5 8h-9z",
        f"M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5-5z",
    )
    inner = Markup("<title>{}</title>").format(title) if title else Markup("")
    return Markup('<path class="point lane-{}" d="{}">{}</path>').format(lane, shapes[lane % 4], inner)


def amount(value: float, low: float | None, high: float | None, most: float, lane: int) -> Markup:
    """A horizontal bar from 0, with its interval: KL of a lane."""
    width = 220.0

    def x(v: float) -> float:
        return 1 + max(0.0, min(1.0, v / most if most > 0 else 0.0)) * (width - 2)

    parts = [_line("one", 1, 0, 1, BAR_H), _rect(f"fill lane-{lane}", 1, 4, max(1.0, x(value) - 1), BAR_H - 8)]
    if low is not None and high is not None:
        parts.append(_line("whisker", x(low), BAR_H / 2, x(high), BAR_H / 2))
    return _svg("amount", width, BAR_H, figures.nats(value), parts)


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round numbers inside [low, high]."""
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * f for f in (1, 2, 2.5, 5, 10) if power * f >= raw)
    first = math.ceil(low / step)
    return [round(i * step, 12) for i in range(first, math.floor(high / step) + 1)]


def _padded(low: float, high: float) -> tuple[float, float]:
    room = (high - low) * 0.12 or abs(high) * 0.05 or 1.0
    return (max(0.0, low - room) if low >= 0 else low - room), high + room


def _tick(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:,.3g}"


def _svg(kind: str, width: float, height: float, label: str, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="{}" viewBox="0 0 {:g} {:g}" width="{:g}" height="{:g}" role="img" aria-label="{}">{}</svg>'
    ).format(kind, width, height, width, height, label, Markup("").join(parts))


def _rect(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        kind, x, y, width, height
    )


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(kind, x1, y1, x2, y2)


def _text(kind: str, x: float, y: float, text: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(kind, x, y, text)
