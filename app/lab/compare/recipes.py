"""Recipes: comparisons as files (resources/recipes/*.toml, or a person's own), each with a question and what it teaches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from app.errors import TandemError
from app.lab.compare import recipe_checks as checks
from app.lab.compare.lane import MOST, Lane
from app.lab.compare.plan import Plan, QualityPlan
from app.lab.compare.recipe_form import LaneForm, RecipeForm, SweepForm, convert
from app.lab.compare.recipe_lines import Place, Source, parse
from app.lab.compare.recipe_steps import numbered, steps_of
from app.lab.compare.recipe_texts import is_name
from app.lab.compare.recipe_toml import to_toml
from engines import registry
from engines.knobs import Scope, Value, show
from engines.protocol import ChatRequest, Message, Request

__all__ = ["Recipe", "RecipeInfo", "all_recipes", "load", "plan_of", "read", "recipe_file", "to_toml", "with_inputs"]

FOLDER = "recipes"
MOST_BYTES = 1 << 20
FALLBACK_CORES = 2


class RecipeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of recipes shows. id: the file's name. minutes: its time limit. lanes: how many on this machine.

    problem: why it cannot be used, "" is fine.
    """

    id: str
    title: str
    question: str = ""
    teaches: str = ""
    minutes: float | None = None
    lanes: int = 0
    concepts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    task: str = "chat"
    problem: str = ""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read and whose fields are right; `plan_of` makes the plan for a machine and a person's texts."""

    id: str
    form: RecipeForm
    source: Source
    resources: Path


def recipe_file(id_: str, resources: Path) -> Path:
    """The file of a shipped recipe. Raises TandemError `no_recipe` with those that there are."""
    path = resources / FOLDER / f"{id_}.toml"
    if is_name(id_) and path.is_file():
        return path
    listed = ", ".join(p.stem for p in _files(resources))
    raise TandemError("no_recipe", f"There is no recipe “{id_}”.", f"Recipes: {listed}. Or give a recipe's file.")


def read(source: Path | str, resources: Path) -> Recipe:
    """A recipe from a file or from text. Raises TandemError `bad_recipe` with file and line, `no_recipe`."""
    if isinstance(source, str):
        parsed, table = parse("recipe", source)
        return Recipe(id="", form=convert(parsed, table), source=parsed, resources=resources)
    parsed, table = parse(source.name, _text(source))
    shipped = source.resolve().parent == (resources / FOLDER).resolve()
    return Recipe(id=source.stem if shipped else "", form=convert(parsed, table), source=parsed, resources=resources)


def load(source: Path | str, resources: Path, *, cores: int | None = None, inputs: Sequence[str] = ()) -> Plan:
    """The plan of a recipe's file or text. cores: of this machine, for a sweep over them. inputs: a person's own texts.

    Raises TandemError `bad_recipe` (the message begins with file and line; the hint says what is allowed), `no_recipe`.
    """
    return plan_of(read(source, resources), cores or FALLBACK_CORES, inputs)


def plan_of(recipe: Recipe, machine_cores: int, inputs: Sequence[str] = ()) -> Plan:
    """The plan for a machine of so many cores. inputs: texts in place of the recipe's own; each gets all the steps.

    Raises TandemError `bad_recipe`.
    """
    form, source, resources = recipe.form, recipe.source, recipe.resources
    known = checks.task(source, form, resources)
    lanes = _lanes(source, form, machine_cores)
    specs = [registry.spec(name) for name in dict.fromkeys(lane.engine for lane in lanes)]
    checks.knobs(source, ("answer",), specs, form.answer, Scope.RUN)  # type: ignore[arg-type]
    for number, step in enumerate(form.step):
        checks.knobs(source, ("step", number, "knobs"), specs, step.knobs, Scope.RUN)  # type: ignore[arg-type]
    steps = steps_of(source, form, resources, inputs)
    quality = form.quality if isinstance(form.quality, QualityPlan) else QualityPlan() if form.quality else None
    plan = Plan(
        title=form.title, lanes=lanes, steps=steps, question=form.question, recipe=recipe.id or form.recipe,
        task=form.task, teaches=form.teaches, concepts=tuple(form.concepts), schedule=form.schedule, quality=quality,
        decide=tuple(form.decide), expect=tuple(form.expect), guess=form.guess, notes=tuple(form.notes),
    )  # fmt: skip
    _check(source, plan, resources)
    checks.decide(source, plan.decide, known)
    for number, expect in enumerate(plan.expect):
        checks.expect(source, ("expect", number), expect, lanes, steps, known)
    if plan.guess is not None:
        checks.guess(source, plan.guess, lanes, steps, known)
    return plan


def all_recipes(resources: Path, cores: int = FALLBACK_CORES) -> tuple[RecipeInfo, ...]:
    """The shipped recipes by id. A broken one is listed with its problem."""
    return tuple(_info(path, resources, cores) for path in _files(resources))


def with_inputs(plan: Plan, inputs: Sequence[str]) -> Plan:
    """The plan with the person's text as last message of every step; several texts: all steps for each.

    For a recipe give the texts to `load` or `plan_of` instead, which put them where the recipe wants them.
    """
    if not inputs:
        return plan
    steps = [
        msgspec.structs.replace(step, request=_asking(step.request, text), name=numbered(step.name, number))
        for number, text in enumerate(inputs)
        for step in plan.steps
    ]
    return msgspec.structs.replace(plan, steps=tuple(steps))


def swept(cores: int) -> tuple[int, ...]:
    """1, 2, 4 … and the machine's cores, at most four; a machine of one core tries two threads all the same."""
    found = [1]
    while found[-1] * 2 <= max(cores, 2):
        found.append(found[-1] * 2)
    if found[-1] != max(cores, 2):
        found.append(cores)
    if len(found) <= MOST:
        return tuple(found)
    return found[0], found[1], found[len(found) // 2], found[-1]


def _asking(request: Request, text: str) -> ChatRequest:
    if request.prompt is not None:
        return msgspec.structs.replace(request, prompt=text)
    return msgspec.structs.replace(request, ids=None, messages=(*request.messages[:-1], Message("user", text)))


def _check(source: Source, plan: Plan, resources: Path) -> None:
    if plan.recipe and not is_name(plan.recipe):
        raise source.refused(("recipe",), f"“{plan.recipe}” is no recipe's id.", "Small letters, digits, - and _.")
    if not plan.title.strip():
        raise source.refused(("title",), "the title is empty.", "Say what is compared.")
    checks.concepts(source, plan.concepts, resources)
    checks.schedule(source, plan.schedule)
    checks.quality(source, plan.quality, resources)


def _lanes(source: Source, form: RecipeForm, cores: int) -> tuple[Lane, ...]:
    if form.sweep is not None:
        if form.lane:
            raise source.refused(("sweep",), "there are both [[lane]] and [sweep].", "Give one of them.")
        lanes = _sweep(source, form, form.sweep, cores)
    else:
        lanes = tuple(_lane(lane) for lane in form.lane)
        checks.lanes(source, lanes)
        for number, lane in enumerate(lanes):
            place: Place = ("lane", number)
            checks.lane(source, place, lane, (*place, "knobs"), form.task)
    return lanes


def _lane(form: LaneForm) -> Lane:
    knobs: dict[str, Any] = dict(form.knobs)
    return Lane(name=form.name, model=form.model, engine=form.engine, variant=form.variant, knobs=knobs)


def _sweep(source: Source, form: RecipeForm, sweep: SweepForm, cores: int) -> tuple[Lane, ...]:
    base = _lane(sweep.lane)
    checks.lane(source, ("sweep", "lane"), base, ("sweep", "lane", "knobs"), form.task)
    knob = registry.spec(base.engine).knob(sweep.knob)
    if knob is None:
        checks.knobs(source, ("sweep",), [registry.spec(base.engine)], {sweep.knob: None})
        raise AssertionError("an unknown knob passed")
    if isinstance(sweep.values, str) and sweep.values != "cores":
        hint = "Give a list of values, or “cores” for 1, 2, 4 … up to the machine's cores."
        raise source.refused(("sweep", "values"), f"values is “{sweep.values}”.", hint)
    values: Sequence[Value] = swept(cores) if isinstance(sweep.values, str) else tuple(sweep.values)
    lanes = []
    for value in values:
        lane = msgspec.structs.replace(
            base, name=_named(show(knob, value)), knobs=dict(base.knobs) | {knob.name: value}
        )
        checks.lane(source, ("sweep", "values"), lane, ("sweep", "values"), form.task)
        lanes.append(lane)
    checks.lanes(source, lanes)
    return tuple(lanes)


def _named(shown: str) -> str:
    return shown[:-1] if shown.startswith("1 ") and shown.endswith("s") else shown


def _files(resources: Path) -> list[Path]:
    return sorted((resources / FOLDER).glob("*.toml"))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise TandemError("bad_recipe", f"{path.name}, line 1: the file is larger than 1 MB.", "A recipe is short.")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise TandemError(
            "bad_recipe", f"{path.name}, line 1: this is not UTF-8 text.", "A recipe is a TOML file."
        ) from error
    except OSError as error:
        why = error.strerror or str(error)
        raise TandemError(
            "no_recipe", f"{path.name} cannot be read: {why}.", "Give a recipe's id or its file."
        ) from error


def _info(path: Path, resources: Path, cores: int) -> RecipeInfo:
    try:
        plan = load(path, resources, cores=cores)
    except TandemError as error:
        return RecipeInfo(id=path.stem, title=path.stem, problem=error.message)
    return RecipeInfo(
        id=path.stem, title=plan.title, question=plan.question, teaches=plan.teaches, minutes=plan.schedule.minutes,
        lanes=len(plan.lanes), concepts=plan.concepts, notes=plan.notes, task=plan.task,
    )  # fmt: skip
