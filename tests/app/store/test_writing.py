"""Streamed text, full disks, and who waits for whom."""

from __future__ import annotations

import contextlib
import threading

import pytest

from app.errors import TandemError
from app.store import Store, StoreSettings
from app.store.connection import connect

NEVER_S = 3600.0


@pytest.fixture
def slow(paths):
    """A store that writes streamed text only when something else makes it."""
    store = Store.open(paths, StoreSettings(flush_s=NEVER_S))
    yield store
    store.close()


def begin(store):
    made = store.create_conversation()
    message = store.add_message(made.id, "assistant", "", status="streaming")
    return made, store.stream(message.id)


def last(store, made):
    return store.messages(made.id)[-1]


def arrived(store, made, text, seconds=20.0):
    """Whether `text` reaches the disk; looks again as often as a change can have happened."""
    tick = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if last(store, made).content == text:
            return True
        tick.wait(0.01)
    return False


def test_streamed_text_is_whole_and_in_order(store):
    made, stream = begin(store)
    for number in range(2000):
        stream.append(f"{number} ")
    stream.finish("done")
    message = last(store, made)
    assert message.content == "".join(f"{number} " for number in range(2000))
    assert message.status == "done"


def test_text_reaches_the_disk_by_itself_again_and_again(paths):
    store = Store.open(paths, StoreSettings(flush_s=0.01))
    made, stream = begin(store)
    stream.append("one ")
    assert arrived(store, made, "one ")
    stream.append("two")
    assert arrived(store, made, "one two")
    assert last(store, made).status == "streaming"
    store.close()


def test_text_waits_for_the_interval(slow):
    made, stream = begin(slow)
    stream.append("not yet")
    slow.set("something", "else")
    assert last(slow, made).content == ""
    stream.finish("done")
    assert last(slow, made).content == "not yet"


def test_appending_does_not_wait_for_a_busy_database(paths):
    store = Store.open(paths, StoreSettings(flush_s=0.001))
    made, stream = begin(store)
    with contextlib.closing(connect(paths.database)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(5000):
            stream.append("x")
        assert last(store, made).content == ""  # still held: had one append waited, it would have failed
        other.execute("ROLLBACK")
    stream.finish("done")
    assert last(store, made).content == "x" * 5000
    store.close()


def test_a_finished_stream_takes_no_more(store):
    _, stream = begin(store)
    stream.finish("done")
    with pytest.raises(ValueError, match="finished"):
        stream.append("late")


def test_the_whole_text_replaces_what_was_streamed(slow):
    made, stream = begin(slow)
    stream.append("draft of it")
    slow.finish_message(stream.message_id, "the whole", "done")
    slow.close()
    again = Store.open(slow._paths)
    assert last(again, made).content == "the whole"
    assert last(again, made).status == "done"
    again.close()


def test_closing_keeps_what_was_streamed_as_interrupted(paths, slow):
    made, stream = begin(slow)
    stream.append("half an ans")
    slow.close()
    again = Store.open(paths)
    assert (last(again, made).content, last(again, made).status) == ("half an ans", "interrupted")
    again.close()


def fill_the_disk(store):
    """The database may not grow by one page; SQLite says so with the same error as a full disk."""
    store.write(lambda c: c.execute("PRAGMA max_page_count=1"))


def free_the_disk(store):
    store.write(lambda c: c.execute("PRAGMA max_page_count=1073741823"))


def test_a_full_disk_is_told_and_everything_works_once_there_is_space(store):
    made = store.create_conversation()
    kept = store.add_message(made.id, "user", "kept")
    fill_the_disk(store)
    with pytest.raises(TandemError) as caught:
        store.add_message(made.id, "user", "x" * 100_000)
    assert caught.value.code == "disk_full"
    assert caught.value.hint
    assert store.messages(made.id) == [kept]
    free_the_disk(store)
    store.add_message(made.id, "user", "x" * 100_000)
    assert len(store.messages(made.id)) == 2


def test_a_full_disk_loses_no_streamed_text(slow):
    made, stream = begin(slow)
    fill_the_disk(slow)
    stream.append("y" * 100_000)
    with pytest.raises(TandemError) as caught:
        stream.finish("done")
    assert caught.value.code == "disk_full"
    stream.append("!")
    free_the_disk(slow)
    stream.finish("done")
    message = last(slow, made)
    assert (message.content, message.status) == ("y" * 100_000 + "!", "done")


def test_streaming_goes_on_by_itself_after_a_full_disk(paths):
    store = Store.open(paths, StoreSettings(flush_s=0.01))
    made, stream = begin(store)
    fill_the_disk(store)
    stream.append("z" * 100_000)
    tick = threading.Event()
    while stream.failure is None:
        tick.wait(0.01)
    assert stream.failure.code == "disk_full"
    free_the_disk(store)
    assert arrived(store, made, "z" * 100_000)
    assert stream.failure is None
    store.close()


def test_an_error_in_one_write_leaves_the_writer_working(store):
    made = store.create_conversation("before")

    def fail(connection):
        connection.execute("UPDATE conversations SET title = 'half'")
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        store.write(fail)
    assert store.conversation(made.id).title == "before"
    store.rename_conversation(made.id, "after")
    assert store.conversation(made.id).title == "after"
