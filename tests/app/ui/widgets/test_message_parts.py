"""What stands around a message's text: its thinking, files, versions, verbs, check, panel and editor."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from app.ui.state.transcript import Row, RowFile
from app.ui.theme import Theme
from app.ui.widgets.chip import Chip
from app.ui.widgets.message_view import MessageView
from app.ui.widgets.prose import Prose

ALL = {"copy", "again", "continue", "edit", "branch", "delete", "previous", "next", "tokens", "timeline", "reuse"}


def made(theme: Theme, qtbot: QtBot, role: str = "assistant") -> MessageView:
    view = MessageView(theme, role)  # type: ignore[arg-type]
    qtbot.addWidget(view)
    view.resize(700, 400)
    view.show()
    return view


def words(view: MessageView) -> str:
    drawn = view.body._views  # type: ignore[union-attr]
    return "\n".join(prose.toPlainText() for prose in drawn if isinstance(prose, Prose))


@pytest.mark.parametrize("size", [1, 4, 100])
def test_thinking_is_folded_and_the_answer_stands_alone(theme: Theme, qtbot: QtBot, size: int) -> None:
    view, text = made(theme, qtbot), "<think>\nhm, two\n</think>\n\nIt is **four**."
    view.set_status("streaming")
    for start in range(0, len(text), size):
        view.append(text[start : start + size])
    view.finish()
    view.flush()
    assert view.text() == text
    assert words(view) == "It is four."
    assert view.thought is not None
    assert view.thought.text().strip() == "hm, two"
    assert view.thought.toggle.text().startswith("Thought for 0.")
    assert not view.thought.findChildren(Prose)
    view.thought.toggle.click()
    assert [prose.toPlainText() for prose in view.thought.findChildren(Prose)] == ["hm, two"]


def test_a_thought_whose_tag_the_template_wrote_moves_out_of_the_answer(theme: Theme, qtbot: QtBot) -> None:
    view = made(theme, qtbot)
    view.append("hm, two\n")
    view.flush()
    assert words(view) == "hm, two"
    view.append("</think>\n\nFour.")
    view.finish()
    view.flush()
    assert words(view).strip() == "Four."
    assert view.thought is not None
    assert view.thought.text() == "hm, two\n"


def test_thinking_says_that_it_goes_on_and_then_how_long_it_took(theme: Theme, qtbot: QtBot) -> None:
    view = made(theme, qtbot)
    view.show_row(Row("a", "assistant", "<think>so", "streaming"))
    assert view.thought is not None
    assert view.thought.toggle.text() == "Thinking… 0 s"
    view.show_row(Row("a", "assistant", "<think>so</think>yes", thought_s=3.24))
    assert view.thought.toggle.text() == "Thought for 3.2 s"


def test_an_empty_thought_does_not_show(theme: Theme, qtbot: QtBot) -> None:
    view = made(theme, qtbot)
    view.show_row(Row("a", "assistant", "<think>\n\n</think>\n\nShort."))
    assert view.thought is None or not view.thought.isVisible()


def test_a_footer_that_changes_renders_nothing_anew(
    theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = made(theme, qtbot)
    view.show_row(Row("a", "assistant", "words"))
    view.flush()
    monkeypatch.setattr(Prose, "_render", lambda self: pytest.fail("rendered again"))
    view.show_row(Row("a", "assistant", "words", footer="first token 41 ms"))
    assert view.foot.figures.text() == "first token 41 ms"


def test_only_verbs_that_may_be_used_show_and_say_what_they_do(theme: Theme, qtbot: QtBot) -> None:
    view = made(theme, qtbot)
    view.show_row(Row("a", "assistant", "words", version=2, versions=3))
    view.set_verbs({"copy"})
    assert [b.objectName() for b in view.findChildren(QToolButton) if b.isVisible()] == ["message.copy"]
    view.set_verbs(ALL)
    shown = [button for button in view.findChildren(QToolButton) if button.isVisible()]
    assert len(shown) == 9
    assert all(button.toolTip() and button.accessibleName() for button in shown)
    assert [label.text() for label in view.findChildren(QLabel, "message.version")] == ["2/3"]
    with qtbot.waitSignals([view.acted] * 3):
        for verb in ("again", "previous", "next"):
            qtbot.mouseClick(view.verbs.button(verb), Qt.MouseButton.LeftButton)
    said: list[str] = []
    view.acted.connect(said.append)
    for action in view.verbs.menu().actions():
        action.trigger()
    assert said == ["tokens", "timeline", "reuse"]


def test_the_first_version_has_no_previous_one(theme: Theme, qtbot: QtBot) -> None:
    view = made(theme, qtbot)
    view.set_verbs(ALL)
    view.show_row(Row("a", "assistant", "words", version=1, versions=2))
    assert not view.verbs.button("previous").isEnabled()
    assert view.verbs.button("next").isEnabled()
    view.show_row(Row("a", "assistant", "words"))
    assert not view.verbs.button("next").isVisible()


def test_the_row_lights_up_under_the_pointer_and_for_the_keyboard(theme: Theme, qtbot: QtBot) -> None:
    view = made(theme, qtbot)
    qtbot.waitExposed(view)
    assert not view.verbs.lit
    dark = view.verbs.grab().toImage()
    view.verbs.set_hovered(True)
    assert view.verbs.grab().toImage() != dark
    view.verbs.set_hovered(False)
    view.activateWindow()
    view.verbs.button("copy").setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(lambda: view.verbs.lit, timeout=2000)


def test_copy_leaves_the_thinking_out(theme: Theme, qtbot: QtBot) -> None:
    view = made(theme, qtbot)
    view.show_row(Row("a", "assistant", "<think>no</think>\nyes"))
    with qtbot.waitSignal(view.acted) as caught:
        view.verbs.button("copy").click()
    assert caught.args == ["copy"]
    assert QGuiApplication.clipboard().text() == "yes"


@pytest.mark.parametrize(("role", "word"), [("assistant", "Save"), ("user", "Send")])
def test_a_message_is_edited_in_its_place(theme: Theme, qtbot: QtBot, role: str, word: str) -> None:
    view = made(theme, qtbot, role)
    view.set_verbs(ALL)
    view.show_row(Row("a", role, "<think>t</think>\nold" if role == "assistant" else "old"))
    view.verbs.button("edit").click()
    assert view.editor is not None
    assert view.editor.save.text() == word
    assert not view.body.isVisible()
    view.editor.edit.setPlainText("new")
    with qtbot.waitSignal(view.edited) as caught:
        qtbot.keyClick(view.editor.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert caught.args == ["<think>t</think>\nnew" if role == "assistant" else "new"]
    assert view.editor is None
    assert view.body.isVisible()


def test_escape_leaves_the_message_as_it_was(theme: Theme, qtbot: QtBot) -> None:
    view = made(theme, qtbot, "user")
    view.show_row(Row("a", "user", "old"))
    view.edit()
    assert view.editor is not None
    view.editor.edit.setPlainText(" ")
    assert not view.editor.save.isEnabled()
    qtbot.keyClick(view.editor.edit, Qt.Key.Key_Escape)
    assert view.editor is None
    assert view.text() == "old"


def test_files_are_chips_above_the_words(theme: Theme, qtbot: QtBot) -> None:
    view = made(theme, qtbot, "user")
    row = Row("a", "user", "read this", files=(RowFile("1", "report.pdf", "12 pages"), RowFile("2", "notes.md")))
    view.show_row(row)
    view.show_row(row)
    chips = view.findChildren(Chip, "message.file")
    assert [chip.text() for chip in chips] == ["report.pdf · 12 pages", "notes.md"]
    prose = view.body.prose  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: chips[0].y() < chips[1].y() < prose.y(), timeout=2000)


@pytest.mark.parametrize(("ok", "tone"), [(True, "good"), (False, "bad")])
def test_the_check_is_a_verdict_below_the_text(theme: Theme, qtbot: QtBot, ok: bool, tone: str) -> None:
    view = made(theme, qtbot)
    view.show_row(Row("a", "assistant", "{}", check="Fits the schema.", check_ok=ok))
    label = view.findChild(QLabel, "message.check")
    assert isinstance(label, QLabel)
    assert (label.text(), label.property("tone"), label.isVisible()) == ("Fits the schema.", tone, True)


def test_a_panel_stands_between_text_and_footer_and_is_replaced(theme: Theme, qtbot: QtBot) -> None:
    view = made(theme, qtbot)
    view.show_row(Row("a", "assistant", "words", footer="figures"))
    first, second = QPushButton("one"), QWidget()
    view.set_panel(first)
    qtbot.waitUntil(lambda: view.body.y() < first.y() < view.foot.y(), timeout=2000)
    with qtbot.waitSignal(first.destroyed):
        view.set_panel(second)
    with qtbot.waitSignal(second.destroyed):
        view.set_panel(None)


def test_painted_says_how_much_is_on_the_screen(theme: Theme, qtbot: QtBot) -> None:
    view, text = made(theme, qtbot), "<think>t</think>Some words."
    seen: list[int] = []
    view.painted.connect(seen.append)
    view.append(text)
    qtbot.waitUntil(lambda: bool(seen) and seen[-1] == len(text), timeout=2000)
    view.append("\n\n```\ncode\n")
    qtbot.waitUntil(lambda: seen[-1] == len(text) + len("\n\n```\ncode\n"), timeout=2000)


def test_a_long_question_is_laid_out_anew_only_for_another_width(
    theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = made(theme, qtbot, "user")
    view.show_row(Row("q", "user", "many words " * 500))
    fits: list[int] = []

    def ideal_width(_prose: Prose) -> int:
        fits.append(view.width())
        return 300

    monkeypatch.setattr(Prose, "ideal_width", ideal_width)
    for height in (420, 440, 460):
        view.body.resize(view.body.width(), height)
    assert not fits
    view.body.resize(view.body.width() - 100, 460)
    assert len(fits) == 1


def test_a_text_that_is_rendered_again_does_not_shrink_in_between(theme: Theme, qtbot: QtBot) -> None:
    prose = Prose(theme)
    heights: list[int] = []
    qtbot.addWidget(prose)
    prose.resize(400, 50)
    prose.show()
    prose.show_markdown("many words " * 200)
    prose.height_changed.connect(lambda: heights.append(prose.height()))
    before = prose.height()
    prose.show_markdown("many words " * 300)
    assert heights == [prose.height()]
    assert prose.height() > before
