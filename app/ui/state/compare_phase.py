"""What stands on the Compare page: its phase, plan and result, and what can be done with them now."""

from __future__ import annotations

import enum

from PySide6.QtCore import QObject, Signal

from app.lab.compare.events import Moment
from app.lab.compare.plan import Mode, Plan
from app.lab.compare.result import Result, Status
from app.ui.state import compare_plan as plans
from app.ui.state import compare_words
from app.ui.state.cards import Problem
from app.ui.state.compare_lanes import LaneChoices
from app.ui.state.compare_shelf import Card, Item, Shelf
from app.ui.state.model import ModelState
from app.ui.state.ports import Services
from app.ui.state.replay import ReplayState


class Phase(enum.StrEnum):
    """EMPTY teaches; GUESS asks before it runs; READY has a plan; SHOWN has a result; REPLAY plays it."""

    EMPTY = "empty"
    GUESS = "guess"
    READY = "ready"
    RUNNING = "running"
    STOPPING = "stopping"
    SHOWN = "shown"
    REPLAY = "replay"


BUSY = (Phase.RUNNING, Phase.STOPPING)
STILL = (Phase.READY, Phase.SHOWN, Phase.REPLAY)


class Standing(QObject):
    """Read by the page; `CompareState` changes it.

    `changed`: phase, verbs, notices. `plan_changed`: lanes, prompt or schedule. `result_changed`: figures.
    `texts_reset`: all outputs anew. `began(lane, step)`, `grew(lane, step, text, stats)`: answers as they come.
    `moved`: the schedule. `edit_wanted(lane)`: the editor should open on it. `items_changed`: the list."""

    changed = Signal()
    plan_changed = Signal()
    result_changed = Signal()
    texts_reset = Signal()
    began = Signal(int, int)
    grew = Signal(int, int, str, object)
    moved = Signal()
    edit_wanted = Signal(int)
    items_changed = Signal()

    def __init__(self, services: Services, model: ModelState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.model = model
        self.shelf = Shelf(services)
        self.choices = LaneChoices(services, model)
        self.replay = ReplayState(self)
        self.phase = Phase.EMPTY
        self.plan: Plan | None = None
        self.result: Result | None = None
        self.older: Result | None = None  # what was run again
        self.mode = Mode.MEASURE
        self.moment: Moment | None = None
        self.problem: Problem | None = None
        self.current = ""  # the list's line that is open
        self.recorded = False  # what stands there is a shipped run
        self.guess: int | None = None

    @property
    def busy(self) -> bool:
        """True while a comparison runs or is being stopped."""
        return self.phase in BUSY

    @property
    def can_measure(self) -> bool:
        """True if a plan with two lanes and a question stands there and nothing runs."""
        return self.plan is not None and self.phase in STILL and len(self.plan.lanes) > 1 and plans.fits(self.plan)

    @property
    def can_replay(self) -> bool:
        """True if recorded answers stand there."""
        return self.phase in (Phase.SHOWN, Phase.REPLAY) and not self.replay.empty

    @property
    def can_edit(self) -> bool:
        """True while lanes and prompt may be changed."""
        return self.plan is not None and not self.busy

    @property
    def can_go_on(self) -> bool:
        """True if an interrupted or stopped measurement stands there; Quick and Race are simply run again."""
        result = self.result
        if result is None or self.busy or self.recorded:
            return False
        return result.mode is Mode.MEASURE and result.status in (Status.RUNNING, Status.CANCELLED)

    @property
    def stale(self) -> bool:
        """True if the plan was changed since the result was measured."""
        return self.result is not None and self.plan is not None and self.result.plan != self.plan

    @property
    def subject(self) -> str:
        """ "3 lanes · llama.cpp · SmolLM2-135M"."""
        titles = {v.id: v.title for v in self.model.variants}
        if self.result is not None:
            titles |= {made.lane.model: made.title for made in self.result.lanes if made.title}
        return plans.subject(self.plan, titles) if self.plan is not None else ""

    @property
    def guessed(self) -> str:
        """What became of the guess, once there is a result; or ""."""
        if self.guess is None or self.result is None or self.result.plan.guess is None or self.busy:
            return ""
        return compare_words.guessed(self.result.plan.guess, self.guess, self.result)

    def cards(self) -> list[Card]:
        """The recipes."""
        return self.shelf.cards()

    def items(self) -> list[Item]:
        """The list at the left."""
        return self.shelf.items()

    def unfinished(self) -> Item | None:
        """The comparison to go on with, while nothing else stands there."""
        return self.shelf.unfinished() if self.phase is Phase.EMPTY else None
