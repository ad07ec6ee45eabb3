"""What may be said of a cell. Every claim of a verdict passes through here, and only its interval lets it through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from app.lab.compare import stats, wording
from app.lab.compare.measures import Measure, Measures
from app.lab.compare.result import Cell, Phrase, Result, Word
from app.lab.compare.schedule import block_s
from app.lab.compare.wording import Rules, Words

DIRECTED = (Word.FASTER, Word.SLOWER, Word.MORE, Word.LESS)


def direction(cell: Cell) -> str | None:
    """ "higher" or "lower" where the cell's word and its interval say so; None is no claim."""
    if cell.word not in DIRECTED or cell.ratio is None or cell.low is None or cell.high is None:
        return None
    return stats.direction(cell.low, cell.high) if cell.low <= cell.ratio <= cell.high else None


def is_same(cell: Cell) -> bool:
    """Decided to be the same."""
    return (
        cell.word is Word.SAME and cell.low is not None and cell.high is not None and stats.inside(cell.low, cell.high)
    )


def is_open(cell: Cell) -> bool:
    """There is something to decide, and it is not."""
    return cell.word is not None and direction(cell) is None and not is_same(cell)


def tone(cell: Cell) -> str:
    """ "good" or "bad" of a decided difference that helps or hurts."""
    if direction(cell) is None or cell.better is None:
        return ""
    return "good" if cell.better else "bad"


@dataclass(frozen=True, slots=True)
class Teller:
    """Words for a result's cells."""

    result: Result
    measures: Measures
    rules: Rules

    def spoken(self, lane: int) -> list[Cell]:
        """A lane's cells that a sentence speaks of, the most telling metrics first: the table's own rows, what decides,
        and what is expected or guessed."""
        plan = self.result.plan
        asked = {*(plan.decide or self.measures.decide), *(e.metric for e in plan.expect)}
        if plan.guess is not None:
            asked.add(plan.guess.metric)
        rows = [m.key for m in self.measures.metric if m.shown == "table" or m.key in asked]
        first = [key for key in self.rules.order if key in rows]
        keys = [*first, *(key for key in rows if key not in first)]
        return [cell for key in keys for cell in self.result.cells if cell.lane == lane and cell.metric == key]

    def at(self, step: str) -> str:
        """ " at 90 % full", " on “copy”": where there is more than one step."""
        if not step or len(self.result.plan.steps) < 2:
            return ""
        key = "at_number" if step[0].isdigit() else "at_word"
        return self.rules.names[key].format(step=step)

    def title(self, metric: str) -> str:
        """A metric's title inside a sentence."""
        return self.rules.expect.titles.get(metric) or wording.lowered(self.measures.get(metric).title)

    # --- decided ------------------------------------------------------------------------------------

    def differences(self, cells: Sequence[Cell]) -> tuple[list[Words], bool]:
        """Verb phrases for the decided differences, and whether some were left out. Steps of one metric share the verb:
        "decodes 2.1× as fast on “copy” and 40 % faster on “edit”"."""
        decided = [cell for cell in cells if direction(cell) is not None]
        said = decided[: self.rules.most_claims]
        found: list[Words] = []
        for _, group in groupby(said, key=lambda c: (c.metric, self._claim(c)[0])):
            parts = [self._said(cell, first=index == 0) for index, cell in enumerate(group)]
            found.append(wording.listed(parts))
        return found, len(decided) > len(said)

    def _said(self, cell: Cell, *, first: bool) -> Words:
        head, number, tail = self._claim(cell)
        before = wording.phrases(head) if first else ()
        return (*before, Phrase(number, cell.id, tone(cell)), *wording.phrases(tail + self.at(cell.step)))

    def _claim(self, cell: Cell) -> tuple[str, str, str]:
        """(words before, number, words after) of a decided difference."""
        measure, higher = self.measures.get(cell.metric), direction(cell) == "higher"
        ratio = cell.ratio or 1.0
        template = measure.more if higher else measure.less
        number = self._difference(cell, measure) or wording.percent(ratio - 1)
        if higher and measure.times and ratio >= self.rules.times_from:
            template, number = measure.times, wording.times(ratio)
        if not template:
            template = self.rules.lane["higher" if higher else "lower"].replace("{title}", self.title(cell.metric))
        head, _, tail = template.partition("{x}")
        return head, number, tail

    def _difference(self, cell: Cell, measure: Measure) -> str:
        """The difference in units, where the form is said so."""
        base = self.result.cell(cell.metric, cell.step, self.result.reference)
        if measure.form not in self.rules.absolute or base is None or base.value is None or cell.ratio is None:
            return ""
        return wording.figure(abs(cell.ratio - 1) * base.value, measure.form, measure.unit)

    # --- the same, and open -------------------------------------------------------------------------

    def sames(self, cells: Sequence[Cell]) -> list[Words]:
        """One verb phrase for all that is decided to be the same."""
        found = [cell for cell in cells if is_same(cell)]
        parts = [self._same(cell, self._where(found, index)) for index, cell in enumerate(found)]
        return [wording.fill(self.rules.lane["same"], list=wording.listed(parts))] if parts else []

    def _same(self, cell: Cell, where: str) -> Words:
        off = max(abs((cell.low or 1.0) - 1), abs((cell.high or 1.0) - 1))
        if off < 0.0005:
            return wording.fill(self.rules.lane["same_exactly"], where=Phrase(where, cell.id))
        x = Phrase(wording.within(off), cell.id)
        return wording.fill(self.rules.lane["same_within"], where=where, x=x)

    def _where(self, cells: Sequence[Cell], index: int) -> str:
        """A row in a list of rows: "decode on “copy”", and after it only "on “edit”"."""
        cell, at = cells[index], self.at(cells[index].step)
        again = index > 0 and cells[index - 1].metric == cell.metric and bool(at)
        return at.strip() if again else self.title(cell.metric) + at

    def undecided(self, cells: Sequence[Cell]) -> Words:
        """ "Not decided: first token (4 more blocks would probably tell). "; nothing where all is decided."""
        found = [cell for cell in cells if is_open(cell)]
        if not found:
            return ()
        said = found[: self.rules.most_open]
        first = next((cell for cell in said if cell.more_blocks is not None), None)
        parts = [self._open(cell, self._where(said, index), long=cell is first) for index, cell in enumerate(said)]
        if len(found) > len(said):
            parts.append((Phrase(self.rules.lane["open_others"]),))
        return wording.fill(self.rules.lane["open"], list=wording.listed(parts))

    def _open(self, cell: Cell, where: str, *, long: bool) -> Words:
        lane = self.rules.lane
        if cell.more_blocks is None:
            hopeless = cell.n_blocks > 1
            key = "open_hopeless" if hopeless else "open_item"
            return wording.fill(lane[key], where=Phrase(where, cell.id))
        count = lane["more_block" if cell.more_blocks == 1 else "more_blocks"].format(n=f"{cell.more_blocks:,}")
        if not long:
            return wording.fill(lane["open_next"], where=where, n=Phrase(count, cell.id))
        pace = block_s(self.result.runs)
        if pace is None:
            return wording.fill(lane["open_more"], where=where, n=Phrase(count, cell.id))
        time = wording.about(pace * cell.more_blocks)
        return wording.fill(lane["open_more_time"], where=where, n=Phrase(count, cell.id), time=time)

    # --- the chip -----------------------------------------------------------------------------------

    def badge(self, lane: int) -> tuple[str, str]:
        """(best gain, worst cost) of a lane, decided ones alone; "" where there is none."""
        decided = [cell for cell in self.spoken(lane) if tone(cell)]
        return self._short(c for c in decided if c.better), self._short(c for c in decided if not c.better)

    def _short(self, cells: Iterable[Cell]) -> str:
        """The one that differs most, in a few letters: "−20 % memory", "2.1× speed on “copy”"."""
        found = max(cells, key=lambda c: max(c.ratio or 1.0, 1 / (c.ratio or 1.0)), default=None)
        if found is None or found.ratio is None:
            return ""
        words = self.rules.badge
        title, at = words.titles.get(found.metric) or self.title(found.metric), self.at(found.step)
        if found.ratio >= self.rules.times_from:
            return words.times.format(x=wording.times(found.ratio), title=title, at=at)
        sign = "+" if found.ratio > 1 else "−"
        return words.share.format(sign=sign, x=wording.percent(found.ratio - 1), title=title, at=at)
