"""The list of conversations walks, renames and asks to delete; days stand between."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from app.ui.theme import Theme
from app.ui.widgets.listing import UNTITLED, ConversationList

ITEMS = [("a", "One", ""), ("b", "Two", ""), ("c", "Three", "Yesterday"), ("d", "", "Yesterday")]


@pytest.fixture
def listing(theme: Theme, qtbot: QtBot) -> ConversationList:
    made = ConversationList(theme)
    qtbot.addWidget(made)
    made.resize(220, 300)
    made.set_items(ITEMS, "b")
    made.show()
    return made


def texts(listing: ConversationList) -> list[str]:
    return [listing.model.index(row).data() for row in range(listing.model.rowCount())]


def test_days_stand_between_and_the_newest_needs_none(listing: ConversationList, qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(listing.model)
    assert texts(listing) == ["One", "Two", "Yesterday", "Three", UNTITLED]
    assert listing.current() == "b"


def test_a_heading_cannot_be_chosen(listing: ConversationList, qtbot: QtBot) -> None:
    heading = listing.model.index(2)
    assert heading.flags() == Qt.ItemFlag.NoItemFlags
    with qtbot.assertNotEmitted(listing.chosen):
        listing.view.clicked.emit(heading)


def test_a_click_chooses(listing: ConversationList, qtbot: QtBot) -> None:
    box = listing.view.visualRect(listing.model.index(3))
    with qtbot.waitSignal(listing.chosen) as chosen:
        qtbot.mouseClick(listing.view.viewport(), Qt.MouseButton.LeftButton, pos=box.center())
    assert chosen.args == ["c"]


def test_setting_items_says_nothing(listing: ConversationList, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(listing.chosen):
        listing.set_items(ITEMS, "c")
    assert listing.current() == "c"
    listing.set_items(ITEMS, "")
    assert listing.current() == ""


def test_delete_asks(listing: ConversationList, qtbot: QtBot) -> None:
    with qtbot.waitSignal(listing.deleted) as deleted:
        qtbot.keyClick(listing.view, Qt.Key.Key_Delete)
    assert deleted.args == ["b"]
    assert texts(listing)[1] == "Two"  # what is gone is for the page to say


def test_renaming_in_place(listing: ConversationList, qtbot: QtBot) -> None:
    listing.rename("b")
    editor = listing.view.findChild(QLineEdit)
    assert editor is not None
    editor.setText("  A better\n title ")
    with qtbot.waitSignal(listing.renamed) as renamed:
        qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert renamed.args == ["b", "A better title"]


@pytest.mark.parametrize("title", ["", "   ", "Two"])
def test_an_empty_or_equal_title_changes_nothing(listing: ConversationList, qtbot: QtBot, title: str) -> None:
    with qtbot.assertNotEmitted(listing.renamed):
        assert not listing.model.setData(listing.model.index(1), title)


def test_the_plus_creates(listing: ConversationList, qtbot: QtBot) -> None:
    with qtbot.waitSignal(listing.created):
        listing.new_button.click()
