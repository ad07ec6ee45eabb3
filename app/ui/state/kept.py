"""What the window remembers between starts, in the store's preferences; quiet where nothing can be stored."""

from __future__ import annotations

from typing import Any, TypeVar

from app.store import Store

T = TypeVar("T")


class Kept:
    """JSON values by name. A history that can only be read is no reason not to open a window."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str, default: T) -> T:
        """The value, if it is of the same kind as `default`."""
        return self._store.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Remember it, unless it is so already."""
        if not self._store.read_only and self._store.get(key, None) != value:
            self._store.set(key, value)
