"""Python's cyclic collector, run by the GUI thread alone: a reader thread that collected could free a QObject."""

from __future__ import annotations

import gc
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

INTERVAL_MS = 1000
FULL_EVERY = 20  # young generations each second, the old one at most every 20 s, and only when nothing happens


class Collector(QObject):
    """Takes over from the automatic collector between `start` and `stop`."""

    def __init__(self, idle: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._idle = idle
        self._ticks = 0
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self.tick)

    def start(self) -> None:
        """Disable the automatic collector; what exists now is never looked at again."""
        gc.disable()
        gc.collect()
        gc.freeze()
        self._timer.start()

    def stop(self) -> None:
        """Hand back to the automatic collector."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()

    def tick(self) -> None:
        """Collect what is due now."""
        self._ticks += 1
        if self._ticks >= FULL_EVERY and self._idle():
            self._ticks = 0
            gc.collect()
        else:
            gc.collect(1)
