from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from app.ui.state import estimate, figures, words
from engines.protocol import Beat, Finished, FinishReason, Memory
from tests.fakes import METRICS


@pytest.mark.parametrize(
    ("count", "shown"), [(None, "–"), (98_362_432, "98 MB"), (1_400_000_000, "1.4 GB"), (2_500, "2 kB"), (420, "420 B")]
)
def test_sizes(count, shown):
    assert words.size(count) == shown


@pytest.mark.parametrize(("value", "shown"), [(None, "–"), (8.314, "8.31"), (142.61, "142.6"), (1204.3, "1,204")])
def test_rates(value, shown):
    assert words.rate(value) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(None, "–"), (0.041, "41 ms"), (1.236, "1.24 s"), (25.6, "25.6 s")])
def test_durations(seconds, shown):
    assert words.spoken(seconds) == shown


def test_days_are_named():
    now = datetime(2026, 3, 10, 0, 30)
    days = [words.day((now - timedelta(hours=h)).timestamp(), now.timestamp()) for h in (0, 1, 24, 72, 300)]
    assert days == ["Today", "Yesterday", "Yesterday", "Last 7 days", "Earlier"]


def test_a_title_is_cut_at_a_word():
    assert words.first_words("Explain in three sentences what a KV cache is and why") == (
        "Explain in three sentences what a KV…"
    )
    assert words.first_words("  short\n title ") == "short title"


def test_a_figure_that_cannot_be_had_is_left_out_of_the_footer_not_zero():
    assert figures.footer({"ttft_s": None, "n_in": None, "decode_tok_s": None}, "stop") == ""
    assert figures.footer({"n_in": 5.0, "n_cached": None}, "length") == ("read 5 tokens · stopped at max tokens")


def test_live_figures_keep_what_is_not_said_again():
    strip = figures.live(figures.started(figures.Strip(context_total=4096), 512), {"n_out": 3.0, "ttft_s": 0.05})
    strip = figures.live(strip, {"n_out": 9.0, "decode_tok_s": 100.0})
    assert (strip.first_token_s, strip.decode, strip.n_out, strip.max_tokens) == (0.05, 100.0, 9, 512)
    done = Finished(id=1, reason=FinishReason.STOP, metrics=METRICS)
    strip = figures.finished(strip, done)
    assert (strip.decode, strip.context_used) == (142.6, 617)


def test_memory_parts_outlive_an_event_that_has_none():
    old = Memory(model_bytes=1, parts={"weights": 1})
    assert figures.replace_memory(Memory(model_bytes=2), old) == Memory(model_bytes=2, parts={"weights": 1})


def test_a_beat_changes_the_device_figures_alone():
    strip = figures.beat(
        figures.Strip(decode=5.0), Beat(phase="x", counter=1, cpu_s=1, rss=7, sample={"cpu_percent": 98.0})
    )
    assert (strip.decode, strip.cpu_percent, strip.rss) == (5.0, 98.0, 7)


def test_the_estimates_record_is_in_words(program):
    found = program.model.estimate()
    assert estimate.headline(found).startswith("Fits: about ")
    assert estimate.record(found, program.model.spec) == "no loads here to learn from yet"


def test_a_moment_is_a_time_today_and_a_date_before():
    now = datetime(2026, 11, 25, 12, 0)
    assert words.moment(datetime(2026, 11, 25, 9, 28).timestamp(), now.timestamp()) == "09:28"
    assert words.moment(datetime(2026, 11, 24, 23, 59).timestamp(), now.timestamp()) == "2026-11-24"
