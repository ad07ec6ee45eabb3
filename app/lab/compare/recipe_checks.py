"""What a recipe may ask for: known engines, knobs, values, texts, metrics, words; nothing outside the library."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from app.errors import TandemError
from app.glossary import Glossary
from app.lab.compare.lane import MOST, Lane
from app.lab.compare.measures import Measures, measures
from app.lab.compare.plan import Expect, Guess, QualityPlan, Schedule, Step
from app.lab.compare.recipe_form import RecipeForm
from app.lab.compare.recipe_lines import Place, Source
from app.lab.compare.recipe_texts import is_name
from app.lab.compare.result import Word
from app.library.facts import SAFE_ID
from engines import registry
from engines.errors import EngineError
from engines.knobs import Kind, Scope, Settings, check
from engines.spec import EngineSpec

QUALITY_METRICS = ("kl_mean", "kl_p99", "kl_max", "top1", "ppl", "ppl_ratio", "task_score")
SIGNS = ("higher", "lower", "same")
WHOLE_LANE = ("model_bytes", "load_s", *QUALITY_METRICS)
"""What a lane has once, not once a step."""

_FILE = re.compile(r"[/\\~]|\.\.|\.[A-Za-z][A-Za-z0-9]*$")


def task(source: Source, form: RecipeForm, resources: Path) -> Measures:
    """The task's measures. Raises TandemError `bad_recipe`."""
    if is_name(form.task):
        try:
            return measures(form.task, resources)
        except TandemError as error:
            raise source.refused(("task",), error.message, error.hint) from error
    raise source.refused(("task",), f"“{form.task}” is no task.", "Compare chat for now.")


def lane(source: Source, place: Place, lane_: Lane, place_of_knobs: Place, task_: str) -> None:
    """Ids, engine, knobs and values of a lane. Raises TandemError `bad_recipe`."""
    if not SAFE_ID.fullmatch(lane_.model) or ".." in lane_.model:
        hint = "Give the id of a model in the library, like smollm2-135m. A recipe cannot name files or folders."
        raise source.refused((*place, "model"), f"“{lane_.model}” is no model's id.", hint)
    if lane_.variant and (not SAFE_ID.fullmatch(lane_.variant) or ".." in lane_.variant):
        hint = "Give a precision: bf16, f16, q8_0 …"
        raise source.refused((*place, "variant"), f"“{lane_.variant}” is no variant.", hint)
    spec = engine(source, place, lane_.engine, task_)
    knobs(source, place_of_knobs, [spec], lane_.knobs)
    try:
        lane_.split()
    except EngineError as error:
        raise source.refused(place_of_knobs, error.message, error.hint) from error


def engine(source: Source, place: Place, name: str, task_: str) -> EngineSpec:
    """The engine's spec. Raises TandemError `bad_recipe`."""
    known = {spec.id: spec for spec in registry.specs().values() if spec.task == task_}
    if name in known:
        return known[name]
    listed = ", ".join(spec.id for spec in registry.visible() if spec.task == task_)
    raise source.refused((*place, "engine"), f"there is no engine “{name}” for {task_}.", f"Engines: {listed}.")


def knobs(
    source: Source, place: Place, specs: Sequence[EngineSpec], given: Settings, scope: Scope | None = None
) -> None:
    """Every knob is known to all the engines and may have its value. Raises TandemError `bad_recipe`."""
    for spec in specs:
        for name, value in given.items():
            knob = spec.knob(name)
            if knob is None or scope not in (None, knob.scope):
                allowed = ", ".join(k.name for k in spec.knobs if scope in (None, k.scope))
                kind = f"{scope} knob" if scope else "knob"
                raise source.refused(
                    (*place, name), f"{spec.title} has no {kind} “{name}”.", f"Allowed here: {allowed}."
                )
            if knob.kind is Kind.TEXT and knob.scope is Scope.LOAD and (name.endswith("_path") or _names_file(value)):
                hint = "A recipe cannot name files. Set it in a lane of your own."
                raise source.refused((*place, name), f"{name} names a file.", hint)
            try:
                check(knob, value)
            except EngineError as error:
                raise source.refused((*place, name), error.message, error.hint) from error


def _names_file(value: object) -> bool:
    return isinstance(value, str) and _FILE.search(value) is not None


def lanes(source: Source, found: Sequence[Lane]) -> None:
    """1 to 4 of them, each with a name of its own. Raises TandemError `bad_recipe`."""
    if not found:
        hint = "Give at least two [[lane]] tables, or a [sweep]."
        raise source.refused(("lane",), "there are no lanes.", hint)
    if len(found) > MOST:
        at: Place = ("lane", MOST) if ("lane", MOST) in source.lines else ("sweep", "values")
        raise source.refused(at, f"there are {len(found)} lanes.", f"At most {MOST}.")
    seen: set[str] = set()
    for number, lane_ in enumerate(found):
        if not lane_.name or lane_.name in seen:
            what = f"the name “{lane_.name}” is used twice" if lane_.name else "a lane has no name"
            raise source.refused(("lane", number, "name"), f"{what}.", "Give every lane a name of its own.")
        seen.add(lane_.name)


def concepts(source: Source, given: Sequence[str], resources: Path) -> None:
    """Keys of the glossary. Raises TandemError `bad_recipe`."""
    glossary = Glossary.load(resources)
    for key in given:
        if not glossary.has(key):
            hint = "Keys of the glossary: " + ", ".join(glossary.keys()) + "."
            raise source.refused(("concepts",), f"the glossary has no “{key}”.", hint)


def schedule(source: Source, given: Schedule) -> None:
    """Numbers that a measurement can have. Raises TandemError `bad_recipe`."""
    low = {"n_out": 2, "min_blocks": 2, "max_blocks": 2, "discarded": 0, "timed": 1, "quick_runs": 1, "rest_s": 0}
    for name, least in low.items():
        value = getattr(given, name)
        if value is not None and not least <= value <= 100_000:
            raise source.refused(("schedule", name), f"{name} is {value:g}.", f"At least {least}.")
    if given.max_blocks < given.min_blocks:
        hint = f"At least min_blocks, which is {given.min_blocks}."
        raise source.refused(("schedule", "max_blocks"), f"max_blocks is {given.max_blocks}.", hint)
    if not 0 < given.half_width < 1:
        hint = "A share: 0.02 is 2 %."
        raise source.refused(("schedule", "half_width"), f"half_width is {given.half_width:g}.", hint)
    if given.minutes is not None and not 0 < given.minutes <= 24 * 60:
        hint = "More than 0, at most 1,440."
        raise source.refused(("schedule", "minutes"), f"minutes is {given.minutes:g}.", hint)


def quality(source: Source, given: QualityPlan | None, resources: Path) -> None:
    """Shipped texts by name only. Raises TandemError `bad_recipe`."""
    if given is None:
        return
    wanted = [("quality", "texts", name) for name in given.texts]
    wanted += [("prompts", "prompts", given.prompts)] if given.prompts else []
    for folder, field, name in wanted:
        known = sorted(p.stem for p in (resources / "texts" / folder).glob("*") if p.is_file())
        if name not in known:
            listed = ", ".join(known) or "none"
            raise source.refused(("quality", field), f"there is no text “{name}” in {folder}.", f"Allowed: {listed}.")
    if not 1 <= given.tokens <= 1_000_000:
        raise source.refused(("quality", "tokens"), f"tokens is {given.tokens:,}.", "1 to 1,000,000.")


def decide(source: Source, given: Sequence[str], known: Measures) -> None:
    """Metrics of the table that are speeds. Raises TandemError `bad_recipe`."""
    speeds = [m.key for m in known.metric if m.kind == "speed"]
    for metric in given:
        if metric not in speeds:
            raise source.refused(("decide",), f"“{metric}” decides nothing.", "Allowed: " + ", ".join(speeds) + ".")


def expect(
    source: Source, place: Place, given: Expect, found: Sequence[Lane], steps: Sequence[Step], known: Measures
) -> None:
    """An expectation about a metric, lane and step that are there. Raises TandemError `bad_recipe`."""
    _aims(source, place, given, found, steps, known)
    if given.sign not in SIGNS:
        raise source.refused((*place, "sign"), f"“{given.sign}” is no sign.", "Allowed: " + ", ".join(SIGNS) + ".")


def guess(source: Source, given: Guess, found: Sequence[Lane], steps: Sequence[Step], known: Measures) -> None:
    """A guess about a metric, lane and step that are there. Raises TandemError `bad_recipe`."""
    place: Place = ("guess",)
    _aims(source, place, given, found, steps, known)
    if len(given.choices) < 2:
        raise source.refused((*place, "choices"), "a guess needs choices.", "Give at least two.")
    for word, number in given.answers.items():
        if word not in set(Word):
            hint = "Allowed: " + ", ".join(Word) + "."
            raise source.refused((*place, "answers", word), f"“{word}” is no measured word.", hint)
        if not 0 <= number < len(given.choices):
            hint = f"0 to {len(given.choices) - 1}: the place in choices."
            raise source.refused((*place, "answers", word), f"there is no choice {number}.", hint)


def _aims(
    source: Source, place: Place, given: Expect | Guess, found: Sequence[Lane], steps: Sequence[Step], known: Measures
) -> None:
    metrics = [m.key for m in known.metric] + (list(QUALITY_METRICS) if known.score else [])
    if given.metric not in metrics:
        hint = "Allowed: " + ", ".join(metrics) + "."
        raise source.refused((*place, "metric"), f"there is no metric “{given.metric}”.", hint)
    others = [lane_.name for lane_ in found[1:]]
    if given.lane not in others:
        hint = "Allowed: " + ", ".join(others) + " (the first lane is what the others are compared with)."
        raise source.refused((*place, "lane"), f"there is no lane “{given.lane}” to say it of.", hint)
    names = [""] if given.metric in WHOLE_LANE else [step.name for step in steps]
    if given.step not in names:
        hint = "Allowed: " + ", ".join(f"“{name}”" for name in names) + "."
        raise source.refused((*place, "step"), f"there is no step “{given.step}” for {given.metric}.", hint)
