"""Starts workers: which runtime, in which folder, with which lock on the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.lab.errors import translated
from app.library import Library
from app.paths import Paths
from app.store import Store
from engines import client


@dataclass(frozen=True, slots=True)
class Launcher:
    """What a session needs of the program."""

    paths: Paths
    store: Store
    library: Library
    runtime: client.Runtime
    patience: client.Patience | None = None

    def worker(self, notify: Callable[[], None] = lambda: None) -> client.Session:
        """A fresh worker. Raises TandemError `no_runtime`."""
        with translated():
            return client.Session(self.runtime, self.paths.run, notify, self.patience)
