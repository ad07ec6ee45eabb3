"""Prompt lookup: guess the next tokens from an earlier place where the same few were said.

After https://github.com/apoorvumang/prompt-lookup-decoding; an index that grows with the text instead of a search of
all of it for each step.
"""

from __future__ import annotations

from collections.abc import Sequence


class PromptLookup:
    """Holds ids said so far and, for each run of 1 to `max_ngram` of them, where it was last followed by something."""

    def __init__(self, ids: Sequence[int], n_draft: int, max_ngram: int) -> None:
        self._n_draft, self._max_ngram = n_draft, max_ngram
        self._ids: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        self.extend(ids)

    def extend(self, ids: Sequence[int]) -> None:
        """Add ids that were really said."""
        for token in ids:
            end = len(self._ids)
            for n in range(1, min(self._max_ngram, end) + 1):
                self._after[tuple(self._ids[end - n : end])] = end
            self._ids.append(token)

    def draft(self, room: int) -> list[int]:
        """At most `room` guesses for what follows; the longest match wins, among equals the latest."""
        wanted = min(self._n_draft, room)
        if wanted <= 0:
            return []
        for n in range(min(self._max_ngram, len(self._ids)), 0, -1):
            at = self._after.get(tuple(self._ids[-n:]))
            if at is not None:
                return self._ids[at : at + wanted]
        return []
