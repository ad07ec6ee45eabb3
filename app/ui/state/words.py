"""Figures as people read them: grouped digits, a unit, and "–" for what cannot be had."""

from __future__ import annotations

import time
from datetime import datetime

from app.ui.language import tr

NONE = "–"


def size(count: float | None) -> str:
    """Bytes in decimal units: "98 MB", "1.4 GB", "420 B"."""
    if count is None:
        return NONE
    if count >= 1e9:
        return f"{count / 1e9:,.1f} GB"
    if count >= 1e6:
        return f"{count / 1e6:,.0f} MB"
    return f"{count / 1e3:,.0f} kB" if count >= 1e3 else f"{count:,.0f} B"


def number(value: float | None, digits: int = 0) -> str:
    """A bare number with grouped digits."""
    return NONE if value is None else f"{value:,.{digits}f}"


def rate(value: float | None) -> str:
    """A rate with three digits that mean something: "8.31", "142.6", "1,204"."""
    if value is None:
        return NONE
    return number(value, 0 if value >= 1000 else 1 if value >= 10 else 2)


def duration(seconds: float | None) -> tuple[str, str]:
    """(figure, unit): ("41", "ms") or ("1.24", "s")."""
    if seconds is None:
        return NONE, ""
    if seconds < 1:
        return f"{seconds * 1000:,.0f}", "ms"
    return f"{seconds:,.2f}" if seconds < 10 else f"{seconds:,.1f}", "s"


def spoken(seconds: float | None) -> str:
    """A duration as one word group: "41 ms"."""
    return " ".join(duration(seconds)).strip()


def about(seconds: float) -> str:
    """A rough time ahead: "about 20 s", "about 3 min"."""
    if seconds < 90:
        return tr("about {n} s", n=max(1, round(seconds)))
    return tr("about {n} min", n=round(seconds / 60))


def day(then: float, now: float | None = None) -> str:
    """The heading that something of that time (seconds since 1970) stands under."""
    that = datetime.fromtimestamp(then).date()
    days = (datetime.fromtimestamp(time.time() if now is None else now).date() - that).days
    if days <= 0:
        return tr("Today")
    if days == 1:
        return tr("Yesterday")
    return tr("Last 7 days") if days <= 7 else tr("Earlier")


def moment(then: float, now: float | None = None) -> str:
    """When that was (seconds since 1970): the time of today, or the date: "09:29", "2026-11-24"."""
    that = datetime.fromtimestamp(then)
    today = datetime.fromtimestamp(time.time() if now is None else now).date()
    return f"{that:%H:%M}" if that.date() == today else f"{that:%Y-%m-%d}"


def first_words(text: str, most: int = 42) -> str:
    """A title made from a message's beginning."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    cut = line[:most].rsplit(" ", 1)[0]
    return (cut if len(cut) > most // 2 else line[:most]) + "…"
