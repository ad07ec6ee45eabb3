"""A plan as a person edits it: every function takes a plan and gives another. Nothing here has a widget."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from app.lab.compare.lane import MOST, Lane, changed, differences, letter, title_of
from app.lab.compare.plan import Mode, Plan, Schedule, Step, ask
from app.ui.language import tr
from engines.knobs import Value
from engines.protocol import ChatRequest, Message

PROMPT = "Explain in three sentences what a KV cache is."
UNTITLED = "Comparison"
DEPTHS = (0.25, 0.5, 0.9)


def from_lanes(lanes: Sequence[Lane], prompt: str = "") -> Plan:
    """A comparison of these lanes on one message; lanes without a name, or with one twice, get one that says what differs."""
    return _named(Plan(title="", lanes=tuple(lanes)[:MOST], steps=(ask(prompt or PROMPT),)), fresh=True)


# --- lanes ----------------------------------------------------------------------------------


def duplicated(plan: Plan, index: int) -> Plan:
    """The plan with a copy of lane `index` after the others. A full plan stays as it is."""
    if plan.full:
        return plan
    return _relaned(plan, (*plan.lanes, replace(plan.lanes[index], name="")))


def without(plan: Plan, index: int) -> Plan:
    """The plan less one lane; a comparison has one lane at least."""
    if len(plan.lanes) < 2:
        return plan
    return _relaned(plan, (*plan.lanes[:index], *plan.lanes[index + 1 :]))


def with_lane(plan: Plan, index: int, lane: Lane) -> Plan:
    """The plan with another lane at `index`."""
    return _relaned(plan, (*plan.lanes[:index], lane, *plan.lanes[index + 1 :]))


def with_knob(plan: Plan, index: int, name: str, value: Value) -> Plan:
    """One knob of one lane set. Raises EngineError `bad_knob`, `unknown_knob`, `conflict`."""
    return with_lane(plan, index, changed(plan.lanes[index], name, value))


def auto_name(index: int, plan: Plan) -> str:
    """A lane's name from what differs: "q8_0", "transformers", "Threads 2"; the reference's from what others change."""
    lane, reference = plan.lanes[index], plan.lanes[0]
    if index == 0:
        found = next((d for other in plan.lanes[1:] if (d := differences(other, reference))), ())
        values = {d.before for d in found}
    else:
        found = differences(lane, reference)
        values = {d.after for d in found}
    if not found:
        return tr("as it is") if index == 0 else tr("a copy")
    if len(values) > 1:
        if any(d.name == "engine" for d in found):
            return title_of(lane.engine)
        return tr("{n} changes", n=len(found)) if index else tr("as it is")
    value = values.pop()
    return f"{found[0].title} {value}" if _bare(value) else value


def _bare(value: str) -> bool:
    """True for a word that says nothing without its knob."""
    return value.replace(",", "").replace(".", "").split(" ")[0].isdigit() or value.lower() in (
        "on", "off", "yes", "no", "auto", "true", "false",
    )  # fmt: skip


def _relaned(plan: Plan, lanes: tuple[Lane, ...]) -> Plan:
    """Other lanes: names that a person did not choose follow what differs now, and so does the title."""
    named = [_unique(auto_name(index, plan), index, plan.lanes) for index in range(len(plan.lanes))]
    automatic = {lane.name for lane, name in zip(plan.lanes, named, strict=True) if lane.name == name} | {""}
    cleared = tuple(replace(lane, name="") if lane.name in automatic else lane for lane in lanes)
    title = "" if plan.title == auto_title(plan) else plan.title
    return _named(replace(plan, lanes=cleared, title=title, recipe="", expect=(), guess=None), fresh=False)


def _named(plan: Plan, fresh: bool) -> Plan:
    lanes: list[Lane] = []
    for index, lane in enumerate(plan.lanes):
        name = lane.name or auto_name(index, plan)
        lanes.append(replace(lane, name=_unique(name, index, lanes)))
    made = replace(plan, lanes=tuple(lanes))
    return made if made.title and not fresh else replace(made, title=made.title or auto_title(made))


def _unique(name: str, index: int, before: Sequence[Lane]) -> str:
    """A name that no lane before has."""
    return f"{name} {letter(index)}" if name in {lane.name for lane in before[:index]} else name


def auto_title(plan: Plan) -> str:
    """ "K cache: f16, q8_0"; the lanes' names where several things differ."""
    found = [differences(lane, plan.lanes[0]) for lane in plan.lanes[1:]]
    names = ", ".join(lane.name or auto_name(index, plan) for index, lane in enumerate(plan.lanes))
    knobs = {d.title for ds in found for d in ds}
    if not knobs:
        return UNTITLED
    return f"{knobs.pop()}: {names}" if len(knobs) == 1 else names


# --- what they are asked --------------------------------------------------------------------


def prompt(plan: Plan, step: int) -> str:
    """What a step asks; of the first one where there is no such step."""
    return _text(plan.steps[step if 0 <= step < len(plan.steps) else 0])


def with_prompt(plan: Plan, before: str, text: str) -> Plan:
    """Every step that asks `before` asks `text`."""
    steps = tuple(_asking(step, text) if _text(step) == before else step for step in plan.steps)
    return replace(plan, steps=steps)


def depths(plan: Plan) -> tuple[float, ...]:
    """How full the context is before each answer; () where it is as the prompt leaves it."""
    return tuple(step.depth for step in plan.steps if step.depth is not None)


def can_deepen(plan: Plan) -> bool:
    """True if the steps differ in nothing but their depth."""
    return len({_text(step) for step in plan.steps}) == 1 and all(step.fresh for step in plan.steps)


def with_depths(plan: Plan, wanted: Sequence[float]) -> Plan:
    """The one prompt at these depths; none: as it is."""
    first = replace(plan.steps[0], depth=None, name="")
    steps = tuple(replace(first, depth=d, name=percent(d)) for d in sorted(wanted)) or (first,)
    return replace(plan, steps=steps)


def with_schedule(plan: Plan, **changes: object) -> Plan:
    """The plan with fields of its schedule changed."""
    return replace(plan, schedule=replace(plan.schedule, **changes))


def _text(step: Step) -> str:
    request = step.request
    said = [m.content for m in request.messages if m.role == "user"]
    return said[-1] if said else request.prompt or ""


def _asking(step: Step, text: str) -> Step:
    request = step.request
    if not request.messages:
        return replace(step, request=replace(request, prompt=text))
    kept = [m for m in request.messages if m.role == "system"]
    return replace(step, request=replace(request, messages=(*kept, Message("user", text))))


def fits(plan: Plan) -> bool:
    """True if every step asks something."""
    return all(isinstance(step.request, ChatRequest) and bool(_text(step).strip()) for step in plan.steps)


# --- in words -------------------------------------------------------------------------------


def percent(share: float) -> str:
    """ "90 %"."""
    return f"{share * 100:.0f}\N{NO-BREAK SPACE}%"


def order_words(count: int) -> str:
    """ "A B / B A": the order of lanes in two blocks."""
    names = [letter(i) for i in range(count)]
    return f"{' '.join(names)} / {' '.join(reversed(names))}"


def schedule_words(plan: Plan, mode: Mode = Mode.MEASURE) -> str:
    """ "5 blocks of fresh loads · A B / B A · depth 90 %"."""
    schedule = plan.schedule
    parts = {
        Mode.MEASURE: [tr("{blocks} of fresh loads", blocks=_blocks(schedule)), order_words(len(plan.lanes))],
        Mode.QUICK: [tr("one load × {n}, within one load", n=schedule.quick_runs)],
        Mode.RACE: [tr("all lanes at once, a show")],
    }[mode]
    if found := depths(plan):
        parts.append("depth " + ", ".join(percent(d) for d in found))
    parts.append(tr("{n_out:,} tokens", n_out=schedule.n_out) if schedule.n_out else tr("natural stop"))
    return " · ".join(parts)


def _blocks(schedule: Schedule) -> str:
    return tr(
        "{min_blocks} block{value}", min_blocks=schedule.min_blocks, value="" if schedule.min_blocks == 1 else "s"
    )


def subject(plan: Plan, titles: dict[str, str]) -> str:
    """ "3 lanes · llama.cpp · SmolLM2-135M". titles: model id → its name."""
    count = len(plan.lanes)
    engines = list(dict.fromkeys(title_of(lane.engine) for lane in plan.lanes))
    models = list(dict.fromkeys(titles.get(lane.model, lane.model) for lane in plan.lanes))
    lanes = tr("{count} lane{value}", count=count, value="" if count == 1 else "s")
    return " · ".join([lanes, ", ".join(engines), ", ".join(models)])
