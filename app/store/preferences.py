"""What a person chose, by key. A value that is broken or of another kind counts as not chosen."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from app.store.database import Database, to_json

T = TypeVar("T")


class Preferences(Database):
    def get(self, key: str, default: T) -> T:
        """The stored JSON value, if it is of the same kind as `default` (any kind, if that is None)."""
        row = self.read(lambda c: c.execute("SELECT value FROM preferences WHERE key = ?", (key,)).fetchone())
        if row is None:
            return default
        try:
            value: Any = msgspec.json.decode(row["value"])
        except (msgspec.DecodeError, TypeError):
            return default
        if isinstance(default, tuple) and isinstance(value, list):
            value = tuple(value)
        if isinstance(default, float) and type(value) is int:
            value = float(value)
        if default is not None and type(value) is not type(default):
            return default
        return value  # type: ignore[no-any-return]

    def set(self, key: str, value: Any) -> None:
        """value: anything JSON can hold."""
        text = to_json(value)
        self.write(
            lambda c: c.execute(
                "INSERT INTO preferences (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, text),
            )
        )
