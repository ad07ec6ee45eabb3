"""A race: all lanes loaded and answering together. A show: they take the machine from one another, and nothing is decided."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from app.lab.compare import requests
from app.lab.compare.events import Began, Moment, Watcher
from app.lab.compare.plan import Plan
from app.lab.compare.result import Disturbance, LaneRun, StepRun
from app.lab.compare.runner import Runner
from app.lab.compare.seat import LaneFailed, Ready, Seat, Stopped
from app.store import RunRecord

CONTENDED = Disturbance(verdict="all lanes ran together")
WAIT_S = 0.05


def race(
    runner: Runner,
    seats: Sequence[Seat],
    records: dict[int, list[RunRecord]],
    wake: threading.Event,
    watcher: Watcher,
    failed: Callable[[Ready, LaneFailed], None],
) -> None:
    """Every step of the plan on all seats at once. Lanes that fail drop out. Raises Stopped.

    records: by lane, filled here, so that what is done is kept however it ends. wake: set by every seat's session
    when it has something to say.
    """
    plan = runner.plan
    running = list(seats)
    for number, step in enumerate(plan.steps):
        waiting: dict[int, tuple[Seat, int]] = {}
        for seat in list(running):
            watcher.event(Began(seat.ready.index, number))
            try:
                waiting[seat.ready.index] = (
                    seat,
                    seat.send(requests.answer(step, seat.ready, runner.ids(seat, number))),
                )
            except LaneFailed as error:
                running.remove(seat)
                failed(seat.ready, error)
        watcher.event(Moment("race", "all lanes answer together"))
        _follow(waiting, wake, records, running, number, failed)


def _follow(
    waiting: dict[int, tuple[Seat, int]],
    wake: threading.Event,
    records: dict[int, list[RunRecord]],
    running: list[Seat],
    number: int,
    failed: Callable[[Ready, LaneFailed], None],
) -> None:
    stopped = False
    while waiting:
        wake.wait(WAIT_S)
        wake.clear()
        for index, (seat, request) in list(waiting.items()):
            try:
                seat.tell(seat.poll(), number)
                record = seat.finished(request)
            except LaneFailed as error:
                del waiting[index]
                running.remove(seat)
                failed(seat.ready, error)
                continue
            if record is not None:
                records[index].append(record)
                del waiting[index]
                stopped = stopped or record.reason == "cancelled"
    if stopped:
        raise Stopped


def as_runs(plan: Plan, records: dict[int, list[RunRecord]]) -> tuple[LaneRun, ...]:
    """The race's runs, marked as contended. One that was stopped gives no figures."""
    return tuple(
        LaneRun(
            lane=index, block=0, kind="timed", counts=True, contended=True, disturbance=CONTENDED,
            steps=tuple(
                StepRun(name=step.name, metrics=record.metrics, reason=record.reason, run=record.id)
                for step, record in zip(plan.steps, mine, strict=False)
            ),
        )
        for index, mine in records.items() if mine and mine[-1].reason != "cancelled"
    )  # fmt: skip
