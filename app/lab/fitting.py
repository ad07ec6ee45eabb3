"""What of a conversation a model is given when not all of it fits its context.

A step machine without clocks or threads: `ask` says what should be counted next, `take` is told how many tokens that
was, and in the end `result` is what fits. Every way needs at most twelve counts or so, as each may cost a moment.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence

import msgspec

from engines.protocol import Message

COUNTS = 12  # of cutting one message
GAP = "\n\n[…]\n\n"
CLOSE = 0.97  # a cut that fills so much of the budget is good enough

Steps = Iterator[tuple[Message, ...]]


class Policy(enum.StrEnum):
    """What gives way: nothing (stop and say so), the oldest turns, or the middle."""

    STOP = "stop"
    ROLL = "roll"
    MIDDLE = "middle"


class Fitting:
    """Feed it counts until `ask` is None. budget: tokens that the prompt may have, the answer's already taken off.

    The system message and the last question with what follows it are always kept; MIDDLE may cut the middle of that
    question's text. `result` None at the end: it cannot be made to fit this way. `tokens`: of `result`, or of the
    smallest that was tried. `needed`: of all messages as they are.
    """

    def __init__(self, messages: tuple[Message, ...], budget: int, policy: Policy) -> None:
        self.budget, self.policy = budget, policy
        self._messages = messages
        self._head, self._turns = _split(messages)
        self.ask: tuple[Message, ...] | None = messages
        self.result: tuple[Message, ...] | None = None
        self.dropped = ""
        self.needed = 0
        self.tokens = 0
        self._steps = self._run()
        next(self._steps)

    def take(self, n_tokens: int) -> None:
        """The answer to `ask`."""
        if self.ask is None:
            return
        self._last = n_tokens
        try:
            self.ask = next(self._steps)
        except StopIteration:
            self.ask = None

    def _run(self) -> Steps:
        yield self._messages
        self.needed = self.tokens = self._last
        if self._last <= self.budget:
            self._settle(self._messages, self._last, "")
        elif self.policy is Policy.ROLL:
            yield from self._drop(0, len(self._turns) - 1)
        elif self.policy is Policy.MIDDLE:
            yield from self._middle()

    def _middle(self) -> Steps:
        """First the turns between the first and the last, then the first as well, then the last question's middle."""
        last = len(self._turns) - 1
        if last > 1:
            yield from self._drop(1, last)
        if self.result is None and last > 0:
            yield from self._drop(0, last)
        if self.result is None and self._turns:
            yield from self._cut()

    def _drop(self, first: int, end: int) -> Steps:
        """Leave out as few turns as fit, from `first` on: halving, as fewer turns never have more tokens."""
        fits: tuple[tuple[Message, ...], int, int] | None = None
        low, high = 1, end - first  # how many turns go
        while low <= high:
            gone = high if fits is None and low == 1 else (low + high) // 2
            tried = self._without(first, first + gone)
            yield tried
            self.tokens = self._last
            if self._last <= self.budget:
                fits, high = (tried, self._last, gone), gone - 1
            elif fits is None and low == 1:
                return  # not even with all of them gone
            else:
                low = gone + 1
        if fits is not None:
            self._settle(fits[0], fits[1], _turns(fits[2]))

    def _cut(self) -> Steps:
        """Only the last turn, and of its question as much of beginning and end as fits."""
        question, *rest = self._turns[-1]
        best: tuple[tuple[Message, ...], int] | None = None
        search = _Search(len(question.content), self.budget, self.tokens)
        for attempt in range(COUNTS):
            keep = 0 if best is None and attempt == COUNTS - 1 else search.guess
            cut, left_out = middle_cut(question.content, keep)
            tried = (*self._head, msgspec.structs.replace(question, content=cut), *rest)
            yield tried
            self.tokens = self._last
            if self._last <= self.budget:
                best = (tried, self._last)
                words = (
                    f"The middle of your message was left out: {left_out:,} of {len(question.content):,} characters."
                )
            if search.learn(keep, self._last):
                break
        if best is not None:
            gone = len(self._turns) - 1
            self._settle(*best, f"{words} {_turns(gone)}" if gone else words)

    def _without(self, first: int, end: int) -> tuple[Message, ...]:
        kept = [*self._turns[:first], *self._turns[end:]]
        return (*self._head, *(message for turn in kept for message in turn))

    def _settle(self, messages: tuple[Message, ...], tokens: int, words: str) -> None:
        self.result, self.tokens, self.dropped = messages, tokens, words


class _Search:
    """How many characters to keep: by the tokens that a character had so far, and by halving where that misleads."""

    def __init__(self, length: int, budget: int, tokens: int) -> None:
        self._budget, self._low, self._high, self._tries = budget, 0, length, 0
        self.guess = self._between(int(length * budget / max(1, tokens) * CLOSE))

    def learn(self, kept: int, tokens: int) -> bool:
        """True if it is good enough, or over."""
        self._tries += 1
        if tokens <= self._budget:
            self._low = kept
        else:
            self._high = max(0, kept - 1)
        by_rate = int(kept * self._budget / max(1, tokens) * (1 + CLOSE) / 2)
        self.guess = self._between((self._low + self._high + 1) // 2 if self._tries % 3 == 0 else by_rate)
        return self._budget * CLOSE <= tokens <= self._budget or kept == 0 or self._low >= self._high

    def _between(self, keep: int) -> int:
        return min(max(keep, self._low), self._high)


def middle_cut(text: str, keep: int) -> tuple[str, int]:
    """`text` with about `keep` characters of beginning and end, cut between words; and how many were left out."""
    if keep >= len(text):
        return text, 0
    head = _word_end(text, keep // 2)
    tail = _word_start(text, len(text) - (keep - keep // 2))
    return f"{text[:head].rstrip()}{GAP}{text[tail:].lstrip()}".strip(), tail - head


def _word_end(text: str, at: int, reach: int = 40) -> int:
    """The last place before `at` where a word ends; `at` itself where words are longer than `reach`."""
    for place in range(at, max(0, at - reach), -1):
        if text[place : place + 1].isspace():
            return place
    return at


def _word_start(text: str, at: int, reach: int = 40) -> int:
    for place in range(at, min(len(text), at + reach)):
        if text[place - 1 : place].isspace():
            return place
    return at


def _split(messages: Sequence[Message]) -> tuple[tuple[Message, ...], list[tuple[Message, ...]]]:
    """(what stands before the first question, turns): a turn is a question and what follows up to the next."""
    starts = [index for index, message in enumerate(messages) if message.role == "user"]
    if not starts:
        return tuple(messages), []
    ends = [*starts[1:], len(messages)]
    return tuple(messages[: starts[0]]), [tuple(messages[a:b]) for a, b in zip(starts, ends, strict=True)]


def _turns(count: int) -> str:
    if count == 1:
        return "1 earlier question with its answer was left out."
    return f"{count:,} earlier questions with their answers were left out."
