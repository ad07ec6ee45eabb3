"""Rail, chips, cards and labels; and no widget that takes the focus is without a name."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractSpinBox, QPushButton, QScrollBar, QWidget
from pytestqt.qtbot import QtBot

from app.glossary import Glossary
from app.ui.theme import Theme
from app.ui.widgets.card import ErrorCard
from app.ui.widgets.chip import Chip
from app.ui.widgets.composer import Composer
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.knob_form import KnobForm
from app.ui.widgets.label import Label, explain, hint
from app.ui.widgets.listing import ConversationList
from app.ui.widgets.message_view import MessageView
from app.ui.widgets.rail import Rail, RailItem
from app.ui.widgets.telemetry import TelemetryStrip
from engines.chat.knobs import CHAT_KNOBS

PAGES = (
    RailItem("chat", "Chat", "chat", "tasks"),
    RailItem("image", "Images", "image", "tasks", coming=True),
    RailItem("settings", "Settings", "settings", "foot"),
)


def test_the_rail_says_what_was_chosen(theme: Theme, qtbot: QtBot) -> None:
    rail = Rail(theme, PAGES)
    qtbot.addWidget(rail)
    rail.resize(88, 500)
    rail.show()
    rail.set_current("chat")
    with qtbot.waitSignal(rail.chosen) as chosen:
        rail.button("image").click()
    assert chosen.args == ["image"]
    assert rail.current() == "image"
    assert rail.width() == 88
    assert "coming" in rail.button("image").accessibleName()
    assert rail.button("settings").y() > 400


def test_arrow_keys_walk_the_rail(theme: Theme, qtbot: QtBot) -> None:
    rail = Rail(theme, PAGES)
    qtbot.addWidget(rail)
    rail.show()
    rail.button("chat").setFocus()
    qtbot.keyClick(rail.button("chat"), Qt.Key.Key_Down)
    assert rail.focusWidget() is rail.button("image")


def test_an_elided_label_keeps_the_whole_text_in_its_tooltip(theme: Theme, qtbot: QtBot) -> None:
    label = ElidedLabel(theme, "A rather long line that cannot fit")
    qtbot.addWidget(label)
    label.resize(60, 20)
    label.show()
    assert label.elided
    assert label.toolTip() == "A rather long line that cannot fit"
    label.resize(600, 20)
    assert not label.elided
    assert label.toolTip() == ""


def test_text_from_a_model_is_never_rich(theme: Theme, qtbot: QtBot) -> None:
    label = Label(theme, "<b>x</b>")
    qtbot.addWidget(label)
    assert label.textFormat() is Qt.TextFormat.PlainText


def test_a_chip_says_its_word_and_hides_without_one(theme: Theme, qtbot: QtBot) -> None:
    chip = Chip(theme, "loaded", "good")
    qtbot.addWidget(chip)
    wide = chip.sizeHint().width()
    chip.set("failed: out of memory", "bad", tip="The model needs 6.1 GB.")
    assert (chip.text(), chip.role, chip.accessibleName()) == ("failed: out of memory", "bad", "failed: out of memory")
    assert chip.sizeHint().width() > wide
    assert chip.toolTip() == "The model needs 6.1 GB."
    chip.set_text("")
    assert chip.isHidden()


def test_an_error_card_has_the_buttons_that_mend_it(theme: Theme, qtbot: QtBot) -> None:
    card = ErrorCard(
        theme, "It ended", "Out of memory.", "Try q4_0.", [("restart", "Restart"), ("smaller", "Use 2,048")], "log"
    )
    qtbot.addWidget(card)
    card.show()
    button = card.findChild(QPushButton, "error.smaller")
    assert button is not None
    with qtbot.waitSignal(card.action) as action:
        button.click()
    assert action.args == ["smaller"]
    assert not card.details.isVisible()
    fold = card.findChild(QPushButton, "error.details")
    assert fold is not None
    fold.click()
    assert card.details.isVisible()
    assert card.details.toPlainText() == "log"
    assert card.accessibleName() == "It ended. Out of memory. Try q4_0."


def test_a_tooltip_is_never_taken_for_markup(theme: Theme, qtbot: QtBot) -> None:
    label = ElidedLabel(theme, "")
    qtbot.addWidget(label)
    label.set_tip("<img src=x> & <b>bold</b>")
    assert label.toolTip() == "<p>&lt;img src=x&gt; &amp; &lt;b&gt;bold&lt;/b&gt;</p>"
    assert hint("7 GB, of 8") == "7 GB, of 8"
    assert hint("a < b\nc") == "<p>a &lt; b<br>c</p>"


def test_a_word_is_explained_when_the_pointer_comes(theme: Theme, glossary: Glossary, qtbot: QtBot) -> None:
    label = Label(theme, "Context")
    qtbot.addWidget(label)
    found = explain(label, glossary, "n_ctx", "more & more")
    assert label.toolTip() == ""
    label.enterEvent(None)  # type: ignore[arg-type]
    assert label.toolTip() == found.text()
    assert glossary.entry("n_ctx").short[:20] in found.text()
    assert found.text().endswith("more & more")


def gallery(theme: Theme, glossary: Glossary) -> list[QWidget]:
    form = KnobForm(theme, glossary)
    form.set_knobs(CHAT_KNOBS, {})
    form.expand()
    answer = MessageView(theme, "assistant")
    answer.set_text("words\n\n```\ncode\n```")
    answer.flush()
    card = ErrorCard(theme, "t", "m", "h", [("a", "A")], "log")
    return [Rail(theme, PAGES), form, answer, MessageView(theme, "user"), card, Composer(theme), ConversationList(theme),
            TelemetryStrip(theme, glossary)]  # fmt: skip


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_whatever_takes_the_focus_has_a_name(theme: Theme, glossary: Glossary, qtbot: QtBot, mode: str) -> None:
    theme.set_mode(mode)  # type: ignore[arg-type]
    unnamed = []
    for widget in gallery(theme, glossary):
        qtbot.addWidget(widget)
        widget.show()
        for part in [widget, *widget.findChildren(QWidget)]:
            inner = (
                isinstance(part, QScrollBar)
                or part.objectName().startswith("qt_")
                or isinstance(part.parent(), QAbstractSpinBox)
            )
            if inner or part.focusPolicy() == Qt.FocusPolicy.NoFocus or (part.isWindow() and part is not widget):
                continue
            if not (part.objectName() and part.accessibleName()):
                unnamed.append(f"{type(part).__name__} in {type(widget).__name__}: {part.objectName()!r}")
        assert not widget.grab().isNull()
    assert not unnamed
