"""What commands, pages and the server are built on; `app.compose` constructs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.glossary import Glossary
from app.lab.describe import Descriptions
from app.lab.launch import Launcher
from app.lab.session import ModelSession
from app.library import Library
from app.paths import Paths
from app.store import Store


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
