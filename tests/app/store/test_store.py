"""What goes in comes out again, also after closing."""

from __future__ import annotations

import stat
import threading

import pytest

from app.errors import TandemError
from app.store import LoadRecord, RunRecord, Store

RUN = RunRecord(
    task="chat",
    model="smollm2-135m",
    variant="q4_1",
    engine="llama-cpp",
    reason="stop",
    text="Grün",
    knobs={"asked": {"n_ctx": 4096}, "effective": {"n_ctx": 4096}, "notes": []},
    metrics={"ttft_s": 0.25, "decode_tok_s": None},
    memory={"model_bytes": 10, "device": "cpu"},
    runs=[{"metrics": {"ttft_s": 0.25}, "cold": True}],
    notes=["template: none"],
    record={"seed": 7, "ids": [1, 2, 3]},
)


def texts(store, conversation):
    return [message.content for message in store.messages(conversation.id)]


def test_a_conversation_survives_closing(paths, store):
    made = store.create_conversation("First", model="smollm2-135m", engine="llama-cpp")
    store.update_conversation(made.id, system="Be kind.", knobs={"temperature": 0.5, "stop": ["x"]})
    store.set_draft(made.id, "half a tho")
    store.rename_conversation(made.id, "Renamed")
    store.add_message(made.id, "user", "Hello")
    store.close()
    again = Store.open(paths)
    found = again.conversation(made.id)
    again.close()
    assert (found.title, found.draft, found.system) == ("Renamed", "half a tho", "Be kind.")
    assert (found.model, found.engine) == ("smollm2-135m", "llama-cpp")
    assert found.knobs == {"temperature": 0.5, "stop": ["x"]}
    assert found.created == made.created
    assert found.updated >= made.updated


def test_conversations_come_newest_first_and_a_message_makes_one_newer(store):
    first, second = store.create_conversation("one"), store.create_conversation("two")
    assert [each.title for each in store.conversations()] == ["two", "one"]
    store.add_message(first.id, "user", "again")
    assert [each.id for each in store.conversations()] == [first.id, second.id]


def test_a_draft_does_not_make_a_conversation_newer(store):
    first = store.create_conversation("one")
    store.create_conversation("two")
    store.set_draft(first.id, "text")
    assert [each.title for each in store.conversations()] == ["two", "one"]


@pytest.mark.parametrize("query", ["plant", "PLANT", "straße", "STRASSE", "in the title", "100%"])
def test_search_looks_into_titles_and_messages_whatever_the_case(store, query):
    wanted, other = store.create_conversation("In the Title 100%"), store.create_conversation("other 100 and more")
    store.add_message(wanted.id, "user", "Plants of the Straße")
    store.add_message(other.id, "user", "nothing")
    assert [each.id for each in store.conversations(query)] == [wanted.id]


def test_deleting_puts_away_and_restoring_brings_back_everything(store):
    made = store.create_conversation("kept")
    store.add_message(made.id, "user", "Hello")
    store.delete_conversation(made.id)
    assert store.conversations() == []
    assert [each.id for each in store.conversations(deleted=True)] == [made.id]
    assert store.conversation(made.id).deleted
    store.restore_conversation(made.id)
    assert [each.id for each in store.conversations()] == [made.id]
    assert store.conversations(deleted=True) == []
    assert texts(store, made) == ["Hello"]


def test_messages_follow_one_another(store):
    made = store.create_conversation()
    first = store.add_message(made.id, "user", "1")
    second = store.add_message(made.id, "assistant", "2")
    third = store.add_message(made.id, "user", "3")
    assert [first.parent_id, second.parent_id, third.parent_id] == [None, first.id, second.id]
    assert store.messages(made.id) == [first, second, third]


def test_an_answer_made_again_is_a_version_beside_the_first(store):
    made = store.create_conversation()
    question = store.add_message(made.id, "user", "question")
    store.add_message(made.id, "assistant", "first answer")
    store.add_message(made.id, "user", "more")
    store.add_message(made.id, "assistant", "second answer", parent_id=question.id)
    assert texts(store, made) == ["question", "second answer"]
    rows = store.read(lambda c: c.execute("SELECT content, version FROM messages ORDER BY seq").fetchall())
    assert [tuple(row) for row in rows] == [("question", 1), ("first answer", 1), ("more", 1), ("second answer", 2)]


def test_a_conversation_can_begin_again(store):
    made = store.create_conversation()
    store.add_message(made.id, "user", "old beginning")
    store.add_message(made.id, "user", "new beginning", parent_id="")
    store.add_message(made.id, "assistant", "answer")
    assert texts(store, made) == ["new beginning", "answer"]


def test_a_ring_of_messages_does_not_hang(store):
    made = store.create_conversation()
    first, second = store.add_message(made.id, "user", "1"), store.add_message(made.id, "user", "2")
    store.write(lambda c: c.execute("UPDATE messages SET active_child_id = ? WHERE id = ?", (first.id, second.id)))
    assert texts(store, made) == ["1", "2"]


def test_finishing_sets_the_text_the_end_and_the_run(store):
    made = store.create_conversation()
    answer = store.add_message(made.id, "assistant", "", status="streaming")
    run = store.add_run(RUN)
    store.finish_message(answer.id, "whole", "cancelled", run)
    (found,) = store.messages(made.id)
    assert (found.content, found.status, found.run_id) == ("whole", "cancelled", run)


@pytest.mark.parametrize(
    "act",
    [
        lambda store, made: store.conversation("none"),
        lambda store, made: store.rename_conversation("none", "x"),
        lambda store, made: store.delete_conversation("none"),
        lambda store, made: store.add_message("none", "user", "x"),
        lambda store, made: store.add_message(made.id, "user", "x", parent_id="none"),
        lambda store, made: store.finish_message("none", "x", "done"),
        lambda store, made: store.run("none"),
    ],
)
def test_what_is_not_there_is_told(store, act):
    made = store.create_conversation()
    with pytest.raises(TandemError) as caught:
        act(store, made)
    assert caught.value.code == "not_found"


def test_a_message_of_another_conversation_is_no_parent(store):
    one, two = store.create_conversation(), store.create_conversation()
    message = store.add_message(one.id, "user", "x")
    with pytest.raises(TandemError):
        store.add_message(two.id, "user", "y", parent_id=message.id)
    assert store.messages(two.id) == []


def test_half_a_letter_from_a_clipboard_is_stored_as_a_question_mark(store):
    made = store.create_conversation("\ud83d")
    store.add_message(made.id, "user", "a\ud83db\x00c")
    assert texts(store, made) == ["a?b\x00c"]


def test_runs_come_back_as_they_were_newest_first(paths, store):
    first = store.add_run(RUN)
    second = store.add_run(RunRecord(task="speak", model="m", variant="v", engine="piper", reason="stop"))
    store.close()
    again = Store.open(paths)
    found, by_task, one = again.run(first), again.runs(task="chat"), again.runs(limit=1)
    again.close()
    for name in RUN.__struct_fields__:
        if name not in ("id", "created"):
            assert getattr(found, name) == getattr(RUN, name)
    assert found.id == first
    assert found.created > 0
    assert [run.id for run in by_task] == [first]
    assert [run.id for run in one] == [second]


def test_a_broken_field_does_not_hide_a_run(store):
    id = store.add_run(RUN)  # noqa: A001
    store.write(
        lambda c: c.execute("UPDATE runs SET metrics = '{nonsense', notes = '7', record = x'ff' WHERE id = ?", (id,))
    )
    found = store.run(id)
    assert (found.metrics, found.notes, found.record) == ({}, [], {})
    assert found.text == "Grün"


def test_loads_are_those_of_an_engine_on_a_device(store):
    def load(engine, device, estimate):
        return LoadRecord(
            engine=engine, model="m", variant="v", device=device, estimate_bytes=estimate, phases={"read_s": 1.5}
        )

    for each in [load("a", "cpu", 1), load("a", "cuda:0", 2), load("b", "cpu", 3), load("a", "cpu", None)]:
        store.add_load(each)
    assert [each.estimate_bytes for each in store.loads("a")] == [None, 1]
    assert [each.estimate_bytes for each in store.loads("a", "cuda:0")] == [2]
    assert [each.estimate_bytes for each in store.loads("a", limit=1)] == [None]
    assert store.loads("a")[0].phases == {"read_s": 1.5}


@pytest.mark.parametrize("value", [True, 7, 1.5, "dark", [1, "a"], {"a": [None]}, None])
def test_preferences_hold_what_json_holds(store, value):
    assert store.get("key", value) == value
    store.set("key", "other")
    store.set("key", value)
    assert store.get("key", None) == value
    assert store.get("key", value) == value


@pytest.mark.parametrize("stored", ["'{broken'", "'\"text\"'", "'true'", "x'ff00'", "'null'"])
def test_a_preference_that_is_broken_or_of_another_kind_counts_as_not_chosen(store, stored):
    store.write(lambda c: c.execute(f"INSERT INTO preferences VALUES ('size', {stored})"))
    assert store.get("size", 14) == 14


def test_a_whole_number_serves_as_a_fraction(store):
    store.set("scale", 2)
    assert store.get("scale", 1.5) == 2.0
    assert isinstance(store.get("scale", 1.5), float)


def test_any_thread_may_read_and_write(store):
    made = store.create_conversation()
    seen: list[int] = []

    def work() -> None:
        for number in range(10):
            store.add_message(made.id, "user", str(number))
            seen.append(len(store.messages(made.id)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.messages(made.id)) == 40
    assert max(seen) == 40


def test_only_the_owner_can_read_the_files(paths, store):
    store.add_run(RUN)
    names = {path.name for path in paths.home.rglob("*")}
    assert {"tandem.sqlite3", "tandem.sqlite3-wal"} <= names
    for path in paths.home.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_closing_twice_is_fine_and_leaves_one_file(paths):
    store = Store.open(paths)
    store.add_run(RUN)
    store.close()
    store.close()
    assert [path.name for path in paths.home.glob("tandem.sqlite3*")] == ["tandem.sqlite3"]
    assert [path.name for path in paths.lock.glob("store-*")] == []


def test_the_settings_that_keep_data_safe_are_on(store):
    def pragma(name):
        return store.write(lambda c: c.execute(f"PRAGMA {name}").fetchone()[0])

    assert pragma("journal_mode") == "wal"
    assert pragma("synchronous") == 2
    assert pragma("foreign_keys") == 1
    assert pragma("secure_delete") == 1
    assert pragma("busy_timeout") == 5000
