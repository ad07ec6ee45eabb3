"""The time to the first token of an answer that was thought about first."""

from __future__ import annotations

import pytest

from engines.chat.finish import answer_start, first_answer_s
from engines.metrics import Clock


def clock(*counts: int) -> Clock:
    """Steps of so many tokens, 10 ms apart; the first after 10 ms."""
    return Clock(t_submit=0, steps_ns=[10_000_000 * (i + 1) for i in range(len(counts))], counts=list(counts))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>a b</think>\n\nYes", "Yes"),
        ("\n<think></think>Yes", "Yes"),
        ("a thought that the template opened\n</think>\nYes", "Yes"),
        ("<think>never ended", None),
        ("<think>ended</think>\n\n", None),
        ("no thought at all", None),
        ("A thought stands between <think> and </think>, says the manual", None),
        ("The tag is written `</think>`, it says", None),
        ("Look:\n```\na </think> b\n```\nso", None),
        ("<think>about `</think>` in the end", "` in the end"),
        ("", None),
    ],
)
def test_where_the_answer_begins(text: str, answer: str | None) -> None:
    start = answer_start(text)
    assert (None if start is None else text[start:]) == answer


TEXT, OFFSETS = "<think>ab</think>\n\nYes", (7, 9, 17, 19, 22)


@pytest.mark.parametrize(
    ("counts", "seconds"),
    [((1, 1, 1, 1, 1), 0.05), ((2, 3), 0.02), ((1, 4), 0.02), ((5,), 0.01), ((2, 2, 1), 0.03)],
)
def test_the_step_that_gave_the_answers_first_character_counts(counts: tuple[int, ...], seconds: float) -> None:
    assert first_answer_s(TEXT, OFFSETS, clock(*counts)) == pytest.approx(seconds)


def test_a_token_that_holds_the_tags_end_and_the_answers_start_counts() -> None:
    assert first_answer_s(TEXT, (7, 9, 20, 22), clock(1, 1, 1, 1)) == pytest.approx(0.03)


def test_text_that_was_held_back_to_the_end_came_with_the_last_token() -> None:
    assert first_answer_s(TEXT, (7, 9, 17, 19), clock(1, 1, 1, 1)) == pytest.approx(0.04)


def test_it_is_unknown_where_it_cannot_be_had() -> None:
    assert first_answer_s("plain", (5,), clock(1)) is None
    assert first_answer_s(TEXT, (), clock(1, 1)) is None
    assert first_answer_s("<think>a", (8,), clock(1)) is None
