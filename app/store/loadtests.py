"""Load tests: kept level by level, so that a crash loses at most one of them."""

from __future__ import annotations

from typing import Any

from app.store.database import Database, clean, from_json, new_id, not_found, now, to_json
from app.store.records import LoadTestRecord

_COLUMNS = ", ".join(LoadTestRecord.__struct_fields__)
_HEADS = (
    f"SELECT {', '.join(n for n in LoadTestRecord.__struct_fields__ if n != 'result')} FROM load_tests "  # noqa: S608
    "WHERE deleted IS NULL ORDER BY seq DESC LIMIT ?"
)


class LoadTests(Database):
    def add_load_test(self, test: LoadTestRecord) -> str:
        """Store it, or what is new of it, and return its id; an empty id and a time of 0 are filled in."""
        values: dict[str, Any] = {name: getattr(test, name) for name in test.__struct_fields__}
        values |= {
            "id": test.id or new_id(),
            "created": test.created or now(),
            "updated": now(),
            "title": clean(test.title),
            "result": to_json(test.result),
        }
        self.write(lambda c: c.execute(_UPSERT, values))
        return str(values["id"])

    def load_test(self, id: str) -> LoadTestRecord:
        """Raises TandemError("not_found")."""
        query = f"SELECT {_COLUMNS} FROM load_tests WHERE id = ? AND deleted IS NULL"  # noqa: S608 - the columns are ours
        row = self.read(lambda c: c.execute(query, (id,)).fetchone())
        if row is None:
            raise not_found("load test")
        return _record(dict(row))

    def load_tests(self, limit: int = 100) -> list[LoadTestRecord]:
        """The last `limit` of them, newest first."""
        query = f"SELECT {_COLUMNS} FROM load_tests WHERE deleted IS NULL ORDER BY seq DESC LIMIT ?"  # noqa: S608
        rows = self.read(lambda c: c.execute(query, (limit,)).fetchall())
        return [_record(dict(row)) for row in rows]

    def load_test_heads(self, limit: int = 100) -> list[LoadTestRecord]:
        """As `load_tests`, for a list: their results, which may be long, stay on the disk and are empty here."""
        rows = self.read(lambda c: c.execute(_HEADS, (limit,)).fetchall())
        return [LoadTestRecord(**dict(row)) for row in rows]

    def delete_load_test(self, id: str) -> None:
        """Put it away."""
        self.write(lambda c: c.execute("UPDATE load_tests SET deleted = ? WHERE id = ?", (now(), id)))

    def restore_load_test(self, id: str) -> None:
        """Bring a deleted one back."""
        self.write(lambda c: c.execute("UPDATE load_tests SET deleted = NULL WHERE id = ?", (id,)))


_UPSERT = (
    f"INSERT INTO load_tests ({_COLUMNS}) VALUES ({', '.join(f':{n}' for n in _COLUMNS.split(', '))}) "  # noqa: S608
    "ON CONFLICT (id) DO UPDATE SET title = excluded.title, status = excluded.status, result = excluded.result, "
    "updated = excluded.updated"
)


def _record(row: dict[str, Any]) -> LoadTestRecord:
    return LoadTestRecord(**row | {"result": from_json(row["result"], dict)})
