"""An answer's thinking apart from the answer: `<think>…</think>` at its start, also where the template opened it."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

OPEN, CLOSE = "<think>", "</think>"

_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_QUOTES = ("`", '"', "'", "“", "‘")


@dataclass(frozen=True, slots=True)
class Parts:
    """thought: "" where there is none. open: the thinking has not ended."""

    thought: str
    answer: str
    open: bool


@dataclass(frozen=True, slots=True)
class Grown:
    """What a delta added to each part. moved: all that was given as the answer before belongs to the thought."""

    thought: str = ""
    answer: str = ""
    moved: bool = False


class _State(enum.Enum):
    START = "start"  # nothing but white space, or the beginning of a tag
    THINKING = "thinking"
    ANSWER = "answer"  # a closing tag may still come, from a template that wrote the opening one
    SETTLED = "settled"  # no tag matters any more


class Splitter:
    """Feed it deltas: linear over all calls. A tag that is not whole yet is held back."""

    def __init__(self) -> None:
        self._state = _State.START
        self._held = ""
        self._said: list[str] = []  # the answer so far, as long as it may turn out to be the thought

    @property
    def open(self) -> bool:
        """True between the opening tag and the closing one."""
        return self._state is _State.THINKING

    @property
    def settled(self) -> bool:
        """True once a closing tag has come."""
        return self._state is _State.SETTLED

    def feed(self, delta: str) -> Grown:
        """Take text in; what of it can be shown."""
        text, self._held = self._held + delta, ""
        return _STEPS[self._state](self, text)

    def finish(self) -> Grown:
        """No more text: what was held back is text after all."""
        held, self._held = self._held, ""
        return Grown(thought=held) if self.open else Grown(answer=held)

    def _start(self, text: str) -> Grown:
        word = text.lstrip()
        if word.startswith(OPEN):
            self._state = _State.THINKING
            return self._think(word[len(OPEN) :])
        if OPEN.startswith(word):
            self._held = text
            return Grown()
        self._state = _State.ANSWER
        return self._answer(text)

    def _think(self, text: str) -> Grown:
        at = text.find(CLOSE)
        if at >= 0:
            self._state = _State.SETTLED
            return Grown(text[:at], text[at + len(CLOSE) :])
        return Grown(thought=self._hold(text))

    def _answer(self, text: str) -> Grown:
        at = text.find(CLOSE)
        if at < 0:
            shown = self._hold(text)
            self._said.append(shown)
            return Grown(answer=shown)
        self._state = _State.SETTLED
        said, self._said = "".join([*self._said, text[:at]]), []
        if said.endswith(_QUOTES) or len(_FENCE.findall(said)) % 2:
            return Grown(answer=text)  # the text is about the tag
        return Grown(text[:at], text[at + len(CLOSE) :], moved=True)

    def _settled(self, text: str) -> Grown:
        return Grown(answer=text)

    def _hold(self, text: str) -> str:
        """`text` without an end that may yet become the closing tag; that is kept for the next call."""
        at = text.rfind("<", max(0, len(text) - len(CLOSE) + 1))
        if at >= 0 and CLOSE.startswith(text[at:]):
            self._held = text[at:]
            return text[:at]
        return text


_STEPS = {
    _State.START: Splitter._start,
    _State.THINKING: Splitter._think,
    _State.ANSWER: Splitter._answer,
    _State.SETTLED: Splitter._settled,
}


def split(text: str) -> Parts:
    """The parts of a text that is whole, or of one as it stands now."""
    splitter = Splitter()
    first, last = splitter.feed(text), splitter.finish()
    return Parts((first.thought + last.thought).strip(), (first.answer + last.answer).lstrip("\n"), splitter.open)
