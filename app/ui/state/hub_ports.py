"""What the window needs of the hub and its downloads, as types: `app.library.hub` is imported by whoever opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from app.library import Library
from app.paths import Paths
from app.store import Store

if TYPE_CHECKING:
    from app.library.hub import Downloads, Hub


class HubServices(Protocol):
    """The services that the hub's view is built on. The hub's own calls block: they are for jobs only."""

    @property
    def paths(self) -> Paths: ...
    @property
    def store(self) -> Store: ...
    @property
    def library(self) -> Library: ...
    @property
    def hub(self) -> Hub: ...
    @property
    def downloads(self) -> Downloads: ...
