"""In which order lanes load and run, whether they fit together, and how long it will still take. Pure functions."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from app.lab.compare.plan import Mode, Schedule
from app.lab.compare.result import LaneRun

ROOM_PERCENT = 110  # METRICS: a block's lanes stay loaded together if their estimates + 10 % fit the free memory


def order(block: int, lanes: Sequence[int]) -> tuple[int, ...]:
    """The lanes of a block (counted from 1) in the order of their loads: A B C, next block C B A."""
    return tuple(lanes) if block % 2 else tuple(reversed(lanes))


def rounds(block: int, lanes: Sequence[int], schedule: Schedule) -> tuple[tuple[str, int], ...]:
    """(kind, lane) of every run of a block whose lanes are all loaded: the discarded ones first, then the timed ones
    with the order turned each time, so that a drift inside the block falls on all lanes alike."""
    forth = order(block, lanes)
    turns = [("discarded", forth)] * schedule.discarded
    turns += [("timed", forth if turn % 2 == 0 else tuple(reversed(forth))) for turn in range(schedule.timed)]
    return tuple((kind, lane) for kind, lanes_ in turns for lane in lanes_)


def alone(schedule: Schedule, mode: Mode) -> tuple[str, ...]:
    """The kinds of run of one lane that is loaded alone, in order."""
    timed = schedule.quick_runs if mode is Mode.QUICK else schedule.timed
    return ("discarded",) * schedule.discarded + ("timed",) * timed


def resident(estimates: Sequence[int | None], free_bytes: int) -> bool:
    """Do all lanes fit together? A lane whose size is not known counts as one that does not."""
    known = [e for e in estimates if e is not None]
    return len(known) == len(estimates) and sum(known) * ROOM_PERCENT <= free_bytes * 100


def block_s(runs: Sequence[LaneRun]) -> float | None:
    """Seconds that a block takes, its loads with it: from one block's first run to the next one's. None below two blocks."""
    first: dict[int, float] = {}
    for run in runs:
        if run.block > 0:
            first.setdefault(run.block, run.at_s)
    begins = [first[block] for block in sorted(first)]
    gaps = [b - a for a, b in itertools.pairwise(begins) if b > a]
    return statistics.median(gaps) if gaps else None


@dataclass(frozen=True, slots=True)
class Pace:
    """How long blocks took, for the time that is left. guess_s: of one block, before the first one is done."""

    done_s: tuple[float, ...] = ()
    guess_s: float | None = None

    @property
    def block_s(self) -> float | None:
        """Seconds that one block takes."""
        return statistics.median(self.done_s) if self.done_s else self.guess_s

    def left_s(self, in_block_s: float, blocks: int) -> float | None:
        """Seconds until `blocks` are done, of which `len(done_s)` are and one is `in_block_s` old."""
        if self.block_s is None:
            return None
        return max(0.0, (blocks - len(self.done_s)) * self.block_s - in_block_s)


def planned(schedule: Schedule, done: int, more: int | None) -> int:
    """How many blocks it will probably be: at least the least, then as many as the spread asks for."""
    wanted = max(schedule.min_blocks, done + (more if more is not None else 1)) if done else schedule.min_blocks
    return min(max(wanted, done), schedule.max_blocks)
