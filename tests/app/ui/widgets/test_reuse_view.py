"""What of a prompt was re-used, in the prompt itself."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QTextCursor
from pytestqt.qtbot import QtBot

from app.ui.state.inside import Reuse
from app.ui.theme import Theme
from app.ui.widgets.reuse_view import AROUND, ReuseView


@pytest.fixture
def view(theme: Theme, qtbot: QtBot) -> ReuseView:
    made = ReuseView(theme)
    qtbot.addWidget(made)
    made.resize(700, 320)
    made.show()
    return made


def pieces(n: int) -> tuple[str, ...]:
    return tuple(f" w{i}" for i in range(n))


def ink(view: ReuseView, text: str) -> str:
    found = view.prompt.document().find(text)
    assert not found.isNull(), text
    return found.charFormat().foreground().color().name()


def test_what_was_there_is_dim_and_what_is_new_stands_out(view: ReuseView, theme: Theme) -> None:
    view.show_reuse(Reuse(2, 3, ("<|im_start|>", "user", " old", " fresh", " end")))
    assert view.words.text() == "Newly read 2, re-used 3; first difference at token 4."
    assert "<|im_start|>user old" in view.prompt.toPlainText()
    assert ink(view, " old") == theme.tokens.dim.lower()
    assert ink(view, " fresh") == theme.tokens.text.lower()
    assert "from token 4 newly read" in view.prompt.toPlainText().replace("\u00a0", " ")


def test_a_long_prompt_shows_what_is_about_the_difference_and_counts_the_rest(view: ReuseView) -> None:
    view.show_reuse(Reuse(40_000, 60_000, pieces(100_000)))
    text = view.prompt.toPlainText()
    assert text.startswith("… 59,600 re-used tokens before this\n w59600")
    assert text.endswith("w60399\n… 39,600 newly read tokens after this")
    assert text.count(" w") == 2 * AROUND


def test_the_difference_is_in_sight(view: ReuseView) -> None:
    view.show_reuse(Reuse(500, 500, pieces(1000)))
    cursor = QTextCursor(view.prompt.document().find(" w500"))
    place = view.prompt.cursorRect(cursor)
    assert view.prompt.viewport().rect().contains(place.center())
    assert view.prompt.verticalScrollBar().value() > 0


def test_without_the_prompt_the_sentence_stands_alone(view: ReuseView) -> None:
    view.show_reuse(Reuse(18, 412))
    assert view.words.text() == "Newly read 18, re-used 412; first difference at token 413."
    assert not view.prompt.isVisible()


def test_nothing_re_used_has_no_mark(view: ReuseView) -> None:
    view.show_reuse(Reuse(3, 0, pieces(3)))
    assert view.prompt.toPlainText() == " w0 w1 w2"


def test_other_colours_are_taken_at_once(view: ReuseView, theme: Theme) -> None:
    view.show_reuse(Reuse(2, 3, pieces(5)))
    theme.set_mode("dark")
    assert ink(view, " w1") == theme.tokens.dim.lower()
    theme.set_mode("light")
