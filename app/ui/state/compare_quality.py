"""Quality beside speed: the table's rows of what a setting costs in the words themselves."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.lab.compare.lane import letter
from app.lab.compare.result import Divergence, Quality, Result, TaskScore
from app.ui.language import tr
from app.ui.state.compare_cells import TableCell, between, bounds, times
from app.ui.state.words import NONE

WHOLE = "all"
CLEAR = 0.01  # METRICS "Comparing" 4: the near end of the interval must be beyond 1 %


@dataclass(frozen=True, slots=True)
class Line:
    """detail: shown only on a closer look (single domains, p99)."""

    key: str
    title: str
    cells: tuple[TableCell | None, ...]
    step: str = ""
    better: str = ""
    concept: str = ""
    note: str = ""
    detail: bool = False


def lines(result: Result) -> Iterator[Line]:
    """KL, top-1, perplexity, where the answers part, and scores, as far as they were measured."""
    yield from _scored(result)
    yield from _parting(result)
    yield from _scores(result)


def _scored(result: Result) -> Iterator[Line]:
    domains = list(dict.fromkeys(q.domain for q in result.quality))
    first = WHOLE if WHOLE in domains else next(iter(domains), "")
    ordered = [first, *(d for d in domains if d != first)] if first else []
    head = letter(result.reference)
    forms: tuple[tuple[str, str, str, Callable[[Quality], TableCell]], ...] = (
        ("kl_mean", tr("KL to {head}", head=head), "lower", _kl), ("kl_p99", tr("KL, worst 1 %"), "lower", _p99),
        ("top1", tr("top-1 agreement"), "higher", _top1), ("ppl_ratio", "perplexity", "lower", _perplexity),
    )  # fmt: skip
    for key, title, better, make in forms:
        for domain in ordered:
            found = {q.lane: make(q) for q in result.quality if q.domain == domain}
            cells = tuple(_at(found, lane, result, key, domain) for lane in range(len(result.lanes)))
            name = "" if domain == WHOLE else domain
            yield Line(key, title, cells, name, better, key, detail=domain != first or key == "kl_p99")


def _at(found: dict[int, TableCell], lane: int, result: Result, key: str, domain: str) -> TableCell | None:
    if lane in found:
        return found[lane]
    return TableCell(f"{key}@{domain}:{lane}", NONE) if lane == result.reference else None


def _kl(q: Quality) -> TableCell:
    mean = q.kl_mean
    texts = tuple(
        t
        for t in (tr("{range} nats", range=_range(mean.low, mean.high)), _range(mean.low, mean.high))
        if t.strip() != "nats"
    )
    return TableCell(_id("kl_mean", q), _small(mean.value), "", texts, how=_how(q))


def _p99(q: Quality) -> TableCell:
    texts = (tr("most {small}", small=_small(q.kl_max)),)
    return TableCell(_id("kl_p99", q), _small(q.kl_p99.value), "", texts, how=_how(q))


def _top1(q: Quality) -> TableCell:
    share = q.top1
    low, high = share.low, share.high
    texts = (f"[{low * 100:.1f}, {high * 100:.1f}]",) if low is not None and high is not None else ()
    return TableCell(_id("top1", q), f"{share.value * 100:.1f}", "%", texts, how=_how(q))


def _perplexity(q: Quality) -> TableCell:
    ratio = q.ppl_ratio
    tone = "dim"
    if ratio.low is not None and ratio.high is not None:
        tone = "bad" if ratio.low > 1 + CLEAR else "good" if ratio.high < 1 - CLEAR else "dim"
    whole = f"{times(ratio.value)} {bounds(ratio.low, ratio.high)}".strip()
    return TableCell(
        _id("ppl_ratio", q), f"{q.ppl:,.2f}", "", (whole, times(ratio.value)), tone, ratio.value, ratio.low, ratio.high,
        how=_how(q),
    )  # fmt: skip


def _id(key: str, q: Quality) -> str:
    return f"{key}@{q.domain}:{q.lane}"


def _how(q: Quality) -> str:
    feed = tr("one token a step") if q.step == 1 else tr("{step} tokens a step", step=q.step)
    where = tr("prose, code and dialogue") if q.domain == WHOLE else html.escape(q.domain)
    return tr(
        "{n:,} positions of {where}, fed {feed} through the path under test; intervals by block bootstrap.",
        n=q.n,
        where=where,
        feed=feed,
    )


def _small(value: float) -> str:
    """Four decimals, and never a false zero."""
    if value == 0:
        return "0"
    return f"{value:.4f}" if value < 0.1 and value >= 0.00005 else f"{value:.3f}" if value >= 0.1 else "< 0.0001"


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"[{_small(low)}, {_small(high)}]"


def _parting(result: Result) -> Iterator[Line]:
    steps = list(dict.fromkeys(d.step for lane in result.lanes for d in lane.divergence))
    for step in steps:
        cells: list[TableCell | None] = []
        for index, lane in enumerate(result.lanes):
            found = next((d for d in lane.divergence if d.step == step), None)
            if found is not None:
                cells.append(_parts(found, f"parts@{step}:{index}"))
            else:
                cells.append(TableCell(f"parts@{step}:{index}", NONE) if index == result.reference else None)
        yield Line("parts", tr("answers part"), tuple(cells), step, concept="divergence")


def _parts(found: Divergence, id: str) -> TableCell:
    same = tr("{value:.0f} % same words", value=found.same_words * 100)
    if not found.comparable:
        return TableCell(
            id,
            NONE,
            "",
            (tr("no tokens to compare · {same}", same=same), same),
            how=tr("The two count tokens differently, or one does not say its tokens."),
        )
    if found.token is None:
        return TableCell(id, "never", "", (tr("same text"),), how=tr("Both wrote the same tokens from first to last."))
    return TableCell(
        id, f"{found.token:,}", "", (tr("first other token · {same}", same=same), same),
        how=tr("Token {token:,} is the first that differs from the reference's answer.", token=found.token),
    )  # fmt: skip


def _scores(result: Result) -> Iterator[Line]:
    for name in dict.fromkeys(score.prompts for score in result.scores):
        found = {s.lane: _score(s) for s in result.scores if s.prompts == name}
        cells = tuple(found.get(lane) for lane in range(len(result.lanes)))
        yield Line(
            "score",
            tr("right answers, {name}", name=name) if name else tr("right answers"),
            cells,
            better="higher",
            concept="score",
        )


def _score(score: TaskScore) -> TableCell:
    share = score.share
    scaled = share if share.low is None or share.high is None else type(share)(
        share.value * 100, share.low * 100, share.high * 100)  # fmt: skip
    texts = tuple(
        t for t in (f"{share.value * 100:.0f} % {between(scaled, '.0f')}".strip(), f"{share.value * 100:.0f} %") if t
    )
    return TableCell(
        f"score@{score.prompts}:{score.lane}", f"{score.right:,}", tr("of {n:,}", n=score.n), texts,
        how=tr("Exact match or pattern, with Wilson's 95 % interval."),
    )  # fmt: skip
