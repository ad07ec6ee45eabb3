"""Our schedule and rules on recorded noise, with planted effects (the long form: tests/bench/simulate.py)."""

import json
import math

import pytest

from app.lab.compare.plan import Schedule
from app.lab.compare.result import Word
from tests.bench.simulate import Noise, findable, read, recordings, synthetic, tally

EXPERIMENTS = 200
MANY = 1000
QUIET = synthetic(0.015, 0.015, seed=4)
WAYS = [
    pytest.param(way, sd, id=f"{noise.name}-{name}")
    for noise in recordings()
    for name, way, sd in (("independent", noise.independent, noise.sd), ("ordered", noise.ordered, noise.ordered_sd))
]


def test_there_are_recordings():
    assert any(noise.name == "quiet-12x4" for noise in recordings())


@pytest.mark.parametrize(("way", "sd"), WAYS)
def test_a_lane_against_itself_is_seldom_called_different(way, sd):
    """At most 5 %, as a 95 % interval promises; 64 of 1,000 is two standard deviations of the count above that."""
    words, _ = tally(way, 0.0, MANY, seed=1)
    assert words[Word.FASTER] + words[Word.SLOWER] <= 64


@pytest.mark.parametrize(("way", "sd"), WAYS)
def test_two_per_cent_are_seldom_called_with_the_wrong_sign(way, sd):
    """Never more often than the interval's one tail, 2.5 % (35 of 1,000 with two standard deviations); less, as 2 % grow
    against the noise: below 1 % where a block's ratio strays by 15 % or less."""
    words, _ = tally(way, 0.02, MANY, seed=2)
    assert words[Word.SLOWER] <= (10 if sd <= 0.15 else 35)


@pytest.mark.parametrize(("way", "sd"), WAYS)
def test_power_is_what_theory_says(way, sd):
    """An effect of two standard deviations more than the interval needs is found; of two less it seldom is."""
    found, _ = tally(way, findable(sd, 2), EXPERIMENTS, seed=3)
    assert found[Word.FASTER] >= 180
    missed, _ = tally(way, max(0.0, findable(sd, -2)), EXPERIMENTS, seed=3)
    assert missed[Word.FASTER] <= 40


def test_a_quiet_workstation_finds_five_per_cent():
    words, blocks = tally(QUIET.independent, 0.05, EXPERIMENTS, seed=1)
    assert words[Word.FASTER] >= 180
    assert Schedule().min_blocks <= blocks < Schedule().max_blocks


def test_a_quiet_workstation_finds_a_slowdown_as_well():
    words, _ = tally(QUIET.independent, 1 / 1.05 - 1, EXPERIMENTS, seed=1)
    assert words[Word.SLOWER] >= 180


def test_a_quiet_workstation_never_mistakes_the_sign_of_two_per_cent():
    words, _ = tally(QUIET.independent, 0.02, EXPERIMENTS, seed=1)
    assert words[Word.SLOWER] == 0


def test_a_quiet_workstation_knows_itself():
    words, _ = tally(QUIET.independent, 0.0, EXPERIMENTS, seed=1)
    assert words[Word.FASTER] + words[Word.SLOWER] <= 10
    assert words[Word.SAME] >= 1


def test_drift_that_both_loads_of_a_block_share_cancels_in_order_and_not_apart():
    """A recording that only drifts: neighbours differ by 1 %, any two loads by far more."""
    drift = Noise("drift", tuple((0.01 * i,) * 4 for i in range(12)))
    assert drift.ordered_sd == pytest.approx(0.01)
    assert drift.sd > 0.04


def test_a_recording_is_read_as_logs_around_their_mean(tmp_path):
    path = tmp_path / "some.json"
    path.write_text(json.dumps({"loads": [[100, 100], [], [200, 200]], "more": 1}))
    half = math.log(2) / 2
    assert read(path).effects == pytest.approx((-half, half))
    path.write_text("{}")
    with pytest.raises(ValueError, match="no loads"):
        read(path)
