"""Texts that a model may write and nobody would: they are shown, and nothing is fetched or lost."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from app.ui.theme import Theme
from app.ui.widgets import message_body
from app.ui.widgets.message_view import MessageView
from app.ui.widgets.prose import Prose

NESTED = "".join("  " * n + f"- level {n}\n" for n in range(50))
TEXTS = {
    "fifty nested lists": (NESTED, "level 49"),
    "a long word": ("x" * 10_000, "x" * 3_000),
    "right to left": ("مرحبا **بالعالم** שלום", "بالعالم"),
    "emoji": ("🎉 👩‍👩‍👧 `🎉` **🏳️‍🌈** end", "👩‍👩‍👧"),
    "a wide table": ("|" + " c |" * 60 + "\n|" + "---|" * 60 + "\n|" + " wide words |" * 60 + "\n", "wide words"),
    "a null and a lone surrogate": ("a\x00b \ud800 c", "c"),
    "private characters and maths": ("\ue000 and $x$", "$x$"),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_it_is_shown_streamed_and_whole(theme: Theme, qtbot: QtBot, name: str) -> None:
    text, part = TEXTS[name]
    view = MessageView(theme, "assistant")
    qtbot.addWidget(view)
    view.resize(700, 400)
    view.show()
    for start in range(0, len(text), 97):
        view.append(text[start : start + 97])
    view.finish()
    view.flush()
    shown = "".join(prose.toPlainText() for prose in view.findChildren(Prose))
    assert part in shown
    assert view.text() == text
    for prose in view.findChildren(Prose):
        assert prose.document().size().width() <= prose.viewport().width() or prose.can_scroll


def test_a_tail_over_8_kb_is_plain_until_it_freezes(theme: Theme, qtbot: QtBot) -> None:
    view = MessageView(theme, "assistant")
    qtbot.addWidget(view)
    view.append("> **b** word\n" * 700)
    view.flush()
    assert message_body.PLAIN_CHARS == 8_000
    (prose,) = view.findChildren(Prose)
    assert "> **b** word" in prose.toPlainText()
    view.append("> end\n")
    view.flush()
    assert prose.toPlainText().endswith("> end\n")
    view.finish()
    view.flush()
    assert "**" not in prose.toPlainText()


def test_a_link_s_target_is_said_before_it_is_opened(theme: Theme, qtbot: QtBot) -> None:
    prose = Prose(theme)
    qtbot.addWidget(prose)
    prose.resize(300, 50)
    prose.show()
    prose.show_markdown("[here](https://example.org/x)")
    assert prose.focusNextPrevChild(True)
    assert "https://example.org/x" in prose.accessibleDescription()
    cursor = prose.textCursor()
    assert cursor.charFormat().toolTip() == "https://example.org/x"
