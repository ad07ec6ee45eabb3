"""Recorded answers on one clock: what each lane showed at a moment. Pure, so that window, film and report share it.

All lanes start together at 0; a lane of several tracks (steps) plays them one after the other. Nothing here is
computed per frame but two binary searches a lane.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from app.lab.compare.plan import Mode
from app.lab.compare.result import Result, Track

WINDOW_S = 1.0
"""The rate is over the outputs of so many seconds."""

WORDS = "replay of uncontended runs"
"""What stands at every replay (METRICS "The run record"), unless its runs were disturbed."""


@dataclass(frozen=True, slots=True)
class LaneMoment:
    """A lane at one time. text: the whole answer of its step, of which `shown` characters stand there. rate: tokens
    a second over the last second of outputs. elapsed_s: since the step's request. phase: waiting (nothing was
    recorded) | prefill | decode | done (its last step has ended)."""

    step: int
    name: str
    prompt: str
    text: str
    shown: int
    n_out: int
    rate: float | None
    phase: str
    elapsed_s: float

    @property
    def visible(self) -> str:
        """The text that stands there."""
        return self.text[: self.shown]


NOTHING = LaneMoment(0, "", "", "", 0, 0, None, "waiting", 0.0)


class Timeline:
    """The recorded answers of all lanes. Times are seconds since the start of the replay."""

    def __init__(self, lanes: Sequence[Sequence[Track]]) -> None:
        self._lanes = tuple(_Line(tracks) for tracks in lanes)
        self.length_s = max((lane.length_s for lane in self._lanes), default=0.0)

    def at(self, t: float) -> tuple[LaneMoment, ...]:
        """Every lane at `t`; before 0 is 0, after the end is the end."""
        return tuple(lane.at(max(0.0, t)) for lane in self._lanes)

    @cached_property
    def output_times_s(self) -> tuple[tuple[float, ...], ...]:
        """When each output of each lane is due, for those who check that it was shown then."""
        return tuple(lane.times_s() for lane in self._lanes)


def timeline(result: Result) -> Timeline:
    """The replay of a result."""
    return Timeline([lane.tracks for lane in result.lanes])


def words(result: Result) -> str:
    """What the recorded runs were: only those that had the machine to themselves are called uncontended."""
    if result.mode is Mode.RACE:
        return "replay of a race: contended"
    if any(run.contended or run.disturbance.verdict for run in result.runs if run.kind == "answer"):
        return "replay; some runs were disturbed"
    return WORDS


class _Line:
    """The tracks of one lane, end to end."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._takes = tuple(_Take(track) for track in tracks)
        self._starts = tuple(itertools.accumulate((take.end_s for take in self._takes), initial=0.0))
        self.length_s = self._starts[-1]

    def at(self, t: float) -> LaneMoment:
        if not self._takes:
            return NOTHING
        step = min(bisect_right(self._starts, t) - 1, len(self._takes) - 1)
        return self._takes[step].at(t - self._starts[step], step, done=t >= self.length_s)

    def times_s(self) -> tuple[float, ...]:
        pairs = zip(self._starts, self._takes, strict=False)
        return tuple(start + at for start, take in pairs for at in take.track.times_s)


class _Take:
    """One track with what its moments need: sums of its outputs, and an end that no output comes after."""

    def __init__(self, track: Track) -> None:
        self.track = track
        times = track.times_s
        counts = track.counts if len(track.counts) == len(times) else (1,) * len(times)
        self._sums = tuple(itertools.accumulate(counts))
        self.end_s = max(track.end_s, times[-1] if times else 0.0, 0.0)

    def at(self, t: float, step: int, done: bool) -> LaneMoment:
        track = self.track
        last = bisect_right(track.times_s, t) - 1
        shown = track.shown[last] if 0 <= last < len(track.shown) else 0
        phase = "prefill" if last < 0 else "decode"
        if done:  # the rest of a text that no output brought (an unfinished character) belongs to the end
            phase, shown = "done", len(track.text)
        return LaneMoment(
            step, track.step, track.prompt, track.text, shown, self._sums[last] if last >= 0 else 0,
            self._rate(last), phase, min(t, self.end_s),
        )  # fmt: skip

    def _rate(self, last: int) -> float | None:
        """METRICS "decode rate" over the outputs of the last second, or over the last two where they are slower."""
        if last < 1:
            return None
        times = self.track.times_s
        first = min(bisect_right(times, times[last] - WINDOW_S), last - 1)
        span = times[last] - times[first]
        return (self._sums[last] - self._sums[first]) / span if span > 0 else None
