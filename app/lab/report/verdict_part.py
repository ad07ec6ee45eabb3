"""The top of the page: what was asked, what came out, what differs, and whether it went as expected."""

from __future__ import annotations

from markupsafe import Markup

from app.lab.compare.lane import letter, title_of
from app.lab.compare.result import Expected, LaneResult, Phrase, Result
from app.lab.report import figures, rows


def head(result: Result) -> Markup:
    """Title, question, and one line of circumstances."""
    plan = result.plan
    facts = [
        figures.moment(result.created),
        rows.MODES[result.mode],
        f"{result.blocks} block{'s' if result.blocks != 1 else ''}" if result.blocks else "",
        f"took {figures.seconds(result.seconds)}" if result.seconds else "",
        rows.STATUS[result.status],
    ]
    asked = Markup('<p class="question">{}</p>').format(plan.question) if plan.question else Markup("")
    teaches = Markup('<p class="teaches">About: {}</p>').format(plan.teaches) if plan.teaches else Markup("")
    return Markup(
        '<header class="top"><p class="brand"><span class="mark"></span>Tandem <span>comparison</span></p>'
        '<h1>{}</h1>{}{}<p class="facts">{}</p></header>'
    ).format(plan.title, asked, teaches, Markup('<span class="dot"> · </span>').join(f for f in facts if f))


def verdict(result: Result, anchors: frozenset[str]) -> Markup:
    """The sentence with its numbers linked to their cells, what was expected, and what keeps it from being sure."""
    said = Markup("").join(_phrase(phrase, anchors) for phrase in result.sentence)
    if not said:
        said = Markup("Nothing was decided.")
    busy = Markup("").join(Markup('<p class="warn">This machine was too busy: {}</p>').format(b) for b in result.busy)
    expected = Markup("").join(_expected(result, one) for one in result.expected)
    if expected:
        expected = Markup('<ul class="expected" aria-label="What was expected">{}</ul>').format(expected)
    return Markup('<section class="verdict" id="verdict"><p class="sentence">{}</p>{}{}</section>').format(
        said, busy, expected
    )


def lanes(result: Result) -> Markup:
    """A card a lane: letter, what it is, what differs, what went wrong."""
    cards = Markup("").join(_lane(result, index, lane) for index, lane in enumerate(result.lanes))
    return Markup('<section id="lanes"><h2>What is compared</h2><div class="cards">{}</div></section>').format(cards)


def chip(index: int) -> Markup:
    """A lane's letter in its colour."""
    return Markup('<span class="chip lane-{}">{}</span>').format(index, letter(index))


def _phrase(phrase: Phrase, anchors: frozenset[str]) -> Markup:
    tone = phrase.tone if phrase.tone in ("good", "bad") else "plain"
    target = figures.anchor(phrase.cell)
    if phrase.cell and target in anchors:
        return Markup('<a class="{}" href="#{}">{}</a>').format(tone, target, phrase.text)
    return Markup('<span class="{}">{}</span>').format(tone, phrase.text)


def _expected(result: Result, one: Expected) -> Markup:
    state = {True: "good", False: "bad", None: "open"}[one.agrees]
    source = Markup(' <span class="source">Source: {}</span>').format(one.source) if one.source else Markup("")
    return Markup('<li class="{}">{} <b>{}</b> {}{}</li>').format(
        state, chip(one.lane), rows.subject(result, one), one.text, source
    )


def _lane(result: Result, index: int, lane: LaneResult) -> Markup:
    reference = index == result.reference
    what = "The reference: the others are compared with it" if reference else rows.differs(lane.differs)
    size = " ".join(figures.size(lane.bytes)) if lane.bytes else ""
    bits = f"{lane.bits:.2f} bits a weight" if lane.bits else ""
    facts = (lane.title or lane.lane.model, lane.variant or lane.lane.variant, size, bits, lane.lineage)
    engine = " ".join(part for part in (title_of(lane.lane.engine), lane.engine_version) if part)
    problem = Markup("")
    if lane.problem is not None:
        problem = Markup('<p class="problem"><b>No figures.</b> {} {}</p>').format(
            lane.problem.message, lane.problem.hint
        )
    return Markup(
        '<article class="card lane-{}"><h3>{} {}</h3><p class="what">{}</p><p>{}</p><p>{}</p>{}</article>'
    ).format(index, chip(index), lane.lane.name, what, engine, " · ".join(f for f in facts if f), problem)
