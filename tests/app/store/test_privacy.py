"""What is deleted for ever is in no file of the history."""

from __future__ import annotations

import contextlib

import pytest

from app.errors import TandemError
from app.store import RunRecord, Store
from app.store.connection import connect

CANARY = "canary-7f3a91"


def with_canary(store):
    made = store.create_conversation(f"title {CANARY}")
    run = store.add_run(
        RunRecord(
            task="chat", model="m", variant="v", engine="e", reason="stop", text=f"answer {CANARY}",
            metrics={"ttft_s": 0.5}, record={"prompt": CANARY},
        )
    )  # fmt: skip
    store.set_draft(made.id, f"draft {CANARY}")
    store.add_message(made.id, "user", f"question {CANARY} " * 2000)
    message = store.add_message(made.id, "assistant", "", status="streaming", run_id=run)
    stream = store.stream(message.id)
    stream.append(f"answer {CANARY} " * 2000)
    stream.finish("done", run)
    store.add_message(made.id, "assistant", f"version {CANARY}", parent_id=message.parent_id)
    return made, run


def holding(paths):
    return sorted(
        path.name for path in paths.home.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()
    )


def test_a_purged_conversation_is_in_no_file_while_the_store_is_open(paths, store):
    kept = store.create_conversation("kept")
    made, run = with_canary(store)
    assert "tandem.sqlite3-wal" in holding(paths)
    store.delete_conversation(made.id)
    assert store.purge(made.id)
    assert holding(paths) == []
    with pytest.raises(TandemError):
        store.conversation(made.id)
    assert [each.id for each in store.conversations()] == [kept.id]
    assert store.run(run).metrics == {"ttft_s": 0.5}
    assert store.run(run).text == ""
    store.close()
    assert holding(paths) == []


def test_it_is_removed_from_the_copies_too(paths):
    with contextlib.closing(Store.open(paths)) as store:
        made, _ = with_canary(store)
    copy = paths.backups / "daily-2026-01-01.sqlite3"
    with contextlib.closing(connect(paths.database)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    assert copy.name in holding(paths)
    with contextlib.closing(Store.open(paths)) as store:
        assert store.purge(made.id)
    assert holding(paths) == []


def test_an_old_draft_and_title_leave_no_trace(paths):
    with contextlib.closing(Store.open(paths)) as store:
        made = store.create_conversation(f"title {CANARY}")
        store.set_draft(made.id, f"draft {CANARY} " * 500)
        store.set_draft(made.id, "")
        store.rename_conversation(made.id, "harmless")
    for copy in paths.backups.iterdir():
        copy.unlink()
    assert holding(paths) == []


def test_a_trace_that_another_reader_keeps_is_admitted(paths, store, monkeypatch):
    made, _ = with_canary(store)
    with contextlib.closing(connect(paths.database, read_only=True)) as other, monkeypatch.context() as impatient:
        impatient.setattr("app.store.connection.BUSY_TIMEOUT_S", 0.05)
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM messages").fetchone()
        assert not store.purge(made.id)
        other.execute("ROLLBACK")
    assert store.purge(made.id)
    assert holding(paths) == []


RARE = "ʬʭʮ"  # no other text has these letters


def index_blocks(path):
    with contextlib.closing(connect(path)) as connection:
        return b"".join(bytes(row[0]) for row in connection.execute("SELECT block FROM message_index_data"))


def test_nothing_of_a_purged_text_is_left_in_the_search_index_and_its_copies(paths):
    with contextlib.closing(Store.open(paths)) as store:
        kept, made = store.create_conversation("kept"), store.create_conversation()
        for number in range(50):
            store.add_message(kept.id, "user", f"another text {number}")
            store.add_message(made.id, "user", f"{number} {RARE}")
        away = store.add_message(made.id, "user", f"put away {RARE}")
        store.delete_message(away.id)
    copy = paths.backups / "daily-2026-01-01.sqlite3"
    with contextlib.closing(connect(paths.database)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    letters = RARE[1:].encode()  # a page holds no more of a term than what differs from the one before it
    assert letters in index_blocks(copy)
    with contextlib.closing(Store.open(paths)) as store:
        assert store.purge(made.id)
        assert store.search(RARE) == []
        assert [hit.conversation_id for hit in store.search("another")] == [kept.id]
    for path in (paths.database, copy):
        assert letters not in index_blocks(path)
        assert RARE.encode() not in path.read_bytes()


def test_kept_files_go_with_the_last_conversation_that_has_them(store, paths):
    made, outside = store.create_conversation(), paths.home.parent / "mine.txt"
    outside.write_text("mine")
    message = store.add_message(made.id, "user", "x")
    alone, shared = store.keep_file(b"alone", ".txt"), store.keep_file(b"shared", ".txt")
    for path in (alone, shared, outside):
        store.attach(message.id, "document", "a.txt", "text/plain", path, 5, "")
    other = store.create_conversation()
    store.attach(store.add_message(other.id, "user", "y").id, "document", "b.txt", "text/plain", shared, 6, "")
    store.purge(made.id)
    assert (alone.exists(), shared.exists(), outside.exists()) == (False, True, True)
    store.purge(other.id)
    assert not shared.exists()


def test_the_runs_of_a_branch_keep_their_texts(store):
    made, run = with_canary(store)
    branch = store.branch_conversation(store.messages(made.id)[0].id)
    answer = store.add_message(branch.id, "assistant", "x", run_id=run)
    store.purge(made.id)
    assert store.run(run).text == f"answer {CANARY}"
    assert store.run_heads(branch.id)[answer.run_id].metrics == {"ttft_s": 0.5}
    store.purge(branch.id)
    assert store.run(run).text == ""
