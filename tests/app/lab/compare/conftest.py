"""A whole program on a temporary home, and plans for the test engines in real workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from app import compose
from app.lab.compare.events import RoomEvent, Watcher
from app.lab.compare.lane import Lane
from app.lab.compare.plan import Mode, Plan, Schedule, ask
from app.lab.compare.result import Disturbance, Result
from app.lab.compare.room import Tools, compare
from app.lab.services import Services
from app.library import Variant
from app.paths import Paths


@dataclass
class Calm:
    """A machine on which nothing else happens, except what a test says for the next runs."""

    next: list[str] = field(default_factory=list)
    runs: int = 0

    def begin(self, pids: Iterable[int]) -> None:
        assert list(pids), "a run without a worker"

    def end(self) -> Disturbance:
        self.runs += 1
        return Disturbance(foreign_cpu=0.0, verdict=self.next.pop(0) if self.next else "")


@dataclass
class Bench:
    """Runs plans and keeps what the room said."""

    services: Services
    watch: Calm = field(default_factory=Calm)
    events: list[RoomEvent] = field(default_factory=list)
    cancelled: Callable[[], bool] = lambda: False
    trap: Callable[[RoomEvent], None] = lambda event: None

    def hear(self, event: RoomEvent) -> None:
        self.events.append(event)
        self.trap(event)

    def run(self, plan: Plan, mode: Mode = Mode.MEASURE, resume: Result | None = None) -> Result:
        tools = Tools(self.services.launcher, self.services.descriptions, self.watch)
        watcher = Watcher(self.hear, lambda: self.cancelled())
        return compare(tools, plan, mode, watcher, resume)


@pytest.fixture
def services(home: object) -> Iterator[Services]:
    with compose.services(Paths.default()) as parts:
        yield parts


@pytest.fixture
def tiny(services: Services, tiny_gguf: object) -> Variant:
    (variant,) = services.library.add(tiny_gguf)  # type: ignore[arg-type]
    return variant


@pytest.fixture
def bench(services: Services) -> Bench:
    return Bench(services)


def lane(tiny: Variant, name: str, engine: str = "echo", **knobs: object) -> Lane:
    return Lane(name=name, model=tiny.id, engine=engine, knobs=dict(knobs))  # type: ignore[arg-type]


def plan(*lanes: Lane, blocks: int = 2, **more: object) -> Plan:
    """Short runs without rests: one message, 8 tokens."""
    schedule = Schedule(n_out=8, min_blocks=blocks, max_blocks=blocks, rest_s=0.0)
    fields = {"title": "test", "lanes": lanes, "steps": (ask("one two three"),), "schedule": schedule, "quality": None}
    return Plan(**fields | more)  # type: ignore[arg-type]
