"""The window's objects that are no widgets, made and ended in one order."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.ui.bridge import Bridge
from app.ui.state.chat import ChatState
from app.ui.state.kept import Kept
from app.ui.state.model import ModelState
from app.ui.state.ports import Services
from app.ui.state.settings import SettingsState
from engines.spec import EngineSpec, Task

if TYPE_CHECKING:
    from app.ui.state.compare import CompareState  # imported when it is first needed: the window opens without it


class Program:
    """Bridge and page states over the open services. `close` ends requests, then clients, then the bridge."""

    def __init__(self, services: Services, specs: Sequence[EngineSpec]) -> None:
        self.services = services
        self.kept = Kept(services.store)
        self.bridge = Bridge()
        self.model = ModelState(services, self.bridge, Task.CHAT, specs)
        self.chat = ChatState(services, self.bridge, self.model)
        self._compare: CompareState | None = None
        self.settings = SettingsState(services)
        self.model.refresh()
        self.chat.restore()

    @property
    def compare(self) -> CompareState:
        """The Compare page's state, made when it is first asked for."""
        if self._compare is None:
            module = importlib.import_module("app.ui.state.compare")
            self._compare = module.CompareState(self.services, self.bridge, self.model)
        return self._compare

    @property
    def comparing(self) -> bool:
        """True while a comparison runs, is replayed or is written to a file."""
        made = self._compare
        return made is not None and (made.busy or made.replay.playing or made.files.busy)

    @property
    def idle(self) -> bool:
        """True while nothing runs, loads or is being made, and nobody types."""
        chat = self.chat
        return not (
            self.comparing or chat.running or chat.waiting_for_load or chat.provision.busy or chat.typed_just_now
        )

    def close(self) -> None:
        """Requests, clients, bridge; the widgets go after this."""
        if self._compare is not None:
            self._compare.close()
        self.chat.close()
        self.model.close()
        self.bridge.close()
