"""Watches one server: a session of its own, whose beats bring the server's figures. Sends no request."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.lab.session import Failure, SessionState
from app.library import Variant
from app.ui.bridge import Bridge
from app.ui.state.ports import Services, Session
from app.ui.state.server_gauges import Gauges
from engines.knobs import Scope, defaults
from engines.protocol import Beat
from engines.spec import EngineSpec


class Watching(QObject):
    """`changed` as it begins, connects, fails or ends; `figures_changed` with each beat."""

    changed = Signal()
    figures_changed = Signal()

    def __init__(self, services: Services, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services, self._bridge = services, bridge
        self._session: Session | None = None
        self._refused: Failure | None = None
        self._told = SessionState.EMPTY  # the phase that `changed` told of last
        self.server = ""  # the id of the one that is watched, or was last
        self.gauges = Gauges()

    @property
    def phase(self) -> SessionState:
        """FAILED also where it could not begin."""
        if self._refused is not None:
            return SessionState.FAILED
        return SessionState.EMPTY if self._session is None else self._session.state

    @property
    def failure(self) -> Failure | None:
        """Why it ended."""
        if self._refused is not None:
            return self._refused
        failed = self._session is not None and self.phase is SessionState.FAILED
        return self._session.failure if failed and self._session is not None else None

    def watching(self, server: str) -> bool:
        """True while that server is watched, or being connected to."""
        return self.server == server and self.phase in (
            SessionState.LOADING, SessionState.READY, SessionState.RUNNING, SessionState.UNRESPONSIVE
        )  # fmt: skip

    def start(self, server: str, variant: Variant, spec: EngineSpec) -> None:
        """Connect to `variant`'s server; another one is let go first."""
        self.stop()
        self.server, self.gauges = server, Gauges()
        session = self._services.new_session(self._bridge.notify)
        self._session = session
        self._bridge.add(self.poll)
        try:
            session.load(variant, spec, defaults(k for k in spec.knobs if k.scope is Scope.LOAD))
        except TandemError as error:
            self._end()
            self._refused = Failure(error.code, error.message, error.hint)
        self._told = self.phase
        self.changed.emit()

    def stop(self) -> None:
        """Let go."""
        had = self._session is not None or self._refused is not None
        self._end()
        if had:
            self.changed.emit()

    def close(self) -> None:
        """At shutdown."""
        self._end()

    def poll(self) -> None:
        """Take what the session said; the bridge calls this."""
        session = self._session
        if session is None:
            return
        beats = self.gauges.beats
        for event in session.poll():
            if isinstance(event, Beat) and session.loaded is not None:
                self.gauges.take(event.sample)
        if session.state is SessionState.FAILED:
            failure = session.failure
            self._end()
            self._refused = failure
        if self.phase is not self._told:
            self._told = self.phase
            self.changed.emit()
        if self.gauges.beats != beats:
            self.figures_changed.emit()

    def _end(self) -> None:
        self._refused = None
        if self._session is not None:
            self._bridge.remove(self.poll)
            self._session.close()
            self._session = None
