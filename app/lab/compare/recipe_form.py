"""What may stand in a recipe's file, as types: unknown fields and wrong types are refused with their line."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from app.lab.compare.plan import Expect, Guess, QualityPlan, Schedule
from app.lab.compare.recipe_lines import Place, Source

NATURAL = "natural"
"""How a file says `n_out = None`: speed runs end by themselves."""


class LaneForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[[lane]]: a lane. In [sweep] `name` is made from the knob's value."""

    model: str
    engine: str
    name: str = ""
    variant: str = ""
    knobs: dict[str, bool | int | float | str | list[str]] = {}


class SweepForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[sweep]: one knob over values, or "cores": 1, 2, 4 … up to the machine's cores. lane: what all have."""

    knob: str
    values: str | list[bool | int | float | str]
    lane: LaneForm


class MessageForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message of a chat."""

    role: str
    content: str


class EditForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """edit: word number `word` (from 1) of the step's first placed text becomes `to`."""

    word: int
    to: str


class StepForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[[step]]: exactly one of ask (one chat message), messages (the whole chat) and prompt (raw text to go on with)."""

    name: str = ""
    ask: str | None = None
    system: str = ""
    messages: list[MessageForm] | None = None
    prompt: str | None = None
    knobs: dict[str, bool | int | float | str | list[str]] = {}
    depth: float | None = None
    fresh: bool = True
    edit: EditForm | None = None


class RecipeForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. answer: run knobs that all steps share. input: what stands for {input} until a person gives theirs."""

    title: str
    question: str = ""
    recipe: str = ""
    task: str = "chat"
    teaches: str = ""
    concepts: list[str] = []
    input: str | None = None
    notes: list[str] = []
    decide: list[str] = []
    quality: bool | QualityPlan = True
    answer: dict[str, bool | int | float | str | list[str]] = {}
    lane: list[LaneForm] = []
    sweep: SweepForm | None = None
    step: list[StepForm] = []
    schedule: Schedule = Schedule()
    expect: list[Expect] = []
    guess: Guess | None = None


TABLES: dict[str, type[msgspec.Struct]] = {
    "lane": LaneForm, "sweep": SweepForm, "step": StepForm, "schedule": Schedule, "quality": QualityPlan,
    "expect": Expect, "guess": Guess, "messages": MessageForm, "edit": EditForm,
}  # fmt: skip

_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]*)`")
_TYPES = re.compile(r"Expected `([^`]*)`, got `([^`]*)`")
_WORDS = {
    "str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list",
    "object": "a table", "null": "nothing",
}  # fmt: skip


def convert(source: Source, table: dict[str, Any]) -> RecipeForm:
    """The file's tables in their types. Raises TandemError `bad_recipe`."""
    schedule = table.get("schedule")
    if isinstance(schedule, dict) and schedule.get("n_out") == NATURAL:
        table = table | {"schedule": schedule | {"n_out": None}}
    try:
        return msgspec.convert(table, RecipeForm)
    except msgspec.ValidationError as error:
        raise _refusal(source, str(error)) from error


def _refusal(source: Source, text: str) -> Exception:
    said, _, path = text.partition(" - at `")
    place = _place(path.rstrip("`"))
    allowed = "Allowed here: " + ", ".join(_fields(place)) + "."
    if unknown := _UNKNOWN.search(said):
        return source.refused((*place, unknown[1]), f"there is no field “{unknown[1]}” here.", allowed)
    if missing := _MISSING.search(said):
        where = f"[{place[0]}]" if place else "the recipe"
        return source.refused(place, f"“{missing[1]}” is missing in {where}.", allowed)
    name = next((str(part) for part in reversed(place) if isinstance(part, str)), "the recipe")
    if types := _TYPES.search(said):
        wanted = " or ".join(_WORDS.get(part.strip(), part.strip()) for part in types[1].split("|"))
        got = _WORDS.get(types[2], types[2])
        return source.refused(place, f"“{name}” is {got}.", f"Give {wanted}.")
    return source.refused(place, f"“{name}” does not fit: {said}.", allowed)


def _place(path: str) -> Place:
    """`$.lane[0].knobs[...]` as ("lane", 0, "knobs")."""
    found = re.findall(r"\.([A-Za-z_]\w*)|\[(\d+)\]", path)
    return tuple(name if name else int(number) for name, number in found)


def _fields(place: Place) -> tuple[str, ...]:
    names = [part for part in place if isinstance(part, str) and part in TABLES]
    form = TABLES[names[-1]] if names else RecipeForm
    return form.__struct_fields__
