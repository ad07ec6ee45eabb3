"""The Compare page's state: a plan while it is made, a comparison while it runs, its result when it stands."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from PySide6.QtCore import QObject

from app.errors import TandemError
from app.lab.compare.events import Moment
from app.lab.compare.lane import Lane
from app.lab.compare.plan import Mode, Plan
from app.lab.compare.result import Result
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state import compare_plan as plans
from app.ui.state.cards import Problem, closable, spoilt, still_runs
from app.ui.state.compare_files import Files, problem_of
from app.ui.state.compare_lanes import current_lane
from app.ui.state.compare_phase import Phase, Standing
from app.ui.state.compare_run import Measuring
from app.ui.state.compare_shelf import OWN, RECIPE
from app.ui.state.model import ModelState
from app.ui.state.ports import Services
from engines.errors import EngineError
from engines.knobs import Value


class CompareState(Standing):
    """What a person does on the Compare page, and what comes of it."""

    def __init__(self, services: Services, bridge: Bridge, model: ModelState, parent: QObject | None = None) -> None:
        super().__init__(services, model, parent)
        self.files = Files(bridge, self)
        self.files.changed.connect(self.changed)
        self.files.failed.connect(self._card)
        self.deleted: tuple[str, str] | None = None  # (id, title) of what can be brought back
        self._asked: Plan | None = None  # whose guess was asked last
        self._pending: Callable[[], None] | None = None  # what the guess holds up
        self._measuring = Measuring(services, bridge, self)
        run = self._measuring
        run.began.connect(self.began)
        run.grew.connect(self.grew)
        run.moved.connect(self._moved)
        run.snapped.connect(self._snapped)
        run.done.connect(self._done)
        run.failed.connect(self._failed)
        run.broke.connect(self._broke)

    # --- how a comparison begins --------------------------------------------------------

    def begin(self, lanes: Sequence[Lane], prompt: str = "") -> None:
        """Open with these lanes (two to four) and this message; Chat's “Measure properly” comes here."""
        if not self.busy:
            self._open(plans.from_lanes(lanes, prompt))

    def begin_from_chat(self) -> None:
        """Two lanes as the Chat page is set; the second one is opened for a change."""
        lane = current_lane(self.model)
        if lane is None or self.busy:
            return
        self.begin([lane, lane])
        self.edit_wanted.emit(1)

    def close_comparison(self) -> None:
        """Back to the empty page."""
        if not self.busy:
            self._open(None)

    def open(self, id: str) -> None:
        """A line of the list: an own comparison or a recorded run."""
        if self.busy:
            return
        with self._told():
            recorded = not id.startswith(OWN)
            read = self.shelf.recorded if recorded else self.shelf.own
            result = read(id.removeprefix(RECIPE if recorded else OWN))
            self._forget()
            self._show(result, recorded)
            self.current = id
            self.changed.emit()

    def play_recorded(self, recipe: str) -> None:
        """Show a recipe's recorded run and play it, after its guess."""
        if self.busy:
            return
        with self._told():
            result = self.shelf.recorded(recipe)
            self._forget()

            def play() -> None:
                self._show(result, recorded=True)
                self.current = RECIPE + recipe
                self.start_replay()

            self._ask(result.plan, play)

    def open_recipe(self, recipe: str) -> None:
        """A recipe's plan, ready to run here."""
        if self.busy:
            return
        with self._told():
            self._open(self.shelf.plan(recipe))

    def run_recipe(self, recipe: str) -> None:
        """A recipe here and now, after its guess."""
        self.open_recipe(recipe)
        if self.phase is Phase.READY and self.plan is not None and self.plan.recipe == recipe:
            self.measure()

    def delete(self, id: str) -> None:
        """Put an own comparison away, unless it runs; `undo_delete` brings it back."""
        if self.busy and self.result is not None and id == OWN + self.result.id:
            self._card(still_runs())
            return
        with self._told():
            title = self.shelf.delete(id.removeprefix(OWN))
            if self.current == id and not self.busy:
                self._open(None)
            self.deleted = (id, title)
            self.items_changed.emit()
            self.changed.emit()

    def undo_delete(self) -> None:
        """Bring the last deleted one back, and show it where nothing else stands."""
        if self.deleted is None:
            return
        with self._told():
            gone = self.deleted[0]
            self.shelf.restore(gone.removeprefix(OWN))
            self.deleted = None
            self.items_changed.emit()
            self.changed.emit()
            if self.phase is Phase.EMPTY:
                self.open(gone)

    # --- lanes and prompt ---------------------------------------------------------------

    def add_lane(self) -> None:
        """One more lane, like the last; opened for a change."""
        if self.plan is not None:
            self.duplicate(len(self.plan.lanes) - 1)

    def duplicate(self, index: int) -> None:
        """A copy of a lane, opened for the one change."""
        if self.plan is not None and self.can_edit and not self.plan.full:
            self._set_plan(plans.duplicated(self.plan, index))
            self.edit_wanted.emit(len(self.plan.lanes) - 1)

    def remove(self, index: int) -> None:
        """One lane less."""
        if self.plan is not None and self.can_edit:
            self._set_plan(plans.without(self.plan, index))

    def set_lane(self, index: int, lane: Lane) -> None:
        """A lane as it was edited."""
        if self.plan is not None and self.can_edit and self.plan.lanes[index] != lane:
            self._set_plan(plans.with_lane(self.plan, index, lane))

    def set_knob(self, index: int, name: str, value: Value) -> None:
        """One knob of a lane. What cannot stand beside the others is told and changes nothing."""
        plan = self.plan
        if plan is None or not self.can_edit or self.choices.settings(plan.lanes[index]).get(name) == value:
            return
        try:
            made = plans.with_knob(plan, index, name, value)
        except EngineError as error:
            self.plan_changed.emit()  # the editor shows again what holds
            self._card(closable(tr("That cannot be taken"), error.message, error.hint))
            return
        self._set_plan(made)

    def set_prompt(self, before: str, text: str) -> None:
        """Steps that asked `before` ask `text`."""
        if self.plan is not None and self.can_edit and before != text:
            self._set_plan(plans.with_prompt(self.plan, before, text))

    def set_plan(self, plan: Plan) -> None:
        """The plan with another schedule, depth or title."""
        if self.can_edit and plan != self.plan:
            self._set_plan(plan)

    # --- running ------------------------------------------------------------------------

    def measure(self) -> None:
        """Blocks of fresh loads, until it is decided."""
        self._run(Mode.MEASURE)

    def quick(self) -> None:
        """One load a lane; never decided."""
        self._run(Mode.QUICK)

    def race(self) -> None:
        """All lanes at once: a show."""
        self._run(Mode.RACE)

    def again(self) -> None:
        """What stands there, once more; what moved since is said then."""
        if self.result is not None and not self.busy and self._alone():
            older = self.result
            self._open(older.plan)  # no guess: the answer is known
            self._start(older.plan, older.mode, older=older if older.mode is Mode.MEASURE else None)

    def go_on(self) -> None:
        """Measure what an interruption left out."""
        if self.result is not None and self.can_go_on:
            self._start(self.result.plan, self.result.mode, self.result, self.older)

    def stop(self) -> None:
        """End it; what is done stays."""
        if self.phase is Phase.RUNNING:
            self.phase = Phase.STOPPING
            self._measuring.stop()
            self.changed.emit()

    def answer_guess(self, choice: int | None) -> None:
        """The guess, or None to skip it; what it held up goes on."""
        if self.phase is not Phase.GUESS:
            return
        self.guess = choice
        pending, self._pending = self._pending, None
        self.phase = Phase.READY
        if pending is not None:
            pending()

    def _run(self, mode: Mode) -> None:
        if self.plan is None or not self.can_measure or not self._alone():
            return
        plan = self.plan
        if mode is Mode.RACE:
            self._start(plan, mode)
        else:
            self._ask(plan, lambda: self._start(plan, mode))

    def _ask(self, plan: Plan, then: Callable[[], None]) -> None:
        """The plan's guess before anything else, once for each comparison."""
        self._pending = None
        if plan.guess is None or plan == self._asked:
            then()
            return
        self.guess, self._asked = None, plan
        self.plan, self.result, self.problem = plan, None, None
        self.replay.load(None)
        self._pending = then
        self.phase = Phase.GUESS
        self._announce()

    def _alone(self) -> bool:
        """False, and said, while a file is written: two programs would share the machine."""
        if self.files.busy:
            self._card(spoilt())
        return not self.files.busy

    def _start(self, plan: Plan, mode: Mode, resume: Result | None = None, older: Result | None = None) -> None:
        if not self._alone():
            return
        self.plan, self.mode, self.result, self.older = plan, mode, resume, older
        self.problem, self.moment, self.recorded = None, None, False
        self.replay.load(None)
        self.phase = Phase.RUNNING
        self._announce()
        self._measuring.start(plan, mode, resume)

    def _moved(self, moment: Moment) -> None:
        self.moment = moment
        self.moved.emit()

    def _snapped(self, result: Result) -> None:
        self.result = result
        self.result_changed.emit()

    def _done(self, result: Result) -> None:
        self._show(result, recorded=False)
        self.current = OWN + result.id
        self.items_changed.emit()
        self.changed.emit()

    def _failed(self, error: TandemError | EngineError) -> None:
        self.problem = problem_of(error)
        self._broke()

    def _broke(self) -> None:
        """It ended without a result: what was found stays."""
        self.phase = Phase.SHOWN if self.result is not None else Phase.READY
        self.replay.load(self.result)
        self._announce()
        self.items_changed.emit()

    # --- replay -------------------------------------------------------------------------

    def start_replay(self) -> None:
        """Play all lanes together from the start."""
        if self.can_replay:
            self.phase = Phase.REPLAY
            self.replay.seek(0.0)
            self.replay.play()
            self.changed.emit()

    def end_replay(self) -> None:
        """Back to the outputs as they stand."""
        if self.phase is Phase.REPLAY:
            self.replay.pause()
            self.phase = Phase.SHOWN
            self.changed.emit()
            self.texts_reset.emit()

    def toggle_replay(self) -> None:
        """The verb Replay."""
        if self.phase is Phase.REPLAY:
            self.end_replay()
        else:
            self.start_replay()

    # --- the rest -----------------------------------------------------------------------

    @property
    def notice(self) -> tuple[str, str, str]:
        """(words, action id, words on its button) of the line above the page."""
        if self.files.busy:
            return self.files.notice, "cancel", tr("Cancel")
        if self.deleted is not None:
            title = self.deleted[1] or tr("The comparison")
            return tr("“{title}” was deleted.", title=title), "undo_delete", tr("Undo")
        return self.files.notice, "", ""

    def close(self) -> None:
        """At shutdown."""
        self.files.close()
        self.replay.close()
        self._measuring.close()

    def dismiss(self) -> None:
        """Away with the error card."""
        self.problem = None
        self.changed.emit()

    def refuse(self, words: str) -> None:
        """Say why what a person gave cannot be taken."""
        self._card(closable(tr("That cannot be taken"), words, ""))

    def _show(self, result: Result, recorded: bool) -> None:
        self.plan, self.result, self.mode, self.recorded = result.plan, result, result.mode, recorded
        self.problem, self.moment = None, None
        self.replay.load(result)
        self.phase = Phase.SHOWN
        self._announce()

    def _open(self, plan: Plan | None) -> None:
        self.plan, self.result, self.current, self.recorded = plan, None, "", False
        self.problem, self.moment = None, None
        self._forget()
        self.files.forget()
        self.replay.load(None)
        self.phase = Phase.READY if plan is not None else Phase.EMPTY
        self._announce()

    def _forget(self) -> None:
        """A guess and an older run belong to one comparison; the offer to undo ends where another begins."""
        self.guess, self.older, self.deleted = None, None, None
        self._asked, self._pending = None, None

    def _set_plan(self, plan: Plan) -> None:
        """An edited plan is a new comparison: what was measured belongs to the old one."""
        gone = self.result is not None or self.phase is Phase.GUESS
        if gone:
            self._open(plan)
        else:
            self.plan, self.problem = plan, None
            self.plan_changed.emit()
            self.changed.emit()

    def _announce(self) -> None:
        self.plan_changed.emit()
        self.texts_reset.emit()
        self.result_changed.emit()
        self.moved.emit()
        self.changed.emit()

    def _card(self, problem: Problem) -> None:
        self.problem = problem
        self.changed.emit()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What a person can act on becomes the page's error card."""
        self.problem = None
        try:
            yield
        except (TandemError, EngineError) as error:
            self._card(problem_of(error))
