"""Enter sends, Shift+Enter breaks the line, and nothing that was written is ever lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QImage, QShortcut
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.lab.documents import from_text
from app.ui.state.prompting import DraftFile
from app.ui.theme import Theme
from app.ui.widgets.composer import LINES, Composer
from app.ui.widgets.file_chips import FileChip
from app.ui.widgets.plain_edit import CHARACTERS, LINE, PASTE_BYTES


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


def test_the_conversation_so_far_is_counted_too_and_warns_when_it_is_too_much(composer: Composer) -> None:
    composer.set_tokens(38, 412, 4096)
    assert composer.tokens.text() == "412 + 38 tokens of 4,096"
    assert composer.tokens.property("tone") == "dim"
    composer.set_tokens(38, None, 4096)
    assert composer.tokens.text() == "38 tokens of 4,096"
    composer.set_tokens(4000, 412, 4096)
    assert composer.tokens.property("tone") == "warning"
    assert "does not fit" in composer.tokens.toolTip()


# --- pasting and dropping -----------------------------------------------------------------


def pasted(text: str = "", paths: tuple[Path, ...] = ()) -> QMimeData:
    mime = QMimeData()
    if text:
        mime.setText(text)
    if paths:
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def test_a_paste_that_would_freeze_the_window_is_refused_and_nothing_is_lost(composer: Composer, qtbot: QtBot) -> None:
    composer.set_text("my draft")
    mime = QMimeData()
    mime.setData("text/plain", b"x" * (PASTE_BYTES + 1))
    with qtbot.assertNotEmitted(composer.draft_changed), qtbot.assertNotEmitted(composer.text_pasted):
        composer.edit.insertFromMimeData(mime)
    assert composer.text() == "my draft"
    assert composer.notice.isVisible()
    assert "at most 20 MB" in composer.notice.text()
    qtbot.keyClicks(composer.edit, "!")
    assert not composer.notice.isVisible()


@pytest.mark.parametrize("text", ["word\n" * (CHARACTERS // 5 + 1), "x" * (LINE + 1)])
def test_a_long_paste_becomes_a_file(composer: Composer, qtbot: QtBot, text: str) -> None:
    composer.set_text("about this: ")
    with qtbot.waitSignal(composer.text_pasted) as told, qtbot.assertNotEmitted(composer.draft_changed):
        composer.edit.insertFromMimeData(pasted(text))
    assert told.args == [text]
    assert composer.text() == "about this: "


def test_many_pastes_do_not_grow_past_the_limit(composer: Composer, qtbot: QtBot) -> None:
    piece = "some words\n" * 5000
    composer.edit.insertFromMimeData(pasted(piece))
    with qtbot.waitSignal(composer.text_pasted):
        composer.edit.insertFromMimeData(pasted(piece))
    assert composer.text() == piece


def test_pasted_files_and_pictures_are_handed_on(composer: Composer, qtbot: QtBot, tmp_path: Path) -> None:
    with qtbot.waitSignal(composer.files_dropped) as told:
        composer.edit.insertFromMimeData(pasted(paths=(tmp_path / "a.txt",)))
    assert told.args == [[str(tmp_path / "a.txt")]]
    mime = QMimeData()
    mime.setImageData(QImage(3, 2, QImage.Format.Format_RGB32))
    assert composer.edit.canInsertFromMimeData(mime)
    with qtbot.waitSignal(composer.picture_pasted) as told:
        composer.edit.insertFromMimeData(mime)
    assert told.args[0].width() == 3
    assert composer.text() == ""


def drag(composer: Composer, mime: QMimeData) -> QDragEnterEvent:
    event = QDragEnterEvent(QPoint(5, 5), COPY, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(composer, event)
    return event


COPY = Qt.DropAction.CopyAction


def test_files_are_dropped_on_the_composer_which_shows_where(composer: Composer, qtbot: QtBot, tmp_path: Path) -> None:
    mime = pasted(paths=(tmp_path / "a.txt", tmp_path / "b.pdf"))
    assert drag(composer, mime).isAccepted()
    assert composer.shade.isVisible()
    QApplication.sendEvent(composer, QDragLeaveEvent())
    assert not composer.shade.isVisible()
    drag(composer, mime)
    drop = QDropEvent(QPointF(5, 5), COPY, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    with qtbot.waitSignal(composer.files_dropped) as told:
        QApplication.sendEvent(composer, drop)
    assert told.args == [[str(tmp_path / "a.txt"), str(tmp_path / "b.pdf")]]
    assert not composer.shade.isVisible()


def test_what_is_no_text_and_no_file_cannot_be_dropped(composer: Composer) -> None:
    mime = QMimeData()
    mime.setData("application/x-thing", b"1")
    assert not drag(composer, mime).isAccepted()
    assert not composer.shade.isVisible()


# --- files --------------------------------------------------------------------------------

READY = DraftFile("1", "a.txt", "812 tokens", tokens=812, document=from_text("a.txt", "x"))
READING = DraftFile("2", "b.pdf", "reading, page 2 of 9")
BROKEN = DraftFile("3", "c.zip", problem="c.zip is an archive, which a text model cannot read.")


def chips(composer: Composer) -> dict[str, FileChip]:
    return {chip.name.text(): chip for chip in composer.files.findChildren(FileChip) if chip.isVisible()}


def test_files_are_shown_with_their_cost_and_can_be_sent_without_a_word(composer: Composer, qtbot: QtBot) -> None:
    composer.set_files([READY])
    assert chips(composer)["a.txt"].detail.text() == "812 tokens"
    with qtbot.waitSignal(composer.submitted) as sent:
        qtbot.keyClick(composer.edit, Qt.Key.Key_Return)
    assert sent.args == [""]
    composer.set_files([])
    assert not composer.files.isVisible()
    assert not composer.send_button.isEnabled()


@pytest.mark.parametrize(("file", "words"), [(READING, "Reading b.pdf …"), (BROKEN, "One file cannot be used.")])
def test_nothing_is_sent_without_a_file_that_was_meant(
    composer: Composer, qtbot: QtBot, file: DraftFile, words: str
) -> None:
    composer.set_text("Look at this")
    composer.set_files([READY, file])
    with qtbot.assertNotEmitted(composer.submitted):
        composer.submit()
    assert composer.reason.text() == words
    composer.set_files([READY])
    with qtbot.waitSignal(composer.submitted):
        composer.submit()


def test_a_file_that_cannot_be_used_says_why_and_can_be_taken_off(composer: Composer, qtbot: QtBot) -> None:
    composer.set_files([READY, BROKEN])
    chip = chips(composer)["c.zip"]
    assert chip.problem.text() == BROKEN.problem
    assert BROKEN.problem in chip.accessibleName()
    with qtbot.waitSignal(composer.file_removed) as told:
        chip.close_button.click()
    assert told.args == ["3"]


def test_a_file_keeps_its_chip_while_its_figures_change(composer: Composer) -> None:
    composer.set_files([READING])
    before = chips(composer)["b.pdf"]
    composer.set_files([READY, DraftFile("2", "b.pdf", "9 pages", document=from_text("b.pdf", "x"))])
    assert chips(composer)["b.pdf"] is before
    assert before.detail.text() == "9 pages"


def test_many_files_scroll_instead_of_filling_the_window(composer: Composer) -> None:
    composer.set_files([DraftFile(str(i), f"file number {i}.txt", document=READY.document) for i in range(40)])
    assert composer.files.height() < composer.files.widget().height()


def test_attach_asks_for_files(composer: Composer, qtbot: QtBot) -> None:
    with qtbot.waitSignal(composer.attach_wanted):
        composer.attach_button.click()


# --- keys ---------------------------------------------------------------------------------


def test_up_in_an_empty_field_edits_the_last_message(composer: Composer, qtbot: QtBot) -> None:
    with qtbot.waitSignal(composer.edit_last):
        qtbot.keyClick(composer.edit, Qt.Key.Key_Up)
    composer.set_text("words")
    with qtbot.assertNotEmitted(composer.edit_last):
        qtbot.keyClick(composer.edit, Qt.Key.Key_Up)


def test_ctrl_enter_belongs_to_the_window(composer: Composer, qtbot: QtBot) -> None:
    shortcut = QShortcut("Ctrl+Return", composer)
    composer.set_text("words")
    composer.edit.setFocus()
    with qtbot.waitSignal(shortcut.activated), qtbot.assertNotEmitted(composer.submitted):
        qtbot.keyClick(composer.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert composer.text() == "words"


def test_a_saved_prompt_goes_where_the_cursor_is(composer: Composer) -> None:
    composer.set_text("before after")
    cursor = composer.edit.textCursor()
    cursor.setPosition(len("before "))
    composer.edit.setTextCursor(cursor)
    composer.insert("between ")
    assert composer.text() == "before between after"
