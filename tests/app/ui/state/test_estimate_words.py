"""The memory estimate as it is read beside the knobs."""

from __future__ import annotations

import pytest

from app.lab.estimates import Estimate
from app.ui.state import estimate
from app.ui.widgets import memory_bar
from engines import registry

LLAMA = registry.spec("llama-cpp")
PARTS = {"weights": 97_000_000, "kv": 94_000_000, "compute": 128_000_000, "other": 27_000_000}


def found(free: int = 23_000_000_000, at_load: int = 240_000_000, errors: tuple[float, ...] = ()) -> Estimate:
    return Estimate(PARTS, sum(PARTS.values()), free, errors, at_load)


@pytest.mark.parametrize(
    ("free", "words"),
    [
        (23_000_000_000, "Fits: about 346 MB of 23.0 GB free, 240 MB at first"),
        (360_000_000, "Tight: about 346 MB of 360 MB free, 240 MB at first"),
        (300_000_000, "Does not fit: about 346 MB of 300 MB free, 240 MB at first"),
    ],
)
def test_the_headline_is_the_verdict(free: int, words: str) -> None:
    assert estimate.headline(found(free)) == words


@pytest.mark.parametrize("at_load", [0, 345_000_000])
def test_what_a_load_takes_at_first_is_said_only_where_it_differs(at_load: int) -> None:
    assert estimate.headline(found(at_load=at_load)) == "Fits: about 346 MB of 23.0 GB free"


def test_every_part_has_a_name_in_the_bars_order() -> None:
    assert tuple(estimate.PARTS) == memory_bar.PARTS
    assert tuple(estimate.PARTS) == tuple(PARTS)


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ((), "no loads here to learn from yet"),
        ((0.03,), "estimates for llama.cpp here: +3\u00a0%, 1 load"),
        ((0.03, -0.11, 0.04), "estimates for llama.cpp here: +3\u00a0%, worst −11\u00a0%, 3 loads"),
        ((0.001, -0.002), "estimates for llama.cpp here: 0\u00a0%, worst 0\u00a0%, 2 loads"),
    ],
)
def test_the_known_error(errors: tuple[float, ...], words: str) -> None:
    assert estimate.record(found(errors=errors), LLAMA) == words
