"""What became of a plan's expectations. "Because" is said here alone: where the measured sign agrees and one thing differs."""

from __future__ import annotations

from dataclasses import dataclass

from app.lab.compare import stats
from app.lab.compare.claims import Teller, direction, is_same
from app.lab.compare.lane import Difference, differences
from app.lab.compare.plan import Expect
from app.lab.compare.result import Expected, Interval, Quality, Result
from app.lab.compare.wording import Words, capital, clause, fill

RATIOS = ("ppl_ratio",)  # quality that is a ratio already; top1 is a share, the others are distances from 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """An expectation and the sign that was measured: "higher", "lower", "same", None where it is not decided."""

    expect: Expect
    lane: int
    sign: str | None

    @property
    def agrees(self) -> bool | None:
        """None: not decided."""
        return None if self.sign is None else self.sign == self.expect.sign


def outcomes(result: Result) -> list[Outcome]:
    """All expectations about lanes that are there."""
    names = [lane.name for lane in result.plan.lanes]
    if result.reference:
        return []  # they were written against the first lane
    return [Outcome(e, names.index(e.lane), sign(result, e, names.index(e.lane)))
            for e in result.plan.expect if e.lane in names]  # fmt: skip


def sign(result: Result, expect: Expect, lane: int) -> str | None:
    """Which way the lane differs from the reference lane, if that is decided."""
    cell = result.cell(expect.metric, expect.step, lane)
    if cell is not None:
        return "same" if is_same(cell) else direction(cell)
    quality = of_lane(result, lane)
    return None if quality is None else quality_sign(quality, expect.metric)


def of_lane(result: Result, lane: int) -> Quality | None:
    """The quality that speaks for a lane: over all shipped texts, else the first there is."""
    mine = [q for q in result.quality if q.lane == lane and lane != result.reference]
    return next((q for q in mine if q.domain == "all"), mine[0] if mine else None)


def quality_sign(quality: Quality, metric: str) -> str | None:
    """A distance (KL) is 0 for the reference itself and never lower; top-1 is 1 and never higher."""
    found = getattr(quality, metric, None)
    if metric == "kl_max":
        return "higher" if quality.kl_max > 0 else "same"
    if not isinstance(found, Interval):
        return None
    if metric in RATIOS:
        return _ratio_sign(found)
    none = 1.0 if metric == "top1" else 0.0
    if found.value == none and quality.kl_max == 0:
        return "same"
    low, high = found.low, found.high
    if low is None or high is None:
        return None
    return "higher" if low > none else "lower" if high < none else None


def _ratio_sign(found: Interval) -> str | None:
    if found.low is None or found.high is None:
        return None
    side = stats.direction(found.low, found.high)
    return side or ("same" if stats.inside(found.low, found.high) else None)


def differing(result: Result, lane: int) -> tuple[Difference, ...]:
    """In what a lane differs from the reference lane."""
    known = result.lanes[lane].differs if lane < len(result.lanes) else ()
    return known or differences(result.plan.lanes[lane], result.plan.lanes[result.reference])


def text(teller: Teller, outcome: Outcome) -> str:
    """What is said of an expectation by itself."""
    words, expect = teller.rules.expect, outcome.expect
    if outcome.agrees is None:
        return words.open_text
    if outcome.agrees:
        if len(differing(teller.result, outcome.lane)) != 1:
            return words.several_text
        return words.agrees_text.format(because=reason(expect))
    if not expect.otherwise:
        return words.disagrees_text
    return words.likely_text.format(otherwise=clause(expect.otherwise))


def told(teller: Teller, outcome: Outcome) -> Words:
    """The verdict's sentence about an expectation; none where nothing is decided or no single cause may be named."""
    words, expect = teller.rules.expect, outcome.expect
    subject = teller.title(expect.metric) + teller.at(expect.step)
    if outcome.agrees is None:
        return ()
    if outcome.agrees:
        if len(differing(teller.result, outcome.lane)) != 1 or not expect.because:
            return ()
        return capital(fill(words.agrees, subject=subject, because=reason(expect)))
    if not expect.otherwise:
        return fill(words.disagrees, subject=subject)
    return fill(words.likely, subject=subject, otherwise=clause(expect.otherwise))


def reason(expect: Expect) -> str:
    """The clause after "because"."""
    return clause(expect.because).removeprefix("because ")


def expected(teller: Teller) -> tuple[Expected, ...]:
    """What became of each expectation, for the report."""
    return tuple(
        Expected(metric=o.expect.metric, step=o.expect.step, lane=o.lane, agrees=o.agrees, text=text(teller, o),
                 source=o.expect.source)
        for o in outcomes(teller.result)
    )  # fmt: skip
