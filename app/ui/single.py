"""One window a home: the second one asks the first to come to the front, and ends."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QLocalServer, QLocalSocket

ANSWER_MS = 1000
RAISE = b"raise\n"


def server_name(home: Path) -> str:
    """The socket's name for a home folder: short, because socket paths are."""
    return "tandem-" + hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:20]


def raise_first(home: Path) -> bool:
    """Ask a window that has this home to come forward; False if there is none (a dead one's socket does not count)."""
    socket = QLocalSocket()
    socket.connectToServer(server_name(home))
    if not socket.waitForConnected(ANSWER_MS):
        return False
    socket.write(RAISE)
    sent = socket.waitForBytesWritten(ANSWER_MS)
    socket.disconnectFromServer()
    return sent


class FirstWindow(QObject):
    """Listens for later starts; `on_raise` runs in the GUI thread."""

    def __init__(self, home: Path, on_raise: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._on_raise = on_raise
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._connected)
        name = server_name(home)
        if not self._server.listen(name):
            QLocalServer.removeServer(name)  # left behind by a window that was killed
            self._server.listen(name)

    @property
    def listening(self) -> bool:
        """False if another window took the name at the same moment."""
        return self._server.isListening()

    def close(self) -> None:
        """Stop listening; the socket is gone."""
        self._server.close()

    def _connected(self) -> None:
        connection = self._server.nextPendingConnection()
        if connection is not None:
            connection.disconnected.connect(connection.deleteLater)
            self._on_raise()
