"""What a load test says while it runs, as values: the page and the command line follow them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from app.lab.loadtest.result import Level, LoadResult


@dataclass(frozen=True, slots=True)
class LoadMoment:
    """Where it is. phase: loading | preparing | warm-up | level | done. level counts from 1, 0 before the first.

    stats, during a level, each second: elapsed_s, running, done, failed, total, system_tok_s and the server's own gauges
    (server_running, server_waiting, server_kv_use …) where it has them.
    """

    phase: str
    words: str
    level: int = 0
    levels: int = 0
    fraction: float | None = None
    stats: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LevelDone:
    """A level is over; result: all so far."""

    level: Level
    result: LoadResult


LoadEvent = LoadMoment | LevelDone


@dataclass(frozen=True, slots=True)
class LoadWatcher:
    """`event` is called from the test's thread; `cancelled` is asked often."""

    event: Callable[[LoadEvent], None] = lambda event: None
    cancelled: Callable[[], bool] = lambda: False
