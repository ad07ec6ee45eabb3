"""What the window painted, by its own clock."""

from __future__ import annotations

import pytest

from app.ui.state.paint import PaintMeter, diagnostics


def test_the_rate_is_in_tokens_of_the_last_two_seconds() -> None:
    meter = PaintMeter()
    for tenth in range(51):  # 5 s: 100 characters a second, then 400
        characters = tenth * 10 if tenth <= 25 else 250 + (tenth - 25) * 40
        meter.painted(characters, tenth / 10)
    assert meter.rate(4.0) == pytest.approx(100.0)


def test_after_the_end_it_covers_the_whole_answer_and_the_lag_is_known() -> None:
    meter = PaintMeter()
    meter.painted(10, 1.0)
    meter.painted(410, 5.0)
    meter.finished(420, 5.0)
    assert meter.lag_s is None  # the last character is not there yet
    meter.painted(420, 5.012)
    assert meter.lag_s == pytest.approx(0.012)
    assert meter.rate(4.0) == pytest.approx(410 / 4 / 4.012)


def test_an_end_that_comes_after_the_last_paint_has_no_lag() -> None:
    meter = PaintMeter()
    meter.painted(4, 1.0)
    meter.finished(4, 1.5)
    assert meter.lag_s == 0.0


def test_nothing_is_known_from_one_paint_or_the_same_text_again() -> None:
    meter = PaintMeter()
    assert meter.rate(4.0) is None
    meter.painted(4, 1.0)
    meter.painted(4, 9.0)
    assert meter.rate(4.0) is None
    assert meter.rate(0.0) is None


def test_another_answer_begins_anew() -> None:
    meter = PaintMeter()
    meter.painted(400, 1.0)
    meter.finished(400, 1.0)
    meter.begin()
    assert meter.lag_s is None
    meter.painted(4, 3.0)
    meter.painted(8, 4.0)
    assert meter.rate(4.0) == pytest.approx(1.0)


def test_the_line() -> None:
    assert diagnostics(143.2, 143.2, None) == "engine 143.2, painted 143.2 tok/s"
    assert diagnostics(None, None, 0.004) == "engine –, painted – tok/s · lag 4 ms"
