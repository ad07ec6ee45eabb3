"""Quality beside speed: each lane is loaded once more and scored against the reference, and answers a prompt set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.errors import TandemError
from app.lab.compare import prompts
from app.lab.compare.events import Moment, Watcher
from app.lab.compare.lane import letter
from app.lab.compare.measures import Measures
from app.lab.compare.plan import Plan, QualityPlan
from app.lab.compare.quality import Chat, Grader, smallest_context, step_size
from app.lab.compare.result import Flip, Quality, Result, TaskScore
from app.lab.compare.seat import Ready, Seat
from app.store import Store
from engines.spec import Verb

PHASE = "quality"


@dataclass(slots=True)
class Grading:
    """What was found so far. notes: what could not be scored, and why."""

    quality: tuple[Quality, ...] = ()
    scores: tuple[TaskScore, ...] = ()
    flips: dict[int, tuple[Flip, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Examiner:
    """Examines one lane after the other, the reference first. A context, for the reference's files."""

    def __init__(
        self, plan: Plan, result: Result, measures: Measures, store: Store, folder: Path, watcher: Watcher
    ) -> None:
        assert plan.quality is not None
        self._wanted: QualityPlan = plan.quality
        self._watcher, self._reference = watcher, result.reference
        self._scores = measures.score
        self._lane = 0
        lanes = [lane.lane for lane in result.lanes if lane.problem is None]
        self._grader = Grader(
            plan.quality, folder, step=step_size(lanes), limit=smallest_context(lanes),
            chats=chats(result, store) if plan.quality.own else (), progress=self._say,
        )  # fmt: skip
        self._compares = False
        self.found = Grading()

    def __enter__(self) -> Examiner:
        self._grader.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._grader.__exit__()

    def examine(self, seat: Seat) -> None:
        """One loaded lane. Raises LaneFailed, Stopped, TandemError `disk_full`."""
        self._lane = seat.ready.index
        if self._scores:
            self._score(seat)
        if self._wanted.prompts:
            self._ask(seat)

    def _score(self, seat: Seat) -> None:
        index = seat.ready.index
        if Verb.SCORE not in seat.ready.spec.verbs:
            self._note(
                f"Lane {letter(index)}: {seat.ready.spec.title} gives no probabilities, so its quality is not scored."
            )
            return
        if index == self._reference:
            self._grader.reference(index, seat)
            self._compares = True
        elif self._compares:
            why = self._grader.lane(index, seat)
            if why:
                self._note(f"Lane {letter(index)}: {why}")
        else:
            self._note(f"Lane {letter(index)}: the reference was not scored, so there is nothing to compare it with.")
        self.found.quality = tuple(q for q in self._grader.figures() if q.lane != self._reference)
        if flips := self._grader.flips(index):
            self.found.flips[index] = flips

    def _ask(self, seat: Seat) -> None:
        answers = []
        wanted = prompts.prompt_set(self._wanted.prompts)
        for number, prompt in enumerate(wanted):
            self._say(number / len(wanted), "answers the prompt set")
            more: dict[str, object] = {"kind": "prompt", "prompts": self._wanted.prompts}
            record = seat.run(prompts.request(prompt, seat.ready.run), 0, more, shown=False)
            answers.append((prompt, record.text))
        self.found.scores = (*self.found.scores, prompts.task_score(seat.ready.index, self._wanted.prompts, answers))

    def _say(self, share: float, words: str = "is scored on the texts") -> None:
        self._watcher.event(Moment(PHASE, f"{letter(self._lane)} {words}", lane=self._lane, fraction=share))

    def _note(self, words: str) -> None:
        self.found.notes = (*self.found.notes, words)


def order(reference: int, lanes: Sequence[Ready]) -> list[Ready]:
    """The reference first."""
    return sorted(lanes, key=lambda ready: (ready.index != reference, ready.index))


def chats(result: Result, store: Store) -> tuple[Chat, ...]:
    """The prompts and the reference lane's answers, as its own token ids, from the runs that were stored."""
    found = []
    for run in result.runs:
        if run.kind == "answer" and run.lane == result.reference:
            for step in run.steps:
                try:
                    record = store.run(step.run).record
                except TandemError:
                    continue  # deleted meanwhile
                found.append(Chat(tuple(record.get("prompt_ids", ())), tuple(record.get("ids", ()))))
    return tuple(found)
