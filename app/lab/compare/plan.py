"""What a comparison will do, as one value: lanes, the requests they all get, the schedule, quality, the question."""

from __future__ import annotations

import enum

import msgspec

from app.lab.compare.lane import MOST, Lane
from engines.protocol import ChatRequest, Message, Request


class Mode(enum.StrEnum):
    """QUICK: one load × 5, never decided. MEASURE: blocks of fresh loads. RACE: together, a show."""

    QUICK = "quick"
    MEASURE = "measure"
    RACE = "race"


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One request of the sequence that every run sends to its lane.

    name: "" for the only one, else a word for the table ("ask again", "copy"). request: as for an answer: its natural
    stop, its text shown. depth: share of the context that is filled first: the request's prompt is cut (or repeated)
    to that many tokens. fresh: the prefix cache is cleared before it; False goes on from the step before.
    """

    name: str = ""
    request: Request
    depth: float | None = None
    fresh: bool = True


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """METRICS "Comparing" 3. n_out: the fixed length of speed runs, None stops naturally (speculation always does).

    minutes: the time limit of the measuring, None is without. half_width: of the ratio's interval, at which it is enough.
    """

    n_out: int | None = 64
    min_blocks: int = 5
    max_blocks: int = 12
    discarded: int = 1
    timed: int = 2
    quick_runs: int = 5
    half_width: float = 0.02
    rest_s: float = 0.5
    minutes: float | None = None


class QualityPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """texts: names in resources/texts/quality. tokens: positions to score in all, at least. own: the lanes' own prompt
    and the reference's answer too. prompts: a prompt set in resources/texts/prompts, "" is none."""

    texts: tuple[str, ...] = ("prose", "code", "dialogue")
    tokens: int = 4096
    own: bool = True
    prompts: str = ""


class Expect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a recipe expects, with its source. lane: its name. sign: of the ratio to the reference lane's value.

    because: the reason, said only where the sign agrees. otherwise: likely reasons where it does not.
    """

    metric: str
    lane: str
    sign: str  # "higher" | "lower" | "same"
    because: str
    source: str
    step: str = ""
    otherwise: str = ""


class Guess(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question asked before the run, which may be skipped. choices: words; the measured word of (metric, lane, step) tells
    which was right: `answers` maps "faster slower same" to an index of choices."""

    ask: str
    metric: str
    lane: str
    choices: tuple[str, ...]
    answers: dict[str, int]
    step: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole comparison. The first lane is the reference. decide: the metrics whose intervals end the measuring, by default
    the task's own."""

    title: str
    lanes: tuple[Lane, ...]
    steps: tuple[Step, ...]
    question: str = ""
    recipe: str = ""
    task: str = "chat"
    teaches: str = ""  # a chapter of the field
    concepts: tuple[str, ...] = ()  # glossary keys
    schedule: Schedule = Schedule()
    quality: QualityPlan | None = QualityPlan()
    decide: tuple[str, ...] = ()
    expect: tuple[Expect, ...] = ()
    guess: Guess | None = None
    notes: tuple[str, ...] = ()  # said beforehand: "takes about 12 minutes"

    @property
    def full(self) -> bool:
        """True if no lane can be added."""
        return len(self.lanes) >= MOST


def ask(prompt: str, knobs: dict[str, object] | None = None, system: str = "") -> Step:
    """The step of one chat message."""
    messages = [Message("system", system)] if system else []
    messages.append(Message("user", prompt))
    return Step(request=ChatRequest(messages=tuple(messages), knobs=dict(knobs or {})))  # type: ignore[arg-type]
