"""Another size for everything: kept, at once, and what runs or is being typed goes on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPushButton

from app.lab.session import SessionState
from app.ui import theme as themes
from app.ui import zoom
from app.ui.state.settings import SettingsState
from app.ui.window import MainWindow
from engines.protocol import Finished, FinishReason, Text
from tests.fakes import METRICS


@pytest.fixture
def window(qapp, qtbot, ready):
    made = MainWindow(themes.install(qapp, "light"), ready)
    qtbot.addWidget(made)
    made.show_page("chat")
    made.show()
    made.activateWindow()
    return made


def press(window: MainWindow, qtbot, key: Qt.Key) -> None:
    qtbot.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
    QApplication.processEvents()


def test_steps_stop_at_both_ends():
    assert [zoom.step(zoom.USUAL, by) for by in (-1, 1, 99, -99)] == [90, 110, 200, 75]
    assert zoom.nearest(130) == 125


def test_a_larger_window_has_larger_words_and_is_kept(window, qtbot, services):
    before = window.chat.composer.edit.font().pixelSize(), window.rail.width()
    press(window, qtbot, Qt.Key.Key_Plus)
    press(window, qtbot, Qt.Key.Key_Equal)
    after = window.chat.composer.edit.font().pixelSize(), window.rail.width()
    assert after[0] > before[0]
    assert after[1] > before[1]
    assert SettingsState(services).zoom == 125
    press(window, qtbot, Qt.Key.Key_Minus)
    assert SettingsState(services).zoom == 110
    press(window, qtbot, Qt.Key.Key_0)
    assert (window.chat.composer.edit.font().pixelSize(), window.rail.width()) == before


def test_an_answer_goes_on_and_the_draft_stays(window, qtbot, ready, services):
    ready.chat.send("Hello")
    run = services.session.run_id  # the draft is counted meanwhile: that is another request
    services.session.text("Hi ")
    ready.model.poll()
    window.chat.focus_composer()
    qtbot.keyClicks(window.chat.composer.edit, "and then")
    old = window.chat
    press(window, qtbot, Qt.Key.Key_Plus)
    assert window.chat is not old
    assert window.chat.composer.text() == "and then"
    assert window.chat.composer.edit.hasFocus()
    assert window.chat.composer.running
    services.session.say(Text(id=run, text="there"))
    ready.model.poll()
    services.session.state = SessionState.READY
    services.session.say(Finished(id=run, reason=FinishReason.STOP, text="Hi there", metrics=METRICS))
    ready.model.poll()
    QApplication.processEvents()
    assert ready.chat.rows[-1].text == "Hi there"
    assert not window.chat.composer.running
    ready.chat.send("Again")  # no part of the old page hears of it
    ready.model.set_knob("n_ctx", 8192)
    QApplication.processEvents()
    assert ready.chat.running


def test_it_is_chosen_in_the_settings_and_every_page_follows(window, qtbot, ready):
    window.show_page("settings")
    button = window.page("settings").findChild(QPushButton, "settings.zoom_150")
    size = button.font().pixelSize()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    QApplication.processEvents()
    again = window.page("settings").findChild(QPushButton, "settings.zoom_150")
    assert again is not button
    assert again.isChecked()
    assert again.font().pixelSize() > size
    assert window.rail.current() == "settings"
    for page in ("help", "compare", "chat"):
        window.show_page(page)
    ready.settings.set_zoom(zoom.USUAL)
    QApplication.processEvents()
    assert window.rail.current() == "chat"


def test_a_kept_size_that_is_none_is_the_nearest(services):
    services.store.set("window.zoom", 133)
    assert SettingsState(services).zoom == 125
    services.store.set("window.zoom", "large")
    assert SettingsState(services).zoom == zoom.USUAL


def test_full_screen_and_back(window, qtbot):
    window.commands["window.full_screen"].trigger()
    assert window.isFullScreen()
    window.commands["window.full_screen"].trigger()
    assert not window.isFullScreen()


def test_the_rail_scrolls_where_it_does_not_fit(window, qtbot, ready):
    ready.settings.set_zoom(200)
    QApplication.processEvents()
    window.resize(window.width(), window.minimumHeight())
    QApplication.processEvents()
    first, last = window.rail.button("chat"), window.rail.button("help")
    assert window.rail.button("transcribe").geometry().top() >= first.geometry().bottom()
    assert first.visibleRegion().boundingRect() == first.rect()
    first.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(first, Qt.Key.Key_Up)
    QApplication.processEvents()
    assert last.hasFocus()
    assert last.visibleRegion().boundingRect() == last.rect()
    ready.settings.set_zoom(zoom.USUAL)
    QApplication.processEvents()


def test_no_state_holds_on_to_a_page():
    """A page goes when the size changes; Qt forgets its methods then, but not a lambda on a state's signal."""
    root = Path(__file__).resolve().parents[3] / "app" / "ui"
    lasting = re.compile(
        r"\b(state|program|settings|theme|shelf|replay|provision|trial|prompting)\.(model\.)?\w+\.connect\(lambda"
    )
    held = [
        f"{path.relative_to(root)}:{number}"
        for path in sorted(root.rglob("*.py"))
        if path.parent.name != "state"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if lasting.search(line)
    ]
    assert held == []
