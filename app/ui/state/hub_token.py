"""The hub's token as the window shows it: whether there is one and where it is kept; never the token itself."""

from __future__ import annotations

import os
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state.background import Report
from app.ui.state.hub_newest import Newest
from app.ui.state.ports import Services
from engines.errors import EngineError

VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""The hub's own names for a token in the environment, which comes before a kept one."""


class HubToken(QObject):
    """`changed` when the words are others. A keyring may ask its owner for a password: it is reached from a thread."""

    changed = Signal()

    def __init__(self, services: Services, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self.there: bool | None = None  # None: not looked yet
        self.kept = False  # what is set now outlives the program
        self.error = ""
        self._newest = Newest("hub token", bridge, self)
        self._newest.answered.connect(self._answered)
        self._newest.failed.connect(self._failed)
        self._newest.changed.connect(self.changed)

    @property
    def busy(self) -> bool:
        """True while the keyring is asked."""
        return self._newest.busy

    @property
    def words(self) -> str:
        """Whether there is a token, and where it is or would be kept."""
        if self.there is None:
            return tr("Looking into the system's keyring…")
        if self.error:
            return self.error
        if self.given:
            return tr("A token is set by {name}; it comes before any other.", name=self.given)
        if self.there and self.kept:
            return tr("A token is set. It is kept in the system's keyring.")
        if self.there:
            return tr("A token is set. It is kept until Tandem closes: this system has no keyring.")
        if self.kept:
            return tr("There is no token. It would be kept in the system's keyring.")
        return tr("There is no token. It would be kept until Tandem closes: this system has no keyring.")

    @property
    def given(self) -> str:
        """The environment's variable that holds a token, or ""."""
        return next((name for name in VARIABLES if os.environ.get(name, "").strip()), "")

    @property
    def can_forget(self) -> bool:
        """True if there is one that is ours to delete."""
        return bool(self.there) and not self.given

    def look(self) -> None:
        """See whether there is one."""
        self._ask(lambda: None)

    def set(self, text: str) -> None:
        """Keep this one."""
        text = text.strip()
        if text:
            self._ask(lambda: self._services.hub.set_token(text))

    def forget(self) -> None:
        """Delete it."""
        self._ask(self._services.hub.forget_token)

    def close(self) -> None:
        """At shutdown."""
        self._newest.close()

    def _ask(self, first: Callable[[], object]) -> None:
        services = self._services

        def work(_report: Report, _cancelled: Callable[[], bool]) -> object:
            kept = first()
            there = bool(services.hub.token())
            return there, kept if isinstance(kept, bool) else services.library.secrets.kept

        self.error = ""
        self._newest.ask(work)

    def _answered(self, found: object) -> None:
        if isinstance(found, tuple):
            self.there, self.kept = found

    def _failed(self, error: object) -> None:
        self.there = self.there or False
        if isinstance(error, TandemError | EngineError):
            self.error = f"{error.message} {error.hint}".strip()
