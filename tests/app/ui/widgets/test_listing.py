"""The list of conversations: sections, search, keys, menus, dragging; it asks for everything and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from app.ui.state.conversation_lines import Line, Section, pieces, starting_at_hit
from app.ui.theme import Theme
from app.ui.widgets.conversation_model import spoken, untitled
from app.ui.widgets.listing import ConversationList

ITEMS = [("a", "One", ""), ("b", "Two", ""), ("c", "Three", "Yesterday"), ("d", "", "Yesterday")]
SECTIONS = [
    Section("Pinned", "pinned", "", (Line("p", "Kept", pinned=True),)),
    Section("Work", "folder", "w", (Line("x", "Report"), Line("y", "Budget"))),
    Section("Empty", "folder", "e"),
    Section("Today", "day", "", (Line("a", "One"), Line("b", "Two"))),
]
HITS = [
    Section("2 found", "hits", "", (
        Line("a", "One", "and then the \x02cat\x03 sat", message_id="m1"), Line("c", "My cat", "My \x02cat\x03"))),
]  # fmt: skip


@pytest.fixture
def pops(qtlog: object) -> Iterator[None]:
    """The offscreen platform warns of every menu that opens."""
    with qtlog.disabled():
        yield


@pytest.fixture
def listing(theme: Theme, qtbot: QtBot) -> ConversationList:
    made = ConversationList(theme)
    qtbot.addWidget(made)
    made.resize(220, 400)
    made.set_items(ITEMS, "b")
    made.show()
    return made


@pytest.fixture
def filed(listing: ConversationList, qtbot: QtBot) -> ConversationList:
    """With folders, and the keyboard in the list."""
    listing.set_sections(SECTIONS, "a")
    listing.activateWindow()
    listing.view.setFocus()
    qtbot.waitUntil(listing.view.hasFocus)
    return listing


def texts(listing: ConversationList) -> list[str]:
    return [listing.model.index(row).data() for row in range(listing.model.rowCount())]


def act(listing: ConversationList, title: str) -> None:
    """What the open menu, or a menu in it, has under this title."""
    menus = [m for m in listing.findChildren(QMenu) if m.objectName() == "chat.conversation_menu" and m.isVisible()]
    assert len(menus) == 1
    found = [a for m in (menus[0], *menus[0].findChildren(QMenu)) for a in m.actions() if a.text() == title]
    assert len(found) == 1, title
    menus[0].hide()
    found[0].trigger()


def test_days_stand_between_and_the_newest_needs_none(listing: ConversationList, qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(listing.model)
    assert texts(listing) == ["One", "Two", "Yesterday", "Three", untitled()]
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


def test_what_is_typed_survives_a_list_that_changes(listing: ConversationList, qtbot: QtBot) -> None:
    listing.rename("b")
    editor = listing.view.findChild(QLineEdit)
    assert editor is not None
    qtbot.keyClicks(editor, "Half a ti")
    listing.set_items([("new", "An answer came", ""), *ITEMS], "b")
    assert editor.text() == "Half a ti"
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: texts(listing)[0] == "An answer came")


def test_the_plus_creates(listing: ConversationList, qtbot: QtBot) -> None:
    with qtbot.waitSignal(listing.created):
        listing.new_button.click()


# --- folders ----------------------------------------------------------------------------


def test_sections_have_headings_and_folders_fold(filed: ConversationList, qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(filed.model)
    assert texts(filed) == ["Pinned", "Kept", "Work", "Report", "Budget", "Empty", "Today", "One", "Two"]
    assert [spoken(e) for e in filed.model.entries[1:3]] == ["Kept, pinned", "Folder Work, 2 conversations, open"]


def test_arrow_keys_fold_and_unfold(filed: ConversationList, qtbot: QtBot) -> None:
    filed.view.setCurrentIndex(filed.model.index(2))
    with qtbot.waitSignal(filed.folder_folded) as folded:
        qtbot.keyClick(filed.view, Qt.Key.Key_Left)
    assert folded.args == ["w", False]
    assert texts(filed) == ["Pinned", "Kept", "Work", "Empty", "Today", "One", "Two"]
    assert filed.view.currentIndex().row() == 2
    qtbot.keyClick(filed.view, Qt.Key.Key_Return)
    assert "Report" in texts(filed)


def test_a_folder_is_renamed_and_deleted_with_keys(filed: ConversationList, qtbot: QtBot) -> None:
    filed.view.setCurrentIndex(filed.model.index(2))
    with qtbot.waitSignal(filed.folder_deleted) as deleted:
        qtbot.keyClick(filed.view, Qt.Key.Key_Delete)
    assert deleted.args == ["w"]
    qtbot.keyClick(filed.view, Qt.Key.Key_F2)
    editor = filed.view.findChild(QLineEdit)
    assert editor is not None
    editor.setText("Job")
    with qtbot.waitSignal(filed.folder_renamed) as renamed:
        qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert renamed.args == ["w", "Job"]


def test_a_new_folder_is_named_where_it_appears(filed: ConversationList, qtbot: QtBot) -> None:
    made: list[tuple[str, str]] = []

    def create(title: str, conversation: str) -> None:
        made.append((title, conversation))
        filed.set_sections([Section(title, "folder", "new", (Line("a", "One"),)), *SECTIONS], "a")

    filed.folder_created.connect(create)
    filed.new_folder("a")
    assert made == [("New folder", "a")]
    editor = filed.view.findChild(QLineEdit)
    assert editor is not None
    assert editor.text() == "New folder"


def test_the_keyboard_stays_where_it_was_when_the_list_changes(filed: ConversationList) -> None:
    filed.view.setCurrentIndex(filed.model.index(4))
    filed.set_sections([*SECTIONS[1:], SECTIONS[0]], "a")
    assert filed.current() == "y"
    without = Section("Work", "folder", "w", (Line("x", "Report"),))
    filed.set_sections([without, *SECTIONS[2:]], "a")
    assert filed.view.currentIndex().row() == 2  # what took its place


# --- the menu ---------------------------------------------------------------------------


@pytest.mark.usefixtures("pops")
@pytest.mark.parametrize(
    "keys", [(Qt.Key.Key_Menu, Qt.KeyboardModifier.NoModifier), (Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)]
)
def test_the_menu_opens_with_keys_and_pins(
    filed: ConversationList, qtbot: QtBot, keys: tuple[Qt.Key, Qt.KeyboardModifier]
) -> None:
    qtbot.keyClick(filed.view, *keys)
    with qtbot.waitSignal(filed.pinned) as pinned:
        act(filed, "Pin")
    assert pinned.args == ["a", True]


@pytest.mark.usefixtures("pops")
def test_the_menu_moves_exports_and_deletes(filed: ConversationList, qtbot: QtBot) -> None:
    said: list[tuple[object, ...]] = []
    filed.moved.connect(lambda *args: said.append(("moved", *args)))
    filed.exported.connect(lambda *args: said.append(("exported", *args)))
    filed.deleted.connect(lambda *args: said.append(("deleted", *args)))
    for title in ("Work", "Export…", "Delete"):
        qtbot.keyClick(filed.view, Qt.Key.Key_Menu)
        act(filed, title)
    assert said == [("moved", "a", "w"), ("exported", "a"), ("deleted", "a")]
    filed.set_current("x")
    qtbot.keyClick(filed.view, Qt.Key.Key_Menu)
    act(filed, "No folder")
    assert said[-1] == ("moved", "x", "")


@pytest.mark.usefixtures("pops")
def test_more_offers_folders_and_files(filed: ConversationList, qtbot: QtBot) -> None:
    filed.more_button.click()
    with qtbot.waitSignal(filed.import_wanted):
        act(filed, "Import…")
    filed.more_button.click()
    with qtbot.waitSignal(filed.folder_created):
        act(filed, "New folder")


# --- search -----------------------------------------------------------------------------


def test_typing_is_told_once_when_it_pauses(listing: ConversationList, qtbot: QtBot) -> None:
    said: list[str] = []
    listing.searched.connect(said.append)
    qtbot.keyClicks(listing.search, "cat")
    qtbot.waitUntil(lambda: bool(said))
    assert said == ["cat"]
    qtbot.keyClick(listing.search, Qt.Key.Key_Escape)
    assert said == ["cat", ""]
    assert listing.search.text() == ""


def test_down_goes_to_the_hits_and_enter_opens_one(filed: ConversationList, qtbot: QtBot) -> None:
    filed.searched.connect(lambda query: filed.set_sections(HITS if query else SECTIONS, "a"))
    filed.focus_search()
    qtbot.keyClicks(filed.search, "cat")
    qtbot.keyClick(filed.search, Qt.Key.Key_Down)
    assert filed.view.hasFocus()
    with qtbot.waitSignal(filed.hit_chosen) as chosen:
        qtbot.keyClick(filed.view, Qt.Key.Key_Return)
    assert chosen.args == ["a", "m1"]
    qtbot.keyClick(filed.view, Qt.Key.Key_Down)
    with qtbot.waitSignal(filed.chosen) as title:
        qtbot.keyClick(filed.view, Qt.Key.Key_Return)
    assert title.args == ["c"]
    qtbot.keyClick(filed.view, Qt.Key.Key_Up)
    qtbot.keyClick(filed.view, Qt.Key.Key_Up)
    assert filed.search.hasFocus()


def test_enter_in_the_search_opens_the_first_hit(filed: ConversationList, qtbot: QtBot) -> None:
    filed.searched.connect(lambda query: filed.set_sections(HITS if query else SECTIONS, "a"))
    qtbot.keyClicks(filed.search, "cat")
    with qtbot.waitSignal(filed.hit_chosen) as chosen:
        qtbot.keyClick(filed.search, Qt.Key.Key_Return)
    assert chosen.args == ["a", "m1"]


@pytest.mark.usefixtures("pops")
def test_folders_can_be_chosen_while_hits_are_shown(filed: ConversationList, qtbot: QtBot) -> None:
    filed.set_sections(HITS, "a")
    qtbot.keyClick(filed.view, Qt.Key.Key_Menu)
    with qtbot.waitSignal(filed.moved) as moved:
        act(filed, "Work")
    assert moved.args == ["a", "w"]


def test_a_hit_is_marked_and_a_long_start_is_cut() -> None:
    assert pieces("a \x02b\x03\n c") == [("a ", False), ("b", True), (" c", False)]
    assert starting_at_hit("a long way before the \x02hit\x03 comes") == [
        ("…before the ", False), ("hit", True), (" comes", False)]  # fmt: skip


# --- drag and drop ----------------------------------------------------------------------


def drag(listing: ConversationList, row: int, onto: int) -> QDropEvent:
    """A drop of one row on another, as the view gets it."""
    data = listing.model.mimeData([listing.model.index(row)])
    return drop(listing, data, listing.view.visualRect(listing.model.index(onto)).center())


def drop(listing: ConversationList, data: QMimeData, at: QPoint) -> QDropEvent:
    button, keys, action = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.DropAction.MoveAction
    over = QDragMoveEvent(at, action, data, button, keys)
    listing.view.dragMoveEvent(over)
    event = QDropEvent(QPointF(at), action, data, button, keys)
    event.setAccepted(False)
    listing.view.dropEvent(event)
    return event


def test_a_conversation_is_dropped_into_a_folder_and_out(filed: ConversationList) -> None:
    moved: list[tuple[str, str]] = []
    filed.moved.connect(lambda *args: moved.append(args))
    assert drag(filed, 7, 2).isAccepted()
    assert drag(filed, 7, 4).isAccepted()  # on a line in the folder
    assert drag(filed, 3, 6).isAccepted()  # on a day
    assert moved == [("a", "w"), ("a", "w"), ("x", "")]
    assert not drag(filed, 7, 8).isAccepted()  # it is there already
    assert not drag(filed, 3, 2).isAccepted()


def test_files_are_dropped_to_be_imported(filed: ConversationList) -> None:
    files: list[list[str]] = []
    filed.files_dropped.connect(files.append)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/x/talk.json"), QUrl.fromLocalFile("/x/b.MD"), QUrl.fromLocalFile("/x/c.png")])
    assert drop(filed, data, QPoint(20, 380)).isAccepted()
    assert files == [["/x/talk.json", "/x/b.MD"]]
    data.setUrls([QUrl.fromLocalFile("/x/c.png")])
    assert not drop(filed, data, QPoint(20, 380)).isAccepted()


def test_two_thousand_conversations_and_an_unchanged_list_stays(filed: ConversationList) -> None:
    many = [Section("Earlier", "day", "", tuple(Line(str(n), f"Conversation {n}") for n in range(2000)))]
    filed.set_sections(many, "1500")
    QApplication.processEvents()
    assert filed.current() == "1500"
    at = filed.view.verticalScrollBar().value()
    assert at > 0
    filed.set_sections(list(many), "1500")
    assert filed.view.verticalScrollBar().value() == at


def test_the_list_shows_no_window_of_its_own_while_it_is_made(theme: Theme, qtbot: QtBot, qapp: QApplication) -> None:
    before = [w for w in qapp.topLevelWidgets() if w.isVisible()]
    made = ConversationList(theme)
    qtbot.addWidget(made)
    made.set_sections(SECTIONS, "a")
    made.set_sections([])
    assert [w for w in qapp.topLevelWidgets() if w.isVisible()] == before
