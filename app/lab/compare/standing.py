"""Where the schedule stands, put into every moment that the room tells: the block, how many it will be, what is left."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field

from app.lab.compare.events import Moment
from app.lab.compare.plan import Mode, Schedule
from app.lab.compare.result import Result
from app.lab.compare.schedule import Pace, planned

OWN = ("done", "quality", "preparing")
"""Phases that say their own share, or have none."""


@dataclass(slots=True)
class Standing:
    """Seconds are the room's own clock's since the experiment began. blocks: how many it will probably be."""

    schedule: Schedule
    mode: Mode
    pace: Pace = field(default_factory=Pace)
    block: int = 0
    blocks: int = 0
    block_began_s: float = 0.0

    def begin_block(self, block: int, now_s: float, more: int | None) -> None:
        """A block begins. more: how many more blocks the widest interval asks for."""
        self.block, self.block_began_s = block, now_s
        self.blocks = max(self.schedule.min_blocks, min(planned(self.schedule, block - 1, more), self._in_time(now_s)))
        self.blocks = min(self.blocks, self.schedule.max_blocks)

    def end_block(self, now_s: float) -> None:
        """It is over: what it took helps to tell what is left."""
        self.pace = Pace((*self.pace.done_s, now_s - self.block_began_s), self.pace.guess_s)

    def placed(self, moment: Moment, result: Result, lanes: int, now_s: float) -> Moment:
        """The moment with its place in the schedule. A load keeps its own fraction, which is the load's."""
        if moment.phase in OWN:
            return dataclasses.replace(moment, done_s=now_s)
        fraction, left = (
            self._quick(result, lanes, now_s) if self.mode is Mode.QUICK else self._blocks(result, lanes, now_s)
        )
        if moment.phase == "loading":
            fraction = moment.fraction
        return dataclasses.replace(
            moment, block=self.block, blocks=self.blocks, done_s=now_s, left_s=left, fraction=fraction
        )

    def _quick(self, result: Result, lanes: int, now_s: float) -> tuple[float | None, float | None]:
        total = lanes * (1 + self.schedule.discarded + self.schedule.quick_runs)
        done = sum(run.kind != "timed" or run.counts for run in result.runs)
        left = now_s / done * max(0, total - done) if done else None
        return (min(1.0, done / total) if total else None), left

    def _blocks(self, result: Result, lanes: int, now_s: float) -> tuple[float | None, float | None]:
        if not self.block:
            return None, None
        runs = lanes * (self.schedule.discarded + self.schedule.timed)
        here = sum(run.block == self.block and (run.kind == "discarded" or run.counts) for run in result.runs)
        share = min(1.0, here / runs) if runs else 0.0
        left = self.pace.left_s(now_s - self.block_began_s, self.blocks - self.block + 1 + len(self.pace.done_s))
        return (self.block - 1 + share) / self.blocks, left

    def _in_time(self, now_s: float) -> int:
        """How many blocks the time limit allows: none is begun after it, and one that has begun is finished."""
        if self.schedule.minutes is None or not self.pace.block_s:
            return self.schedule.max_blocks
        return self.block - 1 + math.ceil(max(0.0, self.schedule.minutes * 60 - now_s) / self.pace.block_s)
