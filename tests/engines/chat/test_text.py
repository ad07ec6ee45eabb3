"""The assembler: the same text however it was cut into pieces, and never a piece of a stop text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.chat.text import Assembler


def assemble(pieces: list[bytes] | list[str], stop: list[str]) -> tuple[str, bool, list[str]]:
    one = Assembler(stop)
    shown = [*(one.push(piece) for piece in pieces), one.finish()]
    assert "".join(shown) == one.text
    return one.text, one.stopped, shown


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


def by_hand(text: str, stop: list[str]) -> str:
    """Letter by letter: the text before the first stop text that is whole."""
    for end in range(len(text) + 1):
        whole = [end - len(s) for s in stop if s and text[:end].endswith(s)]
        if whole:
            return text[: min(whole)]
    return text


CUTS = st.lists(st.integers(0, 5), max_size=30)
STOPS = st.lists(st.text("abc\né👋", max_size=4), max_size=3)


@given(st.text("abc\né👋", max_size=30), STOPS, CUTS)
def test_any_cut_gives_the_text_before_the_first_stop(text: str, stop: list[str], sizes: list[int]) -> None:
    found, stopped, _ = assemble(cut(text.encode(), sizes), stop)
    assert found == by_hand(text, stop)
    assert stopped == (found != text)


@given(st.binary(max_size=40), CUTS)
def test_bytes_that_are_no_utf8_give_the_same_replacement_in_any_cut(data: bytes, sizes: list[int]) -> None:
    assert assemble(cut(data, sizes), [])[0] == data.decode("utf-8", "replace")


def test_a_character_is_shown_when_it_is_whole() -> None:
    text, _, shown = assemble(["👋".encode()[:2], "👋".encode()[2:], b"!"], [])
    assert text == "👋!"
    assert shown == ["", "👋", "!", ""]


def test_text_is_held_back_only_while_it_may_become_a_stop() -> None:
    text, stopped, shown = assemble(["Hello #", "#", " x", " ##", "#end"], ["###"])
    assert shown == ["Hello ", "", "## x", " ", "", ""]
    assert (text, stopped) == ("Hello ## x ", True)


def test_what_was_held_back_comes_at_the_end() -> None:
    assert assemble(["a", "##"], ["###"]) == ("a##", False, ["a", "", "##"])


def test_nothing_comes_after_a_stop() -> None:
    one = Assembler(["."])
    assert one.push("one. two") == "one"
    assert one.push("more") == ""
    assert one.finish() == ""
    assert one.stopped


@pytest.mark.parametrize("pieces", [["abcd"], ["abc", "d"], ["a", "b", "c", "d"]])
def test_the_stop_that_is_whole_first_wins(pieces: list[str]) -> None:
    assert assemble(pieces, ["bcd", "c"])[0] == "ab"


def test_an_empty_stop_text_is_none() -> None:
    assert assemble(["a"], [""]) == ("a", False, ["a", ""])
