"""What commands, pages and the server are built on; `app.compose` constructs it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from app.glossary import Glossary
from app.lab.describe import Descriptions
from app.lab.launch import Launcher
from app.lab.session import ModelSession
from app.library import Library
from app.paths import Paths
from app.store import Store

if TYPE_CHECKING:
    from app.lab.compare.events import Watcher
    from app.lab.compare.plan import Mode, Plan
    from app.lab.compare.result import Result
    from app.library.hub import Downloads, Hub


@dataclass(frozen=True)
class Services:
    """The parts of an open program."""

    paths: Paths
    store: Store
    library: Library
    launcher: Launcher
    descriptions: Descriptions
    glossary: Glossary

    @cached_property
    def hub(self) -> Hub:
        """The model hub, asked for when it is first needed: nothing of it is imported before."""
        made: Hub = importlib.import_module("app.library.hub").Hub(self.paths, self.library.secrets)
        return made

    @cached_property
    def downloads(self) -> Downloads:
        """What is being fetched. Made by whoever fetches or shows it: from then on unfinished ones go on."""
        made: Downloads = importlib.import_module("app.library.hub").Downloads(self.library, self.paths, self.hub)
        return made

    def close(self) -> None:
        """End what was begun here: downloads stop and go on next time."""
        begun = self.__dict__.get("downloads")
        if begun is not None:
            begun.close()

    def new_session(self, notify: Callable[[], None] = lambda: None) -> ModelSession:
        """A session with nothing loaded; `notify` is called from a reader thread."""
        return ModelSession(self.launcher, notify)

    def compare(self, plan: Plan, mode: Mode, watcher: Watcher, resume: Result | None = None) -> Result:
        """Carry a comparison out; see `app.lab.compare.room`. Blocks: call it from a thread of its own in the window.

        The room is imported here, when the first comparison begins: the window opens without it.
        """
        room = importlib.import_module("app.lab.compare.room")
        found: Result = room.compare(room.Tools(self.launcher, self.descriptions), plan, mode, watcher, resume)
        return found
