"""Client queues → Qt, once a frame.

Reader threads hold `Wake`, a plain callable around one end of a socket pair, and never a QObject:
Python's collector may free an object on any thread, and a QObject must die on its own.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Slot

FRAME_MS = 16

Drain = Callable[[], None]


class Wake:
    """Call it from any thread: the bridge drains every queue within one frame. Harmless after `close`."""

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)
        self._lock = threading.Lock()
        self._pending = False

    def __call__(self) -> None:
        with self._lock:
            if self._pending:
                return
            self._pending = True
            with contextlib.suppress(OSError):
                self._far.send(b"\0")

    def descriptor(self) -> int:
        """What the GUI thread's event loop waits on."""
        return self._near.fileno()

    def clear(self) -> None:
        """Take the wake-ups so far; a later call wakes again."""
        with self._lock:
            self._pending = False
            with contextlib.suppress(OSError):
                self._near.recv(64)

    def close(self) -> None:
        """Let go of the sockets; calls after this do nothing."""
        with self._lock:
            self._pending = True
            self._near.close()
            self._far.close()


class Bridge(QObject):
    """Drains the sessions' queues in the GUI thread: one single-shot timer a wake-up, never a poll."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.notify = Wake()
        self._drains: list[Drain] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._drain)
        self._watch = QSocketNotifier(self.notify.descriptor(), QSocketNotifier.Type.Read, self)
        self._watch.activated.connect(self._woken)

    def add(self, drain: Drain) -> None:
        """Have `drain` called after every wake-up, until `remove`."""
        self._drains.append(drain)

    def remove(self, drain: Drain) -> None:
        """Forget `drain`; unknown ones are fine."""
        if drain in self._drains:
            self._drains.remove(drain)

    def close(self) -> None:
        """Stop listening. Clients are closed before this."""
        self._timer.stop()
        self._watch.setEnabled(False)
        self._drains.clear()
        self.notify.close()

    @Slot()
    def _woken(self) -> None:
        self.notify.clear()
        if not self._timer.isActive():
            self._timer.start()

    @Slot()
    def _drain(self) -> None:
        with contextlib.ExitStack() as stack:
            for drain in list(self._drains):
                stack.callback(drain)  # every queue is drained, also when one of them raises
