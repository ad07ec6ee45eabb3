"""The Compare page: widgets laid out and bound to `CompareState`."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QStackedLayout, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.lab.compare import lane as lanes
from app.lab.compare.result import Result
from app.lab.report import moved
from app.ui.commands import Commands
from app.ui.compare.bar import CompareBar
from app.ui.compare.lane_editor import LaneEditor
from app.ui.compare.lesson import GuessView, Lesson
from app.ui.compare.listing import ComparisonList
from app.ui.compare.middle import EDGE, Middle
from app.ui.compare.reports import Reports
from app.ui.compare.verbs import verbs
from app.ui.frame.bones import Bones
from app.ui.frame.notices import Notices
from app.ui.language import tr
from app.ui.program import Program
from app.ui.state import compare_plan, compare_table, compare_words
from app.ui.state.compare import CompareState
from app.ui.state.compare_phase import Phase
from app.ui.theme import Theme
from app.ui.widgets.schedule_strip import ScheduleStrip

PAGE = "compare"
MIDDLE_LEAST = 1000
"""Lanes need width: the list folds by itself in a window narrower than this and itself."""

STARTS = ("measure", "quick", "race", "again", "go_on")
"""Verbs after which nothing can be edited for a while."""


class ComparePage(QWidget):
    """Shows what its state says and passes on what a person does; decides nothing."""

    def __init__(self, theme: Theme, glossary: Glossary, state: CompareState) -> None:
        super().__init__()
        self._theme, self.state = theme, state
        self.lane = 0  # the one in the editor
        self.bar = CompareBar(theme)
        self.list = ComparisonList(theme)
        self.lesson = Lesson(theme)
        self.guess = GuessView(theme)
        self.middle = Middle(theme, glossary, state.replay, PAGE)
        self.notices = Notices(theme, PAGE)
        self.editor = LaneEditor(theme, glossary)
        self.strip = ScheduleStrip(theme)
        self.reports = Reports(self, theme, state, self.bar.report_menu)
        self.bones = Bones(theme, self.bar, self._pages(), self.strip, self.list, self.editor, MIDDLE_LEAST)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.bones)
        self._bind_state()
        self._bind_widgets()
        self._show_items()
        self._show_plan()
        self._show_result()
        self._show_texts()
        self.refresh()

    # --- what the state says ------------------------------------------------------------

    def refresh(self) -> None:
        """Phase, verbs, notices, strip."""
        state = self.state
        page = {Phase.EMPTY: 0, Phase.GUESS: 1}.get(state.phase, 2)
        if page == 0 and self._stack.currentIndex() != page:
            self._show_lesson()
        elif page == 1 and state.plan is not None:
            self.guess.show_plan(state.plan)
        self._stack.setCurrentIndex(page)
        title = state.plan.title if state.plan is not None else tr("Compare")
        self.bar.show_title(title, state.subject)
        self.bar.show_verbs(*verbs(state))
        self.bar.say("replay", tr("End replay") if state.phase is Phase.REPLAY else tr("Replay"))
        self.bar.inspector.setVisible(page == 2)
        if page != 2:
            self._close_editor()
        self._show_notices()
        result = state.result
        table = result is not None and bool(self.middle.table.rows.table.rows)
        replay = state.phase is Phase.REPLAY
        live = state.busy or replay
        verdict = result is not None and bool(result.sentence) and not live
        self.middle.show_parts(table, verdict, replay, live)
        self._show_moment()

    def _show_notices(self) -> None:
        """The error card, and one line; no room for them while there is none."""
        words, action, button = self.state.notice
        self.notices.show_problem(self.state.problem)
        self.notices.show_words(words, action, button)
        self._above.setVisible(self.state.problem is not None or bool(words))

    def _show_lesson(self) -> None:
        """It reads the store: only where it comes in view, or the list has changed."""
        state = self.state
        self._show_start()
        self.lesson.show_unfinished(state.unfinished())
        self.lesson.show_recipes(state.cards())

    def _show_start(self) -> None:
        model = self.state.model
        self.lesson.show_start(model.title if model.variant is not None else "")

    def _show_items(self) -> None:
        self.list.set_items(self.state.items(), self.state.current)
        if self.state.phase is Phase.EMPTY:
            self._show_lesson()

    def _show_plan(self) -> None:
        state = self.state
        plan = state.plan
        words = compare_plan.schedule_words(plan, state.mode) if plan is not None else ""
        self.middle.prompt.show_plan(plan, words, state.can_edit)
        self.middle.outputs.show_lanes(plan, state.result, state.can_edit)
        self._show_editor()

    def _show_editor(self) -> None:
        state, plan = self.state, self.state.plan
        self.editor.setEnabled(state.can_edit)
        if plan is None or not plan.lanes:
            return
        self.lane = min(self.lane, len(plan.lanes) - 1)
        lane, choices = plan.lanes[self.lane], state.choices
        differs = tr("the reference: the others are compared with it")
        if self.lane:
            differs = lanes.words(lanes.differences(lane, plan.lanes[0]))
        spec = choices.spec(lane)
        self.editor.show_lane(self.lane, lane, differs, spec, choices.settings(lane), choices.knob_states(lane))
        chosen = (lane.model, lane.variant, lane.engine)
        self.editor.show_picks(choices.models(), choices.variants(lane), choices.engines(), chosen)

    def _show_result(self) -> None:
        state, middle = self.state, self.middle
        result = state.result
        table = compare_table.Table()
        if result is not None:
            table = compare_table.build(result, middle.table.all.isChecked())
            found = moved(state.older, result) if state.older is not None and not state.busy else ()
            others = [state.guessed, *compare_words.noted(result), compare_words.since(found)]
            trust, outcomes = compare_words.provenance(result), compare_words.outcomes(result)
            middle.verdict.show_verdict(result.sentence, trust, outcomes, others)
        middle.table.set_table(table)
        middle.outputs.show_lanes(state.plan, result, state.can_edit)
        middle.outputs.show_problems(result)
        self.refresh()

    def _show_texts(self) -> None:
        result = self.state.result
        if result is not None and any(lane.tracks for lane in result.lanes):
            self.middle.outputs.show_texts(result, self.middle.prompt.step.currentIndex())
        else:
            self.middle.outputs.clear()

    def _show_moment(self) -> None:
        state, strip, result = self.state, self.strip, self.state.result
        if state.busy:
            self._show_running()
        elif result is not None:
            self._show_ended(result)
        elif state.plan is not None and state.phase is Phase.READY:
            strip.say("ready", words=self._ready_words())
            strip.set_progress(None)
        else:
            strip.say(tr("nothing is compared yet") if state.plan is None else tr("ready when you have guessed"))
            strip.set_progress(None)

    def _show_running(self) -> None:
        state, moment, result = self.state, self.state.moment, self.state.result
        repeated = (
            tr("{repeated:,} repeated", repeated=result.repeated) if result is not None and result.repeated else ""
        )
        if state.phase is Phase.STOPPING:
            self.strip.say("stopping", words=tr("What is done is kept."))
        elif moment is None:
            self.strip.say("starting", words=tr("The first lane is being loaded."))
        else:
            self.strip.say(compare_words.place(moment), compare_words.left(moment), compare_words.doing(moment))
        if moment is None or moment.phase != "loading":  # a load's own share says nothing of the whole
            self.strip.set_progress(moment.fraction if moment is not None else None, repeated)

    def _show_ended(self, result: Result) -> None:
        recorded = self.state.recorded
        place = tr("recorded run") if recorded else compare_words.ended(result)
        self.strip.say(place, words=compare_words.summary(result))
        machine = str(result.machine.get("cpu", "")) if recorded else ""
        self.strip.set_progress(1.0 if not recorded else None, machine)

    def _ready_words(self) -> str:
        plan = self.state.plan
        if plan is None or len(plan.lanes) < 2:
            return tr("Add a second lane to compare with.")
        same = [lane.name for lane in plan.lanes[1:] if not lanes.differences(lane, plan.lanes[0])]
        if same:
            return tr("A lane is the same as the reference: change one of its settings, or measure the noise floor.")
        return compare_words.minutes(plan) or tr("Quick shows first figures; Measure decides.")

    # --- while it runs ------------------------------------------------------------------

    def _began(self, lane: int, step: int) -> None:
        self.middle.outputs.begin(lane)
        self.middle.prompt.show_step(step)

    def _replayed(self, _t: float) -> None:
        if self.state.phase is Phase.REPLAY:
            moments = self.state.replay.moments()
            self.middle.outputs.show_moments(moments)
            self.middle.prompt.show_step(min((moment.step for moment in moments), default=0))

    # --- what a person does -------------------------------------------------------------

    def act(self, verb: str) -> None:
        """Do what a button of the bar, or of the error card, says."""
        state = self.state
        self.middle.prompt.commit()
        if verb in STARTS:
            self._close_editor()
        table: dict[str, Callable[[], object]] = {
            "add_lane": state.add_lane, "race": state.race, "quick": state.quick, "replay": state.toggle_replay,
            "again": state.again, "go_on": state.go_on, "measure": state.measure, "stop": state.stop,
            "dismiss": state.dismiss, "cancel": state.files.cancel, "undo_delete": state.undo_delete,
        }  # fmt: skip
        table[verb]()

    def edit_lane(self, index: int, search: bool = False) -> None:
        """Open the editor on a lane. search: with the cursor in the search of its knobs."""
        self.lane = index
        self._show_editor()
        self.middle.outputs.choose(index)
        if not self.bones.is_shown("inspector"):
            self.bones.toggle("inspector")
        if search:
            self.editor.search()

    def _close_editor(self) -> None:
        if self.bones.is_shown("inspector"):
            self.bones.toggle("inspector")

    def _remove(self, index: int) -> None:
        if index < self.lane:
            self.lane -= 1  # the editor stays on its lane
        self.state.remove(index)

    def _rename(self, name: str) -> None:
        plan = self.state.plan
        if plan is not None and name:
            self.state.set_lane(self.lane, replace(plan.lanes[self.lane], name=name))

    def _set_model(self, model: str) -> None:
        if self.state.plan is not None:
            lane = self.state.plan.lanes[self.lane]
            self.state.set_lane(self.lane, self.state.choices.with_model(lane, model))

    def _set_variant(self, variant: str) -> None:
        if self.state.plan is not None:
            lane = self.state.plan.lanes[self.lane]
            self.state.set_lane(self.lane, self.state.choices.with_variant(lane, variant))

    def _set_engine(self, engine: str) -> None:
        if self.state.plan is not None:
            lane = self.state.plan.lanes[self.lane]
            self.state.set_lane(self.lane, self.state.choices.with_engine(lane, engine))

    def _go_on(self, id: str) -> None:
        self.state.open(id)
        self.state.go_on()

    def _flash(self, cell: str) -> None:
        self.middle.table.flash(cell)
        self.middle.fit()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802  Qt's name
        """Nobody looks: a replay waits."""
        super().hideEvent(event)
        self.state.replay.pause()

    def _grew(self, lane: int, _step: int, text: str, stats: dict[str, float]) -> None:
        self.middle.outputs.grow(lane, text, stats)

    def _edit_wanted(self, lane: int) -> None:
        self.edit_lane(lane, search=True)

    # --- wiring -------------------------------------------------------------------------

    def _bind_state(self) -> None:
        state = self.state
        state.changed.connect(self.refresh)
        state.plan_changed.connect(self._show_plan)
        state.result_changed.connect(self._show_result)
        state.texts_reset.connect(self._show_texts)
        state.moved.connect(self._show_moment)
        state.began.connect(self._began)
        state.grew.connect(self._grew)
        state.items_changed.connect(self._show_items)
        state.edit_wanted.connect(self._edit_wanted)
        state.replay.moved.connect(self._replayed)
        state.files.said.connect(self._show_notices)
        state.model.changed.connect(self._show_start)

    def _bind_widgets(self) -> None:
        state, middle, editor = self.state, self.middle, self.editor
        self.bar.fold.connect(self.bones.toggle)
        self.bar.asked.connect(self.act)
        self.list.chosen.connect(state.open)
        self.list.created.connect(state.close_comparison)
        self.list.deleted.connect(state.delete)
        self.lesson.began.connect(state.begin_from_chat)
        self.lesson.played.connect(state.play_recorded)
        self.lesson.ran.connect(state.run_recipe)
        self.lesson.opened.connect(state.open)
        self.lesson.went_on.connect(self._go_on)
        self.guess.answered.connect(lambda choice: state.answer_guess(choice if choice >= 0 else None))
        self.notices.action.connect(self.act)
        middle.prompt.asked.connect(state.set_prompt)
        middle.prompt.planned.connect(state.set_plan)
        middle.prompt.step_chosen.connect(middle.outputs.set_step)
        middle.prompt.unreadable.connect(state.refuse)
        middle.outputs.duplicate.connect(state.duplicate)
        middle.outputs.edit.connect(self.edit_lane)
        middle.outputs.remove.connect(self._remove)
        middle.table.everything.connect(self._show_result)
        middle.verdict.asked.connect(self._flash)
        editor.renamed.connect(self._rename)
        editor.model_chosen.connect(self._set_model)
        editor.variant_chosen.connect(self._set_variant)
        editor.engine_chosen.connect(self._set_engine)
        editor.knob_changed.connect(lambda name, value: state.set_knob(self.lane, name, value))
        editor.closed.connect(self._close_editor)

    def _pages(self) -> QWidget:
        px = self._theme.px
        self._above = QWidget()
        above = QVBoxLayout(self._above)
        above.setContentsMargins(px(EDGE), px(12), px(EDGE), 0)
        above.addWidget(self.notices)
        pages = QWidget()
        self._stack = QStackedLayout(pages)
        for page in (self.lesson, self.guess, self.middle):
            self._stack.addWidget(page)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._above)
        column.addWidget(pages, 1)
        return middle


def build(theme: Theme, program: Program, _commands: Commands) -> ComparePage:
    """The page, with its sides folded as they were left; the editor is folded at first."""
    page = ComparePage(theme, program.services.glossary, program.compare)
    for side, shown in (("left", True), ("inspector", False)):
        page.bones.set_wanted(side, program.kept.get(f"{PAGE}.show_{side}", shown))
    page.bones.folded.connect(lambda side, shown: program.kept.set(f"{PAGE}.show_{side}", shown))
    return page
