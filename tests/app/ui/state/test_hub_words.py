"""The hub in words: a stranger's text stays on one plain, bounded line."""

from __future__ import annotations

import pytest

from app.errors import TandemError
from app.ui.state import hub_fit, hub_words
from tests.app.ui.models.hub_made import download, line, offer


def test_a_strangers_text_is_one_bounded_line():
    assert hub_words.plain("a\nb\tc\x00\u202egpj.exe\u200b  d") == "a b c gpj.exe d"
    assert len(hub_words.plain("x" * 10_000)) == hub_words.LONGEST
    assert hub_words.plain("x" * 10_000, 20) == "x" * 19 + "…"
    assert hub_words.plain("<b>bold</b>") == "<b>bold</b>"  # labels show it as it is


@pytest.mark.parametrize(
    ("number", "text"), [(None, "–"), (0, "0"), (4112, "4,112"), (83_210, "83\xa0k"), (1_204_331, "1.2\xa0M")]
)
def test_counts(number: int | None, text: str):
    assert hub_words.count(number) == text


@pytest.mark.parametrize(
    ("state", "more", "text"),
    [
        ("running", {"rate": 23.4e6, "eta_s": 149.0}, "1.2 GB of 4.9 GB · 23 MB/s · 2 min left"),
        ("running", {}, "1.2 GB of 4.9 GB"),
        ("running", {"message": "waiting 30 s: the server asked to"}, "1.2 GB of 4.9 GB · waiting 30 s: the server asked to"),
        ("queued", {}, "waiting for another to end · 4.9 GB"),
        ("paused", {}, "paused · 1.2 GB of 4.9 GB"),
        ("paused", {"message": "The disk is nearly full.", "hint": "Free some."},
         "paused · 1.2 GB of 4.9 GB · The disk is nearly full. · Free some."),
        ("checking", {}, "checking what is there · 1.2 GB of 4.9 GB"),
        ("done", {}, "in your library · 4.9 GB · every file checked"),
        ("done", {"note": "no published checksum"}, "in your library · 4.9 GB · no published checksum"),
        ("failed", {"message": "It broke.", "hint": "Retry."}, "It broke. · Retry."),
        ("cancelled", {}, "cancelled"),
        ("running", {"elsewhere": True}, "1.2 GB of 4.9 GB · another Tandem carries it"),
    ],
)  # fmt: skip
def test_downloads(state: str, more: dict[str, object], text: str):
    assert hub_words.progress(download("a", state, **more)) == text


@pytest.mark.parametrize(("seconds", "text"), [(None, ""), (0.2, "1 s left"), (89, "89 s left"), (200, "3 min left"), (9000, "2 h left")])  # fmt: skip
def test_time_left(seconds: float | None, text: str):
    assert hub_words.left(seconds) == text


def test_problems_say_what_mends_them():
    gated = hub_words.problem(TandemError("gated", "It is gated.", "Accept."), "Nothing")
    assert gated.title == "This is gated"
    assert [action for action, _ in gated.actions] == ["retry", "token"]
    other = hub_words.problem(TandemError("not_found", "x\u202ey", ""), "The search brought nothing")
    assert (other.title, other.message) == ("The search brought nothing", "x y")
    assert [action for action, _ in other.actions] == ["retry"]


def test_the_largest_that_fits_is_recommended():
    offers = [offer("Q4_K_M", 4.7), offer("Q8_0", 8.1), offer("F16", 15), offer("F32", 30)]

    def of(*verdicts: str) -> int:
        return hub_fit.recommended(offers, [line(verdict) for verdict in verdicts])

    assert of("fits", "fits", "no", "no") == 1
    assert of("fits", "tight", "no", "no") == 0
    assert of("fits", "fits", "fits", "fits") == 2  # 32 bits are no better than the 16 that it was published in
    assert of("no", "no", "no", "tight") == -1
    refused = [offer("Q4_K_M", 4.7, why_not="It lies in 2 parts.")]
    assert hub_fit.recommended(refused, [line("fits")]) == -1
