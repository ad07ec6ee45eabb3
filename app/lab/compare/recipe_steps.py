"""A recipe's steps as requests: texts placed, the edited word changed, the shared knobs laid under each step's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from app.errors import TandemError
from app.lab.compare.plan import Step
from app.lab.compare.recipe_form import EditForm, RecipeForm, StepForm
from app.lab.compare.recipe_lines import Place, Source
from app.lab.compare.recipe_texts import INPUT, edited, placed, text, uses
from engines.protocol import ChatRequest, Message

ROLES = ("system", "user", "assistant")
Turn = tuple[str, str]  # role, template


def steps_of(source: Source, form: RecipeForm, resources: Path, inputs: Sequence[str]) -> tuple[Step, ...]:
    """The steps, once for each input. Raises TandemError `bad_recipe`."""
    if not form.step:
        raise source.refused(("step",), "there are no steps.", 'Give at least one [[step]] with ask = "…".')
    names = [step.name for step in form.step]
    for number, name in enumerate(names):
        if name in names[:number]:
            hint = "Give every step a name of its own."
            raise source.refused(("step", number), f"the step “{name}” is there twice.", hint)
    own = _own(source, form, resources)
    given: Sequence[str | None] = tuple(inputs) or (own,)
    anywhere = any(uses(template, INPUT) for step in form.step for _, template in _turns(step))
    steps = []
    for number, words in enumerate(given):
        for index, step in enumerate(form.step):
            replace = words if inputs and not anywhere else None
            made = _step(source, ("step", index), step, form, _finder(resources, words), replace)
            steps.append(_renamed(made, number))
    return tuple(steps)


def numbered(name: str, number: int) -> str:
    """A step's name for the person's text `number` (from 0): the first keeps its name."""
    return name if number == 0 else f"{name} (text {number + 1})".lstrip()


def _own(source: Source, form: RecipeForm, resources: Path) -> str | None:
    """What stands for {input}: a text that may itself place shipped ones."""
    if form.input is None:
        return None
    try:
        return placed(form.input, lambda name: text(name, resources))
    except TandemError as error:
        raise source.refused(("input",), error.message, error.hint) from error


def _finder(resources: Path, own: str | None) -> Callable[[str], str]:
    def find(name: str) -> str:
        if name != INPUT:
            return text(name, resources)
        if own is None:
            raise TandemError("no_text", "{input} has no text.", 'Give the recipe: input = "…".')
        return own

    return find


def _step(
    source: Source, place: Place, form: StepForm, whole: RecipeForm, find: Callable[[str], str], replace: str | None
) -> Step:
    ways = [way for way in ("ask", "messages", "prompt") if getattr(form, way) is not None]
    if len(ways) != 1:
        said = f"“{ways[0]}” and “{ways[1]}” are both given" if ways else "nothing is asked"
        raise source.refused(place, f"{said}.", "Give one of: ask, messages, prompt.")
    if form.depth is not None and not 0 < form.depth <= 1:
        raise source.refused(
            (*place, "depth"), f"depth is {form.depth:g}.", "A share of the context: 0.25 is a quarter."
        )
    knobs: dict[str, Any] = dict(whole.answer) | dict(form.knobs)
    turns = _filled(source, place, form, find)
    if replace is not None:
        turns = [*turns[:-1], (turns[-1][0], replace)]
    if form.prompt is not None:
        request = ChatRequest(prompt=turns[-1][1], knobs=knobs)
    else:
        request = ChatRequest(messages=tuple(Message(role, content) for role, content in turns), knobs=knobs)
    return Step(name=form.name, request=request, depth=form.depth, fresh=form.fresh)


def _filled(source: Source, place: Place, form: StepForm, find: Callable[[str], str]) -> list[Turn]:
    seen: list[str] = []
    found: list[Turn] = []
    for role, template in _turns(form):
        if role not in ROLES:
            hint = "Allowed: " + ", ".join(ROLES) + "."
            raise source.refused((*place, "messages"), f"“{role}” is no role.", hint)
        try:
            found.append((role, placed(template, _editing(find, form.edit, seen))))
        except TandemError as error:
            at = (
                "edit"
                if error.code == "no_word"
                else next(w for w in ("ask", "messages", "prompt") if getattr(form, w) is not None)
            )
            raise source.refused((*place, at), error.message, error.hint) from error
    if form.edit is not None and not seen:
        hint = "Place a text in braces, or leave edit out."
        raise source.refused((*place, "edit"), "there is no placed text to edit.", hint)
    if not found or not found[-1][1].strip():
        raise source.refused(place, "what is asked is empty.", "Give it some words.")
    return found


def _editing(find: Callable[[str], str], edit: EditForm | None, seen: list[str]) -> Callable[[str], str]:
    """`find`, with the edit applied to the first text that is placed."""

    def one(name: str) -> str:
        words = find(name)
        if edit is not None and not seen:
            words = edited(words, edit.word, edit.to)
        seen.append(name)
        return words

    return one


def _turns(form: StepForm) -> list[Turn]:
    if form.messages is not None:
        return [(message.role, message.content) for message in form.messages]
    first = [("system", form.system)] if form.system else []
    asked = form.ask if form.ask is not None else form.prompt or ""
    return [*first, ("user", asked)]


def _renamed(step: Step, number: int) -> Step:
    return msgspec.structs.replace(step, name=numbered(step.name, number))
