"""The composer's small editors: system prompt, saved prompts, JSON schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.lab import schema
from app.ui import theme as look
from app.ui.frame.prompts import Prompts
from app.ui.frame.schema_editor import EXAMPLE, SchemaEditor
from app.ui.frame.system_prompt import SystemPrompt
from app.ui.state.prompting import SavedPrompt
from app.ui.theme import Theme
from app.ui.widgets.plain_edit import PASTE_BYTES

offscreen = pytest.mark.qt_log_ignore("This plugin does not support")  # what a popup asks of a real screen

PROMPTS = [
    SavedPrompt("1", "Explain", "Explain this to a child:"),
    SavedPrompt("2", "Shorten & keep", "Make it shorter."),
    SavedPrompt("3", "Translate", "Translate into French:"),
]


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    made = look.install(qapp, "light")
    yield made
    made.deleteLater()


@pytest.fixture
def system(theme: Theme, qtbot: QtBot) -> SystemPrompt:
    return shown(SystemPrompt(theme, "chat"), qtbot)


@pytest.fixture
def editor(theme: Theme, qtbot: QtBot) -> SchemaEditor:
    return shown(SchemaEditor(theme, "chat", schema.check), qtbot)


@pytest.fixture
def prompts(theme: Theme, qtbot: QtBot) -> Prompts:
    made = shown(Prompts(theme, "chat", lambda: "What I wrote"), qtbot)
    made.show_prompts(PROMPTS)
    return made


def shown(widget, qtbot: QtBot):
    qtbot.addWidget(widget)
    widget.show()
    return widget


def titles(prompts: Prompts) -> list[str]:
    listed = prompts.popup.list
    return [listed.item(row).text() for row in range(listed.count())]


# --- system prompt ------------------------------------------------------------------------


@offscreen
def test_a_system_prompt_is_kept_when_the_editor_closes(system: SystemPrompt, qtbot: QtBot) -> None:
    system.click()
    qtbot.keyClicks(system._popup.edit, "Be brief.")
    with qtbot.waitSignal(system.changed) as told:
        system._popup.close()
    assert told.args == ["Be brief."]
    system.show_text("Be brief.")
    assert system.marked
    assert "Be brief." in system.toolTip()
    system.click()
    with qtbot.assertNotEmitted(system.changed):
        system._popup.close()


@offscreen
def test_a_saved_prompt_can_be_the_system_prompt(system: SystemPrompt) -> None:
    assert not system._popup.saved_button.isEnabled()
    system.set_prompts(PROMPTS)
    system.click()
    actions = system._popup._menu.actions()
    assert [action.text() for action in actions] == ["Explain", "Shorten && keep", "Translate"]
    actions[1].trigger()
    assert system._popup.edit.toPlainText() == "Make it shorter."


@offscreen
def test_a_huge_paste_is_refused_in_the_system_prompt_too(system: SystemPrompt) -> None:
    system.click()
    system._popup.edit.setPlainText("kept")
    mime = QMimeData()
    mime.setData("text/plain", b"x" * (PASTE_BYTES + 1))
    system._popup.edit.insertFromMimeData(mime)
    assert system._popup.edit.toPlainText() == "kept"
    assert "at most 20 MB" in system._popup.notice.text()
    mime.setData("text/plain", b"x" * 30_000)
    system._popup.edit.insertFromMimeData(mime)
    assert "30,000 in its longest line" in system._popup.notice.text()


# --- saved prompts ------------------------------------------------------------------------


@offscreen
def test_prompts_are_searched_and_inserted_by_keys_alone(prompts: Prompts, qtbot: QtBot) -> None:
    prompts.click()
    assert titles(prompts) == ["Explain", "Shorten & keep", "Translate"]
    search = prompts.popup.search
    qtbot.keyClicks(search, "in")
    assert titles(prompts) == ["Explain", "Translate"]
    qtbot.keyClick(search, Qt.Key.Key_Down)
    with qtbot.waitSignal(prompts.chosen) as told:
        qtbot.keyClick(search, Qt.Key.Key_Return)
    assert told.args == ["Translate into French:"]
    assert not prompts.popup.isVisible()


@offscreen
def test_what_is_written_is_saved_under_a_title(prompts: Prompts, qtbot: QtBot) -> None:
    prompts.click()
    assert prompts.popup.title_field.text() == "What I wrote"
    prompts.popup.title_field.setText("Mine")
    with qtbot.waitSignal(prompts.saved) as told:
        qtbot.keyClick(prompts.popup.title_field, Qt.Key.Key_Return)
    assert told.args == ["Mine", "What I wrote"]


@offscreen
def test_a_deleted_prompt_can_be_brought_back(prompts: Prompts, qtbot: QtBot) -> None:
    prompts.click()
    prompts.popup.list.setCurrentRow(2)
    with qtbot.waitSignal(prompts.dropped) as told:
        qtbot.keyClick(prompts.popup.list, Qt.Key.Key_Delete)
    assert told.args == ["3"]
    prompts.show_prompts(PROMPTS[:2])
    assert "“Translate” was deleted" in prompts.popup.words.text()
    with qtbot.waitSignal(prompts.saved) as told:
        prompts.popup.undo_button.click()
    assert told.args == ["Translate", "Translate into French:"]


@offscreen
def test_an_empty_list_teaches(theme: Theme, qtbot: QtBot) -> None:
    empty = shown(Prompts(theme, "chat", lambda: " "), qtbot)
    empty.click()
    assert "None yet" in empty.popup.words.text()
    assert not empty.popup.save_button.isEnabled()
    assert not empty.popup.insert_button.isEnabled()


# --- schema -------------------------------------------------------------------------------


@offscreen
def test_a_schema_is_checked_while_it_is_written(editor: SchemaEditor, qtbot: QtBot) -> None:
    editor.click()
    assert "Off" in editor._popup.verdict.text()
    editor._popup.edit.setPlainText('{"type": "text"}')
    qtbot.waitUntil(lambda: "not a JSON schema" in editor._popup.verdict.text())
    assert editor._popup.verdict.property("tone") == "bad"
    editor._popup.edit.setPlainText(EXAMPLE)
    qtbot.waitUntil(lambda: editor._popup.verdict.property("tone") == "good")


@offscreen
def test_a_schema_is_used_when_the_editor_closes_and_turned_off(editor: SchemaEditor, qtbot: QtBot) -> None:
    editor.click()
    editor._popup.edit.setPlainText(EXAMPLE)
    with qtbot.waitSignal(editor.changed) as told:
        editor._popup.close()
    assert told.args == [EXAMPLE]
    editor.show_text(EXAMPLE)
    assert editor.marked
    editor.click()
    with qtbot.waitSignal(editor.changed) as told:
        editor._popup.off_button.click()
    assert told.args == [""]


@offscreen
def test_a_broken_schema_is_not_used_and_not_lost(editor: SchemaEditor, qtbot: QtBot) -> None:
    editor.show_text(EXAMPLE)
    editor.click()
    editor._popup.edit.setPlainText('{"minimum":')
    with qtbot.assertNotEmitted(editor.changed):
        editor._popup.close()
    assert editor.marked
    editor.click()
    assert editor._popup.edit.toPlainText() == '{"minimum":'
    assert "not JSON" in editor._popup.verdict.text()
    editor._popup.close()


@pytest.mark.parametrize("mode", ["light", "dark"])
@offscreen
def test_every_part_has_a_name_for_those_who_hear(
    mode: look.Mode, theme: Theme, prompts: Prompts, editor: SchemaEditor, system: SystemPrompt, tmp_path: Path
) -> None:
    theme.set_mode(mode)
    for popup in (prompts.popup, editor._popup, system._popup):
        named = [w for w in popup.findChildren(QWidget) if w.objectName().startswith("chat.")]
        assert len(named) >= 3
        assert all(w.accessibleName() or w.objectName().endswith("verdict") for w in named)
        assert popup.grab().save(str(tmp_path / "picture.png"))
