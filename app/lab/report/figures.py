"""Numbers of a report as people read them: grouped digits, a unit, and “–” for what cannot be had."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from app.lab.compare.measures import Measure

NONE = "–"
TIMES = "×"


def value(measure: Measure, number: float | None) -> tuple[str, str]:
    """(figure, unit) in the measure's own form: ("98.4", "MB")."""
    if number is None:
        return NONE, ""
    if measure.form == "bytes":
        return size(number)
    if measure.form == "seconds":
        return duration(number)
    if measure.form == "share":
        return f"{number * 100:,.1f}", "%"
    if measure.form == "rate":
        return plain(number), measure.unit
    return whole(number), measure.unit


def spoken(measure: Measure, number: float | None) -> str:
    """Figure and unit as one word group: "98.4 MB"."""
    return " ".join(value(measure, number)).strip()


def plain(number: float) -> str:
    """Three digits that mean something: "8.31", "142.6", "1,204"."""
    size_ = abs(number)
    return f"{number:,.0f}" if size_ >= 1000 else f"{number:,.1f}" if size_ >= 10 else f"{number:,.2f}"


def whole(number: float) -> str:
    """A count, or a mean of counts: "2,431", "3.42"."""
    return f"{number:,.0f}" if number == round(number) or abs(number) >= 1000 else f"{number:,.2f}"


def size(count: float) -> tuple[str, str]:
    """Bytes in decimal units: ("98.4", "MB")."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(count) >= factor:
            scaled = count / factor
            return (f"{scaled:,.0f}" if scaled >= 100 else f"{scaled:,.1f}"), unit
    return f"{count:,.0f}", "bytes"


def duration(seconds: float) -> tuple[str, str]:
    """("41", "ms"), ("1.24", "s") or ("12:05", "min")."""
    if seconds < 1:
        return f"{seconds * 1000:,.0f}", "ms"
    if seconds < 100:
        return (f"{seconds:,.2f}" if seconds < 10 else f"{seconds:,.1f}"), "s"
    return f"{int(seconds // 60):,}:{int(seconds % 60):02d}", "min"


def seconds(number: float | None) -> str:
    """A duration as one word group."""
    return NONE if number is None else " ".join(duration(number))


def ratio(number: float | None) -> str:
    """Lane ÷ reference: "0.981×", "2.90×", "14.2×"."""
    if number is None:
        return NONE
    digits = 3 if number < 2 else 2 if number < 10 else 1
    return f"{number:,.{digits}f}{TIMES}"


def interval(low: float | None, high: float | None) -> str:
    """A ratio's interval, as precise as its ratio: "[0.972–0.990]"; "" where there is none."""
    if low is None or high is None:
        return ""
    return f"[{ratio(low)[:-1]}–{ratio(high)[:-1]}]"


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 1 as "3.4 %"."""
    return NONE if share is None else f"{share * 100:,.{digits}f}\u00a0%"


def nats(number: float | None) -> str:
    """A KL divergence: "0", "0.0008", "0.226"."""
    if number is None:
        return NONE
    return (
        "0"
        if number == 0
        else f"{number:.1e}"
        if abs(number) < 1e-5
        else f"{number:.4f}"
        if abs(number) < 0.01
        else f"{number:.3f}"
    )


def moment(epoch: float) -> str:
    """Seconds since 1970 as "2026-11-25 02:24 UTC"."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M UTC")


def anchor(cell_id: str) -> str:
    """A `Cell.id` as an id that HTML allows; different ids stay different."""
    return "c-" + re.sub(r"[^A-Za-z0-9]", lambda m: f"-{ord(m[0]):x}-", cell_id)
