"""What a run record says of the inside of the model."""

from __future__ import annotations

import math
from typing import Any

import pytest

from app.store.records import RunRecord
from app.ui.state import inside
from app.ui.state.inside import Reuse, Stall, Token


def record(text: str = "", reason: str = "stop", metrics: dict[str, Any] | None = None, **rest: Any) -> RunRecord:
    return RunRecord(
        task="chat", model="m", variant="v", engine="e", reason=reason, text=text, metrics=metrics or {}, record=rest
    )


def test_each_token_has_its_text_its_probability_and_what_else_was_likely() -> None:
    run = record(
        "Hi there", ids=[5, 6, 2], offsets=[2, 8, 8], logprobs=[-0.1, -2.0, -0.5],
        top_logprobs=[{"Hi": -0.1}, {" you": -0.4, " there": -2.0}, {}],
    )  # fmt: skip
    assert inside.tokens_of(run) == (
        Token("Hi", -0.1, (("Hi", -0.1),)),
        Token(" there", -2.0, ((" you", -0.4), (" there", -2.0))),
        Token("", -0.5, ()),
    )
    assert inside.no_tokens(run) == ""


def test_text_that_was_held_back_belongs_to_the_last_token_that_is_no_end() -> None:
    ended = record("a##", ids=[1, 2, 9], offsets=[1, 1, 1])
    assert [t.text for t in inside.tokens_of(ended)] == ["a", "##", ""]
    cut = record("a##", reason="length", ids=[1, 2], offsets=[1, 1])
    assert [t.text for t in inside.tokens_of(cut)] == ["a", "##"]
    only = record("a", ids=[1], offsets=[0])
    assert [t.text for t in inside.tokens_of(only)] == ["a"]


def test_a_character_of_two_tokens_stands_at_the_second() -> None:
    run = record("ü!", reason="length", ids=[1, 2, 3], offsets=[0, 1, 2])
    assert [t.text for t in inside.tokens_of(run)] == ["", "ü", "!"]


def test_an_older_record_says_why_it_has_no_tokens() -> None:
    old = record("Hi", ids=[5])
    assert inside.tokens_of(old) == ()
    assert "Ask again" in inside.no_tokens(old)
    assert inside.no_tokens(record("")) == "This answer has no tokens."


def test_all_but_the_last_of_each_step_are_accepted_drafts_only_where_there_were_drafts() -> None:
    rest: dict[str, Any] = {"ids": [1, 2, 3, 4, 5], "offsets": [1, 2, 3, 4, 5], "counts": [1, 3, 2]}
    guessed = record("abcde", "length", {"drafted": 8, "accepted": 3}, **rest)
    assert [t.accepted for t in inside.tokens_of(guessed)] == [False, True, True, False, True]
    plain = record("abcde", "length", {"drafted": None}, **rest)
    assert not any(t.accepted for t in inside.tokens_of(plain))


def test_the_summary_says_what_there_is() -> None:
    tokens = [Token("a", 0.0), Token(" the", math.log(0.03)), Token("", math.log(0.5), (), True)]
    assert inside.summary(tokens, 2) == (
        "3 tokens · mean probability 51 % · least likely: “ the” 3.0 % · accepted 1 of 2 drafted"
    )
    assert inside.summary([Token("a")]) == "1 token"


@pytest.mark.parametrize(
    ("share", "said"), [(1.0, "100 %"), (0.714, "71 %"), (0.032, "3.2 %"), (0.00004, "< 0.1 %"), (0.0, "< 0.1 %")]
)
def test_shares_in_words(share: float, said: str) -> None:
    assert inside.percent(share) == said


def test_white_space_can_be_named() -> None:
    assert [inside.shown(t) for t in (" the", "\n\n", "\t", "  ", "")] == [" the", "↵↵", "⇥", "␣␣", ""]


def test_the_tint_grows_as_a_token_gets_less_likely() -> None:
    shares = [inside.surprise(Token("x", math.log(p))) for p in (1.0, 0.5, 0.1, 0.01, 0.0001)]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert inside.surprise(Token("x")) == 0.0


METRICS = {"queue_s": 0.01, "prepare_s": 0.02, "prefill_s": 0.1, "first_sample_s": 0.005, "e2e_s": 0.7}


def test_the_parts_follow_one_another_and_end_with_decode() -> None:
    line = inside.timeline_of(record(metrics=METRICS, times_ns=[135_000_000, 335_000_000, 635_000_000]))
    assert [(p.name, round(p.start_s, 3), round(p.seconds, 3)) for p in line.parts] == [
        ("queue", 0.0, 0.01), ("template", 0.01, 0.02), ("prefill", 0.03, 0.1), ("sample", 0.13, 0.005),
        ("decode", 0.135, 0.5),
    ]  # fmt: skip
    assert line.total_s == 0.7
    assert [round(g.gap_s, 3) for g in line.gaps] == [0.2, 0.3]


def test_what_is_not_known_is_no_part() -> None:
    line = inside.timeline_of(record(metrics={"queue_s": 0.01, "prefill_s": None}, times_ns=[50_000_000]))
    assert [p.name for p in line.parts] == ["queue"]
    assert inside.timeline_of(record()).total_s == 0.0


def gaps(*seconds: float) -> list[Stall]:
    return [Stall(float(i), gap) for i, gap in enumerate(seconds)]


def test_a_stall_is_over_four_medians_and_fifty_milliseconds() -> None:
    assert inside.stalls_of(gaps(0.01, 0.01, 0.01, 0.045)) == ()
    assert [s.gap_s for s in inside.stalls_of(gaps(0.01, 0.01, 0.01, 0.06))] == [0.06]
    assert inside.stalls_of(gaps(0.1, 0.1, 0.1, 0.3)) == ()
    assert inside.stalls_of([]) == ()


def test_at_most_twelve_stalls_the_longest_in_order() -> None:
    found = inside.stalls_of(gaps(*[0.01] * 40, *[0.1 + i / 1000 for i in range(15)]))
    assert len(found) == 12
    assert min(s.gap_s for s in found) == pytest.approx(0.103)
    assert [s.at_s for s in found] == sorted(s.at_s for s in found)


def test_the_time_of_thinking_is_from_the_first_token_to_the_one_that_ended_it() -> None:
    text = "<think>hm</think>Yes"
    run = record(
        text, ids=[1, 2, 3, 4], offsets=[7, 9, 17, 20], counts=[1, 2, 1],
        times_ns=[1_000_000_000, 3_500_000_000, 4_000_000_000],
    )  # fmt: skip
    assert inside.thought_s(run) == pytest.approx(2.5)


def test_without_offsets_the_steps_tell_the_time_of_thinking() -> None:
    run = record(
        "<think>hm</think>Yes", shown=[7, 17, 20], counts=[1, 1, 1], times_ns=[0, 2_000_000_000, 3_000_000_000]
    )
    assert inside.thought_s(run) == pytest.approx(2.0)
    assert inside.thought_s(record("Yes", shown=[3], times_ns=[0])) is None
    assert inside.thought_s(record("<think>hm", shown=[9], times_ns=[0])) is None
    assert inside.thought_s(record("<think>hm</think>", times_ns=[0])) is None


def test_reuse_in_words() -> None:
    run = record(metrics={"n_in": 430, "n_cached": 412})
    assert inside.reuse_of(run, ["a"]) == Reuse(18, 412, ("a",))
    assert inside.reuse_words(Reuse(18, 412)) == "Newly read 18, re-used 412; first difference at token 413"
    assert inside.reuse_words(Reuse(18, 0)).startswith("Newly read 18, re-used none")
    assert "always read" in inside.reuse_words(Reuse(1, 429))
    assert inside.reuse_of(record()) is None


def test_of_a_server_the_network_is_a_bar_of_its_own() -> None:
    figures = {"ttft_s": 0.110, "server_ttft_s": 0.1, "network_s": 0.01, "server_queue_s": 0.02, "server_prefill_s": 0.06,
               "queue_s": 0.0, "e2e_s": 0.3}  # fmt: skip
    line = inside.timeline_of(record(metrics=figures, times_ns=[110_000_000, 300_000_000]))
    parts = {part.name: round(part.seconds, 6) for part in line.parts}
    assert parts == {"network": 0.01, "queue": 0.02, "prefill": 0.06, "server": 0.02, "decode": 0.19}


def test_a_server_that_says_nothing_of_itself_has_no_network_bar() -> None:
    figures = {"ttft_s": 0.110, "server_ttft_s": None, "network_s": None, "queue_s": 0.0, "e2e_s": 0.3}
    line = inside.timeline_of(record(metrics=figures, times_ns=[110_000_000, 300_000_000]))
    assert "network" not in {part.name for part in line.parts}
