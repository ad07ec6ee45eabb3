"""The replay of a result: where it is, how fast it goes. Position comes from a clock, never from counted ticks."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.lab.compare.replay import WORDS, LaneMoment, Timeline, timeline, words
from app.lab.compare.result import Result

TICK_MS = 8
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0)
REST_S = 1.0
"""A loop stands at its end for so long, so that the end can be seen."""


class ReplayState(QObject):
    """`moved(t)` while it plays and after each jump; `changed` when what can be done changes. Times are seconds."""

    moved = Signal(float)
    changed = Signal()

    def __init__(self, parent: QObject | None = None, clock: Callable[[], float] = time.perf_counter) -> None:
        super().__init__(parent)
        self._clock = clock
        self._timeline = Timeline([])
        self._words = WORDS
        self._t = 0.0
        self._speed, self._loop = 1.0, False
        self._from_t, self._from_clock = 0.0, 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self.tick)

    @property
    def t(self) -> float:
        """Where it is, 0 to `length_s`."""
        return self._t

    @property
    def length_s(self) -> float:
        """How long the slowest lane took."""
        return self._timeline.length_s

    @property
    def playing(self) -> bool:
        """True while time runs."""
        return self._timer.isActive()

    @property
    def speed(self) -> float:
        """Recorded seconds a second."""
        return self._speed

    @property
    def loop(self) -> bool:
        """True if it begins again after its end."""
        return self._loop

    @property
    def empty(self) -> bool:
        """True if nothing was recorded."""
        return self.length_s <= 0

    @property
    def words(self) -> str:
        """What it is a replay of."""
        return self._words

    @property
    def timeline(self) -> Timeline:
        """What is played."""
        return self._timeline

    def moments(self) -> tuple[LaneMoment, ...]:
        """Every lane at `t`."""
        return self._timeline.at(self._t)

    def load(self, result: Result | None) -> None:
        """Take the recorded answers of `result`, or nothing, and stand at 0."""
        self._timer.stop()
        self._timeline = timeline(result) if result is not None else Timeline([])
        self._words = words(result) if result is not None else WORDS
        self._place(0.0)
        self.changed.emit()
        self.moved.emit(self._t)

    def play(self) -> None:
        """Go on from where it is; from the beginning if it is at the end."""
        if self.empty or self.playing:
            return
        self._place(0.0 if self._t >= self.length_s else self._t)
        self._timer.start()
        self.changed.emit()
        self.moved.emit(self._t)

    def pause(self) -> None:
        """Stand still."""
        if self.playing:
            self.tick()
            self._timer.stop()
            self.changed.emit()

    def toggle(self) -> None:
        """Play or pause."""
        if self.playing:
            self.pause()
        else:
            self.play()

    def seek(self, t: float) -> None:
        """Jump; whether it plays stays as it is."""
        self._place(min(max(0.0, t), self.length_s))
        self.moved.emit(self._t)

    def set_speed(self, speed: float) -> None:
        """One of SPEEDS. Raises ValueError for another."""
        if speed not in SPEEDS:
            raise ValueError(f"{speed} is not one of {SPEEDS}")
        self._place(self._position())
        self._speed = speed
        self.changed.emit()

    def set_loop(self, on: bool) -> None:
        """Begin again after the end."""
        self._place(self._position())
        self._loop = on
        self.changed.emit()

    def close(self) -> None:
        """Stop for good, at shutdown."""
        self._timer.stop()
        self._timeline = Timeline([])
        self._place(0.0)

    def tick(self) -> None:
        """Move to where the clock says; the timer's call."""
        if not self.playing:
            return
        t = self._position()
        ended = t >= self.length_s and not self._loop
        self._t = min(t, self.length_s)
        if ended:
            self._timer.stop()
        self.moved.emit(self._t)
        if ended:
            self.changed.emit()

    def _position(self) -> float:
        """Where the clock says it is; beyond the end while a loop rests there."""
        if not self.playing:
            return self._t
        t = self._from_t + (self._clock() - self._from_clock) * self._speed
        return t % (self.length_s + REST_S * self._speed) if self._loop else t

    def _place(self, t: float) -> None:
        self._from_t, self._from_clock = t, self._clock()
        self._t = min(t, self.length_s)
