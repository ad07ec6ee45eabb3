"""Finding words; the index follows what happens to messages and is mended where it is damaged."""

from __future__ import annotations

import contextlib
import threading

import pytest

from app.store import Store, StoreSettings, index
from app.store.connection import connect
from app.store.schema import migrations
from app.store.search import snippet


def check(store):
    """The index holds what the messages hold, or this raises."""
    assert store.read(lambda c: c.execute("SELECT count(*) FROM unindexed").fetchone()[0]) == 0
    store.write(lambda c: c.execute("INSERT INTO message_index (message_index, rank) VALUES ('integrity-check', 1)"))


def talk(store, *messages, title=""):
    made = store.create_conversation(title)
    return made, [store.add_message(made.id, "user", text) for text in messages]


def ids(store, query):
    return [hit.conversation_id for hit in store.search(query)]


@pytest.mark.parametrize(
    "query",
    ["planet", "PLANET", "lane", "orbit planet", '"the planet"', "grün", "GRÜN", "日本語", "是日", "pl", "of planet",
     "100%", "a_b", "of", '"'],
)  # fmt: skip
def test_words_and_parts_of_words_are_found(store, query):
    made, (message,) = talk(store, "The orbit of the Planet is Grün, 是日本語 100% a_b", title="no")
    other, _ = talk(store, "something else entirely")
    found = store.search(query)
    if query == '"':
        assert found == []
        return
    assert [(hit.conversation_id, hit.message_id) for hit in found] == [(made.id, message.id)]
    assert "\x02" in found[0].snippet
    assert other.id not in ids(store, query)


@pytest.mark.parametrize(
    "query", ["", "  ", "planets", '"planet the"', "planet comet", "xq", "planet xq", 'a" OR "b', "*", "planet*"]
)
def test_what_is_not_there_is_not_found(store, query):
    talk(store, "The planet", title="The planet")
    assert store.search(query) == []


def test_a_title_comes_first_and_a_message_in_it_is_named(store):
    titled, _ = talk(store, "nothing", title="About comets")
    both, (_, second) = talk(store, "a comet", "another comet", title="Comets too")
    text, (only,) = talk(store, "one more comet")
    hits = store.search("comet")
    assert [(h.conversation_id, h.message_id) for h in hits] == [
        (both.id, second.id), (titled.id, None), (text.id, only.id),
    ]  # fmt: skip
    assert hits[1].snippet == "About \x02comet\x03s"
    assert hits[0].title == "Comets too"
    assert hits[0].updated == store.conversation(both.id).updated
    assert [h.conversation_id for h in store.search("comet", limit=1)] == [both.id]


def test_titles_fold_as_the_list_does(store):
    made, _ = talk(store, title="Große Straße")
    assert ids(store, "STRASSE") == [made.id]


def test_what_is_put_away_is_not_found_until_it_is_back(store):
    made, (message,) = talk(store, "a zebra")
    store.delete_message(message.id)
    assert store.search("zebra") == [] == store.search("ze")
    assert store.conversations("zebra") == []
    check(store)
    store.restore_message(message.id)
    assert ids(store, "zebra") == [made.id] == ids(store, "ze")
    store.delete_conversation(made.id)
    assert store.search("zebra") == []
    store.restore_conversation(made.id)
    assert ids(store, "zebra") == [made.id]


def test_an_edited_text_is_found_by_its_new_words_alone(store):
    made, (message,) = talk(store, "a zebra")
    store.edit_message(message.id, "a giraffe")
    assert store.search("zebra") == []
    assert ids(store, "giraffe") == [made.id]
    check(store)


def test_an_answer_is_taken_in_when_it_is_whole_and_not_before(paths):
    with contextlib.closing(Store.open(paths, StoreSettings(flush_s=0.01))) as store:
        made = store.create_conversation()
        message = store.add_message(made.id, "assistant", "", status="streaming")
        stream, tick = store.stream(message.id), threading.Event()
        stream.append("a zebra ")
        while not store.messages(made.id)[0].content:
            tick.wait(0.01)
        assert store.search("zebra") == []
        assert store.read(lambda c: c.execute("SELECT count(*) FROM unindexed").fetchone()[0]) == 0
        stream.append("and a giraffe")
        stream.finish("done")
        assert ids(store, "zebra giraffe") == [made.id]
        check(store)


def test_an_answer_whose_program_ended_is_found(paths):
    store = Store.open(paths)
    made = store.create_conversation()
    store.add_message(made.id, "assistant", "half a zebra", status="streaming")
    store.close()  # nobody has a stream for it
    with contextlib.closing(Store.open(paths)) as again:
        assert ids(again, "zebra") == [made.id]
        check(again)


def old_history(paths):
    """One of the first form, with a message and an answer that was cut off."""
    first = StoreSettings(migrations=migrations()[:1])
    Store.open(paths, first).close()
    with contextlib.closing(connect(paths.database)) as c:
        c.execute("INSERT INTO conversations (id, title, created, updated) VALUES ('c', 't', 1, 1)")
        c.executemany(
            "INSERT INTO messages (id, conversation_id, parent_id, active_child_id, role, content, status, writer, created)"
            " VALUES (?, 'c', ?, ?, 'user', ?, ?, ?, 1)",
            [("m", None, None, "a zebra", "done", None), ("n", "m", None, "half a giraffe", "streaming", "gone")],
        )  # fmt: skip
        c.execute("UPDATE messages SET active_child_id = 'n' WHERE id = 'm'")
        c.execute("UPDATE conversations SET active_root_id = 'm'")


def test_an_older_history_is_searched_after_its_migration(paths):
    old_history(paths)
    with contextlib.closing(Store.open(paths)) as store:
        assert [m.content for m in store.messages("c")] == ["a zebra", "half a giraffe"]
        assert [hit.message_id for hit in store.search("zebra")] == ["m"]
        assert [hit.message_id for hit in store.search("giraffe")] == ["n"]
        check(store)
        assert list(paths.backups.glob(f"before-{len(migrations()):04d}-*.sqlite3"))
        assert store.purge("c")
        assert store.search("zebra") == []


def test_an_older_history_that_cannot_be_written_is_read_and_searched(paths, monkeypatch):
    old_history(paths)
    before = paths.database.read_bytes()
    monkeypatch.setattr("os.access", lambda path, mode: path != paths.database)
    with contextlib.closing(Store.open(paths)) as store:
        assert store.read_only
        assert [m.content for m in store.messages("c")] == ["a zebra", "half a giraffe"]
        assert ids(store, "zebra") == ["c"]
    assert paths.database.read_bytes() == before


def test_a_damaged_index_keeps_nobody_from_searching_and_is_made_again(paths):
    with contextlib.closing(Store.open(paths, StoreSettings(flush_s=0.01))) as store:
        made, _ = talk(store, "a zebra", "and another")
        store.write(lambda c: c.execute("UPDATE message_index_data SET block = x'ffff' WHERE id > 10"))
        assert ids(store, "zebra") == [made.id]
        tick = threading.Event()
        while store.read(lambda c: c.execute("SELECT 1 FROM message_index_data WHERE block = x'ffff'").fetchone()):
            tick.wait(0.01)
        assert ids(store, "zebra") == [made.id]
        check(store)


DAMAGES = [
    "DELETE FROM message_index_data",
    "DELETE FROM message_index_data WHERE id > 1",
    "DELETE FROM message_index_data WHERE id > 10",
    "UPDATE message_index_data SET block = x'ff' WHERE id = 10",
    "UPDATE message_index_data SET block = zeroblob(length(block)) WHERE id > 10",
    "DELETE FROM message_index_docsize",
    "DELETE FROM message_index_idx",
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_is_made_again_after_an_unclean_end(paths, damage, process):
    other = process("""
        store = Store.open(paths)
        made = store.create_conversation()
        store.add_message(made.id, "user", "a zebra " * 50)
        say(made.id)
        sys.stdin.read()
    """)
    made = other.stdout.readline().strip()
    other.kill()
    other.communicate()
    with contextlib.closing(connect(paths.database)) as c:
        c.execute(damage)
    with contextlib.closing(Store.open(paths)) as store:
        assert ids(store, "zebra") == [made]
        check(store)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_keeps_nobody_from_writing(store, damage):
    made, (message,) = talk(store, "a zebra " * 50)
    store.write(lambda c: c.execute(damage))
    store.add_message(made.id, "user", "more")
    store.write(index.check)
    store.edit_message(message.id, "a giraffe")
    store.add_message(made.id, "user", "a lion")
    assert ids(store, "giraffe") == [made.id]
    assert ids(store, "lion") == [made.id]
    check(store)


def test_a_long_conversation_can_be_removed_for_ever(store):
    made = store.create_conversation()

    def fill(c):
        rows = [(f"m{n}", made.id, f"m{n - 1}" if n else None, f"zebra {n}") for n in range(1500)]
        c.executemany(
            "INSERT INTO messages (id, conversation_id, parent_id, role, content, status, created)"
            " VALUES (?, ?, ?, 'user', ?, 'done', 1)",
            rows,
        )

    store.write(fill)
    assert ids(store, "zebra") == [made.id]
    assert store.purge(made.id)
    assert store.search("zebra") == []
    assert store.read(lambda c: c.execute("SELECT count(*) FROM messages").fetchone()[0]) == 0
    check(store)


def test_two_open_stores_share_the_index(paths, store):
    with contextlib.closing(Store.open(paths)) as other:
        made, _ = talk(other, "a zebra")
        assert ids(store, "zebra") == [made.id]
        talk(store, "another zebra")
        assert len(other.search("zebra")) == 2


def test_snippets_are_one_line_around_the_word():
    text = f"{'before ' * 30}\n\n the Zebra\tand the\x02 zebra {'after ' * 60}"
    made = snippet(text, ["zebra"])
    assert made.startswith("… before")
    assert made.endswith(" …")
    assert made.count("\x02") == made.count("\x03") == 2
    assert "the \x02Zebra\x03 and the \x02zebra\x03 after" in made
    assert snippet("short", ["none"]) == "short"
