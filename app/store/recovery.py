"""What a person can do when the history does not open. The damaged file is moved aside, never removed."""

from __future__ import annotations

import contextlib
import enum
import shutil
from dataclasses import dataclass
from pathlib import Path

from app.errors import TandemError
from app.paths import Paths
from app.store import backup, files, health, journal, salvage
from app.store.backup import Backup, Counts
from app.store.connection import connect, damaged, disk_in_words
from app.store.opening import StoreSettings, build, locked, schema_lock


class Choice(enum.StrEnum):
    BACKUP = "backup"
    SALVAGE = "salvage"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Options:
    """damage: what is wrong, in words, "" if nothing is. salvage: what can still be read, None if nothing."""

    damage: str
    backups: tuple[Backup, ...]
    salvage: Counts | None


@dataclass(frozen=True, slots=True)
class Recovered:
    """kept: the damaged files under their new names. counts: what the history holds now."""

    kept: tuple[Path, ...]
    counts: Counts


def options(paths: Paths, settings: StoreSettings | None = None) -> Options:
    """Look at everything and change nothing. Takes about as long as copying the file."""
    settings = settings or StoreSettings()
    damage = health.damage(paths, thorough=True)
    backups = tuple(backup.good(paths.backups, settings.newest))
    if not damage:
        return Options("", backups, None)
    database = paths.database
    with disk_in_words(database), files.scratch(database, ".trial") as trial:
        build(trial, settings)
        counts = _salvaged(paths, trial)
    return Options(damage, backups, counts if counts != Counts(0, 0, 0) else None)


def recover(
    paths: Paths, choice: Choice, settings: StoreSettings | None = None, chosen: Path | None = None
) -> Recovered:
    """Put a whole history in the damaged one's place. chosen: which backup, else the newest good one.

    Raises TandemError: "locked" if another Tandem is open, "not_damaged", "no_backup", "disk_full";
    then everything is as it was.
    """
    settings = settings or StoreSettings()
    lock = schema_lock(paths)
    lock.timeout_s = settings.lock_timeout_s
    try:
        lock.acquire()
    except TandemError as error:
        raise (locked() if error.code == "locked" else error) from error
    try:
        return _recover(paths, choice, settings, chosen)
    finally:
        lock.release()


def _recover(paths: Paths, choice: Choice, settings: StoreSettings, chosen: Path | None) -> Recovered:
    database = paths.database
    if not health.damage(paths, thorough=True):
        raise TandemError("not_damaged", "The history is whole; there is nothing to recover.")
    with disk_in_words(database), files.scratch(database, ".new") as new:
        if choice is Choice.BACKUP:
            shutil.copyfile(chosen or _newest(paths, settings), new)
            with contextlib.closing(connect(new)) as connection:
                journal.set_journal(connection, settings.journal(database.parent))
        else:
            build(new, settings)
            if choice is Choice.SALVAGE:
                _salvaged(paths, new)
        wrong = health.inside(new, thorough=True)
        if wrong:
            raise damaged(wrong, "Choose another way.")
        with contextlib.closing(connect(new)) as connection:
            counts = backup.count(connection)
        backup.keep_all(paths.backups)
        moved = files.move_aside(database)
        files.install(new, database)
    return Recovered(tuple(moved), counts)


def _newest(paths: Paths, settings: StoreSettings) -> Path:
    found = backup.good(paths.backups, settings.newest)
    if not found:
        raise TandemError("no_backup", "There is no whole copy of the history.", "Save what can still be read instead.")
    return found[0].path


def _salvaged(paths: Paths, target: Path) -> Counts:
    """From the database, or from the one last moved aside if a recovery was cut short."""
    source = next((path for path in (paths.database, *files.kept(paths.database)) if path.exists()), None)
    if source is None or source.stat().st_size == 0:
        return Counts(0, 0, 0)
    return salvage.salvage(source, target)
