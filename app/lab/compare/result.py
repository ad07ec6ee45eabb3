"""What a comparison found, as one value: shown by the page, stored, shipped as a replay, written into every report.

Times are seconds, sizes bytes, ratios (lane ÷ reference lane). None is "cannot be had". Lanes are named by their index.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from app.lab.compare.lane import Difference, Lane
from app.lab.compare.plan import Mode, Plan


class Status(enum.StrEnum):
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Word(enum.StrEnum):
    """METRICS "Comparing" 4. MORE and LESS are for sizes, where faster and slower mean nothing."""

    FASTER = "faster"
    SLOWER = "slower"
    MORE = "more"
    LESS = "less"
    SAME = "same"
    UNDECIDED = "not decided"


class Problem(msgspec.Struct, frozen=True):
    """Why a lane has no figures: what happened and the fix."""

    code: str
    message: str
    hint: str = ""


class Disturbance(msgspec.Struct, frozen=True, kw_only=True):
    """What else the machine did during a run. foreign_cpu: share of all cores (0–1) that others used, steal included.

    verdict: "" is quiet; else why the run does not count, in words.
    """

    foreign_cpu: float | None = None
    throttled: bool = False
    swapped_bytes: int = 0
    mhz: float | None = None
    on_battery: bool | None = None
    leases: bool = False  # another run held the device meanwhile
    verdict: str = ""


class StepRun(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a run. run: its id in the store."""

    name: str
    metrics: dict[str, float | None]
    reason: str
    run: str = ""


class LaneRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one lane: the whole sequence of steps. kind: "discarded", "timed" or "answer". attempt: 1 is the first.

    contended: it counts although it was disturbed three times. counts: it goes into the figures. at_s: when it began,
    after the experiment's start.
    """

    lane: int
    block: int
    kind: str
    steps: tuple[StepRun, ...]
    disturbance: Disturbance = Disturbance()
    attempt: int = 1
    contended: bool = False
    counts: bool = False
    at_s: float = 0.0
    seconds: float = 0.0


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """One load of one lane: its phases (import_s, read_s …, load_s) and memory (model_bytes, peak_bytes …)."""

    lane: int
    block: int
    phases: dict[str, float | None]
    memory: dict[str, Any]


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded answer, for the replay. times_s[i]: after the request was accepted, when output i was made;
    shown[i]: how many characters of `text` stood there then. end_s: when it had finished."""

    step: str
    prompt: str
    text: str
    times_s: tuple[float, ...]
    shown: tuple[int, ...]
    counts: tuple[int, ...] = ()
    end_s: float = 0.0
    metrics: dict[str, float | None] = {}
    reason: str = ""
    ids: tuple[int, ...] = ()


class Flip(msgspec.Struct, frozen=True):
    """One token of the reference's answer as another lane sees it. same: its first choice is the reference's too. kl: nats."""

    text: str
    same: bool
    kl: float


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """Where a lane's answer leaves the reference's. token: first differing token, counted from 1; None: never.

    comparable: both count tokens the same way. same_words: share of the reference's words that stand in both texts (0–1).
    """

    step: str
    token: int | None
    comparable: bool
    same_words: float


class Interval(msgspec.Struct, frozen=True):
    """A value with its 95 % interval."""

    value: float
    low: float | None = None
    high: float | None = None


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """A lane against the reference lane on one domain ("prose", "code", "dialogue", "own", or "all" without own).

    n: scored positions. kl_*: nats. step: tokens a step. ppl: the lane's own perplexity.
    """

    lane: int
    domain: str
    n: int
    step: int
    kl_mean: Interval
    kl_p99: Interval
    kl_max: float
    top1: Interval
    ppl: float
    ppl_ratio: Interval


class TaskScore(msgspec.Struct, frozen=True, kw_only=True):
    """A lane's share of right answers on a prompt set, with Wilson's interval. rows: (prompt, wanted, answer, right)."""

    lane: int
    prompts: str
    right: int
    n: int
    share: Interval
    rows: tuple[tuple[str, str, str, bool], ...] = ()


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of the table: a metric (at a step) of a lane. values: each block's mean.

    ratio, low, high, word: against the reference lane; None for the reference itself and where there is none.
    better: does the decided difference help? None: not decided, or the metric has no good side. contended: some of its
    runs were disturbed. within: "within one load" (Quick).
    """

    metric: str
    step: str
    lane: int
    value: float | None
    values: tuple[float, ...] = ()
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    word: Word | None = None
    better: bool | None = None
    n_blocks: int = 0
    more_blocks: int | None = None  # how many more would probably decide it
    contended: bool = False
    within: bool = False

    @property
    def id(self) -> str:
        """What a sentence's number links to."""
        return f"{self.metric}@{self.step}:{self.lane}"


class Phrase(msgspec.Struct, frozen=True):
    """A piece of the verdict. cell: the `Cell.id` that its number stands in, "" is plain text. tone: "", "good" or "bad"."""

    text: str
    cell: str = ""
    tone: str = ""


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one expectation. agrees None: not decided here."""

    metric: str
    step: str
    lane: int
    agrees: bool | None
    text: str
    source: str


class LaneResult(msgspec.Struct, frozen=True, kw_only=True):
    """One lane as it really ran. title: the model's. bits: real bits per weight. effective, why: of load and run knobs."""

    lane: Lane
    differs: tuple[Difference, ...] = ()
    title: str = ""
    variant: str = ""
    bits: float | None = None
    bytes: int | None = None
    lineage: str = ""
    engine_version: str = ""
    build: str = ""
    device: str = ""
    n_ctx: int = 0
    effective: dict[str, Any] = {}
    why: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    convert_s: float | None = None
    problem: Problem | None = None
    tracks: tuple[Track, ...] = ()
    flips: tuple[Flip, ...] = ()
    divergence: tuple[Divergence, ...] = ()
    files: tuple[str, ...] = ()  # SHA-256


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One experiment, finished or under way.

    reference: index of the lane that the ratios are to: the first one that works. resident: all lanes of a block were
    loaded together; else one after the other. spread: metric@step → the reference's own spread (t interval's
    half-width of its blocks, relative). repeated: runs that were done again. busy: the machine was too busy.
    """

    id: str
    plan: Plan
    mode: Mode
    status: Status
    created: float
    seconds: float = 0.0
    reference: int = 0
    resident: bool = False
    blocks: int = 0
    lanes: tuple[LaneResult, ...] = ()
    loads: tuple[Load, ...] = ()
    runs: tuple[LaneRun, ...] = ()
    cells: tuple[Cell, ...] = ()
    quality: tuple[Quality, ...] = ()
    scores: tuple[TaskScore, ...] = ()
    spread: dict[str, float] = {}
    repeated: int = 0
    busy: tuple[str, ...] = ()
    sentence: tuple[Phrase, ...] = ()
    expected: tuple[Expected, ...] = ()
    notes: tuple[str, ...] = ()
    machine: dict[str, Any] = {}
    tandem: str = ""

    def cell(self, metric: str, step: str, lane: int) -> Cell | None:
        """One cell of the table."""
        return next((c for c in self.cells if (c.metric, c.step, c.lane) == (metric, step, lane)), None)

    @property
    def words(self) -> str:
        """The verdict as plain text."""
        return "".join(phrase.text for phrase in self.sentence)
