"""The Compare page in the real window, over a scripted engine room."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import msgspec
import pytest
from msgspec.structs import replace
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from app.lab.compare.events import Began, Delta, Moment, Watcher
from app.lab.compare.plan import Mode, Plan
from app.lab.compare.result import Phrase, Result, Status
from app.store import ExperimentRecord
from app.ui import theme as themes
from app.ui.pages.compare import ComparePage
from app.ui.program import Program
from app.ui.state.compare_phase import Phase
from app.ui.window import MainWindow
from engines import registry
from engines.spec import Task
from tests import comparisons
from tests.fakes import FakeServices


@pytest.fixture
def program(qapp: object, services: FakeServices) -> Iterator[Program]:
    made = Program(services, registry.visible(Task.CHAT))
    yield made
    made.close()


@pytest.fixture
def window(qtbot: QtBot, qapp: QApplication, program: Program) -> MainWindow:
    made = MainWindow(themes.install(qapp, "light"), program)
    qtbot.addWidget(made)
    made.resize(1280, 800)
    made.show()
    made.show_page("compare")
    settle()
    return made


@pytest.fixture
def page(window: MainWindow) -> ComparePage:
    made = window.page("compare")
    assert isinstance(made, ComparePage)
    return made


def settle() -> None:
    for _ in range(3):
        QApplication.processEvents()


def put(page: ComparePage, services: FakeServices, result: Result) -> None:
    """A stored comparison, opened from the list."""
    services.store.save_experiment(
        ExperimentRecord(id=result.id, title=result.plan.title, status=result.status.value, created=result.created,
                         plan=msgspec.to_builtins(result.plan), result=msgspec.to_builtins(result))
    )  # fmt: skip
    page.state.items_changed.emit()
    page.state.open(f"own:{result.id}")
    settle()


def shown(root: QWidget, name: str) -> QWidget:
    found = [w for w in root.findChildren(QWidget, name) if w.isVisible()]
    assert len(found) == 1, f"{name}: {len(found)} visible"
    return found[0]


def there(root: QWidget, name: str) -> bool:
    return any(w.isVisible() for w in root.findChildren(QWidget, name))


def click(qtbot: QtBot, root: QWidget, name: str) -> None:
    qtbot.mouseClick(shown(root, name), Qt.MouseButton.LeftButton)
    settle()


def test_the_empty_page_teaches_and_begins(page: ComparePage, qtbot: QtBot) -> None:
    begin = shown(page, "compare.begin")
    assert isinstance(begin, QAbstractButton)
    assert begin.text() == "Compare two settings of SmolLM2-135M-Instruct"
    cards = [card.recipe.id for card in page.lesson.recipes._cards]
    assert len(cards) == 6
    click(qtbot, page, "compare.begin")
    assert page.state.phase is Phase.READY
    assert len(page.middle.outputs.views) == 2
    search = shown(page, "knobs.search")
    assert page.window().focusWidget() is search


def test_one_click_duplicates_a_lane_and_a_knob_makes_the_difference(
    page: ComparePage, services: FakeServices, qtbot: QtBot
) -> None:
    put(page, services, comparisons.result(2))
    click(qtbot, page, "compare.lane_a_duplicate")
    assert page.lane == 2
    assert page.bones.is_shown("inspector")
    field = shown(page, "knobs.search")
    assert isinstance(field, QLineEdit)
    qtbot.keyClicks(field, "k cache")
    settle()
    page.editor.form.changed.emit("type_k", "q5_1")
    settle()
    assert page.state.plan is not None
    assert page.state.plan.lanes[2].knobs == {"type_k": "q5_1"}
    assert page.middle.outputs.views[2].header.differs.text() == "K cache f16 → q5_1"
    click(qtbot, page, "compare.editor_done")
    assert not page.bones.is_shown("inspector")


def test_a_lane_can_be_another_engine(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result(2))
    page.edit_lane(1)
    settle()
    box = shown(page, "compare.lane_engine")
    assert isinstance(box, QComboBox)
    box.activated.emit(box.findData("transformers"))
    settle()
    assert page.state.plan is not None
    assert page.state.plan.lanes[1].engine == "transformers"
    assert page.state.plan.lanes[1].variant == ""
    name = shown(page, "compare.lane_name")
    assert isinstance(name, QLineEdit)
    name.setText("the other one")
    name.editingFinished.emit()
    assert page.state.plan.lanes[1].name == "the other one"


def test_a_result_has_table_verdict_and_provenance(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    assert page.middle.table.isVisible()
    assert [c.name for c in page.middle.table.rows.table.columns] == ["f16", "q8_0", "q4_0"]
    trust = page.middle.verdict.trust.text()
    assert trust == "measured alone · reference's own spread ±1.2 %"
    assert page.middle.verdict.sentence.accessibleName() == "q4_0 decodes 8 % slower."
    assert page.strip.place.text() == "done"
    assert page.strip.words.text() == "3 loads, 3 timed runs, 2 repeated · 3:12 min"
    assert page.bar.subject.text() == "3 lanes · llama.cpp · SmolLM2-135M-Instruct"


def test_undecided_cells_are_not_coloured(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    rows = page.middle.table.rows
    tones = {
        cell.id: rows.colour_of(cell).name().upper()
        for row in rows.table.rows
        for cell in row.cells
        if cell is not None
    }
    light = themes.LIGHT
    assert tones["decode_tok_s@90 %:2"] == light.bad
    assert tones["model_bytes@:1"] == light.good
    assert tones["decode_tok_s@50 %:2"] == light.dim
    assert tones["kl_mean@all:1"] == light.dim


def test_a_number_of_the_sentence_leads_to_its_cell(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    rows = page.middle.table.rows
    page.middle.verdict.sentence.linkActivated.emit("decode_tok_s@90 %:2")
    assert rows.flashing == "decode_tok_s@90 %:2"
    assert rows.place == (1, 2)
    rows._flash.timeout.emit()
    assert rows.flashing == ""


def test_a_number_in_a_hidden_row_brings_the_row(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    assert not page.middle.table.rows.flash("n_cached@90 %:1")
    page.middle.verdict.asked.emit("n_cached@90 %:1")
    assert page.middle.table.rows.flashing == "n_cached@90 %:1"


def test_the_table_is_walked_with_the_keyboard_and_says_its_cells(
    page: ComparePage, services: FakeServices, qtbot: QtBot
) -> None:
    put(page, services, comparisons.result())
    rows = page.middle.table.rows
    rows.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right):
        qtbot.keyClick(rows, key)
    assert rows.place == (1, 2)
    assert "decode 90 % C: 73.6 tok/s 0.92×" in rows.accessibleName()
    for _ in range(40):
        qtbot.keyClick(rows, Qt.Key.Key_Down)
    assert rows.place[0] == len(rows.table.rows) - 1


def test_the_hover_explains_the_word_and_how_the_number_was_taken(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    words = page.middle.table.rows.hover_text(1, 2)
    assert "5 blocks of fresh loads" in words
    assert page.middle.table.rows.hover_text(-1, 0) == ""


def test_no_row_of_the_table_is_cut(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    for height in (800, 700, 1000):
        page.window().resize(1280, height)
        settle()
        table = page.middle.table
        seen = table.area.viewport().height()
        whole = table.rows.height() / len(table.rows.table.rows)
        assert seen % whole == 0, height
        bottom = page.middle.verdict.mapTo(page.middle, QPoint(0, 0)).y()
        assert table.mapTo(page.middle, QPoint(0, table.height())).y() <= bottom


def test_four_lanes_at_1280_have_tabs_and_columns_in_a_wide_window(
    page: ComparePage, services: FakeServices, qtbot: QtBot
) -> None:
    put(page, services, comparisons.result(4))
    outputs = page.middle.outputs
    assert outputs.tabbed
    assert [view.isVisible() for view in outputs.views] == [True, False, False, False]
    click(qtbot, page, "compare.tab_lane_c")
    assert [view.isVisible() for view in outputs.views] == [False, False, True, False]
    assert page.middle.table.isVisible()
    page.window().resize(1900, 1000)
    settle()
    assert not outputs.tabbed
    assert all(view.isVisible() for view in outputs.views)


def test_three_lanes_at_1280_stand_side_by_side(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result(3))
    assert not page.middle.outputs.tabbed


def test_a_failed_lane_says_why_and_its_button_opens_it(
    page: ComparePage, services: FakeServices, qtbot: QtBot
) -> None:
    put(page, services, comparisons.result(failed=2))
    click(qtbot, page, "error.fix")
    assert page.lane == 2
    assert page.bones.is_shown("inspector")


def test_while_it_runs_there_is_only_stop(page: ComparePage, services: FakeServices, qtbot: QtBot) -> None:
    go = threading.Event()

    def script(plan: Plan, mode: Mode, watcher: Watcher) -> Result:
        watcher.event(Began(0, 1))
        watcher.event(Delta(0, 1, "The gulls", {"decode_tok_s": 81.5, "n_out": 2}))
        watcher.event(Moment("speed", "timed run", block=3, blocks=5, lane=1, left_s=70, fraction=0.5))
        assert go.wait(10)
        return comparisons.result(plan=plan, status=Status.CANCELLED)

    services.script = script
    page.state.begin(comparisons.lanes(3))
    settle()
    click(qtbot, page, "compare.measure")
    qtbot.waitUntil(lambda: page.strip.place.text() == "block 3 of 5 · B")
    settle()
    assert page.strip.left.text() == "1:10 min left"
    assert page.strip.bar.value() == 500
    assert page.middle.outputs.views[0].text.text() == "The gulls"
    assert there(page, "compare.stop")
    assert shown(page, "compare.stop").property("kind") != "primary"
    assert not any(
        there(page, f"compare.{verb}") for verb in ("measure", "race", "quick", "again", "add_lane", "report")
    )
    click(qtbot, page, "compare.stop")
    assert page.strip.place.text() == "stopping"
    go.set()
    qtbot.waitUntil(lambda: not page.state.busy)
    settle()
    assert page.strip.place.text() == "stopped"
    assert there(page, "compare.go_on")


def test_the_replay_plays_all_lanes_and_gives_the_outputs_back(
    page: ComparePage, services: FakeServices, qtbot: QtBot
) -> None:
    put(page, services, comparisons.result())
    before = page.middle.outputs.views[2].text.text()
    click(qtbot, page, "compare.replay")
    assert there(page, "compare.replay_scrub")
    page.state.replay.pause()
    page.state.replay.seek(0.25)
    settle()
    assert page.middle.outputs.views[0].text.text() == comparisons.TEXT[: page.state.replay.moments()[0].shown]
    click(qtbot, page, "compare.replay")
    assert not there(page, "compare.replay_scrub")
    assert page.middle.outputs.views[2].text.text() == before


def test_a_guess_is_asked_and_answered(page: ComparePage, services: FakeServices, qtbot: QtBot) -> None:
    services.script = lambda plan, mode, watcher: comparisons.result(plan=plan)
    page.state._open(comparisons.expecting())
    settle()
    click(qtbot, page, "compare.measure")
    assert page.state.phase is Phase.GUESS
    click(qtbot, page, "compare.guess_0")
    qtbot.waitUntil(lambda: page.state.phase is Phase.SHOWN)
    settle()
    assert page.middle.verdict.notes[0].text() == "You said “f16”; measured: “f16”. You were right."


def test_the_prompt_is_edited_in_place(page: ComparePage, qtbot: QtBot) -> None:
    page.state.begin(comparisons.lanes(2), "Before")
    settle()
    edit = shown(page, "compare.prompt")
    assert isinstance(edit, QPlainTextEdit)
    edit.setFocus()
    edit.selectAll()
    qtbot.keyClicks(edit, "After")
    QApplication.sendEvent(edit, QFocusEvent(QEvent.Type.FocusOut))
    assert page.state.plan is not None
    assert page.state.plan.steps[0].request.messages[-1].content == "After"


def test_a_dropped_file_is_the_prompt_and_no_text_is_refused(page: ComparePage, tmp_path) -> None:  # type: ignore[no-untyped-def]
    page.state.begin(comparisons.lanes(2), "Before")
    good, bad = tmp_path / "story.txt", tmp_path / "photo.jpg"
    good.write_text("A long story.\n", encoding="utf-8")
    bad.write_bytes(b"\xff\xd8\xff\xe0")
    page.middle.prompt.edit.dropped.emit(str(good))
    assert page.middle.prompt.edit.toPlainText() == "A long story."
    page.middle.prompt.edit.dropped.emit(str(bad))
    settle()
    assert page.state.problem is not None
    assert "photo.jpg cannot be read as text" in page.state.problem.message
    assert page.middle.notices.isVisible()


def test_the_schedule_is_edited_in_its_popover(page: ComparePage, qtbot: QtBot) -> None:
    page.state.begin(comparisons.lanes(2))
    settle()
    form = page.middle.prompt.form
    form.depths[0.9].click()
    form.minutes.setText("3")
    form.minutes.editingFinished.emit()
    form.most.setText("a lot")
    form.most.editingFinished.emit()
    plan = page.state.plan
    assert plan is not None
    assert [step.depth for step in plan.steps] == [0.9]
    assert plan.schedule.minutes == 3
    assert plan.schedule.max_blocks == 12
    assert form.most.property("wrong") == "true"
    form.natural.click()
    assert page.state.plan is not None
    assert page.state.plan.schedule.n_out is None


def test_a_step_is_chosen_for_prompt_and_outputs(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    box = shown(page, "compare.prompt_step")
    assert isinstance(box, QComboBox)
    assert [box.itemText(i) for i in range(box.count())] == list(comparisons.STEPS)
    box.activated.emit(1)
    assert all(view.steps.currentIndex() == 1 for view in page.middle.outputs.views)


def test_a_long_verdict_is_folded_and_opens(page: ComparePage, services: FakeServices) -> None:
    long = tuple(Phrase(f"Sentence number {i} says something about a lane. ") for i in range(30))
    put(page, services, comparisons.result(sentence=long))
    verdict = page.middle.verdict
    assert "number 29" not in verdict.sentence.text()
    folded = verdict.height()
    verdict.sentence.linkActivated.emit("#more")
    settle()
    assert "number 29" in verdict.sentence.text()
    assert verdict.height() > folded
    verdict.sentence.linkActivated.emit("#less")
    assert verdict.height() == folded


def test_what_a_verdict_says_is_never_markup(page: ComparePage, services: FakeServices) -> None:
    evil = (Phrase("<img src=x> & <b>"), Phrase("<b>9</b>", "decode_tok_s@90 %:2", "bad"))
    put(page, services, comparisons.result(sentence=evil))
    assert "<img" not in page.middle.verdict.sentence.text()
    assert page.middle.verdict.links() == ["decode_tok_s@90 %:2"]


def test_reports_are_written_from_the_menu(page: ComparePage, services: FakeServices, qtbot: QtBot, tmp_path) -> None:  # type: ignore[no-untyped-def]
    put(page, services, comparisons.result())
    names = [action.objectName() for action in page.bar.report_menu.actions() if not action.isSeparator()]
    assert names == [f"compare.report_{k}" for k in ("html", "markdown", "csv", "json", "mp4", "gif", "recipe")]
    for kind, name in (
        ("html", "a.html"),
        ("markdown", "a.md"),
        ("csv", "a.csv"),
        ("json", "a.json"),
        ("recipe", "a.toml"),
    ):
        page.reports.write(kind, tmp_path / name)
        qtbot.waitUntil(lambda: not page.state.files.busy)
        assert (tmp_path / name).stat().st_size > 100, kind
    settle()
    assert page.middle.notices.isVisible()


def test_narrow_windows_fold_the_verbs_into_a_menu(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    page.window().resize(900, 700)
    settle()
    assert there(page, "compare.more")
    assert there(page, "compare.again")
    assert not there(page, "compare.race")
    page.bar._fill_more()
    titles = [action.text() for action in page.bar._more_menu.actions()]
    assert titles == ["Add lane", "Race", "Quick", "Replay"]


def test_commands_reach_the_page_that_is_shown(window: MainWindow, page: ComparePage, services: FakeServices) -> None:
    services.script = lambda plan, mode, watcher: comparisons.result(plan=plan)
    assert not window.commands["compare.measure"].trigger()
    page.state.begin(comparisons.lanes(2))
    assert window.commands["compare.add_lane"].trigger()
    assert page.state.plan is not None
    assert len(page.state.plan.lanes) == 3
    window.show_page("settings")
    assert not window.commands["compare.measure"].trigger()
    assert not window.commands["fold.left"].trigger()
    assert window.commands["page.compare"].trigger()
    assert window.commands["page.compare"].shortcut == "Ctrl+2"
    shown_before = page.bones.is_shown("left")
    assert window.commands["fold.left"].trigger()
    assert page.bones.is_shown("left") != shown_before


def test_an_interrupted_comparison_is_offered(page: ComparePage, services: FakeServices, qtbot: QtBot) -> None:
    result = comparisons.result(status=Status.RUNNING)
    services.script = lambda plan, mode, watcher: replace(result, status=Status.DONE)
    put(page, services, result)
    page.state.close_comparison()
    settle()
    click(qtbot, page, "compare.resume_unfinished")
    qtbot.waitUntil(lambda: page.state.phase is Phase.SHOWN)
    assert services.compared[0][2] == result
    assert page.state.can_go_on is False


def test_the_list_has_own_comparisons_and_opens_them(page: ComparePage, services: FakeServices, qtbot: QtBot) -> None:
    put(page, services, comparisons.result())
    page.state.close_comparison()
    page.bones.toggle("left")
    settle()
    view = page.list.view
    texts = [view.model().index(row, 0).data() for row in range(view.model().rowCount())]
    assert texts[0] == "Your comparisons"
    assert texts[1].startswith("K cache: f16, q8_0, q4_0, 3 lanes · measured")
    view.setCurrentIndex(view.model().index(1, 0))
    view.activated.emit(view.currentIndex())
    assert page.state.phase is Phase.SHOWN
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert page.state.phase is Phase.EMPTY
    assert services.store.experiments() == []


def test_the_page_follows_the_theme(window: MainWindow, page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result())
    theme = page._theme
    theme.set_mode("dark")
    settle()
    assert themes.DARK.bad.lower() in page.middle.verdict.sentence.text().lower()
    theme.set_mode("light")
