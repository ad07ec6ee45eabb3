"""What the engine room says while it works, as values: the page and the command line follow them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from app.lab.compare.result import Result


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the schedule is. phase: preparing | answers | quality | speed | race | done. block counts from 1; blocks: at
    least so many are planned. lane: its index, None for all. left_s: None where it cannot be known yet."""

    phase: str
    words: str
    block: int = 0
    blocks: int = 0
    lane: int | None = None
    done_s: float = 0.0
    left_s: float | None = None
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class Began:
    """A lane begins an answer at a step: what it showed there before is replaced."""

    lane: int
    step: int


@dataclass(frozen=True, slots=True)
class Delta:
    """More text of a lane's answer, with its figures so far."""

    lane: int
    step: int
    text: str
    stats: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The result so far: after each load, run and score."""

    result: Result


RoomEvent = Moment | Began | Delta | Snapshot


@dataclass(frozen=True, slots=True)
class Watcher:
    """`event` is called from the room's thread; `cancelled` is asked often."""

    event: Callable[[RoomEvent], None] = lambda event: None
    cancelled: Callable[[], bool] = lambda: False
