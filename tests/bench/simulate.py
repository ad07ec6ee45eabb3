"""Whole comparisons on recorded noise, with a planted effect: how often is a lane called different, and how rightly?

    .venv/bin/python tests/bench/simulate.py [RECORDING.json …] [--experiments 200] [--seed 1]

A recording holds decode rates of loads in time order, {"loads": [[run, run, …], …]}; without a name all of
tests/data/noise are taken. Our own schedule and rules decide: fresh loads, A B / B A, two timed runs a load, at least 5
blocks, until ±2 % or 12 blocks. Two ways to draw noise from a recording:

- independent: every load's deviation and every run's deviation inside its load is drawn by itself.
- ordered: the two loads of a block are two neighbouring loads of the recording, and a load's timed runs two neighbouring
  runs of it after its first. What drifts slowly then falls on both lanes of a block, as it does on a real machine.

Prints a table: for each recording and planted effect, how many of the experiments said faster, slower, same, not decided.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from app.lab.compare.plan import Schedule  # noqa: E402
from app.lab.compare.result import Word  # noqa: E402
from app.lab.compare.schedule import order  # noqa: E402
from app.lab.compare.stats import Comparison, enough, t975, word  # noqa: E402

RECORDINGS = ROOT / "tests" / "data" / "noise"
EFFECTS = (0.0, 0.02, 0.05, 0.08, 0.10, 0.15, 0.20, 0.50, 1.0, 1.5)

Block = tuple[float, float]  # mean log deviation of the block's first and second load
Draw = Callable[[random.Random], Block]


@dataclass(frozen=True, slots=True)
class Noise:
    """loads: log rates of runs, by load, in time order; their mean is 0."""

    name: str
    loads: tuple[tuple[float, ...], ...]
    timed: int = Schedule().timed

    @property
    def effects(self) -> tuple[float, ...]:
        """Each load's mean deviation."""
        return tuple(statistics.fmean(load) for load in self.loads)

    @property
    def within(self) -> tuple[float, ...]:
        """Every run's deviation from its load's mean."""
        return tuple(run - statistics.fmean(load) for load in self.loads for run in load)

    @property
    def sd(self) -> float:
        """Of one block's log ratio, as `independent` draws it."""
        runs = statistics.pvariance(self.within) / self.timed
        return math.sqrt(2 * (statistics.pvariance(self.effects) + runs))

    @property
    def ordered_sd(self) -> float:
        """Of one block's log ratio, as `ordered` draws it, over all its possible draws (either lane may be first)."""
        apart = [a - b for one, two in zip(self.loads, self.loads[1:], strict=False)
                 for a in self._pairs(one) for b in self._pairs(two)]  # fmt: skip
        return math.sqrt(statistics.fmean(x * x for x in apart))

    def independent(self, draw: random.Random) -> Block:
        """Two loads that have nothing to do with one another."""
        one, two = (
            draw.choice(self.effects) + statistics.fmean(draw.choices(self.within, k=self.timed)) for _ in range(2)
        )
        return one, two

    def ordered(self, draw: random.Random) -> Block:
        """Two neighbouring loads."""
        first = draw.randrange(len(self.loads) - 1)
        one, two = (draw.choice(self._pairs(self.loads[first + later])) for later in (0, 1))
        return one, two

    def _pairs(self, load: Sequence[float]) -> list[float]:
        """Means of neighbouring runs, the first one being the warm-up where there are enough."""
        kept = load[1:] if len(load) > self.timed else load
        return [statistics.fmean(kept[i : i + self.timed]) for i in range(max(1, len(kept) - self.timed + 1))]


def read(path: Path) -> Noise:
    """A recording. Loads without a run are passed over. Raises ValueError where there are not two loads."""
    raw = json.loads(path.read_text("utf-8")).get("loads", [])
    loads = [[math.log(run) for run in load if run] for load in raw if load]
    if len(loads) < 2:
        raise ValueError(f"{path.name} has no loads")
    middle = statistics.fmean(statistics.fmean(load) for load in loads)
    return Noise(path.stem, tuple(tuple(run - middle for run in load) for load in loads))


def recordings() -> list[Noise]:
    """All that are kept with the tests; a file of another kind has no "loads"."""
    paths = sorted(RECORDINGS.glob("*.json"))
    return [read(path) for path in paths if "loads" in json.loads(path.read_text("utf-8"))]


def synthetic(within: float, between: float, seed: int, loads: int = 60, runs: int = 4) -> Noise:
    """A made-up recording with normal deviations, as of a quiet workstation."""
    draw = random.Random(seed)
    middles = [draw.gauss(0, between) for _ in range(loads)]
    made = tuple(tuple(middle + draw.gauss(0, within) for _ in range(runs)) for middle in middles)
    return Noise(f"made {within:.1%} / {between:.1%}", made)


def experiment(block: Draw, effect: float, draw: random.Random, schedule: Schedule) -> tuple[Word | None, int]:
    """One whole measurement of a lane B that is `effect` faster than A: its word, and how many blocks it took."""
    logs: list[float] = []
    while not logs or not enough([Comparison(tuple(logs)).half_width], len(logs), schedule, 0.0):
        first, second = block(draw)
        turned = order(len(logs) + 1, (0, 1)) == (1, 0)
        a, b = (second, first) if turned else (first, second)
        logs.append(b + math.log1p(effect) - a)
    found = Comparison(tuple(logs))
    return word("speed", "higher", found.ratio, found.low, found.high), found.n


def tally(
    block: Draw, effect: float, experiments: int, seed: int, schedule: Schedule | None = None
) -> tuple[Counter[Word | None], float]:
    """How often each word was said, and the mean number of blocks."""
    draw = random.Random(f"{seed} {effect}")
    said = [experiment(block, effect, draw, schedule or Schedule()) for _ in range(experiments)]
    return Counter(w for w, _ in said), statistics.fmean(n for _, n in said)


def blocks_for(sd: float, schedule: Schedule) -> int:
    """After how many blocks a ratio whose blocks have this spread is narrow enough, or the schedule ends."""
    few, most = schedule.min_blocks, schedule.max_blocks
    return next((n for n in range(few, most) if t975(n - 1) * sd / math.sqrt(n) <= schedule.half_width), most)


def findable(sd: float, deviations: float, schedule: Schedule | None = None) -> float:
    """The effect whose interval stays beyond 1 % unless its mean strays by more than so many of its standard deviations.

    sd: of a block's log ratio. The interval reaches t · sd / √blocks, the mean itself strays `deviations` · sd / √blocks.
    """
    n = blocks_for(sd, schedule or Schedule())
    return math.exp(math.log(1.01) + (t975(n - 1) + deviations) * sd / math.sqrt(n)) - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", nargs="*", type=Path)
    parser.add_argument("--experiments", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    noises = [read(path) for path in args.recording] or [*recordings(), synthetic(0.015, 0.015, args.seed)]
    for noise in noises:
        ways = (("independent", noise.independent, noise.sd), ("ordered", noise.ordered, noise.ordered_sd))
        for name, block, sd in ways:
            print(
                f"\n{noise.name}, {name}: a block's log ratio has sd {sd:.1%}; found in 97.7 %: {findable(sd, 2):.1%}"
            )
            print(f"{'effect':>8} {'faster':>8} {'slower':>8} {'same':>8} {'open':>8} {'blocks':>8}")
            for effect in EFFECTS:
                words, blocks = tally(block, effect, args.experiments, args.seed)
                counts = [words[w] for w in (Word.FASTER, Word.SLOWER, Word.SAME, Word.UNDECIDED)]
                print(f"{effect:>8.0%} " + " ".join(f"{count:>8}" for count in counts) + f" {blocks:>8.1f}")


if __name__ == "__main__":
    main()
