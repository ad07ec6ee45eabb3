"""The command palette finds what can be done, does it, and gives the cursor back."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from app.ui import theme as themes
from app.ui.commands import Command, Commands, keys_in_words
from app.ui.palette_offers import Offer, found, score
from app.ui.program import Program
from app.ui.window import MainWindow
from tests.fakes import variant


@pytest.fixture
def window(qapp, qtbot, program, services):
    for title in ("Cats and dogs", "The sky"):
        services.store.create_conversation(title)
    made = MainWindow(themes.install(qapp, "light"), program)
    qtbot.addWidget(made)
    made.show_page("chat")
    made.show()
    made.activateWindow()
    made.chat.focus_composer()
    qtbot.waitUntil(made.chat.composer.edit.hasFocus)
    return made


def titles(window: MainWindow) -> list[str]:
    offers = window.finder.view.offers
    return [offers.index(row).data() for row in range(offers.rowCount())]


def press_palette(window: MainWindow, qtbot) -> None:
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(window.finder.field.hasFocus)


def test_every_word_must_fit_and_better_fits_come_first():
    assert score("new conv", "New conversation") == 8
    assert score("conv new", "New conversation") == 8
    assert score("sation", "New conversation") == 3
    assert score("nc", "New conversation") == 2
    assert score("cnvs", "New conversation") == 1
    assert score("new zebra", "New conversation") is None
    offers = [Offer("Unload the model", print, always=True), Offer("Load the model", print)]
    assert [o.title for o in found("load", offers)] == ["Load the model", "Unload the model"]
    assert [o.title for o in found(" ", offers)] == ["Unload the model"]


def test_what_cannot_be_done_now_is_not_offered(window, qtbot, program):
    press_palette(window, qtbot)
    assert "New conversation" in titles(window)
    assert "Stop" not in titles(window)
    assert "Unload the model" not in titles(window)
    assert "Cats and dogs" not in titles(window)  # only when it is looked for


def test_words_arrows_and_enter_do_a_command(window, qtbot, program):
    press_palette(window, qtbot)
    qtbot.keyClicks(window.finder.field, "go to")
    assert titles(window)[:2] == ["Go to Chat", "Go to Compare"]
    qtbot.keyClick(window.finder.field, Qt.Key.Key_Down)
    assert window.finder.field.accessibleDescription() == "Go to Compare, Ctrl+2"
    qtbot.keyClick(window.finder.field, Qt.Key.Key_Return)
    assert window.rail.current() == "compare"
    assert not window.finder.isVisible()


def test_a_conversation_is_opened_by_its_title(window, qtbot, program):
    press_palette(window, qtbot)
    qtbot.keyClicks(window.finder.field, "cats")
    qtbot.keyClick(window.finder.field, Qt.Key.Key_Return)
    assert program.chat.conversation.title == "Cats and dogs"


def test_a_model_is_chosen(window, qtbot, program: Program, services):
    services.library.items.append(variant("q4_1", id="qwen", title="Qwen 3"))
    program.model.refresh()
    press_palette(window, qtbot)
    qtbot.keyClicks(window.finder.field, "use qwen")
    qtbot.keyClick(window.finder.field, Qt.Key.Key_Return)
    assert program.model.model_id == "qwen"


def test_escape_closes_it_first_and_the_answer_goes_on(window, qtbot, program, services):
    program.model.load()
    services.session.become_ready()
    program.model.poll()
    program.chat.send("Hello")
    press_palette(window, qtbot)
    assert "Stop" in titles(window)
    qtbot.keyClick(window.finder.field, Qt.Key.Key_Escape)
    assert not window.finder.isVisible()
    assert "stop" not in services.session.calls
    qtbot.waitUntil(window.chat.composer.edit.hasFocus)
    qtbot.keyClick(window.chat.composer.edit, Qt.Key.Key_Escape)
    assert services.session.calls[-1] == "stop"


def test_nothing_found_is_said_and_a_click_beside_closes(window, qtbot):
    press_palette(window, qtbot)
    window.finder.field.setText("zzzz")
    assert window.finder.nothing.isVisible()
    qtbot.keyClick(window.finder.field, Qt.Key.Key_Return)
    assert window.finder.isVisible()
    qtbot.mouseClick(window.finder, Qt.MouseButton.LeftButton, pos=window.finder.rect().bottomLeft())
    assert not window.finder.isVisible()


def test_it_goes_when_something_else_comes_forward(window, qtbot):
    press_palette(window, qtbot)
    window.commands["chat.search"].trigger()
    QApplication.processEvents()
    assert not window.finder.isVisible()
    assert window.chat.conversations.search.hasFocus()


def test_second_shortcuts_work_and_may_not_be_taken_twice(window, qtbot, program, services):
    command = Command("a", "A", lambda: None, "Ctrl+T", also=("Ctrl+U",))
    with pytest.raises(ValueError, match="Ctrl"):
        Commands([command, Command("b", "B", lambda: None, "Ctrl+u")])
    assert keys_in_words("Ctrl+Return") == "Ctrl+Enter"
    program.model.load()
    services.session.become_ready()
    program.model.poll()
    for key in (Qt.Key.Key_Return, Qt.Key.Key_R):
        program.chat.send("Hello")
        services.session.finish("Hi")
        program.model.poll()
        asked = len(services.session.requests)
        qtbot.keyClick(window.chat.composer.edit, key, Qt.KeyboardModifier.ControlModifier)
        program.model.poll()
        assert len(services.session.requests) == asked + 1
        services.session.finish("Hi again")
        program.model.poll()
