"""The line under an answer and what the strip compares with."""

from __future__ import annotations

from app.ui.state import figures
from app.ui.state.figures import Strip
from engines.protocol import Loaded, Memory
from tests.fakes import METRICS


def loaded(model_bytes: int = 200, n_ctx: int = 4096) -> Loaded:
    memory = Memory(model_bytes=model_bytes)
    return Loaded(id=1, engine="e", version="1", build="b", device="cpu", effective={}, memory=memory, n_ctx=n_ctx)


def test_the_footer_in_full() -> None:
    assert figures.footer(METRICS, "stop") == (
        "first token 41 ms · newly read 18, re-used 412 tokens · 142.6 tok/s at 0.6k · 187 tokens in 1.36 s"
    )


def test_short_leaves_out_what_the_strip_shows() -> None:
    assert figures.footer(METRICS, "stop", short=True) == "newly read 18, re-used 412 tokens · 1.36 s in all"


def test_thinking_drafts_and_the_reason_to_stop() -> None:
    more = {"ttft_s": 0.2, "ttfa_s": 3.4, "drafted": 52, "accepted": 34}
    assert figures.footer(more, "cancelled") == (
        "first token 200 ms · thought 3.20 s · accepted 34 of 52 drafts · stopped by you"
    )
    assert "thought" not in figures.footer({"ttft_s": 0.2, "ttfa_s": 0.2}, "stop")
    assert "accepted" not in figures.footer({"drafted": None, "accepted": None}, "stop")


def test_depths_in_words() -> None:
    assert [figures.depth(n) for n in (87, 617, 4096, 12_400)] == ["87", "0.6k", "4.1k", "12k"]


def test_the_settings_before_leave_their_ghosts() -> None:
    ran = Strip(decode=100.0, first_token_s=0.05, context_total=2048, memory=Memory(model_bytes=150))
    after = figures.loaded(ran, loaded())
    assert after.ghosts == {"decode": 100.0, "first_token": 0.05, "memory": 150, "context": 2048}
    again = figures.loaded(after, loaded(300))  # nothing ran under these: the rates stay, the memory does not
    assert again.ghosts == {"decode": 100.0, "first_token": 0.05, "memory": 200, "context": 4096}


def test_an_unload_keeps_what_was_measured_to_compare_with() -> None:
    after = figures.unloaded(Strip(decode=100.0, context_total=2048))
    assert after == Strip(ghosts={"decode": 100.0, "context": 2048})


def test_a_rate_of_older_settings_is_no_ghost_beside_newer_figures() -> None:
    strip = Strip(decode=50.0, ghosts={"prefill": 900.0, "decode": 40.0})
    assert figures.known(strip) == {"decode": 50.0}


def test_what_is_typed_counts_until_it_is_sent() -> None:
    strip = figures.typing(Strip(context_used=412), 38)
    assert strip.draft_tokens == 38
    assert figures.started(strip, 512).draft_tokens is None
    assert figures.typing(strip, None).draft_tokens is None
