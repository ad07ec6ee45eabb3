"""How much a lane's distributions differ from the reference lane's, over the same texts (METRICS "Comparing" 6).

The reference writes its log-probabilities to files, the other lanes are scored against them, and only statistics come
back. Lanes may be loaded one after the other: the files stay until the `Grader` is closed.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from app.errors import TandemError
from app.lab.compare.bootstrap import Blocks, Series
from app.lab.compare.lane import Lane, differences
from app.lab.compare.plan import QualityPlan
from app.lab.compare.result import Flip, Interval, Quality
from app.lab.compare.seat import LaneFailed
from app.paths import Paths
from engines import registry
from engines.metrics import percentile
from engines.protocol import Score, Scored

OWN, ALL = "own", "all"  # domains beside the shipped texts: the person's own chat, and all shipped texts together
SEPARATOR = "\n%%%\n"
MOST_STEP = 32
LEAST_PIECE = 16  # tokens; less than that says nothing
ROOM = 1.05  # of the disk: what the files take, and a little
ELSEWHERE = ("engine", "model", "variant")
"""Differences that prefilling does not bypass, besides those of weights."""


class Scoring(Protocol):
    """A lane at work, as `Seat` is one."""

    @property
    def n_ctx(self) -> int: ...
    def tokenize(self, text: str) -> tuple[int, ...]: ...
    def score(self, order: Score) -> Scored: ...


@dataclass(frozen=True, slots=True)
class Chat:
    """One of the person's own prompts and the reference lane's answer to it, as the reference's ids."""

    prompt_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """Ids to score: the first `prefill` of them are given. file: where the reference's log-probabilities are."""

    domain: str
    ids: tuple[int, ...]
    prefill: int
    file: str


@dataclass(slots=True)
class Marks:
    """What one lane got, piece by piece."""

    step: int
    scored: list[Scored] = field(default_factory=list)
    why: str = ""  # it cannot be compared


def documents(name: str, resources: Path = Paths.resources) -> tuple[str, ...]:
    """The documents of a domain. Raises TandemError `no_text`."""
    folder = resources / "texts" / "quality"
    path = folder / f"{name}.txt"
    if path.parent != folder or not path.is_file():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.txt"))) or "none"
        raise TandemError("no_text", f"There is no text “{name}” for quality.", f"Texts: {known}.")
    parts = path.read_text(encoding="utf-8").split(SEPARATOR)
    return tuple(part.strip("\n") for part in parts if part.strip())


def step_size(lanes: Sequence[Lane]) -> int:
    """How many tokens a step feeds: 32 where only weights, engine, model or variant differ, else 1.

    One big prefill would bypass caches and attention. Run knobs have no part in scoring.
    """
    found = [d for lane in lanes[1:] for d in (*differences(lane, lanes[0]), *differences(lanes[0], lane))]
    runs = {knob.name for lane in lanes if (spec := registry.specs().get(lane.engine)) for knob in spec.run}
    quick = all(d.weights or d.name in ELSEWHERE or d.name in runs for d in found)
    return MOST_STEP if quick else 1


def smallest_context(lanes: Sequence[Lane]) -> int | None:
    """The smallest context that a lane asks for, so that all get texts that fit; None where none asks."""
    asked = [n for lane in lanes if isinstance(n := lane.knobs.get("n_ctx"), int)]
    return min(asked, default=None)


class Grader:
    """Scores one reference lane and then the others. A context: its files are gone at the end.

    folder: for the files, about 100 kB a position and 50,000 words of vocabulary. limit: the longest text in tokens.
    chats: the person's own. progress is told the share (0–1) of the lane's positions that is done.
    """

    def __init__(
        self, plan: QualityPlan, folder: Path, *, step: int, limit: int | None = None, chats: Sequence[Chat] = (),
        progress: Callable[[float], None] = lambda share: None,
    ) -> None:  # fmt: skip
        self._plan, self._folder, self._step, self._limit = plan, folder, step, limit
        self._chats = tuple(chats) if plan.own else ()
        self._progress = progress
        self._texts = {name: documents(name) for name in plan.texts}
        self._ids: dict[str, tuple[tuple[int, ...], ...]] = {}
        self._pieces: tuple[Piece, ...] = ()
        self._reference: int | None = None
        self.marks: dict[int, Marks] = {}

    def __enter__(self) -> Grader:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for piece in self._pieces:
            with contextlib.suppress(OSError):
                Path(piece.file).unlink(missing_ok=True)

    def reference(self, lane: int, scoring: Scoring) -> None:
        """Score the reference lane first. Raises TandemError `disk_full`, and what scoring raises."""
        self._ids = self._tokenized(scoring)
        most = min(scoring.n_ctx, self._limit or scoring.n_ctx)
        self._pieces = (*self._shipped(most), *self._own(most))
        marks = Marks(self._step)
        self._score(scoring, marks, written=True)
        self.marks[lane] = marks
        self._reference = lane  # only once its figures are there

    def lane(self, lane: int, scoring: Scoring) -> str:
        """Score another lane against it: "", or why it cannot be compared. Raises what scoring raises."""
        marks = Marks(self._step, why=self._unlike(scoring))
        try:
            if not marks.why:
                self._score(scoring, marks, written=False)
        except LaneFailed as failed:  # the same tokenizer, and yet not the same number of probabilities
            if failed.problem.code != "not_comparable":
                raise
            marks.why = failed.problem.message
        self.marks[lane] = marks
        return marks.why

    def figures(self) -> tuple[Quality, ...]:
        """All that was scored: for each lane its domains, their whole, and the person's own chats."""
        if self._reference is None:
            return ()
        reference = self.marks[self._reference].scored
        made = [
            quality
            for lane, marks in self.marks.items() if not marks.why
            for quality in figures(lane, [p.domain for p in self._pieces], marks.scored, reference, marks.step)
        ]  # fmt: skip
        return tuple(made)

    def flips(self, lane: int) -> tuple[Flip, ...]:
        """The reference's first own answer, token by token, as a lane sees it; () for the reference and without one."""
        marks = self.marks.get(lane)
        if marks is None or marks.why or lane == self._reference:
            return ()
        for piece, scored in zip(self._pieces, marks.scored, strict=True):
            if piece.domain == OWN:
                rows = zip(scored.pieces, scored.top1, scored.kl, strict=True)
                return tuple(Flip(text, same, kl) for text, same, kl in rows)
        return ()

    # --- what is scored ---------------------------------------------------------------------------

    def _tokenized(self, scoring: Scoring) -> dict[str, tuple[tuple[int, ...], ...]]:
        """The ids of every document. Without any, one all the same: it shows whether tokenizers agree."""
        texts = self._texts or {"": documents("prose")[:1]}
        return {name: tuple(scoring.tokenize(text) for text in found) for name, found in texts.items()}

    def _unlike(self, scoring: Scoring) -> str:
        if self._tokenized(scoring) != self._ids:
            return "It counts tokens in another way (a different tokenizer), so its probabilities cannot be set beside the reference's."
        longest = max((len(piece.ids) for piece in self._pieces), default=0)
        if longest > scoring.n_ctx:
            return f"Its context holds {scoring.n_ctx:,} tokens and the texts have up to {longest:,}: give all lanes the same context."
        return ""

    def _shipped(self, most: int) -> list[Piece]:
        """The documents in pieces of at most `most` tokens, as many as the plan's positions need."""
        wanted = math.ceil(self._plan.tokens / max(1, len(self._texts)))
        found: list[Piece] = []
        for name in self._texts:
            left = wanted
            for ids in [part for document in self._ids[name] for part in parts(document, most)]:
                if left <= 0:
                    break
                kept = ids[: max(LEAST_PIECE, 2 * left)]
                if len(kept) < LEAST_PIECE:
                    continue
                found.append(self._piece(name, kept, (len(kept) + 1) // 2, len(found)))
                left -= len(kept) // 2
        return found

    def _own(self, most: int) -> list[Piece]:
        found: list[Piece] = []
        for number, chat in enumerate(self._chats):
            ids = (*chat.prompt_ids, *chat.answer_ids)[:most]
            if 1 <= len(chat.prompt_ids) < len(ids):
                found.append(self._piece(OWN, ids, len(chat.prompt_ids), number))
        return found

    def _piece(self, domain: str, ids: tuple[int, ...], prefill: int, number: int) -> Piece:
        return Piece(domain, ids, prefill, str(self._folder / f"{domain}-{number}.f16"))

    # --- scoring ----------------------------------------------------------------------------------

    def _score(self, scoring: Scoring, marks: Marks, *, written: bool) -> None:
        positions = [len(piece.ids) - piece.prefill for piece in self._pieces]
        done, total = 0, sum(positions)
        for piece, n in zip(self._pieces, positions, strict=True):
            order = Score(
                id=0, ids=piece.ids, prefill=piece.prefill, step=self._step, write=piece.file if written else None,
                against=None if written else piece.file, pieces=piece.domain == OWN,
            )  # fmt: skip
            marks.scored.append(scoring.score(order))
            done += n
            self._progress(done / total)
            if written and done == n:
                self._check_disk(marks.scored[0], total - done)

    def _check_disk(self, first: Scored, left: int) -> None:
        """After the first piece it is known how large a position is."""
        if first.written is None or not left:
            return
        needed = int(first.written.bytes / first.written.shape[0] * left * ROOM)
        free = shutil.disk_usage(self._folder).free
        if free < needed:
            raise TandemError(
                "disk_full", f"Comparing quality needs {needed / 1e9:.1f} GB of disk for a while and {free / 1e9:.1f} GB is free.",
                "Free some space, or compare with fewer texts.",
            )  # fmt: skip


def parts(ids: Sequence[int], most: int) -> tuple[tuple[int, ...], ...]:
    """`ids` in as few equal parts of at most `most` as it takes."""
    if not ids:
        return ()
    n = math.ceil(len(ids) / most)
    size = math.ceil(len(ids) / n)
    return tuple(tuple(ids[start : start + size]) for start in range(0, len(ids), size))


def figures(
    lane: int, domains: Sequence[str], scored: Sequence[Scored], reference: Sequence[Scored], step: int
) -> tuple[Quality, ...]:
    """A lane's figures for each domain, and for all shipped ones together. The three sequences go piece by piece.

    scored without KL is the reference itself: by definition nothing differs.
    """
    names = list(dict.fromkeys(domains))
    groups = {name: [name] for name in names if name != OWN}
    if groups:
        groups[ALL] = list(groups)
    if OWN in names:
        groups[OWN] = [OWN]
    made: list[Quality] = []
    for group, members in groups.items():
        chosen = [i for i, domain in enumerate(domains) if domain in members]
        made.append(_quality(lane, group, [scored[i] for i in chosen], [reference[i] for i in chosen], step))
    return tuple(made)


def _quality(lane: int, domain: str, mine: Sequence[Scored], theirs: Sequence[Scored], step: int) -> Quality:
    kl: Series = [s.kl or (0.0,) * len(s.nll) for s in mine]
    top1: Series = [s.top1 or (True,) * len(s.nll) for s in mine]
    more: Series = [
        [a - b for a, b in zip(m.nll, t.nll, strict=True)] for m, t in zip(mine, theirs, strict=True)
    ]  # nats by which the lane is more surprised than the reference
    blocks = Blocks([len(s.nll) for s in mine])
    kl_flat, nll = _flat(kl), _flat([s.nll for s in mine])
    low, high = blocks.mean(more)
    return Quality(
        lane=lane, domain=domain, n=len(nll), step=step,
        kl_mean=Interval(statistics.fmean(kl_flat), *blocks.mean(kl)),
        kl_p99=Interval(percentile(kl_flat, 99) or 0.0, *blocks.percentile(kl, 99)),
        kl_max=max(kl_flat),
        top1=Interval(statistics.fmean(_flat(top1)), *blocks.mean(top1)),
        ppl=math.exp(statistics.fmean(nll)),
        ppl_ratio=Interval(math.exp(statistics.fmean(_flat(more))), math.exp(low), math.exp(high)),
    )  # fmt: skip


def _flat(series: Series) -> list[float]:
    return [value for values in series for value in values]
