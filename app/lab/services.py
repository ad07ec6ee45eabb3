"""What commands, pages and the server are built on; `app.compose` constructs it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Services:
    """The parts of an open program."""

    paths: Paths
    store: Store
    library: Library
    launcher: Launcher
    descriptions: Descriptions
    glossary: Glossary

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
