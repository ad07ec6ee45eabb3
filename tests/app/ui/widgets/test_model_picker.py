"""The picker searches while one types, is walked with the arrows, and says what was chosen."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListView
from pytestqt.qtbot import QtBot

from app.ui.state import picks
from app.ui.state.picks import PickerModel
from app.ui.state.sessions import Opened
from app.ui.theme import Theme
from app.ui.widgets.model_picker import ModelPicker, unload_box

offscreen = pytest.mark.qt_log_ignore("This plugin does not support")  # what a popup asks of a real screen

MODELS = [PickerModel(f"m{i}", f"Model {i}", "Q4_K", "98 MB · fits") for i in range(500)]
OPENED = [Opened("s1", "Loaded one", "llama.cpp · 90 MB", True), Opened("s2", "Loaded two", "llama.cpp · 80 MB", False)]


class Said:
    def __init__(self, picker: ModelPicker) -> None:
        self.all: list[tuple[str, str]] = []
        picker.chosen.connect(lambda id_: self.all.append(("chosen", id_)))
        picker.switched.connect(lambda key: self.all.append(("switched", key)))
        picker.unloaded.connect(lambda key: self.all.append(("unloaded", key)))


@pytest.fixture
def opened() -> list[Opened]:
    return list(OPENED)


@pytest.fixture
def picker(theme: Theme, qtbot: QtBot, opened: list[Opened]) -> ModelPicker:
    made = ModelPicker(theme, "chat.model", lambda query: picks.picker_sections(MODELS, ["m7"], opened, query, "m3"))
    qtbot.addWidget(made)
    made.show_title("Model 3")
    made.show()
    return made


@pytest.fixture
def said(picker: ModelPicker) -> Said:
    return Said(picker)


def marked(picker: ModelPicker) -> str:
    return str(picker.popup.view.currentIndex().data())


@offscreen
def test_a_click_or_enter_opens_it_and_esc_closes(picker: ModelPicker, qtbot: QtBot) -> None:
    with qtbot.waitSignal(picker.opening):
        qtbot.mouseClick(picker, Qt.MouseButton.LeftButton)
    assert picker.is_open
    assert picker.popup.field.hasFocus()
    qtbot.keyClick(picker.popup.field, Qt.Key.Key_Escape)
    assert not picker.is_open
    qtbot.keyClick(picker, Qt.Key.Key_Return)
    assert picker.is_open
    picker.popup.hide()


@offscreen
def test_typing_narrows_and_enter_chooses(picker: ModelPicker, said: Said, qtbot: QtBot) -> None:
    picker.open()
    qtbot.keyClicks(picker.popup.field, "model 123")
    assert picker.popup.rows.rowCount() == 2  # a heading and one line
    qtbot.keyClick(picker.popup.field, Qt.Key.Key_Backspace)
    assert marked(picker) == "Model 12"  # the first that is found, not the one in use
    qtbot.keyClicks(picker.popup.field, "3")
    qtbot.keyClick(picker.popup.field, Qt.Key.Key_Return)
    assert said.all == [("chosen", "m123")]
    assert not picker.is_open
    picker.open()
    assert picker.popup.field.text() == ""
    picker.popup.hide()


@offscreen
def test_arrows_walk_over_headings_and_stop_at_the_ends(picker: ModelPicker, said: Said, qtbot: QtBot) -> None:
    picker.open()
    field = picker.popup.field
    assert marked(picker) == "Loaded one"
    qtbot.keyClick(field, Qt.Key.Key_Up)
    assert marked(picker) == "Loaded one"
    qtbot.keyClick(field, Qt.Key.Key_Down)
    qtbot.keyClick(field, Qt.Key.Key_Down)
    assert marked(picker) == "Model 7"  # over the heading Recent
    qtbot.keyClick(field, Qt.Key.Key_Down)
    assert marked(picker) == "Model 0"
    qtbot.keyClick(field, Qt.Key.Key_PageDown)
    assert marked(picker) == "Model 9"  # eight further; Model 7 is not there twice
    qtbot.keyClick(field, Qt.Key.Key_Enter)
    assert said.all == [("chosen", "m9")]


@offscreen
def test_enter_on_a_loaded_model_switches_to_it(picker: ModelPicker, said: Said, qtbot: QtBot) -> None:
    picker.open()
    qtbot.keyClicks(picker.popup.field, "two")
    qtbot.keyClick(picker.popup.field, Qt.Key.Key_Return)
    assert said.all == [("switched", "s2")]


@offscreen
def test_delete_unloads_and_the_list_stays_open(
    picker: ModelPicker, said: Said, opened: list[Opened], qtbot: QtBot
) -> None:
    picker.unloaded.connect(lambda key: opened.pop(0))
    picker.open()
    qtbot.keyClick(picker.popup.field, Qt.Key.Key_Delete)
    assert said.all == [("unloaded", "s1")]
    assert picker.is_open
    assert picker.popup.rows.line(1).id == "s2"
    picker.popup.hide()


@offscreen
def test_delete_in_a_typed_search_only_edits(picker: ModelPicker, said: Said, qtbot: QtBot) -> None:
    picker.open()
    qtbot.keyClicks(picker.popup.field, "one")
    qtbot.keyClick(picker.popup.field, Qt.Key.Key_Home)
    qtbot.keyClick(picker.popup.field, Qt.Key.Key_Delete)
    assert picker.popup.field.text() == "ne"
    assert said.all == []
    picker.popup.hide()


@offscreen
def test_the_mouse_chooses_a_line_and_unloads_at_its_word(
    picker: ModelPicker, said: Said, theme: Theme, qtbot: QtBot
) -> None:
    picker.open()
    view: QListView = picker.popup.view
    line = view.visualRect(picker.popup.rows.index(2))
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=unload_box(theme, line).center())
    assert said.all == [("unloaded", "s2")]
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=line.center())
    assert said.all[-1] == ("switched", "s2")


@offscreen
def test_nothing_found_says_so_and_enter_does_nothing(picker: ModelPicker, said: Said, qtbot: QtBot) -> None:
    picker.open()
    qtbot.keyClicks(picker.popup.field, "zzz")
    assert picker.popup._none.isVisible()
    qtbot.keyClick(picker.popup.field, Qt.Key.Key_Return)
    assert said.all == []
    assert picker.is_open
    picker.popup.hide()


@offscreen
def test_what_changes_meanwhile_keeps_the_mark(picker: ModelPicker, opened: list[Opened], qtbot: QtBot) -> None:
    picker.open()
    qtbot.keyClick(picker.popup.field, Qt.Key.Key_Down)
    opened.pop(0)
    picker.refresh()
    assert marked(picker) == "Loaded two"
    picker.popup.hide()
    picker.refresh()  # closed: nothing to do


@offscreen
def test_a_line_reads_aloud_with_its_details(picker: ModelPicker) -> None:
    picker.open()
    row = picker.popup.rows.row_of(picks.PickerLine("model", "m7", ""))
    said = picker.popup.rows.index(row).data(Qt.ItemDataRole.AccessibleTextRole)
    assert said == "Model 7, Q4_K, 98 MB · fits"
    assert picker.popup.rows.index(0).flags() == Qt.ItemFlag.NoItemFlags
    picker.popup.hide()


@offscreen
def test_the_button_shows_the_model_or_that_there_is_none(picker: ModelPicker) -> None:
    assert picker.text() == "Model 3"
    picker.show_title("")
    assert picker.text() == "No model"
