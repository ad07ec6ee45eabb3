"""Thinking is told from the answer, however the text comes in pieces, and talk about the tags is left alone."""

from __future__ import annotations

import pytest

from app.ui.state.thinking import Parts, Splitter, split

TEXTS = {
    "<think>\nhm, 2+2\n</think>\n\nIt is 4.": Parts("hm, 2+2", "It is 4.", False),
    "\n <think>a</think>b": Parts("a", "b", False),
    "the template opened it\n</think>\nIt is 4.": Parts("the template opened it", "It is 4.", False),
    "<think>still at it": Parts("still at it", "", True),
    "<think>\n\n</think>\n\nShort.": Parts("", "Short.", False),
    "Plain words, 1 < 2.": Parts("", "Plain words, 1 < 2.", False),
    "The tag `</think>` ends it.": Parts("", "The tag `</think>` ends it.", False),
    "```\n</think>\n```": Parts("", "```\n</think>\n```", False),
    "Say <think> in the middle.": Parts("", "Say <think> in the middle.", False),
    "<think>a</think>b</think>c": Parts("a", "b</think>c", False),
    "<thi": Parts("", "<thi", False),
    "": Parts("", "", False),
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_a_whole_text_is_split(text: str) -> None:
    assert split(text) == TEXTS[text]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pieces_give_what_the_whole_gives(text: str, size: int) -> None:
    splitter, thought, answer = Splitter(), "", ""
    steps = [splitter.feed(text[i : i + size]) for i in range(0, len(text), size)]
    for step in (*steps, splitter.finish()):
        if step.moved:
            thought, answer = answer, ""
        thought, answer = thought + step.thought, answer + step.answer
    assert Parts(thought.strip(), answer.lstrip("\n"), splitter.open) == TEXTS[text]


def test_half_a_tag_is_held_back() -> None:
    splitter = Splitter()
    assert splitter.feed("<think>so</thi").thought == "so"
    assert splitter.feed("s").thought == "</this"


def test_nothing_is_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    original = Splitter._hold
    monkeypatch.setattr(Splitter, "_hold", lambda self, text: (seen.append(len(text)), original(self, text))[1])
    splitter = Splitter()
    for _ in range(5000):
        splitter.feed("word <")
    assert sum(seen) < 5000 * 16
