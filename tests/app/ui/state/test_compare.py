"""The Compare page's state against a scripted engine room: no widgets."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from PySide6.QtCore import QCoreApplication, QDeadlineTimer
from pytestqt.qtbot import QtBot

from app.errors import TandemError
from app.lab.compare.events import Began, Delta, Moment, Snapshot, Watcher
from app.lab.compare.plan import Mode, Plan
from app.lab.compare.result import Result, Status
from app.store import ExperimentRecord
from app.ui.program import Program
from app.ui.state.compare import CompareState
from app.ui.state.compare_files import Progress
from app.ui.state.compare_phase import Phase
from engines import registry
from engines.knobs import Value
from engines.spec import Task
from tests import comparisons
from tests.fakes import FakeServices


@pytest.fixture
def program(qapp: object, services: FakeServices) -> Iterator[Program]:
    made = Program(services, registry.visible(Task.CHAT))
    yield made
    made.close()


@pytest.fixture
def state(program: Program) -> CompareState:
    return program.compare


def until(done: Callable[[], bool]) -> None:
    """Let Qt deliver until `done`."""
    limit = QDeadlineTimer(10_000)
    while not done():
        assert not limit.hasExpired(), "it never came"
        QCoreApplication.processEvents()


def keep(services: FakeServices, status: str = "done", **more: object) -> Result:
    result = comparisons.result(status=Status(status), **more)  # type: ignore[arg-type]
    services.store.save_experiment(
        ExperimentRecord(id=result.id, title=result.plan.title, status=status, plan=msgspec.to_builtins(result.plan),
                         result=msgspec.to_builtins(result), created=result.created)
    )  # fmt: skip
    return result


def test_it_begins_empty_and_from_chat_with_two_lanes(state: CompareState) -> None:
    assert state.phase is Phase.EMPTY
    state.model.set_knob("n_threads", 2)
    asked: list[int] = []
    state.edit_wanted.connect(asked.append)
    state.begin_from_chat()
    assert state.phase is Phase.READY
    assert state.plan is not None
    assert [lane.knobs for lane in state.plan.lanes] == [{"n_threads": 2}] * 2
    assert state.plan.lanes[0].variant == "q4_1"
    assert len({lane.name for lane in state.plan.lanes}) == 2
    assert asked == [1]


def test_chat_can_hand_over_its_lanes(state: CompareState) -> None:
    state.begin(comparisons.lanes(2), "What is a lane?")
    assert state.plan is not None
    assert [lane.name for lane in state.plan.lanes] == ["f16", "q8_0"]
    assert state.plan.steps[0].request.messages[-1].content == "What is a lane?"
    assert state.can_measure


def test_a_duplicate_is_changed_in_one_knob_and_named_by_it(state: CompareState) -> None:
    state.begin(comparisons.lanes(2))
    state.duplicate(0)
    state.set_knob(2, "type_k", "q5_1")
    assert state.plan is not None
    assert [lane.name for lane in state.plan.lanes] == ["f16", "q8_0", "q5_1"]
    state.duplicate(0)
    state.duplicate(0)
    assert len(state.plan.lanes) == 4
    state.remove(3)
    assert len(state.plan.lanes) == 3


@pytest.mark.parametrize(("name", "value"), [("type_k", "q99"), ("type_v", "q8_0"), ("nonsense", 1)])
def test_a_knob_that_does_not_fit_is_told_and_changes_nothing(state: CompareState, name: str, value: Value) -> None:
    state.begin(comparisons.lanes(2))
    state.set_knob(1, "flash_attn", "off")  # with a quantized V cache it cannot be off
    before, shown = state.plan, []
    state.plan_changed.connect(lambda: shown.append(state.plan))
    state.set_knob(1, name, value)
    assert state.plan == before
    assert shown == [before]
    assert state.problem is not None
    assert state.problem.message
    state.set_knob(1, "n_threads", 1)
    assert state.problem is None


def test_a_knob_at_its_own_value_keeps_the_result(state: CompareState, services: FakeServices) -> None:
    kept = keep(services)
    state.open(f"own:{kept.id}")
    state.set_knob(0, "type_k", "f16")  # the default, which the lane does not write down
    state.set_knob(1, "type_k", "q8_0")
    assert state.result == kept
    state.set_knob(1, "type_k", "q5_1")
    assert state.result is None


def test_a_measured_comparison_tells_everything_in_order(state: CompareState, services: FakeServices) -> None:
    done = comparisons.result()

    def script(plan: Plan, mode: Mode, watcher: Watcher) -> Result:
        half = replace(done, status=Status.RUNNING, blocks=2)
        watcher.event(Began(0, 0))
        for piece in ("one ", "two ", "three"):
            watcher.event(Delta(0, 0, piece, {"decode_tok_s": 80.0}))
        for block in (1, 2, 3):
            watcher.event(Moment("speed", "run", block=block, blocks=5, lane=0))
            watcher.event(Snapshot(replace(half, blocks=block)))
        return done

    services.script = script
    told: list[object] = []
    state.began.connect(lambda lane, step: told.append(("began", lane, step)))
    state.grew.connect(lambda lane, step, text, stats: told.append(text))
    state.moved.connect(lambda: told.append(state.moment and state.moment.block))
    state.begin(comparisons.lanes(3))
    told.clear()
    state.measure()
    assert state.phase is Phase.RUNNING
    assert not state.can_measure
    until(lambda: not state.busy)
    assert state.phase is Phase.SHOWN
    assert state.result == done
    assert ("began", 0, 0) in told
    assert "".join(text for text in told if isinstance(text, str)) == "one two three"
    assert services.compared[0][1] is Mode.MEASURE
    assert state.can_replay


def test_what_comes_within_a_frame_is_told_once(state: CompareState, services: FakeServices) -> None:
    blocks: list[int] = []
    pieces: list[str] = []
    done = comparisons.result()
    spoken = threading.Event()

    def script(plan: Plan, mode: Mode, watcher: Watcher) -> Result:
        for block in range(1, 6):
            watcher.event(Snapshot(replace(done, blocks=block)))
            watcher.event(Delta(1, 0, "x"))
        spoken.set()
        return done

    services.script = script
    state.begin(comparisons.lanes(2))
    state.result_changed.connect(lambda: blocks.append(state.result.blocks if state.result else 0))
    state.grew.connect(lambda lane, step, text, stats: pieces.append(text))
    state.quick()
    assert spoken.wait(5)
    until(lambda: not state.busy)
    assert pieces == ["xxxxx"]
    assert 1 not in blocks
    assert 5 in blocks


@pytest.mark.parametrize("mode", list(Mode))
def test_stop_keeps_what_is_done_and_only_a_measurement_goes_on(
    state: CompareState, services: FakeServices, mode: Mode
) -> None:
    asked = threading.Event()

    def script(plan: Plan, mode: Mode, watcher: Watcher) -> Result:
        assert asked.wait(5)
        return comparisons.result(mode=mode, status=Status.CANCELLED if watcher.cancelled() else Status.DONE)

    services.script = script
    state.begin(comparisons.lanes(2))
    {Mode.MEASURE: state.measure, Mode.QUICK: state.quick, Mode.RACE: state.race}[mode]()
    state.stop()
    asked.set()
    assert state.phase is Phase.STOPPING
    until(lambda: not state.busy)
    assert state.result is not None
    assert state.result.status is Status.CANCELLED
    assert state.can_go_on is (mode is Mode.MEASURE)


def test_an_error_is_a_card_and_the_plan_stays(state: CompareState, services: FakeServices) -> None:
    def script(plan: Plan, mode: Mode, watcher: Watcher) -> Result:
        raise TandemError("no_variant", "The model is gone.", "Install it again.")

    services.script = script
    state.begin(comparisons.lanes(2))
    state.measure()
    until(lambda: not state.busy)
    assert state.phase is Phase.READY
    assert state.problem is not None
    assert state.problem.hint == "Install it again."
    state.dismiss()
    assert state.problem is None


def test_an_interrupted_comparison_goes_on_with_what_it_has(state: CompareState, services: FakeServices) -> None:
    kept = keep(services, "running")
    services.script = lambda plan, mode, watcher: comparisons.result()
    item = state.unfinished()
    assert item is not None
    state.open(item.id)
    assert state.can_go_on
    state.go_on()
    until(lambda: not state.busy)
    assert services.compared[0][2] == kept


def test_only_an_interrupted_measurement_is_offered(state: CompareState, services: FakeServices) -> None:
    keep(services, "running", id="measured")
    keep(services, "running", id="quick", mode=Mode.QUICK)
    item = state.unfinished()
    assert item is not None
    assert item.id == "own:measured"


def test_a_go_on_that_fails_leaves_what_was_there(state: CompareState, services: FakeServices) -> None:
    kept = keep(services, "running")

    def script(plan: Plan, mode: Mode, watcher: Watcher) -> Result:
        raise TandemError("no_variant", "The model is gone.", "Install it again.")

    services.script = script
    state.open(f"own:{kept.id}")
    state.go_on()
    until(lambda: not state.busy)
    assert state.phase is Phase.SHOWN
    assert state.result == kept
    assert state.can_replay


def test_run_again_remembers_the_older_run(state: CompareState, services: FakeServices) -> None:
    kept = keep(services)
    services.script = lambda plan, mode, watcher: comparisons.result(id="newer")
    state.open(f"own:{kept.id}")
    state.again()
    until(lambda: not state.busy)
    assert state.older == kept
    assert state.result is not None
    assert state.result.id == "newer"
    state.race()
    until(lambda: not state.busy)
    assert state.older is None


def test_an_older_run_and_a_guess_stay_with_their_comparison(recorded: Result, program: Program) -> None:
    state, services = program.compare, program.services
    assert isinstance(services, FakeServices)
    other = keep(services, id="other", plan=comparisons.expecting())
    services.script = lambda plan, mode, watcher: comparisons.result(id="newer")
    state.open("own:other")
    state.again()
    until(lambda: not state.busy)
    assert state.older == other
    state.play_recorded("kv-types")
    state.answer_guess(1)
    assert state.guessed
    assert state.older is None
    state.end_replay()
    state.open("own:other")
    assert state.guessed == ""
    state.play_recorded("kv-types")
    assert state.phase is Phase.GUESS


def test_an_edit_leaves_the_old_result_in_the_list(state: CompareState, services: FakeServices) -> None:
    kept = keep(services)
    state.open(f"own:{kept.id}")
    state.set_prompt("Go on.", "Stop.")
    assert state.phase is Phase.READY
    assert state.result is None
    assert [item.id for item in state.items() if item.id.startswith("own:")] == [f"own:{kept.id}"]
    state.delete(f"own:{kept.id}")
    assert [item for item in state.items() if item.id.startswith("own:")] == []
    assert state.phase is Phase.READY


def test_a_deleted_comparison_can_be_brought_back(state: CompareState, services: FakeServices) -> None:
    kept = keep(services)
    state.open(f"own:{kept.id}")
    state.delete(f"own:{kept.id}")
    assert state.phase is Phase.EMPTY
    assert state.notice == ("“K cache: f16, q8_0, q4_0” was deleted.", "undo_delete", "Undo")
    state.undo_delete()
    assert state.result == kept
    assert state.notice == ("", "", "")
    assert [item.id for item in state.items() if item.id.startswith("own:")] == [f"own:{kept.id}"]
    state.delete("own:none")
    assert state.problem is not None
    assert state.result == kept


def test_the_comparison_that_runs_is_not_deleted(state: CompareState, services: FakeServices) -> None:
    kept, other, go = keep(services, "running"), keep(services, id="other"), threading.Event()

    def script(plan: Plan, mode: Mode, watcher: Watcher) -> Result:
        assert go.wait(5)
        return comparisons.result()

    services.script = script
    state.open(f"own:{kept.id}")
    state.go_on()
    state.delete(f"own:{kept.id}")
    assert state.problem is not None
    state.delete(f"own:{other.id}")
    assert [item.id for item in state.items() if item.id.startswith("own:")] == [f"own:{kept.id}"]
    assert state.busy
    go.set()
    until(lambda: not state.busy)
    assert state.notice[1] == "undo_delete"


def test_a_comparison_of_another_version_is_told_in_words(state: CompareState, services: FakeServices) -> None:
    services.store.save_experiment(ExperimentRecord(id="old", title="Old", status="done", result={"id": 7}))
    state.open("own:old")
    assert state.problem is not None
    assert "another version" in state.problem.message
    state.open("own:none")
    assert state.problem is not None
    assert state.phase is Phase.EMPTY


@pytest.fixture
def recorded(services: FakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    """The real resources with one recorded run, whose plan has a guess."""
    real = services.paths.resources
    folder = tmp_path / "resources"
    folder.mkdir()
    for entry in real.iterdir():
        if entry.name != "replays":
            (folder / entry.name).symlink_to(entry)
    shutil.copytree(real / "replays", folder / "replays", ignore=shutil.ignore_patterns("compare-*"))
    made = comparisons.result(plan=comparisons.expecting())
    (folder / "replays" / "compare-kv-types.json").write_bytes(msgspec.json.encode(made))
    monkeypatch.setattr(type(services.paths), "resources", folder)
    return made


def test_a_recorded_run_needs_no_model_and_asks_first(recorded: Result, program: Program) -> None:
    state = program.compare
    card = next(card for card in state.cards() if card.id == "kv-types")
    assert card.recorded
    assert [item.title for item in state.items() if item.id == "recipe:kv-types"] == [card.title]
    state.play_recorded("kv-types")
    assert state.phase is Phase.GUESS
    state.answer_guess(1)
    assert state.phase is Phase.REPLAY
    assert state.replay.playing
    assert state.recorded
    assert state.guessed == "You said “q4_0”; measured: “f16”. It went otherwise here."
    state.toggle_replay()
    assert state.phase is Phase.SHOWN
    assert not state.can_go_on


def test_a_guess_can_be_skipped(recorded: Result, program: Program) -> None:
    state = program.compare
    state.play_recorded("kv-types")
    state.answer_guess(None)
    assert state.phase is Phase.REPLAY
    assert state.guessed == ""


def test_a_recipe_runs_here(program: Program, services: FakeServices) -> None:
    state = program.compare
    services.script = lambda plan, mode, watcher: comparisons.result(plan=plan, cells=(), lanes=(), runs=(), loads=())
    state.run_recipe("threads")
    if state.phase is Phase.GUESS:
        state.answer_guess(None)
    until(lambda: not state.busy)
    assert services.compared[0][0].recipe == "threads"
    state.begin(comparisons.lanes(2))
    state.run_recipe("nothing")
    assert state.problem is not None
    assert state.phase is Phase.READY
    assert len(services.compared) == 1


def test_files_are_written_in_a_thread_and_their_errors_told(
    state: CompareState, services: FakeServices, tmp_path: Path
) -> None:
    kept = keep(services)
    state.open(f"own:{kept.id}")
    assert state.result is not None
    path = tmp_path / "report.md"
    state.files.write("The report", lambda result, to, _p, _c: to.write_text(result.id), state.result, path)
    until(lambda: not state.files.busy)
    assert path.read_text() == kept.id
    assert str(path) in state.files.notice
    lost = tmp_path / "none" / "report.md"
    state.files.write("The report", lambda result, to, _p, _c: to.write_text("x"), state.result, lost)
    until(lambda: not state.files.busy)
    assert state.problem is not None
    assert "report.md cannot be written" in state.problem.message


def test_nothing_is_measured_while_a_file_is_written(
    state: CompareState, services: FakeServices, tmp_path: Path
) -> None:
    kept, go = keep(services, "cancelled"), threading.Event()
    services.script = lambda plan, mode, watcher: comparisons.result()
    state.open(f"own:{kept.id}")
    state.files.write("The film", lambda result, to, _p, _c: go.wait(5), kept, tmp_path / "a.mp4")
    for start in (state.measure, state.quick, state.race, state.again, state.go_on):
        state.dismiss()
        start()
        assert state.problem is not None
        assert state.problem.message == "It would spoil the figures."
        assert state.result == kept
    assert services.compared == []
    go.set()
    until(lambda: not state.files.busy)
    state.quick()
    until(lambda: not state.busy)
    assert len(services.compared) == 1


def test_a_film_says_whole_per_cents_and_leaves_the_rest_of_the_page(state: CompareState, tmp_path: Path) -> None:
    changed, said = [], []
    state.changed.connect(lambda: changed.append(1))
    state.files.said.connect(lambda: said.append(state.notice[0]))

    def film(_result: Result, _to: Path, progress: Progress, _cancelled: Callable[[], bool]) -> None:
        for picture in range(1, 1001):
            progress(picture / 1000)

    state.files.write("The film", film, comparisons.result(), tmp_path / "a.mp4")
    until(lambda: not state.files.busy)
    assert len(changed) == 2
    assert len(said) <= 101
    assert "The film is being written… 40\N{NO-BREAK SPACE}%" in said


def test_a_bug_while_a_file_is_written_ends_it(state: CompareState, tmp_path: Path, qtbot: QtBot) -> None:
    def broken(_result: Result, _to: Path, _progress: Progress, _cancelled: Callable[[], bool]) -> None:
        raise RuntimeError("a bug")

    with qtbot.captureExceptions() as seen:
        state.files.write("The report", broken, comparisons.result(), tmp_path / "a.html")
        until(lambda: not state.files.busy)
    assert [str(error) for _, error, _ in seen] == ["a bug"]
    assert state.files.notice == "The report could not be written."


def test_closing_ends_a_comparison(services: FakeServices, qapp: object) -> None:
    ended = threading.Event()

    def script(plan: Plan, mode: Mode, watcher: Watcher) -> Result:
        while not watcher.cancelled():
            threading.Event().wait(0.001)
        ended.set()
        return comparisons.result()

    services.script = script
    program = Program(services, registry.visible(Task.CHAT))
    program.compare.begin(comparisons.lanes(2))
    program.compare.measure()
    assert not program.idle
    program.close()
    assert ended.is_set()
