"""New, older and newer histories; the journal; the copy from before a migration."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import sqlite3
from pathlib import Path

import pytest

from app.errors import TandemError
from app.locks import FileLock
from app.store import Store, StoreSettings, backup, journal
from app.store.connection import connect
from app.store.schema import Migration, migrations, version

NEXT = Migration(len(migrations()) + 1, "ALTER TABLE conversations ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm';")
NEWER = StoreSettings(migrations=(*migrations(), NEXT))


def filled(paths, settings=None):
    with contextlib.closing(Store.open(paths, settings)) as store:
        made = store.create_conversation("kept")
        store.add_message(made.id, "user", "Hello")
    return made


def version_of(path):
    with contextlib.closing(connect(path)) as connection:
        return version(connection)


def test_an_older_history_is_migrated_and_a_copy_of_before_is_kept(paths):
    made = filled(paths)
    with contextlib.closing(Store.open(paths, NEWER)) as store:
        assert not store.read_only
        assert [message.content for message in store.messages(made.id)] == ["Hello"]
        assert store.read(lambda c: c.execute("SELECT mood FROM conversations").fetchone()[0]) == "calm"
    assert version_of(paths.database) == NEXT.number
    (copy,) = paths.backups.glob("before-*.sqlite3")
    assert version_of(copy) == NEXT.number - 1
    with contextlib.closing(connect(copy)) as connection:
        assert backup.count(connection).messages == 1


def test_opening_again_migrates_and_copies_nothing(paths):
    filled(paths)
    for _ in range(2):
        Store.open(paths, NEWER).close()
    assert len(list(paths.backups.glob("before-*.sqlite3"))) == 1


@pytest.mark.parametrize(
    "sql", ["ALTER TABLE conversations ADD COLUMN mood TEXT; SELECT nonsense;", "DELETE FROM conversations;"]
)
def test_a_migration_that_fails_leaves_the_history_as_it_was(paths, sql):
    made = filled(paths)
    broken = StoreSettings(migrations=(*migrations(), Migration(NEXT.number, sql)))
    with pytest.raises((sqlite3.OperationalError, TandemError)):
        Store.open(paths, broken)
    with contextlib.closing(Store.open(paths)) as store:
        assert not store.read_only
        assert [message.content for message in store.messages(made.id)] == ["Hello"]


def test_no_migration_while_another_store_is_open(paths):
    filled(paths)
    with contextlib.closing(Store.open(paths)), pytest.raises(TandemError) as caught:
        Store.open(paths, dataclasses.replace(NEWER, lock_timeout_s=0.1))
    assert caught.value.code == "locked"
    assert version_of(paths.database) == NEXT.number - 1
    assert list(paths.backups.glob("before-*")) == []


def test_a_newer_history_is_read_and_never_written(paths):
    made = filled(paths, NEWER)
    before = paths.database.read_bytes()
    with contextlib.closing(Store.open(paths)) as store:
        assert store.read_only
        assert "newer Tandem" in store.notice
        assert [message.content for message in store.messages(made.id)] == ["Hello"]
        assert store.get("theme", "dark") == "dark"
        for act in (
            lambda: store.create_conversation(),
            lambda: store.add_message(made.id, "user", "x"),
            lambda: store.set("theme", "light"),
            lambda: store.stream("x"),
            lambda: store.purge(made.id),
        ):
            with pytest.raises(TandemError) as caught:
                act()
            assert caught.value.code == "store_read_only"
    assert paths.database.read_bytes() == before


def test_a_part_of_a_newer_history_that_is_not_understood_is_told(paths):
    moved = Migration(NEXT.number, "ALTER TABLE runs RENAME COLUMN metrics TO figures;")
    filled(paths, StoreSettings(migrations=(*migrations(), moved)))
    with contextlib.closing(Store.open(paths)) as store:
        assert len(store.conversations()) == 1
        with pytest.raises(TandemError) as caught:
            store.runs()
    assert caught.value.code == "store_newer"


def test_a_file_that_cannot_be_written_opens_for_reading(paths, monkeypatch):
    made = filled(paths)
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != paths.database)
    with contextlib.closing(Store.open(paths)) as store:
        assert store.read_only
        assert "cannot be written" in store.notice
        assert len(store.messages(made.id)) == 1


def test_a_history_is_never_half_made(paths):
    broken = StoreSettings(migrations=(Migration(1, "CREATE TABLE conversations (id); SELECT nonsense;"),))
    with pytest.raises(sqlite3.OperationalError):
        Store.open(paths, broken)
    assert not paths.database.exists()
    filled(paths)


def test_the_shipped_migrations_are_numbered_without_a_gap(tmp_path):
    assert [each.number for each in migrations()] == list(range(1, len(migrations()) + 1))
    (tmp_path / "0001_a.sql").write_text("SELECT 1;")
    (tmp_path / "0003_b.sql").write_text("SELECT 1;")
    with pytest.raises(ValueError, match="numbered"):
        migrations(tmp_path)


def test_a_network_file_system_gets_no_write_ahead_log(paths):
    network = StoreSettings(journal=lambda folder: "delete")
    made = filled(paths, network)
    assert not journal.uses_wal(paths.database)
    with contextlib.closing(Store.open(paths, network)) as store:
        store.add_message(made.id, "user", "more")
        assert not list(paths.home.glob("*-wal"))
        assert len(store.messages(made.id)) == 2


def test_a_home_that_moved_to_a_network_file_system_leaves_the_write_ahead_log(paths):
    made = filled(paths)
    assert journal.uses_wal(paths.database)
    with contextlib.closing(Store.open(paths, StoreSettings(journal=lambda folder: "delete"))) as store:
        store.add_message(made.id, "user", "more")
        assert len(store.messages(made.id)) == 2
    assert not journal.uses_wal(paths.database)


@pytest.mark.parametrize(
    ("parts", "mode"),
    [
        ([("/", "ext4", "rw")], "wal"),
        ([("/", "ext4", "rw"), ("/mine", "nfs4", "rw")], "delete"),
        ([("/mine", "nfs4", "rw"), ("/mine/local", "xfs", "rw")], "wal"),
        ([("/", "ext4", "rw"), ("/mi", "cifs", "rw")], "wal"),
        ([("/", "", "rw,remote")], "delete"),
        ([], "wal"),
    ],
)
def test_the_journal_follows_the_file_system_of_the_folder(monkeypatch, parts, mode):
    class Part:
        def __init__(self, mountpoint, fstype, opts):
            self.mountpoint, self.fstype, self.opts = mountpoint, fstype, opts

    monkeypatch.setattr("psutil.disk_partitions", lambda **_: [Part(*each) for each in parts])
    assert journal.journal_mode(Path("/mine/local/home")) == mode


def test_todays_copy_is_made_once_and_three_days_are_kept(paths):
    for day in range(1, 6):
        settings = StoreSettings(today=lambda day=day: datetime.date(2026, 3, day))
        for _ in range(2):
            filled(paths, settings)
    assert sorted(path.name for path in paths.backups.iterdir()) == [
        f"daily-2026-03-0{day}.sqlite3" for day in (3, 4, 5)
    ]
    copies = backup.good(paths.backups, newest_version=len(migrations()))
    assert [copy.counts.conversations >= least for copy, least in zip(copies, (8, 6, 4), strict=True)] == [True] * 3


def test_the_first_day_has_a_copy_too_once_there_is_something_to_keep(paths):
    filled(paths)
    (copy,) = backup.good(paths.backups, newest_version=len(migrations()))
    assert copy.counts.conversations == 1  # it may have been made between the conversation and its message


def test_an_empty_history_takes_no_good_copys_place(paths):
    Store.open(paths).close()
    with contextlib.closing(Store.open(paths)) as store:
        store.set("theme", "dark")
    assert list(paths.backups.iterdir()) == []


def test_a_copy_that_another_process_is_making_is_left_to_it(paths):
    store = Store.open(paths)
    with FileLock(paths.lock / "backup"):
        store.create_conversation("kept")
        store.close()
    assert list(paths.backups.iterdir()) == []
    assert store.notice == ""


def test_a_copy_that_cannot_be_made_is_told_and_stops_nothing(paths, caplog):
    (paths.backups / f"daily-2026-03-01.sqlite3.{os.getpid()}.part").mkdir()
    store = Store.open(paths, StoreSettings(today=lambda: datetime.date(2026, 3, 1)))
    store.create_conversation("kept")
    store.close()
    assert "could not be made" in store.notice
    assert {record.levelname for record in caplog.records} == {"WARNING"}  # at the start, at the end, or both
    caplog.clear()
    filled(paths)
