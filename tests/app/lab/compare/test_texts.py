"""Texts side by side: the first token that differs, words aligned, a window around a place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lab.compare.texts import LONGEST, Span, aligned, around, first_character, first_difference, same_words


@pytest.mark.parametrize(
    ("a", "b", "at"),
    [((1, 2, 3), (1, 2, 3), None), ((1, 2, 3), (1, 9, 3), 2), ((1, 2), (1, 2, 3), 3), ((), (), None), ((4,), (), 1)],
)
def test_first_difference_counts_from_one(a: tuple[int, ...], b: tuple[int, ...], at: int | None) -> None:
    assert first_difference(a, b) == at
    assert first_difference(b, a) == at


def test_first_character_counts_from_zero() -> None:
    assert first_character("abc", "abd") == 2
    assert first_character("ab", "abd") == 2
    assert first_character("ab", "ab") is None


def test_words_that_both_have_are_the_same_however_they_are_spaced() -> None:
    spans = aligned("The cat sat on the mat.", "The old cat sat\non a mat.")
    assert spans == (
        Span("The ", True), Span("old ", False), Span("cat sat\non ", True), Span("a ", False), Span("mat.", True),
    )  # fmt: skip


@given(st.text(alphabet="ab .\n", max_size=40), st.text(alphabet="ab .\n", max_size=40))
def test_aligned_pieces_are_the_whole_text(reference: str, other: str) -> None:
    assert "".join(span.text for span in aligned(reference, other)) == other
    assert all(span.same for span in aligned(other, other))
    assert 0 <= same_words(reference, other) <= 1


def test_same_words_is_a_share_of_the_references() -> None:
    assert same_words("one two three four", "one three four five six") == 0.75
    assert same_words("one two", "three") == 0
    assert same_words("", "anything") == same_words("a b", "a  b\n") == 1
    assert same_words("one", "") == 0


def test_very_long_texts_are_aligned_up_to_where_they_part() -> None:
    start = "word " * LONGEST
    spans = aligned(start + "red " + start, start + "blue " + start)
    assert spans == (Span(start, True), Span("blue " + start, False))


def test_a_window_holds_two_lines_on_either_side() -> None:
    text = "\n".join(f"line {i}" for i in range(9))
    window = around(text, text.index("line 4"))
    assert window.text == "\n".join(f"line {i}" for i in range(2, 7))
    assert (window.before, window.after) == (True, True)
    first, last = around(text, 0), around(text, len(text))
    assert (first.text, first.before, first.after) == ("line 0\nline 1\nline 2", False, True)
    assert (last.text, last.before, last.after) == ("line 6\nline 7\nline 8", True, False)
    assert around("", 0).text == ""
