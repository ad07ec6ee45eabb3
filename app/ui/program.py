"""The window's objects that are no widgets, made and ended in one order."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.ui.bridge import Bridge
from app.ui.state.chat import ChatState
from app.ui.state.kept import Kept
from app.ui.state.model import ModelState
from app.ui.state.picks import suiting
from app.ui.state.ports import Services
from app.ui.state.settings import SettingsState
from engines.spec import EngineSpec, Task

if TYPE_CHECKING:  # imported when they are first needed: the window opens without them
    from app.ui.state.compare import CompareState
    from app.ui.state.hub import HubState
    from app.ui.state.models import ModelsState
    from app.ui.state.servers import ServersState

DOWNLOADS = "downloads"  # in the home: `app.library.hub.downloads`


class Program:
    """Bridge and page states over the open services. `close` ends requests, then clients, then the bridge."""

    def __init__(self, services: Services, specs: Sequence[EngineSpec]) -> None:
        self.services = services
        self.kept = Kept(services.store)
        self.bridge = Bridge()
        self.model = ModelState(services, self.bridge, Task.CHAT, specs)
        self.chat = ChatState(services, self.bridge, self.model)
        self._compare: CompareState | None = None
        self._models: ModelsState | None = None
        self._hub: HubState | None = None
        self._servers: ServersState | None = None
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
    def models(self) -> ModelsState:
        """The Models page's state, made when it is first asked for."""
        if self._models is None:
            module = importlib.import_module("app.ui.state.models")
            self._models = made = module.ModelsState(self.services, self.bridge)
            made.library_changed.connect(self._library_changed)
        return self._models

    @property
    def hub(self) -> HubState:
        """The state of search and downloads, made when it is first asked for; unfinished downloads go on then."""
        if self._hub is None:
            module = importlib.import_module("app.ui.state.hub")
            self._hub = made = module.HubState(self.services, self.bridge)
            made.library_changed.connect(self._library_changed)
        return self._hub

    def talk_to(self, model: str, variant: str) -> None:
        """Choose a model for the Chat page, in an engine that loads it."""
        state = self.model
        state.refresh()
        state.choose_model(model)
        wanted = [v for v in state.siblings if v.variant == variant]
        loads = state.spec is not None and any(v.format in state.spec.formats for v in wanted)
        if not loads and (found := suiting(state.specs, wanted)) is not None:
            state.choose_engine(found.id)
        state.choose_variant(variant)

    def _library_changed(self) -> None:
        """One page added, made, fetched or removed something: the others read the library again."""
        self.model.refresh()
        for state in (self._models, self._hub):
            if state is not None:
                state.refresh()

    def go_on_downloading(self) -> None:
        """What was being fetched when the program ended goes on; without any, nothing is imported."""
        folder = self.services.paths.home / DOWNLOADS
        if folder.is_dir() and any(folder.iterdir()):
            _ = self.hub

    @property
    def servers(self) -> ServersState:
        """The Servers page's state, made when it is first asked for."""
        if self._servers is None:
            module = importlib.import_module("app.ui.state.servers")
            self._servers = made = module.ServersState(self.services, self.bridge)
            made.served_changed.connect(self._library_changed)
        return self._servers

    @property
    def comparing(self) -> bool:
        """True while a comparison runs, is replayed or is written to a file."""
        made = self._compare
        return made is not None and (made.busy or made.replay.playing or made.files.busy)

    @property
    def idle(self) -> bool:
        """True while nothing runs, loads or is being made, and nobody types."""
        chat = self.chat
        doing = self._models is not None and self._models.doing.busy
        doing = doing or (self._servers is not None and self._servers.busy)
        return not (
            doing
            or self.comparing
            or chat.running
            or chat.waiting_for_load
            or chat.provision.busy
            or chat.typed_just_now
        )

    def close(self) -> None:
        """Requests, clients, bridge; the widgets go after this."""
        for state in (self._compare, self._models, self._hub, self._servers):
            if state is not None:
                state.close()
        self.chat.close()
        self.model.close()
        self.bridge.close()
