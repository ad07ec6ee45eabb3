"""How fast a download is just now: over the last five seconds."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 5.0
STEP_S = 0.2


class Pace:
    """Feed it the bytes that are there; a step back (a file begun anew) starts it over."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def saw(self, done: int) -> None:
        now = self._clock()
        if self._seen and done < self._seen[-1][1]:
            self._seen.clear()
        if len(self._seen) < 2 or now - self._seen[-2][0] >= STEP_S:
            self._seen.append((now, done))
        else:
            self._seen[-1] = (now, done)
        while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW_S:
            self._seen.popleft()

    def reset(self) -> None:
        self._seen.clear()

    @property
    def rate(self) -> float | None:
        """Bytes a second; None before two looks."""
        if len(self._seen) < 2:
            return None
        (start, before), (_, after) = self._seen[0], self._seen[-1]
        spent = self._clock() - start
        return max(0.0, (after - before) / spent) if spent >= STEP_S else None
