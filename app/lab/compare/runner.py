"""Runs of a lane's whole sequence: each watched, rested before, and done again while the machine is disturbed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from app.lab.compare import requests
from app.lab.compare.events import Moment, Watcher
from app.lab.compare.lane import letter
from app.lab.compare.measures import Measures
from app.lab.compare.plan import Plan
from app.lab.compare.quiet import TRIES, Watching
from app.lab.compare.result import LaneRun, Problem, StepRun
from app.lab.compare.seat import LaneFailed, Ready, Seat, Stopped
from app.store import RunRecord
from engines.protocol import Request

MARGIN = 8  # tokens of a context that are left free beyond a step's own
LENGTH = 64  # tokens a step at depth keeps free for an answer of unknown length


@dataclass(slots=True)
class Runner:
    """What runs share. start: the clock at the experiment's begin. lanes: all that can be loaded."""

    plan: Plan
    measures: Measures
    watch: Watching
    watcher: Watcher
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    start: float = 0.0
    lanes: list[Ready] = field(default_factory=list)
    _ids: dict[tuple[int, str], tuple[int, ...]] = field(default_factory=dict)

    def answer(self, seat: Seat) -> tuple[LaneRun, list[RunRecord]]:
        """Every step once, natural stop, text shown. Raises LaneFailed, Stopped."""
        steps = [requests.answer(step, seat.ready, self.ids(seat, i)) for i, step in enumerate(self.plan.steps)]
        return self.sequence(seat, steps, "answer", 1)

    def timed(self, seat: Seat, kind: str) -> Iterator[LaneRun]:
        """One speed run and its repeats: at most three, the last of which counts whatever it was. Raises LaneFailed, Stopped."""
        length = requests.length_of(self.plan, self.lanes, self.measures)
        steps = [
            requests.speed(step, seat.ready, self.ids(seat, i), length, self.measures)
            for i, step in enumerate(self.plan.steps)
        ]
        for attempt in range(1, TRIES + 1):
            self._rest(attempt)
            self._say(seat, kind, attempt)
            run, _ = self.sequence(seat, steps, kind, attempt)
            disturbed = kind == "timed" and bool(run.disturbance.verdict)
            last = not disturbed or attempt == TRIES
            yield msgspec.structs.replace(run, counts=kind == "timed" and last, contended=disturbed and last)
            if last:
                return

    def sequence(
        self, seat: Seat, steps: Sequence[Request], kind: str, attempt: int
    ) -> tuple[LaneRun, list[RunRecord]]:
        """All requests of a sequence, one after the other, watched. Raises LaneFailed, Stopped."""
        began = self.clock()
        records: list[RunRecord] = []
        self.watch.begin(seat.pids)
        for number, request in enumerate(steps):
            more: dict[str, object] = {"kind": kind, "attempt": attempt, "step": self.plan.steps[number].name}
            try:
                records.append(seat.run(request, number, more, shown=kind == "answer"))
            except Stopped as stopped:
                raise Stopped((*records, *stopped.records)) from stopped
        disturbance = self.watch.end()
        runs = tuple(
            StepRun(name=step.name, metrics=record.metrics, reason=record.reason, run=record.id)
            for step, record in zip(self.plan.steps, records, strict=True)
        )
        run = LaneRun(
            lane=seat.ready.index, block=seat.block, kind=kind, steps=runs, disturbance=disturbance, attempt=attempt,
            at_s=began - self.start, seconds=self.clock() - began,
        )  # fmt: skip
        return run, records

    def ids(self, seat: Seat, number: int) -> tuple[int, ...] | None:
        """The ready token ids of a step at depth, the same for all lanes of a model; None for any other step."""
        step = self.plan.steps[number]
        if step.depth is None:
            return None
        key = (number, seat.ready.lane.model)
        if key not in self._ids:
            if not seat.n_ctx:
                raise LaneFailed(Problem("no_depth", "This server does not say how long its context is, so none can be filled.",
                                         "Use prompts as they are, or a server that says it (vLLM, llama-server)."))  # fmt: skip
            length = self.plan.schedule.n_out or LENGTH
            most = max(1, seat.n_ctx - length - MARGIN)
            wanted = min(round(step.depth * seat.n_ctx), most)
            text, messages = step.request.prompt, step.request.messages
            if text is not None:
                self._ids[key] = requests.filled(seat.tokenize(text), wanted)
            else:
                self._ids[key] = requests.filled(seat.tokenize("", messages), wanted, kept=requests.TAIL)
        return self._ids[key]

    def _rest(self, attempt: int) -> None:
        """Half a second between runs; longer before a repeat, so that what disturbs may pass."""
        end = self.clock() + self.plan.schedule.rest_s * attempt
        while (left := end - self.clock()) > 0:
            if self.watcher.cancelled():
                raise Stopped
            self.sleep(min(left, 0.1))

    def _say(self, seat: Seat, kind: str, attempt: int) -> None:
        words = f"{letter(seat.ready.index)}: {'warm-up' if kind == 'discarded' else 'timed run'}"
        again = f", again because of other work ({attempt} of {TRIES})" if attempt > 1 else ""
        self.watcher.event(Moment("speed", words + again, block=seat.block, lane=seat.ready.index))
