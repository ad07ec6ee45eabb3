"""What past loads teach the estimate."""

from __future__ import annotations

import pytest

from app.lab.estimates import Estimate, errors, overhead
from app.store import LoadRecord


def past(base: int | None, guess: int | None, real: int | None) -> LoadRecord:
    return LoadRecord(engine="e", model="m", variant="v", base_bytes=base, estimate_bytes=guess, model_bytes=real)


def test_overhead_is_the_median_gap() -> None:
    records = [past(100, 100, 110), past(100, 110, 130), past(100, 120, 400), past(None, None, 5)]
    assert overhead(records) == 30
    assert overhead([]) is None


def test_errors_are_relative_to_what_was_measured() -> None:
    assert errors([past(0, 90, 100), past(0, 110, 100), past(0, None, 100)]) == pytest.approx((-0.1, 0.1))


@pytest.mark.parametrize(("total", "word"), [(80, "fits"), (95, "tight"), (101, "no")])
def test_verdict(total: int, word: str) -> None:
    assert Estimate({}, total, 100, ()).verdict == word


def test_experience_names_median_worst_and_count() -> None:
    assert Estimate({}, 1, 2, (0.03, -0.11, 0.04)).experience == "estimates here: +3%, worst -11%, 3 loads"
    assert Estimate({}, 1, 2, ()).experience == ""
