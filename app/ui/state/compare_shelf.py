"""What can be opened on the Compare page: the recipes with their recorded runs, and a person's own comparisons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.errors import TandemError
from app.lab.compare.plan import Mode, Plan
from app.lab.compare.recipes import RecipeInfo, all_recipes, load, recipe_file
from app.lab.compare.result import Result
from app.store import ExperimentHead
from app.ui.language import tr
from app.ui.state import compare_words, words
from app.ui.state.ports import Services
from engines import hardware

RECIPE, OWN = "recipe:", "own:"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the list at the left. id: with RECIPE or OWN before it."""

    id: str
    title: str
    detail: str
    heading: str


@dataclass(frozen=True, slots=True)
class Card:
    """A recipe on the empty page. takes: how long it runs here; recorded: its run can be played without a model.

    problem: why it cannot be used."""

    id: str
    title: str
    question: str
    teaches: str
    takes: str
    recorded: bool
    problem: str = ""


class Shelf:
    """Reads files and the store when asked; what is broken is left out, and said when it is opened."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._resources = services.paths.resources
        self._recipes: tuple[RecipeInfo, ...] | None = None

    def recipes(self) -> tuple[RecipeInfo, ...]:
        """The six, in their order; read once."""
        if self._recipes is None:
            self._recipes = all_recipes(self._resources, hardware.usable_cores())
        return self._recipes

    def cards(self) -> list[Card]:
        """The recipes as the empty page shows them."""
        recorded = self.recordings()
        return [
            Card(info.id, info.title, info.question, info.teaches, _takes(info), info.id in recorded, info.problem)
            for info in self.recipes()
        ]

    def plan(self, recipe: str) -> Plan:
        """A recipe's plan for this machine. Raises TandemError `no_recipe`, `bad_recipe`."""
        return load(recipe_file(recipe, self._resources), self._resources, cores=hardware.usable_cores())

    def recordings(self) -> dict[str, Path]:
        """Recipe id → the file of its recorded run."""
        files = sorted((self._resources / "replays").glob("compare-*.json"))
        return {file.stem.removeprefix("compare-"): file for file in files}

    def recorded(self, recipe: str) -> Result:
        """The recorded run of a recipe. Raises TandemError `no_replay`."""
        file = self.recordings().get(recipe)
        if file is None:
            raise TandemError(
                "no_replay", tr("There is no recorded run of “{recipe}”.", recipe=recipe), tr("Run it here.")
            )
        try:
            return msgspec.json.decode(file.read_bytes(), type=Result)
        except (OSError, msgspec.DecodeError) as error:
            raise TandemError(
                "no_replay", tr("The recorded run cannot be read: {error}.", error=error), tr("Run it here.")
            ) from error

    def own(self, id: str) -> Result:
        """A stored comparison. Raises TandemError `not_found`, `unreadable`."""
        try:
            return msgspec.convert(self._store.experiment(id).result, type=Result)
        except msgspec.ValidationError as error:
            message = tr("This comparison was written by another version and cannot be read.")
            raise TandemError("unreadable", message, tr("Run it again. ({error})", error=error)) from error

    def delete(self, id: str) -> str:
        """Put an own comparison away; its title. Raises TandemError `not_found` and the store's own."""
        title = self._store.experiment(id).title
        self._store.delete_experiment(id)
        return title

    def restore(self, id: str) -> None:
        """Bring a deleted one back. Raises the store's TandemErrors."""
        self._store.restore_experiment(id)

    def items(self) -> list[Item]:
        """The list: own comparisons newest first, then the recorded recipes."""
        mine = [_item(head) for head in self._store.experiment_heads()]
        titles = {info.id: info.title for info in self.recipes()}
        recorded = [
            Item(RECIPE + recipe, titles.get(recipe, recipe), tr("recorded run"), tr("Recorded recipes"))
            for recipe in self.recordings()
        ]
        return [*mine, *recorded]

    def unfinished(self) -> Item | None:
        """The newest measurement that something interrupted; Quick and Race are simply run again."""
        found = next((head for head in self._store.unfinished_experiments() if head.mode == Mode.MEASURE), None)
        return _item(found) if found is not None else None


def _item(head: ExperimentHead) -> Item:
    state = {"running": "interrupted", "cancelled": "stopped", "failed": "failed"}.get(head.status, "")
    how = {str(mode): name for mode, name in compare_words.MODES.items()}.get(head.mode, "")
    parts = [
        tr("{lanes} lane{value}", lanes=head.lanes, value="" if head.lanes == 1 else "s"),
        state or how,
        words.day(head.created).lower(),
    ]
    return Item(
        OWN + head.id, head.title or tr("Comparison"), " · ".join(p for p in parts if p), tr("Your comparisons")
    )


def _takes(info: RecipeInfo) -> str:
    """ "4 lanes · up to 12 min"."""
    lanes = tr("{lanes:,} lanes", lanes=info.lanes) if info.lanes else ""
    time = tr("up to {minutes:,.0f} min", minutes=info.minutes) if info.minutes else ""
    return " · ".join(part for part in (lanes, time) if part)
