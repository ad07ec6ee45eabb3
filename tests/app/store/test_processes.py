"""Several processes on one home, and processes that are killed."""

from __future__ import annotations

import contextlib
import random
import signal

import pytest

from app.errors import TandemError
from app.locks import FileLock
from app.store import RunRecord, Store, StoreSettings
from app.store.connection import connect

STREAM = """
store = Store.open(paths, StoreSettings(flush_s=0.001))
message = store.add_message(sys.argv[2], "assistant", "", status="streaming")
store.stream(message.id).append("what had come")
while store.messages(sys.argv[2])[-1].content == "":
    store.set("tick", 1)
say(message.id)
sys.stdin.read()
"""


def line(process):
    text = process.stdout.readline()
    assert text, process.communicate()[1]
    return text.strip()


def test_two_processes_and_this_one_write_at_once(paths, store, process):
    made = [store.create_conversation(str(number)) for number in range(3)]
    code = """
        store = Store.open(paths)
        say("ready")
        sys.stdin.readline()
        for number in range(30):
            store.add_message(sys.argv[2], "user", str(number))
        store.close()
        say("done")
    """
    others = [process(code, conversation.id) for conversation in made[:2]]
    for other in others:
        assert line(other) == "ready"
    for other in others:
        other.stdin.write("go\n")
        other.stdin.flush()
    for number in range(30):
        store.add_message(made[2].id, "user", str(number))
    for other in others:
        assert line(other) == "done"
    for conversation in made:
        assert [each.content for each in store.messages(conversation.id)] == [str(number) for number in range(30)]


def test_two_processes_make_a_new_home_together(paths, process):
    code = """
        store = Store.open(paths)
        store.set(sys.argv[2], True)
        say("open")
        sys.stdin.read()
    """
    others = [process(code, str(number)) for number in range(3)]
    for other in others:
        assert line(other) == "open"
    with contextlib.closing(Store.open(paths)) as store:
        assert [store.get(str(number), False) for number in range(3)] == [True] * 3


def test_what_was_acknowledged_survives_kill_9_in_the_middle_of_commits(paths, process):
    with contextlib.closing(Store.open(paths)) as store:
        made = store.create_conversation()
    code = """
        store = Store.open(paths)
        for number in range(10_000):
            say(store.add_message(sys.argv[2], "user", f"{number} " * 300).id)
    """
    chance = random.Random(5)
    acknowledged: list[str] = []
    for _ in range(5):
        other = process(code, made.id)
        acknowledged += [line(other) for _ in range(chance.randint(30, 50))]
        other.send_signal(signal.SIGKILL)
        rest = other.communicate()[0]
        acknowledged += [text for text in rest.split("\n")[:-1] if len(text) == 32]
    with contextlib.closing(Store.open(paths)) as store:
        stored = {message.id for message in store.messages(made.id)}
        check = store.read(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0])
    assert len(acknowledged) >= 150
    assert set(acknowledged) <= stored
    assert check == "ok"


def test_an_answer_left_by_a_killed_process_is_interrupted_and_keeps_its_text(paths, store, process):
    made = store.create_conversation()
    other = process(STREAM, made.id)
    line(other)
    other.kill()
    other.communicate()
    with contextlib.closing(Store.open(paths)) as again:
        (message,) = again.messages(made.id)
    assert (message.content, message.status) == ("what had come", "interrupted")
    assert len(list(paths.lock.glob("store-*"))) == 1  # this test's own store


def test_an_answer_that_a_living_process_writes_is_left_alone(paths, store, process):
    made = store.create_conversation()
    other = process(STREAM, made.id)
    line(other)
    with contextlib.closing(Store.open(paths)) as again:
        assert again.messages(made.id)[-1].status == "streaming"
    other.communicate(input="")  # ends without closing its store
    with contextlib.closing(Store.open(paths)) as again:
        assert again.messages(made.id)[-1].status == "interrupted"


def test_a_store_opens_beside_another_but_not_beside_one_who_changes_its_form(paths, store, process):
    code = """
        from app.locks import FileLock
        lock = FileLock(paths.lock / "schema", shared=sys.argv[2] == "shared")
        lock.acquire()
        say("held")
        sys.stdin.read()
    """
    beside = process(code, "shared")
    assert line(beside) == "held"
    with contextlib.closing(Store.open(paths, StoreSettings(lock_timeout_s=0.0))):
        pass
    beside.communicate(input="")
    store.close()
    assert line(process(code, "alone")) == "held"
    with pytest.raises(TandemError) as caught:
        Store.open(paths, StoreSettings(lock_timeout_s=0.1))
    assert caught.value.code == "locked"
    assert "Another Tandem" in caught.value.message


def test_an_open_store_holds_the_form_until_it_is_closed(paths, store):
    assert not FileLock(paths.lock / "schema").try_acquire()
    assert StoreSettings().lock_timeout_s == 5.0
    store.close()
    with FileLock(paths.lock / "schema", timeout_s=0) as alone:
        assert alone.held


def test_a_failed_opening_gives_everything_back(paths, store):
    store.close()
    paths.database.write_bytes(b"")
    with pytest.raises(TandemError):
        Store.open(paths)
    with FileLock(paths.lock / "schema", timeout_s=0) as alone:
        assert alone.held
    assert list(paths.lock.glob("store-*")) == []


def test_a_database_kept_busy_by_another_program_is_told(paths, store, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("app.store.connection.BUSY_TIMEOUT_S", 0.05)
        impatient = Store.open(paths)
    with contextlib.closing(impatient), contextlib.closing(connect(paths.database)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TandemError) as caught:
            impatient.add_run(RunRecord(task="chat", model="m", variant="v", engine="e", reason="stop"))
        assert caught.value.code == "locked"
        other.execute("ROLLBACK")
        impatient.add_run(RunRecord(task="chat", model="m", variant="v", engine="e", reason="stop"))
        assert len(impatient.runs()) == 1
