"""Comparisons: kept with their plan and what was found so far, so that a crash loses at most one block."""

from __future__ import annotations

from typing import Any

from app.store.database import Database, clean, from_json, new_id, not_found, now, to_json
from app.store.records import ExperimentHead, ExperimentRecord

_COLUMNS = ", ".join(ExperimentRecord.__struct_fields__)
_HEAD = (
    "id, title, recipe, status, created, "
    "coalesce(CASE WHEN json_valid(result) THEN json_extract(result, '$.mode') END, '') AS mode, "
    "coalesce(CASE WHEN json_valid(plan) THEN json_array_length(plan, '$.lanes') END, 0) AS lanes"
)


class Experiments(Database):
    def save_experiment(self, experiment: ExperimentRecord) -> str:
        """Store it, or what is new of it, and return its id; an empty id and a time of 0 are filled in."""
        values: dict[str, Any] = {name: getattr(experiment, name) for name in experiment.__struct_fields__}
        values |= {
            "id": experiment.id or new_id(),
            "created": experiment.created or now(),
            "updated": now(),
            "title": clean(experiment.title),
            "plan": to_json(experiment.plan),
            "result": to_json(experiment.result),
        }
        self.write(lambda c: c.execute(_UPSERT, values))
        return str(values["id"])

    def experiment(self, id: str) -> ExperimentRecord:
        """Raises TandemError("not_found")."""
        query = f"SELECT {_COLUMNS} FROM experiments WHERE id = ? AND deleted IS NULL"  # noqa: S608 - the columns are ours
        row = self.read(lambda c: c.execute(query, (id,)).fetchone())
        if row is None:
            raise not_found("experiment")
        return _record(dict(row))

    def experiments(self, limit: int = 100) -> list[ExperimentRecord]:
        """The last `limit` of them, newest first."""
        query = f"SELECT {_COLUMNS} FROM experiments WHERE deleted IS NULL ORDER BY seq DESC LIMIT ?"  # noqa: S608
        rows = self.read(lambda c: c.execute(query, (limit,)).fetchall())
        return [_record(dict(row)) for row in rows]

    def experiment_heads(self, limit: int = 100) -> list[ExperimentHead]:
        """The last `limit` of them, newest first, for a list: their plans and results stay on the disk."""
        return self._heads("deleted IS NULL", limit)

    def unfinished_experiments(self, limit: int = 5) -> list[ExperimentHead]:
        """Those that are "running", newest first: they run now, or something interrupted them."""
        return self._heads("deleted IS NULL AND status = 'running'", limit)

    def _heads(self, where: str, limit: int) -> list[ExperimentHead]:
        query = f"SELECT {_HEAD} FROM experiments WHERE {where} ORDER BY seq DESC LIMIT ?"  # noqa: S608
        rows = self.read(lambda c: c.execute(query, (limit,)).fetchall())
        return [ExperimentHead(**dict(row)) for row in rows]

    def delete_experiment(self, id: str) -> None:
        """Put it away; its runs stay in the history."""
        self.write(lambda c: c.execute("UPDATE experiments SET deleted = ? WHERE id = ?", (now(), id)))

    def restore_experiment(self, id: str) -> None:
        """Bring a deleted one back."""
        self.write(lambda c: c.execute("UPDATE experiments SET deleted = NULL WHERE id = ?", (id,)))


_UPSERT = (
    f"INSERT INTO experiments ({_COLUMNS}) VALUES ({', '.join(f':{n}' for n in _COLUMNS.split(', '))}) "  # noqa: S608
    "ON CONFLICT (id) DO UPDATE SET title = excluded.title, status = excluded.status, plan = excluded.plan, "
    "result = excluded.result, updated = excluded.updated"
)


def _record(row: dict[str, Any]) -> ExperimentRecord:
    return ExperimentRecord(**row | {"plan": from_json(row["plan"], dict), "result": from_json(row["result"], dict)})
