"""What gives way when a conversation is longer than the context, and in how few counts that is found."""

from __future__ import annotations

import pytest

from app.lab.fitting import COUNTS, Fitting, Policy, middle_cut
from engines.protocol import Message


def said(turns: int, words: int = 10, system: bool = True) -> tuple[Message, ...]:
    """A conversation whose every message names its turn."""
    head = [Message("system", "Be brief.")] if system else []
    for turn in range(turns):
        head.append(Message("user", f"q{turn} " + "word " * words))
        head.append(Message("assistant", f"a{turn} " + "word " * words))
    return (*head, Message("user", "last question"))


def count(messages: tuple[Message, ...]) -> int:
    """Tokens as a template would: its own four a message, and one a word."""
    return sum(4 + len(message.content.split()) for message in messages)


def run(fitting: Fitting) -> list[int]:
    counts = []
    while (ask := fitting.ask) is not None:
        counts.append(count(ask))
        fitting.take(counts[-1])
    return counts


def names(messages: tuple[Message, ...] | None) -> list[str]:
    assert messages is not None
    return [message.content.split()[0] for message in messages]


@pytest.mark.parametrize("policy", list(Policy))
def test_what_fits_is_left_as_it_is(policy: Policy) -> None:
    messages = said(3)
    fitting = Fitting(messages, count(messages), policy)
    assert len(run(fitting)) == 1
    assert fitting.result == messages
    assert fitting.dropped == ""
    assert fitting.tokens == fitting.needed == count(messages)


def test_stop_says_how_much_it_is() -> None:
    messages = said(3)
    fitting = Fitting(messages, count(messages) - 1, Policy.STOP)
    assert len(run(fitting)) == 1
    assert fitting.result is None
    assert fitting.needed == count(messages)


def test_roll_drops_the_oldest_turns_and_no_more_than_it_must() -> None:
    messages = said(6)
    fitting = Fitting(messages, 100, Policy.ROLL)
    counts = run(fitting)
    assert names(fitting.result) == ["Be", "q4", "a4", "q5", "a5", "last"]
    assert fitting.dropped == "4 earlier questions with their answers were left out."
    assert fitting.tokens <= 100 < fitting.tokens + 30
    assert len(counts) <= 5


def test_roll_cannot_help_where_the_last_question_is_too_long() -> None:
    messages = (*said(2)[:-1], Message("user", "word " * 200))
    fitting = Fitting(messages, 100, Policy.ROLL)
    run(fitting)
    assert fitting.result is None
    assert fitting.ask is None


def test_the_middle_goes_and_the_first_and_last_stay() -> None:
    messages = said(8)
    fitting = Fitting(messages, 130, Policy.MIDDLE)
    run(fitting)
    kept = names(fitting.result)
    assert kept[:3] == ["Be", "q0", "a0"]
    assert kept[-3:] == ["q7", "a7", "last"]
    assert "q1" not in kept


def test_a_question_that_is_too_long_loses_its_middle_between_words() -> None:
    text = " ".join(f"w{number}" for number in range(20_000))
    messages = (*said(3)[:-1], Message("user", text))
    fitting = Fitting(messages, 500, Policy.MIDDLE)
    counts = run(fitting)
    assert fitting.result is not None
    cut = fitting.result[-1].content
    assert cut.startswith("w0 w1 ")
    assert cut.endswith(" w19998 w19999")
    assert "[…]" in cut
    assert all(word == "[…]" or (word[0] == "w" and word[1:].isdigit()) for word in cut.split())
    assert 0.9 * 500 <= fitting.tokens <= 500
    assert len(counts) <= COUNTS + 4
    assert "The middle of your message" in fitting.dropped
    assert "3 earlier questions" in fitting.dropped


@pytest.mark.parametrize("shape", ["a " * 30_000 + "supercalifragilistic" * 3_000, "x" * 90_000, "æ " * 40_000])
def test_a_cut_is_found_in_few_counts_whatever_the_text(shape: str) -> None:
    fitting = Fitting((Message("user", shape),), 1000, Policy.MIDDLE)
    asked = 0
    while (ask := fitting.ask) is not None:
        fitting.take(4 + sum(1 + len(word) // 4 for word in ask[0].content.split()))
        asked += 1
    assert fitting.result is not None
    assert asked <= COUNTS + 1
    assert fitting.tokens <= 1000


def test_nothing_helps_where_the_system_message_fills_the_context() -> None:
    messages = (Message("system", "word " * 300), Message("user", "word " * 300))
    fitting = Fitting(messages, 100, Policy.MIDDLE)
    assert len(run(fitting)) <= COUNTS + 1
    assert fitting.result is None


def test_a_cut_never_tears_what_was_kept_whole() -> None:
    assert middle_cut("short", 10) == ("short", 0)
    cut, gone = middle_cut("alpha beta gamma delta epsilon", 14)
    assert cut == "alpha\n\n[…]\n\nepsilon"
    assert gone == len(" beta gamma delta ")
