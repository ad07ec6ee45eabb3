"""Runs, kept for ever with what they measured, and loads, from which estimates learn."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from app.store.database import Database, clean, from_json, new_id, not_found, now, to_json
from app.store.records import LoadRecord, RunHead, RunRecord

_RUN_JSON: dict[str, type[Any]] = {
    "knobs": dict,
    "metrics": dict,
    "memory": dict,
    "runs": list,
    "notes": list,
    "record": dict,
}
_LOAD_JSON: dict[str, type[Any]] = {"knobs": dict, "phases": dict}
_RUN = ", ".join(RunRecord.__struct_fields__)
_LOAD = ", ".join(LoadRecord.__struct_fields__)
_HEADS = f"""
SELECT {", ".join(RunHead.__struct_fields__)} FROM runs
WHERE id IN (SELECT run_id FROM messages WHERE conversation_id = ? AND run_id IS NOT NULL)
"""  # noqa: S608 - the columns are ours


class Runs(Database):
    def add_run(self, run: RunRecord) -> str:
        """Store it and return its id; an empty id and a time of 0 are filled in."""
        run = msgspec.structs.replace(run, id=run.id or new_id(), created=run.created or now(), text=clean(run.text))
        self.write(lambda c: insert_run(c, run))
        return run.id

    def run(self, id: str) -> RunRecord:
        """Raises TandemError("not_found")."""
        query = f"SELECT {_RUN} FROM runs WHERE id = ?"  # noqa: S608 - the columns are ours
        row = self.read(lambda c: c.execute(query, (id,)).fetchone())
        if row is None:
            raise not_found("run")
        return RunRecord(**_parsed(row, _RUN_JSON))

    def run_heads(self, conversation_id: str) -> dict[str, RunHead]:
        """The figures of every run that a message of the conversation names, by run id; cheap."""
        rows = self.read(lambda c: c.execute(_HEADS, (conversation_id,)).fetchall())
        return {row["id"]: RunHead(**_parsed(row, {"metrics": dict})) for row in rows}

    def runs(self, limit: int = 100, task: str | None = None) -> list[RunRecord]:
        """The last `limit` of them, newest first."""
        query = f"SELECT {_RUN} FROM runs WHERE :task IS NULL OR task = :task ORDER BY seq DESC LIMIT :limit"  # noqa: S608
        rows = self.read(lambda c: c.execute(query, {"task": task, "limit": limit}).fetchall())
        return [RunRecord(**_parsed(row, _RUN_JSON)) for row in rows]

    def own_run(self, id: str, conversation_id: str) -> None:
        """A run belongs to a conversation: deleting that for ever removes its words too."""
        query = "UPDATE runs SET conversation_id = ? WHERE id = ?"
        self.write(lambda c: c.execute(query, (conversation_id, id)))

    def add_load(self, load: LoadRecord) -> None:
        load = msgspec.structs.replace(load, created=load.created or now())
        self.write(lambda c: c.execute(_insert("loads", _LOAD), _values(load, _LOAD_JSON)))

    def loads(self, engine: str, device: str = "cpu", limit: int = 50) -> list[LoadRecord]:
        """The last `limit` of that engine on that device, newest first."""
        query = f"SELECT {_LOAD} FROM loads WHERE engine = ? AND device = ? ORDER BY seq DESC LIMIT ?"  # noqa: S608
        rows = self.read(lambda c: c.execute(query, (engine, device, limit)).fetchall())
        return [LoadRecord(**_parsed(row, _LOAD_JSON)) for row in rows]


def insert_run(connection: sqlite3.Connection, run: RunRecord) -> None:
    """As it is, id and time included."""
    connection.execute(_insert("runs", _RUN), _values(run, _RUN_JSON))


def _insert(table: str, columns: str) -> str:
    return f"INSERT INTO {table} ({columns}) VALUES ({', '.join(f':{name}' for name in columns.split(', '))})"  # noqa: S608


def _values(record: RunRecord | LoadRecord, json: dict[str, type[Any]]) -> dict[str, Any]:
    given = {name: getattr(record, name) for name in record.__struct_fields__}
    return {name: to_json(value) if name in json else value for name, value in given.items()}


def _parsed(row: sqlite3.Row, json: dict[str, type[Any]]) -> dict[str, Any]:
    values = dict(row)
    return {name: from_json(value, json[name]) if name in json else value for name, value in values.items()}
