"""The engine room: carries a plan out, lane by lane and block by block, and says what it found (METRICS "Comparing").

It blocks, knows no window, and never raises for what one lane does: the lane gets a problem, the others go on.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import msgspec

from app.errors import TandemError
from app.lab.compare import finish, prepare, race, schedule
from app.lab.compare.events import Moment, RoomEvent, Snapshot, Watcher
from app.lab.compare.experiment import begun, continues, resumed, stored
from app.lab.compare.grading import Examiner, Grading, order
from app.lab.compare.lane import differences, letter
from app.lab.compare.measures import measures
from app.lab.compare.plan import Mode, Plan
from app.lab.compare.quiet import MachineWatch, Watching
from app.lab.compare.result import LaneResult, LaneRun, Load, Problem, Result, Status
from app.lab.compare.runner import Runner
from app.lab.compare.seat import LaneFailed, Ready, Seat, Stopped
from app.lab.compare.standing import Standing
from app.lab.compare.stats import enough
from app.lab.describe import Descriptions
from app.lab.estimates import estimate
from app.lab.launch import Launcher
from app.lab.lease import device_lease, take
from app.locks import FileLock
from app.store import RunRecord
from engines import hardware


@dataclass(slots=True)
class Tools:
    """What the room works with. watch: sees what else the machine does; sleep, clock: for tests."""

    launcher: Launcher
    descriptions: Descriptions
    watch: Watching | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def compare(tools: Tools, plan: Plan, mode: Mode, watcher: Watcher, resume: Result | None = None) -> Result:
    """Carry the plan out. resume: an unfinished result of the same plan, whose whole blocks are kept.

    Raises TandemError `device_busy` where another measurement holds the device, `no_lanes` for a plan without any.
    """
    if not plan.lanes or not plan.steps:
        raise TandemError("no_lanes", "There is nothing to compare.", "Give at least one lane and one prompt.")
    if resume is not None and not continues(resume, plan, mode):
        resume = None  # figures of other lanes, prompts or modes never stand in one result
    with ExitStack() as held:
        return Room(tools, plan, mode, watcher, resume, held).run()


class Room:
    """One experiment. `result` is the newest value of what was found. held: gives back leases and locks at its end."""

    def __init__(
        self, tools: Tools, plan: Plan, mode: Mode, watcher: Watcher, resume: Result | None, held: ExitStack
    ) -> None:
        self._tools, self._plan, self._mode, self._held = tools, plan, mode, held
        self._tell = watcher.event
        self._watcher = Watcher(self._hear, watcher.cancelled)
        self._measures = measures(plan.task)
        self._devices: set[str] = set()
        self._start = tools.clock()
        self._before_s = resume.seconds if resume is not None else 0.0
        self._standing = Standing(plan.schedule, mode)
        self.result = resumed(resume, plan) if resume is not None else begun(plan, mode)
        self._runner = Runner(
            plan, self._measures, tools.watch or MachineWatch(), self._watcher, tools.sleep, tools.clock, self._start
        )

    def run(self) -> Result:
        """Prepare, answers, blocks, quality, verdict. What is done is kept however it ends."""
        self._take("cpu")
        alive = FileLock(self._tools.launcher.paths.lock / f"experiment-{self.result.id}", timeout_s=0)
        alive.acquire()
        self._held.callback(alive.path.unlink, missing_ok=True)
        self._held.callback(alive.release)
        status = Status.FAILED
        try:
            self._course()
            status = Status.DONE if self._alive() or self.result.cells else Status.FAILED
        except Stopped:
            status = Status.CANCELLED
        finally:
            self._end(status)
        return self.result

    def _course(self) -> None:
        self._prepare()
        if self._mode is Mode.RACE:
            self._race()
            return
        self._answers()
        if self._mode is Mode.MEASURE:
            self._blocks()
            self._quality()

    def _end(self, status: Status) -> None:
        self._put(status=status, lanes=finish.compared(self.result), **finish.counted(self.result, self._measures))
        self._save()  # whatever the words make of it, the figures are kept
        self._put(**finish.told(self.result, self._measures))
        self._save()
        self._watcher.event(Moment("done", str(status), block=self.result.blocks, fraction=1.0))

    # --- before -----------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Find, and where needed make, each lane's variant."""
        for index, lane in enumerate(self._plan.lanes):
            self._heed()
            self._say("preparing", f"looking for {lane.ref}", index)
            try:
                ready = prepare.ready(self._tools.launcher, self._tools.descriptions, index, lane, self._watcher)
                self._runner.lanes.append(ready)
                self._change(index, prepare.described(self.result.lanes[index], ready), problem=None)
            except LaneFailed as failed:
                self._fail(index, failed.problem)
        self._settle_reference()
        sizes = [self._estimate(ready) for ready in self._runner.lanes]
        together = len(sizes) > 1 and schedule.resident(sizes, hardware.free_memory())
        self._put(resident=together and self._mode is not Mode.QUICK)
        self._save()

    def _estimate(self, ready: Ready) -> int | None:
        found = estimate(self._tools.launcher.store, ready.spec, ready.variant, ready.load)
        return None if found is None else found.total_bytes

    # --- answers ----------------------------------------------------------------------------------

    def _answers(self) -> None:
        """Each lane answers once, shown. In Quick the timed runs follow within the same load."""
        for ready in self._alive():
            if self.result.lanes[ready.index].tracks:
                continue  # resumed: it has answered before
            with self._or_problem(ready), self._seat(ready, 0) as seat:
                began = self._tools.clock()
                load = self._open(seat)
                self._say("answers", f"{letter(ready.index)} answers", ready.index)
                try:
                    run, records = self._runner.answer(seat)
                except Stopped as stopped:
                    self._keep(seat, list(stopped.records))
                    raise
                self._keep(seat, records)
                self._put(runs=(*self.result.runs, run))
                self._guess(run, self._tools.clock() - began)
                if self._mode is Mode.QUICK:
                    self._put(loads=(*self.result.loads, load))
                    self._runs(seat)
        self._settle_reference()
        self._put(lanes=finish.compared(self.result))
        self._save()

    def _keep(self, seat: Seat, records: list[RunRecord]) -> None:
        """An answer's tracks, also of one that was stopped, and the lane as it really ran."""
        steps = zip(self._plan.steps, records, strict=False)
        tracks = tuple(finish.track(step.name, finish.prompt(step), record) for step, record in steps)
        index = seat.ready.index
        self._change(index, self.result.lanes[index], tracks=tracks, **prepare.as_it_ran(seat, records))

    def _guess(self, run: LaneRun, whole_s: float) -> None:
        """How long this lane will take in a block, from its answer."""
        runs = self._plan.schedule.discarded + self._plan.schedule.timed
        guess = whole_s - run.seconds + runs * (run.seconds + self._plan.schedule.rest_s)
        self._standing.pace = schedule.Pace(guess_s=(self._standing.pace.guess_s or 0.0) + guess)

    # --- blocks -----------------------------------------------------------------------------------

    def _blocks(self) -> None:
        """Blocks of fresh loads until it is enough. What free memory says of the RAM says nothing of a card's."""
        if any(lane.device not in ("", "cpu") for lane in self.result.lanes):
            self._put(resident=False)
        while self._alive() and not self._enough():
            block = self.result.blocks + 1
            self._standing.begin_block(block, self._now, self._more())
            self._say("speed", "loads afresh")
            lanes = [self._ready(i) for i in schedule.order(block, [r.index for r in self._alive()])]
            if self.result.resident and len(lanes) > 1:
                self._together(block, lanes)
            else:
                for ready in lanes:
                    self._single(block, ready)
            self._standing.end_block(self._now)
            self._settle_reference()
            self._put(blocks=block)
            self._put(**finish.counted(self.result, self._measures))
            self._save()
            self._put(**finish.told(self.result, self._measures))

    def _single(self, block: int, ready: Ready) -> None:
        with self._or_problem(ready), self._seat(ready, block) as seat:
            self._put(loads=(*self.result.loads, self._open(seat)))
            self._runs(seat)

    def _runs(self, seat: Seat) -> None:
        for kind in schedule.alone(self._plan.schedule, self._mode):
            self._timed(seat, kind)

    def _together(self, block: int, lanes: Sequence[Ready]) -> None:
        """All lanes of a block loaded, their runs in turn."""
        late: list[Ready] = []
        with ExitStack() as stack:
            seats: dict[int, Seat] = {}
            for ready in lanes:
                seat = stack.enter_context(self._seat(ready, block))
                with self._or_problem(ready, unless=late if seats else None):
                    self._put(loads=(*self.result.loads, self._open(seat)))
                    seats[ready.index] = seat
            for kind, index in schedule.rounds(block, sorted(seats), self._plan.schedule):
                if self.result.lanes[index].problem is None:
                    with self._or_problem(self._ready(index)):
                        self._timed(seats[index], kind)
        if late:
            self._put(resident=False)
        for ready in late:  # they did not fit beside the others, which says nothing of them alone
            self._single(block, ready)

    def _timed(self, seat: Seat, kind: str) -> None:
        for run in self._runner.timed(seat, kind):
            again = run.kind == "timed" and not run.counts
            self._put(runs=(*self.result.runs, run), repeated=self.result.repeated + again)
        if self._mode is Mode.QUICK:
            self._put(**finish.counted(self.result, self._measures))

    def _enough(self) -> bool:
        """Is it decided well enough, or is the time over? With one lane alone the least number of blocks is."""
        metrics = self._plan.decide or self._measures.decide
        return enough(
            finish.halves(self.result, metrics),
            self.result.blocks,
            self._plan.schedule,
            self._tools.clock() - self._start,
        )

    def _more(self) -> int | None:
        """How many more blocks the least decided of the deciding figures asks for."""
        metrics = self._plan.decide or self._measures.decide
        return max((c.more_blocks for c in self.result.cells if c.metric in metrics and c.more_blocks), default=None)

    # --- quality ------------------------------------------------------------------------------------

    def _quality(self) -> None:
        """Quality of text beside speed; a load of its own for each lane, the reference first."""
        if self._plan.quality is None or not self._alive():
            return
        folder = self._tools.launcher.paths.run / f"{os.getpid()}-quality-{self.result.id}"
        store = self._tools.launcher.store
        self._held.callback(shutil.rmtree, folder, ignore_errors=True)
        try:
            with Examiner(self._plan, self.result, self._measures, store, folder, self._watcher) as examiner:
                self._examine(examiner)
        except TandemError as error:  # the disk, or a text that is gone: no lane's fault
            self._put(notes=(*self.result.notes, f"Quality was not finished: {error.message} {error.hint}".rstrip()))

    def _examine(self, examiner: Examiner) -> None:
        try:
            for ready in order(self.result.reference, self._alive()):
                with self._or_problem(ready), self._seat(ready, 0) as seat:
                    self._open(seat)
                    examiner.examine(seat)
                self._graded(examiner.found)
        finally:
            self._put(notes=(*self.result.notes, *examiner.found.notes))

    def _graded(self, found: Grading) -> None:
        lanes = [
            msgspec.structs.replace(lane, flips=found.flips.get(index, ()))
            for index, lane in enumerate(self.result.lanes)
        ]
        self._put(quality=found.quality, scores=found.scores, lanes=tuple(lanes))

    # --- race ---------------------------------------------------------------------------------------

    def _race(self) -> None:
        """All lanes loaded and answering together."""
        wake = threading.Event()
        with ExitStack() as stack:
            seats: list[Seat] = []
            for ready in self._alive():
                seat = stack.enter_context(self._seat(ready, 0, wake))
                with self._or_problem(ready):
                    self._put(loads=(*self.result.loads, self._open(seat)))
                    seats.append(seat)
            records: dict[int, list[RunRecord]] = {seat.ready.index: [] for seat in seats}
            try:
                race.race(self._runner, seats, records, wake, self._watcher, self._drop)
            finally:
                for seat in seats:
                    self._keep(seat, records[seat.ready.index])
                self._put(runs=race.as_runs(self._plan, records))

    # --- lanes --------------------------------------------------------------------------------------

    def _seat(self, ready: Ready, block: int, wake: threading.Event | None = None) -> Seat:
        return Seat(self._tools.launcher, ready, self.result.id, self._watcher, block, wake or threading.Event())

    def _open(self, seat: Seat) -> Load:
        self._heed()
        load = seat.open()
        try:
            self._take(seat.session.loaded.device if seat.session.loaded is not None else "cpu")
        except TandemError as error:
            raise LaneFailed(Problem(error.code, error.message, error.hint)) from error
        return load

    @contextlib.contextmanager
    def _or_problem(self, ready: Ready, unless: list[Ready] | None = None) -> Iterator[None]:
        """A lane that fails inside gets its problem; the others go on. unless: takes it, if it only lacked memory."""
        try:
            yield
        except LaneFailed as failed:
            if unless is not None and failed.problem.code == "no_memory":
                unless.append(ready)
            else:
                self._drop(ready, failed)

    def _drop(self, ready: Ready, failed: LaneFailed) -> None:
        self._fail(ready.index, failed.problem)

    def _alive(self) -> list[Ready]:
        return [ready for ready in self._runner.lanes if self.result.lanes[ready.index].problem is None]

    def _ready(self, index: int) -> Ready:
        return next(ready for ready in self._runner.lanes if ready.index == index)

    def _fail(self, index: int, problem: Problem) -> None:
        self._change(index, self.result.lanes[index], problem=problem)

    def _change(self, index: int, lane: LaneResult, **changes: Any) -> None:
        lanes = list(self.result.lanes)
        lanes[index] = msgspec.structs.replace(lane, **changes)
        self._put(lanes=tuple(lanes))

    def _settle_reference(self) -> None:
        """Ratios are to the first lane that works."""
        reference = min((ready.index for ready in self._alive()), default=0)
        if reference != self.result.reference and not self.result.blocks:
            note = f"Lane {letter(self.result.reference)} did not run, so the ratios are to lane {letter(reference)}."
            base = self._plan.lanes[reference]
            lanes = tuple(msgspec.structs.replace(x, differs=differences(x.lane, base)) for x in self.result.lanes)
            self._put(reference=reference, lanes=lanes, notes=(*self.result.notes, note))

    # --- saying and keeping -------------------------------------------------------------------------

    def _take(self, device: str) -> None:
        """The lease of a device: exclusive, but a race measures nothing and shares it."""
        if device not in self._devices:
            lease = device_lease(self._tools.launcher.paths, device, exclusive=self._mode is not Mode.RACE)
            take(lease)
            self._devices.add(device)
            self._held.callback(lease.release)

    def _heed(self) -> None:
        if self._watcher.cancelled():
            raise Stopped

    def _say(self, phase: str, words: str, lane: int | None = None) -> None:
        self._watcher.event(Moment(phase, words, lane=lane))

    def _hear(self, event: RoomEvent) -> None:
        """Whatever is told goes on to the watcher, a moment with its place in the schedule."""
        if isinstance(event, Moment):
            event = self._standing.placed(event, self.result, len(self._alive()), self._now)
        self._tell(event)

    @property
    def _now(self) -> float:
        """Seconds since the experiment began (or was resumed)."""
        return self._tools.clock() - self._start

    def _put(self, **changes: Any) -> None:
        seconds = self._before_s + self._tools.clock() - self._start
        self.result = msgspec.structs.replace(self.result, seconds=seconds, **changes)
        self._watcher.event(Snapshot(self.result))

    def _save(self) -> None:
        """Keep what there is; a crash loses at most the block under way."""
        self._tools.launcher.store.save_experiment(stored(self.result))
