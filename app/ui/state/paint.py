"""How fast the window shows what the engine makes: characters on the screen against the window's own clock."""

from __future__ import annotations

from collections import deque

from app.ui.language import tr
from app.ui.state import words

LAST_S = 2.0
"""The live figure covers the last two seconds, as the engine's does."""


class PaintMeter:
    """Told of each paint of an answer that grows. Seconds are one clock's, of the window; it decides nothing."""

    def __init__(self) -> None:
        self._paints: deque[tuple[int, float]] = deque()
        self._first: tuple[int, float] | None = None
        self._ended: tuple[int, float] | None = None
        self.lag_s: float | None = None

    def begin(self) -> None:
        """Another answer begins."""
        self._paints.clear()
        self._first, self._ended, self.lag_s = None, None, None

    def painted(self, characters: int, at_s: float) -> None:
        """So many characters of the answer are visible now, in all."""
        if self._paints and characters <= self._paints[-1][0]:
            return  # the same text again, e.g. after a scroll
        self._paints.append((characters, at_s))
        self._first = self._first or (characters, at_s)
        while len(self._paints) > 2 and self._paints[1][1] < at_s - LAST_S:
            self._paints.popleft()
        self._settle()

    def finished(self, characters: int, at_s: float) -> None:
        """The answer's end arrived; it has so many characters."""
        self._ended = (characters, at_s)
        self._settle()

    def rate(self, characters_per_token: float) -> float | None:
        """Tokens painted a second: over the last two seconds while it grows, over the whole answer after its end."""
        if not self._paints or characters_per_token <= 0:
            return None
        start = self._paints[0] if self._ended is None else self._first
        end = self._paints[-1]
        if start is None or end[1] <= start[1]:
            return None
        return (end[0] - start[0]) / characters_per_token / (end[1] - start[1])

    def _settle(self) -> None:
        """The paint lag (METRICS): the paint of the last character after the arrival of the end; 0 if it was first."""
        if self.lag_s is None and self._ended is not None and self._paints and self._paints[-1][0] >= self._ended[0]:
            self.lag_s = max(0.0, self._paints[-1][1] - self._ended[1])


def diagnostics(engine: float | None, painted: float | None, lag_s: float | None) -> str:
    """ "engine 143.2, painted 143.2 tok/s · lag 4 ms"."""
    line = tr("engine {engine}, painted {painted} tok/s", engine=words.rate(engine), painted=words.rate(painted))
    return line if lag_s is None else tr("{line} · lag {lag}", line=line, lag=words.spoken(lag_s))
