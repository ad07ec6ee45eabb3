"""Damaged histories: told, never shown empty, recovered only as the person chooses."""

from __future__ import annotations

import contextlib
import random
import sqlite3

import pytest

from app.errors import TandemError
from app.paths import Paths
from app.store import RunRecord, Store, StoreSettings, recovery
from app.store.backup import Counts
from app.store.journal import uses_wal
from app.store.recovery import Choice

PAGE = 4096
PREFIX = 300  # letters that lie on the row's own page


def fill(connection):
    for number in range(40):
        connection.execute(
            "INSERT INTO conversations (id, title, created, updated, active_root_id) VALUES (?, ?, 1, 1, ?)",
            (f"c{number}", f"conversation {number}", f"c{number}-0"),
        )
        for place in range(10):
            connection.execute(
                "INSERT INTO messages (id, conversation_id, parent_id, active_child_id, role, content, status, created)"
                " VALUES (?, ?, ?, ?, 'user', ?, 'done', ?)",
                (
                    f"c{number}-{place}",
                    f"c{number}",
                    f"c{number}-{place - 1}" if place else None,
                    f"c{number}-{place + 1}" if place < 9 else None,
                    text(place),
                    float(place),
                ),
            )


def text(place):
    """One in ten needs pages of its own, so that its end can be lost alone."""
    return f"message {place} " * (1000 if place == 5 else 130)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The file of 40 conversations with 10 messages each, a run and a preference, some 1 MB."""
    paths = Paths(tmp_path_factory.mktemp("sound"))
    with contextlib.closing(Store.open(paths)) as store:
        store.write(fill)
        store.add_run(RunRecord(task="chat", model="m", variant="v", engine="e", reason="stop"))
        store.set("theme", "dark")
    return paths.database.read_bytes()


@pytest.fixture
def history(paths, sound):
    """A home with that history, closed, and no copies of it."""
    paths.database.write_bytes(sound)
    return paths


def make_copy(paths):
    (paths.backups / "daily-2026-01-01.sqlite3").write_bytes(paths.database.read_bytes())


def truncate_to_nothing(path):
    path.write_bytes(b"")


def truncate_to_half(path):
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def overwrite_the_header(path):
    path.write_bytes(b"<!DOCTYPE html>\n" + path.read_bytes()[16:])


def fill_with_zeros(path):
    path.write_bytes(bytes(path.stat().st_size))


def spoil_pages(path):
    """Twelve pages in the middle are noise, as after a failing disk."""
    chance, whole = random.Random(3), bytearray(path.read_bytes())
    for page in chance.sample(range(30, len(whole) // PAGE), 12):
        whole[page * PAGE : (page + 1) * PAGE] = chance.randbytes(PAGE)
    path.write_bytes(whole)


def flip_bytes(path):
    chance, whole = random.Random(4), bytearray(path.read_bytes())
    for place in chance.sample(range(len(whole)), 10_000):
        whole[place] ^= 1 << chance.randrange(8)
    path.write_bytes(whole)


DAMAGES = [truncate_to_nothing, truncate_to_half, overwrite_the_header, fill_with_zeros, spoil_pages, flip_bytes]
PARTLY_READABLE = {truncate_to_half: 100, overwrite_the_header: 400, spoil_pages: 300}


def opening(paths):
    with pytest.raises(TandemError) as caught:
        Store.open(paths)
    return caught.value


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told_with_what_is_possible_and_nothing_is_changed(history, damage):
    make_copy(history)
    damage(history.database)
    before = history.database.read_bytes()
    error = opening(history)
    assert error.code == "store_damaged"
    assert "40 conversations" in error.hint
    assert "start empty" in error.hint
    assert history.database.read_bytes() == before
    assert opening(history).code == "store_damaged"


@pytest.mark.parametrize("damage", DAMAGES)
def test_going_back_to_the_copy_brings_everything_and_keeps_the_damaged_file(history, damage):
    make_copy(history)
    damage(history.database)
    spoilt = history.database.read_bytes()
    done = recovery.recover(history, Choice.BACKUP)
    assert done.counts == Counts(40, 400, 1)
    assert done.kept[0].name.startswith("tandem.sqlite3.corrupt-")
    assert done.kept[0].read_bytes() == spoilt
    with contextlib.closing(Store.open(history)) as store:
        assert len(store.conversations()) == 40
        assert store.get("theme", "") == "dark"
        store.create_conversation("goes on")
    assert uses_wal(history.database)


@pytest.mark.parametrize(("damage", "least"), PARTLY_READABLE.items())
def test_salvaging_saves_what_is_readable_as_a_whole_history(history, damage, least):
    damage(history.database)
    promised = recovery.options(history).salvage
    done = recovery.recover(history, Choice.SALVAGE)
    assert done.counts == promised
    assert done.counts.messages >= least
    with contextlib.closing(Store.open(history)) as store:
        assert store.read(lambda c: c.execute("PRAGMA foreign_key_check").fetchall()) == []
        shown = {message.id: message for each in store.conversations() for message in store.messages(each.id)}
        assert len(shown) == done.counts.messages  # none is there and out of sight
        for message in shown.values():
            place = message.id.split("-")[1]
            if place == "5":  # its end may be lost, or noise, which SQLite cannot tell from text
                assert message.content[:PREFIX] == text(5)[:PREFIX]
            else:
                assert message.content == text(int(place))
            assert message.status in ("done", "interrupted")
        assert {hit.conversation_id for hit in store.search("message")} == {m.conversation_id for m in shown.values()}
        store.write(lambda c: c.execute("INSERT INTO message_index (message_index) VALUES ('integrity-check')"))
        store.add_message(store.conversations()[0].id, "user", "goes on")


def test_nothing_readable_is_said_so(history):
    fill_with_zeros(history.database)
    assert recovery.options(history).salvage is None


@pytest.mark.parametrize("damage", DAMAGES)
def test_starting_empty_keeps_the_damaged_file_and_the_copies(history, damage):
    make_copy(history)
    damage(history.database)
    spoilt = history.database.read_bytes()
    done = recovery.recover(history, Choice.EMPTY)
    assert done.kept[0].read_bytes() == spoilt
    with contextlib.closing(Store.open(history)) as store:
        assert store.conversations() == []
    assert len(list(history.backups.glob("kept-*.sqlite3"))) == 1  # out of the daily turn
    assert len(recovery.options(history).backups) == 1


def test_the_write_ahead_log_goes_aside_with_its_database(history):
    make_copy(history)
    log = history.database.with_name("tandem.sqlite3-wal")
    log.write_bytes(b"left by a crash")
    overwrite_the_header(history.database)
    done = recovery.recover(history, Choice.BACKUP)
    assert [path.name.rpartition("-")[2] for path in done.kept[1:]] == ["wal"]
    assert done.kept[1].read_bytes() == b"left by a crash"
    assert not log.exists()


def test_commits_in_the_write_ahead_log_are_salvaged(history):
    store = Store.open(history)
    made = store.create_conversation("only in the log")
    log = history.database.with_name("tandem.sqlite3-wal")
    crashed, crashed_log = history.database.read_bytes(), log.read_bytes()
    assert b"only in the log" not in crashed
    store.close()
    history.database.write_bytes(b"garbage garbage " + crashed[16:])
    log.write_bytes(crashed_log)
    recovery.recover(history, Choice.SALVAGE)
    with contextlib.closing(Store.open(history)) as again:
        assert again.conversation(made.id).title == "only in the log"


def test_a_history_that_is_gone_is_not_taken_for_a_new_one(history):
    make_copy(history)
    history.database.unlink()
    assert opening(history).code == "store_damaged"
    assert not history.database.exists()
    recovery.recover(history, Choice.BACKUP)
    with contextlib.closing(Store.open(history)) as store:
        assert len(store.conversations()) == 40


def test_a_recovery_that_was_cut_short_can_be_made_again(history):
    truncate_to_half(history.database)
    history.database.rename(history.database.with_name("tandem.sqlite3.corrupt-20260101-000000"))
    assert opening(history).code == "store_damaged"
    assert recovery.recover(history, Choice.SALVAGE).counts.messages >= 100
    Store.open(history).close()


def test_a_damaged_copy_is_not_offered(history):
    make_copy(history)
    older = history.backups / "daily-2025-12-31.sqlite3"
    older.write_bytes(history.database.read_bytes())
    spoil_pages(history.backups / "daily-2026-01-01.sqlite3")
    (history.backups / "daily-2026-01-02.sqlite3").write_bytes(b"")
    truncate_to_nothing(history.database)
    assert [copy.path for copy in recovery.options(history).backups] == [older]


def test_without_a_copy_there_is_nothing_to_go_back_to(history):
    truncate_to_half(history.database)
    with pytest.raises(TandemError) as caught:
        recovery.recover(history, Choice.BACKUP)
    assert caught.value.code == "no_backup"
    assert opening(history).code == "store_damaged"


def test_a_whole_history_is_not_replaced(history):
    before = history.database.read_bytes()
    for choice in Choice:
        with pytest.raises(TandemError) as caught:
            recovery.recover(history, choice)
        assert caught.value.code == "not_damaged"
    assert history.database.read_bytes() == before
    assert recovery.options(history).damage == ""


def test_no_recovery_while_another_tandem_is_open(history):
    with contextlib.closing(Store.open(history)):
        with pytest.raises(TandemError) as caught:
            recovery.recover(history, Choice.EMPTY, StoreSettings(lock_timeout_s=0.1))
        assert caught.value.code == "locked"


def test_a_file_of_another_program_is_not_taken_for_the_history(history):
    history.database.unlink()
    with contextlib.closing(sqlite3.connect(history.database)) as other:
        other.execute("CREATE TABLE conversations (id)")
    assert opening(history).code == "store_damaged"


def test_damage_met_while_reading_is_told_and_makes_the_next_start_look_closely(history, monkeypatch, caplog):
    monkeypatch.setattr("app.store.health._ALWAYS_CHECKED_BYTES", 0)  # as if the file were large
    spoil_pages(history.database)
    store = Store.open(history)
    with pytest.raises(TandemError) as caught:
        store.conversations("no such text anywhere")
    assert caught.value.code == "store_damaged"
    store.close()
    caplog.clear()  # that there could be no copy either
    assert opening(history).code == "store_damaged"


def test_an_unclean_end_makes_the_next_start_look_closely(history, process, monkeypatch):
    other = process('store = Store.open(paths)\nsay("open")\nsys.stdin.read()')
    assert other.stdout.readline() == "open\n"
    other.kill()
    other.communicate()
    monkeypatch.setattr("app.store.health._ALWAYS_CHECKED_BYTES", 0)
    spoil_pages(history.database)
    assert opening(history).code == "store_damaged"
