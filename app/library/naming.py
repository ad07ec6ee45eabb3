"""Names for what was found: unique, short, and the same at every scan."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from app.library.facts import slug


class Names:
    """Gives "id" and "variant". taken: ids that others have (the library's own, the starters', the servers').

    before: path → (place, id, variant) of the last scan, which stay.
    """

    def __init__(self, taken: Iterable[str], refs: Iterable[str], before: dict[str, tuple[str, str, str]]) -> None:
        self._refs = set(refs)
        self._before = before = {p: n for p, n in before.items() if f"{n[1]}:{n[2]}" not in self._refs}
        self._taken = set(taken) - {model for _, model, _ in before.values()}
        self._owner: dict[str, str] = {}
        for place, model, variant in before.values():
            self._owner.setdefault(model, place)
            self._refs.add(f"{model}:{variant}")

    def give(self, path: str, place: str, wanted: str, precision: str) -> tuple[str, str]:
        """(id, variant). Models of one place may share an id if their variants differ."""
        variant = slug(precision)
        if path in self._before and self._before[path][2] == variant:  # else it is another model by the old path
            return self._before[path][1], variant
        for number in itertools.count(1):
            model = wanted if number == 1 else f"{wanted[:74]}-{number}"
            free = model not in self._taken and self._owner.get(model, place) == place
            if free and f"{model}:{variant}" not in self._refs:
                self._owner[model] = place
                self._refs.add(f"{model}:{variant}")
                return model, variant
        raise AssertionError("there are endless numbers")
