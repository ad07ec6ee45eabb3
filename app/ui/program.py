"""The window's objects that are no widgets, made and ended in one order."""

from __future__ import annotations

from collections.abc import Sequence

from app.ui.bridge import Bridge
from app.ui.state.chat import ChatState
from app.ui.state.kept import Kept
from app.ui.state.model import ModelState
from app.ui.state.ports import Services
from app.ui.state.settings import SettingsState
from engines.spec import EngineSpec, Task


class Program:
    """Bridge and page states over the open services. `close` ends requests, then clients, then the bridge."""

    def __init__(self, services: Services, specs: Sequence[EngineSpec]) -> None:
        self.services = services
        self.kept = Kept(services.store)
        self.bridge = Bridge()
        self.model = ModelState(services, self.bridge, Task.CHAT, specs)
        self.chat = ChatState(services, self.bridge, self.model)
        self.settings = SettingsState(services)
        self.model.refresh()
        self.chat.restore()

    @property
    def idle(self) -> bool:
        """True while nothing runs, loads or is being made, and nobody types."""
        chat = self.chat
        return not (chat.running or chat.waiting_for_load or chat.provision.busy or chat.typed_just_now)

    def close(self) -> None:
        """Requests, clients, bridge; the widgets go after this."""
        self.chat.close()
        self.model.close()
        self.bridge.close()
