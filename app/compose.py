"""The one place that constructs the program and wires its parts."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.glossary import Glossary
from app.lab.describe import Descriptions
from app.lab.launch import Launcher
from app.lab.services import Services
from app.library import Library
from app.paths import Paths
from app.store import Store
from engines import client

if TYPE_CHECKING:
    from pathlib import Path


@contextmanager
def services(paths: Paths | None = None) -> Iterator[Services]:
    """Open everything, and close it at the end."""
    paths = paths or Paths.default()
    client.sweep(paths.run)
    store = Store.open(paths)
    try:
        library = Library(paths)
        library.sweep()
        launcher = Launcher(paths, store, library, client.checkout())
        opened = Services(paths, store, library, launcher, Descriptions(launcher), Glossary.load(paths.resources))
        try:
            yield opened
        finally:
            opened.close()
    finally:
        store.close()


def window(theme: str | None = None) -> int:
    """Open the window; returns the exit code. The only way from the command line to Qt, with `shot`."""
    gc.disable()  # while it opens; then `app.ui.collector` takes over
    from app.ui.start import open_window  # noqa: PLC0415 - allowed here alone (ARCHITECTURE, dependency rules)

    return open_window(Paths.default(), services, theme)


def shot(page: str, out: Path, size: tuple[int, int], theme: str, demo: bool) -> tuple[int, int]:
    """Draw a page of the real window offscreen into a PNG; returns (width, height)."""
    from app.ui.shot import take_shot  # noqa: PLC0415 - allowed here alone

    with services() as parts:
        return take_shot(parts, page, out, size, theme, demo)
