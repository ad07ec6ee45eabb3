"""What removing a variant means, in words, before anybody says yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.library import SERVED
from app.ui.language import tr
from app.ui.state import words
from app.ui.state.models_places import PlaceLine
from app.ui.state.models_rows import Row


@dataclass(frozen=True, slots=True)
class Removal:
    """verb: the button's words, "" where it cannot be removed here; then `words` says why. question: the dialog's title."""

    verb: str
    question: str
    words: str

    @property
    def possible(self) -> bool:
        """True where Tandem may do it."""
        return bool(self.verb)


def removal(row: Row, places: Sequence[PlaceLine]) -> Removal:
    """For this variant."""
    variant = row.variant
    name = f"{variant.title} {row.precision}"
    if variant.format == SERVED:
        return Removal("", "", tr("It lies on a server: remove the server on the Servers page."))
    if variant.origin.kind == "place":
        return Removal("", "", _found_words(row, places))
    if variant.outside:
        question = tr("Forget “{name}”?", name=name)
        return Removal(tr("Forget"), question, tr("It goes from the list. Your files stay: {path}", path=variant.path))
    question = tr("Remove “{name}”?", name=name)
    said = tr("Its files ({size}) are moved to the trash; from there you can bring them back.",
              size=words.size(variant.bytes))  # fmt: skip
    return Removal(tr("Move to the trash"), question, said)


def _found_words(row: Row, places: Sequence[PlaceLine]) -> str:
    place = next((line for line in places if line.id == row.place), None)
    if place is not None and place.named:
        return tr("It lies in your folder “{place}”: delete the file there, or take the folder off the list.",
                  place=row.where)  # fmt: skip
    return tr("It belongs to {place}: remove it there, and look again.", place=row.where)
