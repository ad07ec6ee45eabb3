"""What the hub says, as people read it. Everything that comes from it is plain text, on one line and of a bounded length."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from app.errors import TandemError
from app.ui.language import tr
from app.ui.state import words
from app.ui.state.cards import Problem
from engines.errors import EngineError

if TYPE_CHECKING:
    from app.library.hub import Download

LONGEST = 160
OFFLINE = frozenset({"network"})
FOR_MEMBERS = frozenset({"gated", "bad_token", "no_token"})
"""Errors that a token may mend; the hub hides private repositories as if they were not there."""


def plain(text: str, most: int = LONGEST) -> str:
    """One line of visible characters, at most `most`: no control, no direction marks, no line breaks."""
    seen = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text[: most * 4])
    line = " ".join(seen.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def count(number: int | None) -> str:
    """How often: "4,112", "83 k", "1.2 M"."""
    if number is None:
        return words.NONE
    if number >= 1e6:
        return f"{number / 1e6:,.1f}\N{NO-BREAK SPACE}M"
    return f"{number / 1e3:,.0f}\N{NO-BREAK SPACE}k" if number >= 1e4 else f"{number:,}"


def title_of(repo: str) -> str:
    """The name without its owner."""
    return plain(repo.rpartition("/")[2]) or plain(repo)


def owner_of(repo: str) -> str:
    """Who published it."""
    return plain(repo.rpartition("/")[0], 60)


def short(revision: str) -> str:
    """A commit as people write it."""
    return revision[:7] if len(revision) == 40 else plain(revision, 24)


def problem(error: TandemError | EngineError, title: str) -> Problem:
    """The card for what the hub did not give."""
    actions = [("retry", tr("Try again"))]
    titles = {
        "gated": tr("This is gated"), "bad_token": tr("The token is not accepted"),
        "network": tr("The hub cannot be reached"),
    }  # fmt: skip
    if error.code in FOR_MEMBERS:
        actions.append(("token", tr("Token…")))
    return Problem(titles.get(error.code, title), plain(error.message, 400), plain(error.hint, 400), tuple(actions))


# --- downloads ----------------------------------------------------------------------------


def speed(bytes_a_second: float | None) -> str:
    """ "23 MB/s", or "" where it is not known."""
    return f"{words.size(bytes_a_second)}/s" if bytes_a_second else ""


def left(seconds: float | None) -> str:
    """ "40 s left", "12 min left", "3 h left", or ""."""
    if seconds is None:
        return ""
    if seconds < 90:
        return tr("{n} s left", n=max(1, round(seconds)))
    if seconds < 5400:
        return tr("{n} min left", n=round(seconds / 60))
    return tr("{n} h left", n=round(seconds / 3600))


def progress(found: Download) -> str:
    """What a download is doing: "1.2 of 4.9 GB · 23 MB/s · 3 min left"."""
    done = done_of(found.done_bytes, found.bytes)
    said = tr("another Tandem carries it") if found.elsewhere else plain(found.message, 240)
    match found.state:
        case "running":
            parts = [done, said] if said else [done, speed(found.rate), left(found.eta_s)]
        case "queued":
            parts = [said or tr("waiting for another to end"), words.size(found.bytes)]
        case "paused":
            parts = [tr("paused"), done, said, plain(found.hint, 240)]
        case "checking":
            parts = [said or tr("checking what is there"), done]
        case "done":
            parts = [tr("in your library"), words.size(found.bytes), plain(found.note) or tr("every file checked")]
        case "cancelled":
            parts = [tr("cancelled")]
        case _:
            parts = [said or tr("it failed"), plain(found.hint, 240)]
    return " · ".join(part for part in parts if part)


def done_of(done: int, whole: int) -> str:
    """ "1.2 GB of 4.9 GB"."""
    return tr("{done} of {whole}", done=words.size(done), whole=words.size(whole)) if whole else words.size(done)
