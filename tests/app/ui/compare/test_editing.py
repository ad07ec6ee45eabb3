"""Lanes, prompt and schedule as a person changes them on the Compare page."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QPlainTextEdit
from pytestqt.qtbot import QtBot

from app.ui.pages.compare import ComparePage
from app.ui.window import MainWindow
from engines import registry
from engines.knobs import Scope
from tests import comparisons
from tests.app.ui.compare.pages import click, put, settle, shown
from tests.fakes import FakeServices


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
    assert page.notices.isVisible()


@pytest.mark.parametrize(("name", "data", "why"), [
    ("folder", None, "folder is not a file"),
    ("empty.txt", b" \n", "empty.txt has no text"),
    ("long.txt", b"word " * 200_001, "long.txt is larger than 1 MB"),
])  # fmt: skip
def test_what_cannot_be_a_prompt_is_refused_in_words(  # type: ignore[no-untyped-def]
    page: ComparePage, tmp_path, name: str, data: bytes | None, why: str
) -> None:
    page.state.begin(comparisons.lanes(2), "Before")
    path = tmp_path / name
    if data is None:
        path.mkdir()
    else:
        path.write_bytes(data)
    page.middle.prompt.edit.dropped.emit(str(path))
    assert page.state.problem is not None
    assert why in page.state.problem.message
    assert page.middle.prompt.edit.toPlainText() == "Before"


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


def test_a_command_takes_what_is_still_being_typed(
    window: MainWindow, page: ComparePage, services: FakeServices, qtbot: QtBot
) -> None:
    services.script = lambda plan, mode, watcher: comparisons.result(plan=plan)
    page.state.begin(comparisons.lanes(2), "Before")
    settle()
    edit = page.middle.prompt.edit
    edit.setFocus()
    edit.selectAll()
    qtbot.keyClicks(edit, "After")
    assert window.commands["compare.measure"].trigger()
    qtbot.waitUntil(lambda: not page.state.busy)
    assert services.compared[0][0].steps[0].request.messages[-1].content == "After"


def test_a_conflicting_knob_is_told_and_the_editor_shows_what_holds(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result(2))
    page.edit_lane(1)
    page.editor.form.changed.emit("flash_attn", "off")
    page.editor.form._line_changed("type_v", "q8_0")
    settle()
    assert page.editor.form.settings()["type_v"] == "f16"
    assert page.state.plan is not None
    assert page.state.plan.lanes[1].knobs == {"type_k": "q8_0", "flash_attn": "off"}
    assert page.notices.isVisible()
    assert shown(page, "error.card").accessibleName().startswith("That cannot be taken.")


def test_load_and_run_settings_stand_under_their_own_tabs(
    page: ComparePage, services: FakeServices, qtbot: QtBot
) -> None:
    put(page, services, comparisons.result(2))
    page.edit_lane(1)
    settle()
    knobs = {knob.name: knob for knob in registry.spec("llama-cpp").knobs}
    for tab, scope in (("load", Scope.LOAD), ("run", Scope.RUN)):
        click(qtbot, page, f"compare.tab_{tab}")
        names = page.editor.form.settings()
        assert names
        assert {knobs[name].scope for name in names} == {scope}
        assert len(names) == sum(knob.scope is scope for knob in knobs.values())


def test_the_editor_stays_on_its_lane_when_one_before_it_goes(page: ComparePage, services: FakeServices) -> None:
    put(page, services, comparisons.result(3))
    page.edit_lane(2)
    page.middle.outputs.remove.emit(0)
    settle()
    assert page.lane == 1
    assert page.editor.name.text() == "q4_0"


def test_a_failed_lane_says_why_and_its_button_opens_it(
    page: ComparePage, services: FakeServices, qtbot: QtBot
) -> None:
    put(page, services, comparisons.result(failed=2))
    click(qtbot, page, "error.fix")
    assert page.lane == 2
    assert page.bones.is_shown("inspector")
