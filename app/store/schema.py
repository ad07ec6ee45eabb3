"""The numbered migrations. `PRAGMA user_version` of a database is the number of the last one it had."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from app.store.connection import APPLICATION_ID, damaged

FOLDER = Path(__file__).with_name("migrations")


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    sql: str


def migrations(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """`0001_*.sql`, `0002_*.sql` … in order, without a gap; ValueError otherwise."""
    files = sorted(folder.glob("[0-9]*.sql"))
    found = tuple(Migration(int(file.name.split("_")[0]), file.read_text(encoding="utf-8")) for file in files)
    if [each.number for each in found] != list(range(1, len(found) + 1)) or not found:
        raise ValueError(f"the migrations in {folder} are not numbered 1, 2, 3 …")
    return found


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def is_ours(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)


def migrate(connection: sqlite3.Connection, wanted: tuple[Migration, ...]) -> None:
    """Bring the database up to the last of `wanted`; each step is whole or was never there.

    Foreign keys are off meanwhile (a table may be rebuilt) and checked before each step is kept.
    """
    connection.execute("PRAGMA foreign_keys=OFF")
    try:
        for step in wanted[version(connection) :]:
            _apply(connection, step)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("PRAGMA foreign_keys=ON")


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    connection.executescript(f"BEGIN IMMEDIATE;\nPRAGMA application_id={APPLICATION_ID};\n{step.sql}")
    if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
        raise damaged(f"The history cannot be brought to format {step.number}: it holds links to nothing.")
    connection.execute(f"PRAGMA user_version={step.number}")
    connection.execute("COMMIT")
