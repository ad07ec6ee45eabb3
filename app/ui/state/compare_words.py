"""What the Compare page says about a comparison, in short plain sentences."""

from __future__ import annotations

from collections.abc import Sequence

from app.lab.compare.events import Moment
from app.lab.compare.lane import letter
from app.lab.compare.measures import measures
from app.lab.compare.plan import Guess, Mode, Plan
from app.lab.compare.result import Result, Status, Word
from app.ui.language import tr
from app.ui.state.compare_plan import percent

MODES = {Mode.MEASURE: "measured", Mode.QUICK: "quick", Mode.RACE: "race"}
MOVED = 3  # so many sentences of what moved stand beside a verdict


def provenance(result: Result) -> str:
    """How far the figures can be trusted, beside the verdict."""
    if result.mode is Mode.RACE:
        return tr("contended: a race is a show")
    if result.mode is Mode.QUICK:
        return tr("within one load: quick")
    start = tr("contended: this machine was busy") if _contended(result) else tr("measured alone")
    found = spread(result)
    return (
        tr("{start} · reference's own spread ±{value:.1f} %", start=start, value=found * 100)
        if found is not None
        else start
    )


def spread(result: Result) -> float | None:
    """The noise floor: the reference's own spread of what decides, the widest of the steps (relative)."""
    decide = result.plan.decide or measures(result.plan.task).decide
    found = [share for key, share in result.spread.items() if key.split("@")[0] in decide]
    return max(found, default=None)


def _contended(result: Result) -> bool:
    return bool(result.busy) or any(cell.contended for cell in result.cells)


def clock(seconds: float) -> str:
    """ "3:12 min", "42 s"."""
    whole = round(seconds)
    if whole < 60:
        return tr("{whole} s", whole=whole)
    if whole >= 3600:
        return tr("{value}:{value2:02d} h", value=whole // 3600, value2=whole % 3600 // 60)
    return tr("{value}:{value2:02d} min", value=whole // 60, value2=whole % 60)


def place(moment: Moment) -> str:
    """ "block 3 of 5 · B": where the schedule is; "measuring · B" where it has no blocks."""
    where = "measuring" if moment.phase == "speed" else moment.phase
    if moment.block:
        where = tr("block {block:,} of {blocks:,}", block=moment.block, blocks=moment.blocks)
    return f"{where} · {letter(moment.lane)}" if moment.lane is not None else where


def doing(moment: Moment) -> str:
    """What is going on. A load says how far it is itself, which says nothing of the whole."""
    if moment.phase != "loading" or moment.fraction is None:
        return moment.words
    return f"{moment.words}, {percent(moment.fraction)}"


def left(moment: Moment) -> str:
    """ "1:10 min left"; "" where it cannot be known yet."""
    return "" if moment.left_s is None else tr("{clock} left", clock=clock(moment.left_s))


def summary(result: Result) -> str:
    """ "15 loads, 30 timed runs, 2 repeated · 3:12 min": what stands behind the figures."""
    timed = sum(run.kind == "timed" for run in result.runs)
    parts = [_count(len(result.loads), "load"), _count(timed, tr("timed run"))]
    if result.repeated:
        parts.append(tr("{repeated:,} repeated", repeated=result.repeated))
    said = ", ".join(parts)
    return f"{said} · {clock(result.seconds)}" if result.seconds else said


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def ended(result: Result) -> str:
    """One word or two for how it ended."""
    names = {
        Status.DONE: "done", Status.CANCELLED: "stopped", Status.FAILED: "failed", Status.RUNNING: "interrupted",
    }  # fmt: skip
    return names[result.status]


def noted(result: Result) -> list[str]:
    """What must be said beside the figures: that it stopped early, what disturbed it, its own notes."""
    found = []
    if result.status is Status.CANCELLED:
        found.append(tr("Stopped early: what was done until then is shown."))
    if result.status is Status.RUNNING:
        found.append(tr("This comparison was interrupted: what was done until then is shown."))
    if result.busy:
        found.append(
            tr(
                "This machine was too busy: {items}. Close other programs and measure again.",
                items="; ".join(result.busy),
            )
        )
    return [*found, *result.notes]


def outcomes(result: Result) -> list[str]:
    """What became of the expectations, each said once, and not what stands in the sentence already."""
    lanes: dict[str, list[str]] = {}
    for one in result.expected:
        reason = one.text.split("because ")[-1].split("Likely reasons: ")[-1].rstrip(".")
        if reason not in result.words:
            lanes.setdefault(one.text, []).append(letter(one.lane))
    return [
        tr(
            "Expectation for {items}: {lower}{value}",
            items=", ".join(dict.fromkeys(names)),
            lower=text[:1].lower(),
            value=text[1:],
        )
        for text, names in lanes.items()
    ]


def guessed(guess: Guess, chosen: int, result: Result) -> str:
    """ "You said “slower”; measured: faster." Undecided is said as such."""
    lane = next((i for i, made in enumerate(result.plan.lanes) if made.name == guess.lane), None)
    cell = result.cell(guess.metric, guess.step, lane) if lane is not None else None
    said = tr("You said “{value}”", value=guess.choices[chosen])
    if cell is None or cell.word is None or cell.word is Word.UNDECIDED:
        return tr("{said}; measured: not decided.", said=said)
    right = guess.answers.get(cell.word.value)
    measured = guess.choices[right] if right is not None and right < len(guess.choices) else cell.word.value
    return tr(
        "{said}; measured: “{measured}”. {value}",
        said=said,
        measured=measured,
        value=tr("You were right.") if right == chosen else tr("It went otherwise here."),
    )


def since(found: Sequence[str]) -> str:
    """What moved since the run before: the first few sentences, and how many more there are; "" for none."""
    if not found:
        return ""
    more = len(found) - MOVED
    rest = tr(" And {more:,} more in the report.", more=more) if more > 0 else ""
    return tr("Since the run before: {items}{rest}", items=" ".join(found[:MOVED]), rest=rest)


def minutes(plan: Plan) -> str:
    """The note that says how long a recipe takes, or ""."""
    return next((note for note in plan.notes if "min" in note or "hour" in note), "")
