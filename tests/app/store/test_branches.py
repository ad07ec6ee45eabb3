"""Versions, what is put away and brought back, branches, folders, files."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import TandemError
from app.store import RunRecord, Store


def texts(store, conversation_id):
    return [message.content for message in store.messages(conversation_id)]


def run_of(**more):
    return RunRecord(task="chat", model="m", variant="v", engine="e", reason="stop", **more)


@pytest.fixture
def talk(store):
    """q → a1 (→ more → a3), a2; a2 is shown."""
    made = store.create_conversation("Talk")
    q = store.add_message(made.id, "user", "q")
    a1 = store.add_message(made.id, "assistant", "a1")
    more = store.add_message(made.id, "user", "more")
    a3 = store.add_message(made.id, "assistant", "a3")
    a2 = store.add_message(made.id, "assistant", "a2", parent_id=q.id)
    return made, q, a1, more, a3, a2


def test_a_version_knows_its_place_and_how_many_there_are(store, talk):
    made, q, a1, *_, a2 = talk
    assert (a2.version, a2.versions) == (2, 2)
    assert [(m.version, m.versions) for m in store.messages(made.id)] == [(1, 1), (2, 2)]
    assert store.versions(a1.id) == store.versions(a2.id) == (a1.id, a2.id)
    assert store.versions(q.id) == (q.id,)


def test_versions_of_the_first_message(store):
    made, other = store.create_conversation(), store.create_conversation()
    store.add_message(other.id, "user", "elsewhere")
    first = store.add_message(made.id, "user", "first")
    second = store.add_message(made.id, "user", "first, edited", parent_id="")
    assert store.versions(first.id) == (first.id, second.id)
    assert [(m.content, m.version, m.versions) for m in store.messages(made.id)] == [("first, edited", 2, 2)]
    store.show_version(first.id)
    assert texts(store, made.id) == ["first"]


def test_showing_a_version_brings_what_followed_it(store, talk):
    made, _, a1, *_ = talk
    store.show_version(a1.id)
    assert texts(store, made.id) == ["q", "a1", "more", "a3"]


def test_showing_a_message_shows_the_whole_way_to_it(store, talk):
    made, _, _, _, a3, _ = talk
    store.show_version(a3.id)
    assert texts(store, made.id) == ["q", "a1", "more", "a3"]


def test_deleting_shows_the_version_beside_it_and_undo_shows_it_again(store, talk):
    made, _, a1, _, _, a2 = talk
    store.delete_message(a2.id)
    assert texts(store, made.id) == ["q", "a1", "more", "a3"]
    assert store.versions(a1.id) == (a1.id,)
    assert [(m.version, m.versions) for m in store.messages(made.id)][1] == (1, 1)
    store.restore_message(a2.id)
    assert texts(store, made.id) == ["q", "a2"]
    assert store.versions(a1.id) == (a1.id, a2.id)


def test_deleting_takes_what_follows_and_undo_brings_all_of_it_back(store, talk):
    made, q, a1, *_, a2 = talk
    store.delete_message(a2.id)
    store.delete_message(a1.id)
    assert texts(store, made.id) == ["q"]
    assert store.search("more") == []
    after = store.add_message(made.id, "assistant", "a4")
    assert (after.parent_id, after.version, after.versions) == (q.id, 1, 1)
    store.restore_message(a1.id)
    assert texts(store, made.id) == ["q", "a1", "more", "a3"]
    assert store.versions(after.id) == (a1.id, after.id)


def test_what_was_deleted_before_stays_away_when_a_later_deletion_is_undone(store, talk, monkeypatch):
    monkeypatch.setattr("app.store.branches.now", lambda: 5.0)  # the clock did not move between the two
    made, _, a1, _, a3, _ = talk
    store.show_version(a1.id)
    store.delete_message(a3.id)
    store.delete_message(a1.id)
    store.restore_message(a1.id)
    assert texts(store, made.id) == ["q", "a1", "more"]
    store.restore_message(a3.id)
    assert texts(store, made.id) == ["q", "a1", "more", "a3"]


def test_restoring_a_message_brings_back_the_way_to_it(store, talk):
    made, _, a1, _, a3, _ = talk
    store.delete_message(a3.id)
    store.delete_message(a1.id)
    store.restore_message(a3.id)
    assert texts(store, made.id) == ["q", "a1", "more", "a3"]


def test_deleting_the_only_first_message_leaves_an_empty_conversation(store, talk):
    made, q, *_ = talk
    store.delete_message(q.id)
    assert store.messages(made.id) == []
    store.add_message(made.id, "user", "anew")
    assert texts(store, made.id) == ["anew"]
    store.restore_message(q.id)
    assert texts(store, made.id)[0] == "q"


def test_deleting_a_version_that_is_not_shown_changes_nothing_on_the_page(store, talk):
    made, _, a1, *_ = talk
    store.delete_message(a1.id)
    assert texts(store, made.id) == ["q", "a2"]
    assert store.messages(made.id)[1].versions == 1


def test_an_answer_that_is_deleted_while_it_streams_stays_away_and_is_whole(store):
    made = store.create_conversation()
    answer = store.add_message(made.id, "assistant", "", status="streaming")
    stream = store.stream(answer.id)
    stream.append("some marmalade")
    store.delete_message(answer.id)
    stream.finish("cancelled")
    assert store.messages(made.id) == []
    assert store.search("marmalade") == []
    store.restore_message(answer.id)
    assert texts(store, made.id) == ["some marmalade"]
    assert len(store.search("marmalade")) == 1


def test_editing_changes_the_text_in_place_and_says_so(store, talk):
    made, *_, a2 = talk
    assert a2.edited is None
    store.edit_message(a2.id, "corrected")
    found = store.messages(made.id)[-1]
    assert (found.id, found.content, found.versions) == (a2.id, "corrected", 2)
    assert found.edited is not None
    assert found.edited >= found.created


def test_a_branch_is_a_copy_up_to_the_message(store, talk):
    made, q, a1, more, *_ = talk
    store.update_conversation(made.id, system="Be kind.", model="m", engine="e", knobs={"seed": 3})
    folder = store.add_folder("Work")
    store.move_conversation(made.id, folder.id)
    run = store.add_run(run_of(metrics={"ttft_s": 1.0}))
    store.finish_message(a1.id, "a1", "done", run)
    store.attach(q.id, "document", "notes.txt", "text/plain", "/elsewhere/notes.txt", 5, "00")
    branch = store.branch_conversation(more.id)
    assert (branch.title, branch.system, branch.model, branch.engine) == ("Talk", "Be kind.", "m", "e")
    assert (branch.knobs, branch.folder_id) == ({"seed": 3}, folder.id)
    assert store.conversation(branch.id) == branch
    copied = store.messages(branch.id)
    assert [m.content for m in copied] == ["q", "a1", "more"]
    assert [m.run_id for m in copied] == [None, run, None]
    assert not {m.id for m in copied} & {q.id, a1.id, more.id}
    assert [file.name for file in store.attachments(branch.id)[copied[0].id]] == ["notes.txt"]
    assert texts(store, made.id) == ["q", "a2"]
    store.add_message(branch.id, "assistant", "goes on")
    assert texts(store, branch.id) == ["q", "a1", "more", "goes on"]
    assert store.branch_conversation(more.id, "Other").title == "Other"


def test_the_branch_of_an_answer_that_streams_has_ended(store):
    made = store.create_conversation()
    answer = store.add_message(made.id, "assistant", "half", status="streaming")
    branch = store.branch_conversation(answer.id)
    assert [(m.content, m.status) for m in store.messages(branch.id)] == [("half", "interrupted")]
    store.finish_message(answer.id, "whole", "done")


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.show_version("none"),
        lambda store: store.delete_message("none"),
        lambda store: store.restore_message("none"),
        lambda store: store.edit_message("none", "x"),
        lambda store: store.branch_conversation("none"),
        lambda store: store.attach("none", "document", "a", "", "", 0, ""),
        lambda store: store.rename_folder("none", "x"),
        lambda store: store.move_conversation(store.create_conversation().id, "none"),
        lambda store: store.pin_conversation("none", True),
    ],
)
def test_what_is_not_there_is_told(store, act):
    with pytest.raises(TandemError) as caught:
        act(store)
    assert caught.value.code == "not_found"


def test_a_message_that_is_away_cannot_be_shown_or_followed(store, talk):
    made, *_, a2 = talk
    store.delete_message(a2.id)
    for act in (lambda: store.show_version(a2.id), lambda: store.add_message(made.id, "user", "x", parent_id=a2.id)):
        with pytest.raises(TandemError) as caught:
            act()
        assert caught.value.code == "not_found"


def test_pins_and_folders_survive_closing(paths, store):
    made, folder = store.create_conversation("kept"), store.add_folder("Work")
    other = store.add_folder("Play")
    store.pin_conversation(made.id, True)
    store.move_conversation(made.id, folder.id)
    store.rename_folder(folder.id, "Labour")
    store.close()
    again = Store.open(paths)
    found, folders = again.conversation(made.id), again.folders()
    again.close()
    assert (found.pinned, found.folder_id) == (True, folder.id)
    assert [(f.id, f.title) for f in folders] == [(folder.id, "Labour"), (other.id, "Play")]
    assert found.updated == made.updated


def test_a_folder_that_is_deleted_leaves_its_conversations_and_comes_back_with_them(store):
    first, folder, other = store.create_conversation("one"), store.add_folder("Work"), store.add_folder("Play")
    second, third = store.create_conversation("two"), store.create_conversation("three")
    for each in (first, second, third):
        store.move_conversation(each.id, folder.id)
    inside = store.delete_folder(folder.id)
    assert inside == [first.id, second.id, third.id]
    assert {each.folder_id for each in store.conversations()} == {None}
    store.move_conversation(second.id, other.id)
    store.purge(third.id)
    store.restore_folder(folder, inside)
    assert store.folders() == [folder, other]
    assert store.conversation(first.id).folder_id == folder.id
    assert store.conversation(second.id).folder_id == other.id
    store.move_conversation(first.id, None)
    assert store.conversation(first.id).folder_id is None


def test_files_of_messages_are_kept_below_the_home_wherever_that_is(paths, store, tmp_path):
    made = store.create_conversation()
    message = store.add_message(made.id, "user", "see")
    kept = store.keep_file(b"the text", ".txt")
    assert kept == store.keep_file(b"the text", ".txt")
    first = store.attach(message.id, "document", "a.txt", "text/plain", kept, 8, "aa")
    second = store.attach(message.id, "image", "b.png", "image/png", "/elsewhere/b.png", 9, "bb")
    assert store.attachments(made.id) == {message.id: [first, second]}
    store.close()
    moved = type(paths)(paths.home.rename(tmp_path / "moved"))
    again = Store.open(moved)
    found = again.attachments(made.id)[message.id]
    again.close()
    assert Path(found[0].path).read_bytes() == b"the text"
    assert found[1] == second


def test_run_heads_are_those_of_all_messages_without_the_record(store, talk):
    made, _, a1, _, a3, a2 = talk
    ids = [store.add_run(run_of(metrics={"n_out": n}, text="long", record={"ids": [1]})) for n in range(4)]
    for message, run in zip((a1, a3, a2), ids, strict=False):
        store.finish_message(message.id, "x", "done", run)
    heads = store.run_heads(made.id)
    assert set(heads) == set(ids[:3])
    assert [heads[each].metrics for each in ids[:3]] == [{"n_out": 0}, {"n_out": 1}, {"n_out": 2}]
    assert (heads[ids[0]].model, heads[ids[0]].engine, heads[ids[0]].reason) == ("m", "e", "stop")
