"""The verdict in plain sentences, by rules (resources/verdicts.toml): what is decided, what is not, what it does to the
words, and whether it went as expected. Several differences never get a single cause."""

from __future__ import annotations

import statistics

from app.lab.compare import expecting, wording
from app.lab.compare.claims import Teller
from app.lab.compare.lane import letter
from app.lab.compare.measures import Measures
from app.lab.compare.plan import Mode
from app.lab.compare.result import Cell, Expected, LaneResult, Phrase, Quality, Result, Status
from app.lab.compare.wording import Words, fill, rules

WHOLE_BITS = 15.0  # below that a file is quantized itself


def sentence(result: Result, measures: Measures) -> tuple[Phrase, ...]:
    """The verdict as phrases; a number's phrase names its cell. Empty as long as there is nothing to say."""
    teller = Teller(result, measures, rules())
    lanes = [part for index in range(len(result.lanes)) for part in _lane(teller, index)]
    opening = _opening(teller, bool(lanes))
    found = wording.merged([*opening, *lanes, *_closing(teller)])
    return _trimmed(found)


def expected(result: Result, measures: Measures) -> tuple[Expected, ...]:
    """What became of the plan's expectations."""
    return expecting.expected(Teller(result, measures, rules()))


def badge(result: Result, lane: int, measures: Measures) -> tuple[str, str]:
    """(best gain, worst cost) of a lane in a few letters: ("−20 % memory", "−5 % speed"). Only decided ones; else ""."""
    return Teller(result, measures, rules()).badge(lane)


# --- opening ------------------------------------------------------------------------------------


def _opening(teller: Teller, more: bool) -> Words:
    """How far the figures go. more: sentences about lanes follow."""
    result, words = teller.result, teller.rules.opening
    if result.mode is Mode.RACE:
        return fill(words["race"])
    if result.mode is Mode.QUICK:
        return _quick(teller)
    if not result.blocks or not more or result.status not in (Status.RUNNING, Status.CANCELLED):
        return ()
    blocks = words["block" if result.blocks == 1 else "blocks"].format(n=f"{result.blocks:,}")
    return fill(words["running" if result.status is Status.RUNNING else "cancelled"], blocks=blocks)


def _quick(teller: Teller) -> Words:
    """The figures without a word of judgement."""
    result, words = teller.result, teller.rules.opening
    decide = result.plan.decide or teller.measures.decide
    rows: dict[tuple[str, str], list[Cell]] = {}
    for cell in result.cells:
        if cell.metric in decide and cell.value is not None:
            rows.setdefault((cell.metric, cell.step), []).append(cell)
    parts = [
        fill(
            words["quick_metric"], title=teller.title(metric), at=teller.at(step),
            values=wording.listed([_figure(teller, cell) for cell in cells]),
        )
        for (metric, step), cells in rows.items()
    ]  # fmt: skip
    return fill(words["quick"], figures=wording.listed(parts)) if parts else fill(words["quick_empty"])


def _figure(teller: Teller, cell: Cell) -> Words:
    measure = teller.measures.get(cell.metric)
    value = Phrase(wording.figure(cell.value or 0.0, measure.form, measure.unit), cell.id)
    return fill(teller.rules.opening["quick_figure"], value=value, lane=_name(teller, cell.lane))


# --- a lane -------------------------------------------------------------------------------------


def _lane(teller: Teller, index: int) -> Words:
    """All that is said of one lane."""
    result = teller.result
    lane = result.lanes[index]
    failed = _failed(teller, index, lane) if lane.problem is not None else ()
    if index == result.reference or result.mode is Mode.RACE:
        return failed
    cells = teller.spoken(index) if result.mode is Mode.MEASURE else []
    several = _several(teller, index)
    main = _main(teller, index, cells, named=bool(several) and len(result.lanes) > 2)
    if not main:
        return failed
    reasons = [p for o in expecting.outcomes(result) if o.lane == index for p in expecting.told(teller, o)]
    return (*several, *main, *teller.undecided(cells), *(reasons if cells else ()), *failed)


def _main(teller: Teller, index: int, cells: list[Cell], named: bool) -> Words:
    """ "Against f16 (A), q8_0 (B) takes 44 MB less memory and decodes 5 % slower; the words stay the same. " """
    words = teller.rules.lane
    name = teller.rules.names["short"].format(letter=letter(index)) if named else _name(teller, index)
    found, left_out = teller.differences(cells)
    verbs = [*found, *teller.sames(cells)]
    clauses = _quality(teller, index)
    if left_out:
        clauses.append(fill(words["more_claims"]))
    if verbs:
        said: Words = (*_against(teller, index), *fill(words["says"], lane=name, list=_verbs(verbs)))
    elif teller.undecided(cells):
        said = wording.capital((*_against(teller, index), *fill(words["nothing"], lane=name)))
    elif clauses:
        said, clauses = wording.capital(fill(words["only"], lane=name, list=clauses[0])), clauses[1:]
    else:
        return ()
    for clause in clauses:
        said = (*said, Phrase("; "), *clause)
    return wording.merged([*said, Phrase(". ")])


def _verbs(verbs: list[Words]) -> Words:
    """A list of verb phrases, some of which are lists themselves."""
    nested = any(phrase.text == " and " for verb in verbs for phrase in verb)
    return wording.listed(verbs, ", and " if nested else " and ")


def _against(teller: Teller, index: int) -> Words:
    """The reference and the depth, before the first lane that is spoken of."""
    result, words = teller.result, teller.rules.lane
    if any(cell.word is not None for i in range(index) for cell in teller.spoken(i)):
        return ()
    reference, tokens = _name(teller, result.reference), _tokens(result)
    if tokens is None:
        return fill(words["against"], reference=reference)
    return fill(words["against_depth"], reference=reference, tokens=f"{tokens:,}")


def _tokens(result: Result) -> int | None:
    """How full the context was, where one step asks for a depth."""
    steps = result.plan.steps
    if len(steps) != 1 or steps[0].depth is None:
        return None
    found = [
        part.metrics.get("n_in") for run in result.runs if run.counts and run.lane == result.reference for part in run.steps
    ]  # fmt: skip
    known = [n for n in found if n]
    tokens = statistics.fmean(known) if known else steps[0].depth * result.lanes[result.reference].n_ctx
    return int(round(tokens, -2 if tokens >= 1000 else 0)) or None


def _several(teller: Teller, index: int) -> Words:
    """Several differences are listed as such, before anything is said of what they do."""
    found = expecting.differing(teller.result, index)
    if len(found) < 2:
        return ()
    words = teller.rules.lane
    parts = [
        fill(words["difference"], title=wording.lowered(d.title), before=d.before, after=d.after) for d in found
    ]  # fmt: skip
    if len(teller.result.lanes) > 2:
        return fill(words["several_in"], lane=_name(teller, index), list=wording.listed(parts))
    return fill(words["several"], list=wording.listed(parts))


def _failed(teller: Teller, index: int, lane: LaneResult) -> Words:
    """A lane without figures says what happened and the fix."""
    assert lane.problem is not None
    has = any(cell.value is not None for cell in teller.result.cells if cell.lane == index)
    message = f"{lane.problem.message} {lane.problem.hint}".strip()
    message = message if message.endswith((".", "!", "?")) else message + "."
    words = teller.rules.lane["failed_later" if has else "failed"]
    return fill(words, lane=_name(teller, index), message=message)


def _name(teller: Teller, index: int) -> str:
    """A lane by its name and letter, and by what it was made from where its weights are others than the reference's."""
    result, words = teller.result, teller.rules.names
    lane, base = result.plan.lanes[index], result.plan.lanes[result.reference]
    lineage = result.lanes[index].lineage if index < len(result.lanes) else ""
    other = (lane.model, lane.variant) != (base.model, base.variant)
    if not lane.name:
        return words["short"].format(letter=letter(index))
    if other and lineage not in teller.rules.plain_lineage:
        return words["made"].format(name=lane.name, letter=letter(index), lineage=lineage.split(":")[0])
    return words["full"].format(name=lane.name, letter=letter(index))


# --- the words themselves -----------------------------------------------------------------------


def _quality(teller: Teller, index: int) -> list[Words]:
    """Clauses about the answer, the predictions and the score; each only where it was looked at."""
    parts = (_divergence(teller, index), _predictions(teller, index), _score(teller, index))
    return [part for part in parts if part]


def _divergence(teller: Teller, index: int) -> Words:
    found, words = teller.result.lanes[index].divergence, teller.rules.quality
    reference = letter(teller.result.reference)
    if not found:
        return ()
    if not all(d.comparable for d in found):
        share = wording.percent(statistics.fmean(d.same_words for d in found))
        return fill(words.other_tokens, share=share, reference=reference)
    first = next((d for d in found if d.token is not None), None)
    if first is None:
        return fill(words.same_words)
    return fill(words.parts, reference=reference, token=f"{first.token:,}", at=teller.at(first.step))


def _predictions(teller: Teller, index: int) -> Words:
    found: Quality | None = expecting.of_lane(teller.result, index)
    words, reference = teller.rules.quality, letter(teller.result.reference)
    if found is None:
        return ()
    if found.kl_max == 0:
        return fill(words.exact, reference=reference)
    level = next(level for level in words.levels if found.kl_mean.value < level.below)
    kl, top1 = wording.nats(found.kl_mean.value), wording.share(found.top1.value)
    return fill(words.level, words=level.words, kl=kl, top1=top1)


def _score(teller: Teller, index: int) -> Words:
    scores = {score.lane: score for score in teller.result.scores}
    mine, base = scores.get(index), scores.get(teller.result.reference)
    if mine is None or base is None:
        return ()
    return fill(
        teller.rules.quality.score, right=f"{mine.right:,}", n=f"{mine.n:,}", reference=letter(base.lane),
        right_reference=f"{base.right:,}", n_reference=f"{base.n:,}",
    )  # fmt: skip


# --- closing ------------------------------------------------------------------------------------


def _closing(teller: Teller) -> Words:
    """Where the reference comes from, if quality was scored against it, and what disturbed the figures."""
    result = teller.result
    found: list[Phrase] = []
    lineage = result.lanes[result.reference].lineage if result.lanes else ""
    if result.quality and lineage not in teller.rules.plain_lineage:
        words = teller.rules.quality.lineage
        found += fill(words, reference=letter(result.reference), lineage=lineage.split(":")[0])
    elif result.quality and (bits := result.lanes[result.reference].bits) is not None and bits < WHOLE_BITS:
        words = teller.rules.quality.quantized
        found += fill(words, reference=letter(result.reference), bits=f"{bits:.1f}")
    if result.mode is not Mode.RACE and any(cell.contended for cell in result.cells):
        key = "contended_by" if result.busy else "contended"
        found += fill(teller.rules.closing[key], busy=", ".join(result.busy))
    return tuple(found)


def _trimmed(found: Words) -> Words:
    """Without the last space."""
    if not found:
        return ()
    last = found[-1]
    return (*found[:-1], Phrase(last.text.rstrip(), last.cell, last.tone))
