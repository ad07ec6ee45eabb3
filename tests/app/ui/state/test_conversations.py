"""The list as a person keeps it: pinned, folders, days; search, undo, files; over a real store."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.errors import TandemError
from app.store import Store
from app.ui.state.conversations import Conversations
from tests.fakes import FakeServices


@pytest.fixture
def store(services: FakeServices) -> Store:
    return services.store


@pytest.fixture
def shelf(qapp: object, services: FakeServices) -> Conversations:
    return Conversations(services)


def talk(store: Store, title: str, text: str = "Hello") -> str:
    made = store.create_conversation(title)
    store.add_message(made.id, "user", text)
    store.add_message(made.id, "assistant", f"Answer to {text}")
    return made.id


def shape(shelf: Conversations, query: str = "") -> list[tuple[str, str, list[str]]]:
    return [(s.kind, s.title, [line.title for line in s.lines]) for s in shelf.sections(query)]


def test_pinned_first_then_folders_then_days(shelf: Conversations, store: Store) -> None:
    a, b, _c = talk(store, "A"), talk(store, "B"), talk(store, "C")
    folder = shelf.new_folder("Work")
    shelf.move(a, folder)
    shelf.pin(b, True)
    assert shape(shelf) == [("pinned", "Pinned", ["B"]), ("folder", "Work", ["A"]), ("day", "Today", ["C"])]
    shelf.move(b, folder)  # it stays with the pinned ones until it is let go
    assert shape(shelf)[1] == ("folder", "Work", ["A"])
    shelf.pin(b, False)
    assert shape(shelf)[0] == ("folder", "Work", ["B", "A"])
    shelf.move(b, "")
    assert shape(shelf) == [("folder", "Work", ["A"]), ("day", "Today", ["C", "B"])]


def test_older_days_have_their_own_heading(shelf: Conversations, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    talk(store, "Old")
    later = time.time() + 3 * 86_400
    monkeypatch.setattr("app.ui.state.words.time.time", lambda: later)
    assert shape(shelf) == [("day", "Last 7 days", ["Old"])]


def test_a_folder_stays_closed_between_starts(shelf: Conversations, services: FakeServices, store: Store) -> None:
    folder = shelf.new_folder("Work")
    a = talk(store, "A")
    shelf.move(a, folder)
    shelf.set_open(folder, False)
    again = Conversations(services)
    assert [s.open for s in again.sections() if s.kind == "folder"] == [False]
    assert [line.title for s in again.sections() for line in s.lines] == ["A"]
    again.move(talk(store, "B"), folder)  # what is put in is seen
    assert [s.open for s in again.sections() if s.kind == "folder"] == [True]


def test_folders_get_titles_of_their_own_and_can_be_renamed(shelf: Conversations) -> None:
    one, _two = shelf.new_folder(), shelf.new_folder(" ")
    assert [s.title for s in shelf.sections()] == ["New folder", "New folder 2"]
    shelf.rename_folder(one, "Work")
    shelf.rename_folder(one, "  ")
    assert shelf.sections()[0].title == "Work"


def test_a_new_folder_takes_a_conversation_in(shelf: Conversations, store: Store) -> None:
    shelf.new_folder("Work", talk(store, "A"))
    assert shape(shelf) == [("folder", "Work", ["A"])]


def test_search_says_where(shelf: Conversations, store: Store) -> None:
    a = talk(store, "Animals", "Tell me about cats, please")
    b = talk(store, "Catalogue", "Hello")
    shelf.pin(b, True)
    section = shelf.sections("cat")[0]
    assert (section.kind, section.title) == ("hits", "2 found")
    found = {line.id: line for line in section.lines}
    assert "\x02cat\x03" in found[a].snippet
    assert found[a].message_id
    assert found[b].pinned
    assert shape(shelf, " zebra ") == [("hits", "Nothing found", [])]
    assert shape(shelf, "catal")[0][1] == "1 found"


def test_a_deleted_conversation_comes_back(shelf: Conversations, store: Store, qtbot: QtBot) -> None:
    a = talk(store, "A")
    assert shelf.undo_words == ""
    assert shelf.undo() == ""
    shelf.delete(a)
    assert shape(shelf) == []
    assert shelf.undo_words == "“A” was deleted."
    with qtbot.waitSignal(shelf.changed):
        assert shelf.undo() == a
    assert shape(shelf) == [("day", "Today", ["A"])]
    assert shelf.undo_words == ""


def test_a_deleted_folder_comes_back_with_what_was_in_it(shelf: Conversations, store: Store) -> None:
    folder = shelf.new_folder("Work")
    shelf.move(talk(store, "A"), folder)
    shelf.delete_folder(folder)
    assert shape(shelf) == [("day", "Today", ["A"])]
    assert "Work" in shelf.undo_words
    assert shelf.undo() == ""
    assert shape(shelf) == [("folder", "Work", ["A"])]
    with pytest.raises(TandemError):
        shelf.delete_folder("no such folder")


def test_the_offer_to_undo_can_be_forgotten(shelf: Conversations, store: Store) -> None:
    shelf.delete(talk(store, "A"))
    shelf.forget_undo()
    assert shelf.undo_words == ""
    assert shelf.undo() == ""
    assert shape(shelf) == []


@pytest.mark.parametrize("name", ["talk.json", "talk.md"])
def test_what_is_exported_can_be_imported(shelf: Conversations, store: Store, tmp_path: Path, name: str) -> None:
    a = talk(store, "A talk", "Why?\n\n- because")
    path = str(tmp_path / name)
    shelf.export(a, path)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    (made,) = shelf.import_file(path)
    assert made != a
    assert store.conversation(made).title == "A talk"
    assert [(m.role, m.content) for m in store.messages(made)] == [(m.role, m.content) for m in store.messages(a)]


def test_what_cannot_be_written_or_read_is_said(shelf: Conversations, store: Store, tmp_path: Path) -> None:
    a = talk(store, "A")
    with pytest.raises(TandemError) as told:
        shelf.export(a, str(tmp_path / "no folder" / "a.md"))
    assert told.value.code == "cannot_write"
    (tmp_path / "b.md").write_bytes(b"\xff\xfe\x00bad")
    for path in ("b.md", "missing.json"):
        with pytest.raises(TandemError) as told:
            shelf.import_file(str(tmp_path / path))
        assert told.value.code == "bad_import"


def test_a_file_is_named_after_its_title(shelf: Conversations, store: Store) -> None:
    assert shelf.file_name(talk(store, "What / is: this?")) == "What is this"
    assert shelf.file_name(talk(store, "???")) == "conversation"


def test_renaming(shelf: Conversations, store: Store) -> None:
    a = talk(store, "A")
    shelf.rename(a, " B ")
    shelf.rename(a, " ")
    assert store.conversation(a).title == "B"


def test_what_was_deleted_can_be_found_later(shelf: Conversations, store: Store) -> None:
    a = talk(store, "A")
    shelf.delete(a)
    shelf.forget_undo()
    assert [line.id for line in shelf.removed()] == [a]
    shelf.bring_back(a)
    assert shelf.removed() == []
    assert shape(shelf) == [("day", "Today", ["A"])]
