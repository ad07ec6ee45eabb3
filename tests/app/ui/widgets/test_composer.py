"""Enter sends, Shift+Enter breaks the line, and nothing that was written is ever lost."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, Qt
from pytestqt.qtbot import QtBot

from app.ui.theme import Theme
from app.ui.widgets.composer import LINES, Composer


@pytest.fixture
def composer(theme: Theme, qtbot: QtBot) -> Composer:
    made = Composer(theme)
    qtbot.addWidget(made)
    made.resize(600, 140)
    made.show()
    return made


def test_enter_sends_and_empties(composer: Composer, qtbot: QtBot) -> None:
    qtbot.keyClicks(composer.edit, "Hello")
    qtbot.keyClick(composer.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(composer.edit, "there")
    with qtbot.waitSignal(composer.submitted) as sent:
        qtbot.keyClick(composer.edit, Qt.Key.Key_Return)
    assert sent.args == ["Hello\nthere"]
    assert composer.text() == ""


def test_blank_text_is_not_sent(composer: Composer, qtbot: QtBot) -> None:
    composer.set_text("  \n ")
    with qtbot.assertNotEmitted(composer.submitted):
        composer.submit()
    assert not composer.send_button.isEnabled()


def test_a_reason_stops_sending_but_not_writing(composer: Composer, qtbot: QtBot) -> None:
    composer.set_enabled_reason("Load a model first.")
    qtbot.keyClicks(composer.edit, "draft")
    with qtbot.assertNotEmitted(composer.submitted):
        qtbot.keyClick(composer.edit, Qt.Key.Key_Return)
    assert composer.text() == "draft"
    assert composer.reason.text() == "Load a model first."
    composer.set_enabled_reason("")
    assert composer.send_button.isEnabled()


def test_while_running_the_button_is_stop(composer: Composer, qtbot: QtBot) -> None:
    composer.set_running(True)
    assert composer.stop_button.isVisible()
    assert not composer.send_button.isVisible()
    composer.set_text("next")
    with qtbot.assertNotEmitted(composer.submitted):
        composer.submit()
    with qtbot.waitSignal(composer.stop_requested):
        composer.stop_button.click()
    composer.set_running(False)
    assert composer.send_button.isVisible()
    assert composer.text() == "next"


def test_it_grows_to_six_lines_and_no_more(composer: Composer) -> None:
    heights = []
    for lines in (1, 4, LINES, LINES + 20):
        composer.set_text("\n".join("x" for _ in range(lines)))
        heights.append(composer.edit.height())
    assert heights[0] < heights[1] < heights[2] == heights[3]


def test_tokens_are_counted_in_words(composer: Composer) -> None:
    for count, text in ((None, ""), (0, "0 tokens"), (1, "1 token"), (1204, "1,204 tokens")):
        composer.set_tokens(count)
        assert composer.tokens.text() == text


def test_pasted_text_arrives_plain(composer: Composer) -> None:
    mime = QMimeData()
    mime.setHtml("<b>bold</b>")
    mime.setText("bold")
    composer.edit.insertFromMimeData(mime)
    assert composer.text() == "bold"


def test_drafts_are_announced(composer: Composer, qtbot: QtBot) -> None:
    with qtbot.waitSignal(composer.draft_changed) as changed:
        qtbot.keyClicks(composer.edit, "d")
    assert changed.args == ["d"]
