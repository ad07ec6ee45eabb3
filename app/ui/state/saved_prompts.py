"""Prompts kept for later, in the store's preferences."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from app.ui.state import words
from app.ui.state.kept import Kept

PROMPTS = "chat.prompts"
CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class SavedPrompt:
    """A text to be used again."""

    id: str
    title: str
    text: str


class SavedPrompts:
    """By title. What is stored in another shape, e.g. by another version, is passed over."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def all(self) -> list[SavedPrompt]:
        """Sorted by title."""
        stored: list[object] = self._kept.get(PROMPTS, [])
        found = [_prompt(item) for item in stored]
        return sorted((p for p in found if p is not None), key=lambda p: p.title.casefold())

    def keep(self, title: str, text: str) -> SavedPrompt | None:
        """One of the same title is replaced. None: it is empty, or too long to be a prompt."""
        if not text.strip() or len(text) > CHARACTERS:
            return None
        title = " ".join(title.split()) or words.first_words(text)
        same = next((p.id for p in self.all() if p.title.casefold() == title.casefold()), uuid.uuid4().hex)
        made = SavedPrompt(same, title, text)
        self._store([*(p for p in self.all() if p.id != same), made])
        return made

    def drop(self, id: str) -> None:
        """Forget one; unknown ones are fine."""
        self._store([p for p in self.all() if p.id != id])

    def _store(self, prompts: Sequence[SavedPrompt]) -> None:
        self._kept.set(PROMPTS, [{"id": p.id, "title": p.title, "text": p.text} for p in prompts])


def _prompt(item: object) -> SavedPrompt | None:
    if not isinstance(item, dict):
        return None
    key, title, text = (item.get(name) for name in ("id", "title", "text"))
    if not (isinstance(key, str) and isinstance(title, str) and isinstance(text, str)) or not text.strip():
        return None
    return SavedPrompt(key, title, text)
