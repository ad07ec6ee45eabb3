"""One line for what a session is doing, and the one verb that goes with it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from app.lab.session import Failure, SessionState
from app.ui.language import tr
from engines.protocol import Progress


class Tone(enum.StrEnum):
    """How the line is coloured; verdict colours only for verdicts."""

    IDLE = "idle"
    BUSY = "busy"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


class Act(enum.StrEnum):
    """The verb on the top bar's main button."""

    LOAD = "Load"
    UNLOAD = "Unload"
    CANCEL = "Cancel"
    FORCE = "Force"
    RESTART = "Restart"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Status:
    """word: "loaded", "loading 43 %", "failed: why". fraction: 0–1 while that is known."""

    word: str
    tone: Tone
    act: Act
    fraction: float | None = None
    detail: str = ""


def status(state: SessionState, progress: Progress | None, failure: Failure | None, can_force: bool) -> Status:
    """The line for a session in `state`."""
    match state:
        case SessionState.LOADING:
            return _loading(progress)
        case SessionState.READY:
            return Status(tr("loaded"), Tone.GOOD, Act.UNLOAD)
        case SessionState.RUNNING:
            return Status(tr("loaded, answering"), Tone.GOOD, Act.NONE)
        case SessionState.CANCELLING:
            return Status(tr("stopping"), Tone.BUSY, Act.FORCE if can_force else Act.NONE)
        case SessionState.UNRESPONSIVE:
            return Status(tr("not responding"), Tone.WARN, Act.RESTART)
        case SessionState.FAILED:
            why = failure.message if failure else tr("it ended")
            return Status(tr("failed: {why}", why=why), Tone.BAD, Act.LOAD, detail=failure.hint if failure else "")
        case _:
            return Status(tr("not loaded"), Tone.IDLE, Act.LOAD)


def _loading(progress: Progress | None) -> Status:
    if progress is None:
        return Status(tr("loading"), Tone.BUSY, Act.CANCEL)
    if progress.fraction is not None and progress.fraction >= 1:  # read; now one batch and one step to warm up
        return Status(tr("loading, warming up"), Tone.BUSY, Act.CANCEL, None, progress.message or progress.phase)
    share = "" if progress.fraction is None else f" {progress.fraction:.0%}".replace("%", " %")
    return Status(
        tr("loading{share}", share=share), Tone.BUSY, Act.CANCEL, progress.fraction, progress.message or progress.phase
    )
