"""Draws a page of the real window into a picture: the function that `app.compose` hands out as `shot`."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path

from PySide6.QtCore import QMessageLogContext, QSize, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication, QWidget

from app.errors import TandemError
from app.ui import demo_services
from app.ui import theme as themes
from app.ui.pages.table import PAGES, entry
from app.ui.program import Program
from app.ui.start import application, end, mode
from app.ui.state.ports import Services
from app.ui.window import MainWindow
from engines import registry
from engines.spec import Task


def take_shot(
    services: Services, page: str, out: Path, size: tuple[int, int], theme: str, demo: bool
) -> tuple[int, int]:
    """Draw `page` of the real window into a PNG, without a display. Returns (width, height) in pixels.

    Raises TandemError `not_built` for a page that is to come, `no_demo`, `cannot_write`.
    """
    found = entry(page)
    if found is None or found.coming:
        built = ", ".join(e.id for e in PAGES if not e.coming)
        raise TandemError("not_built", f"The page “{page}” is not built yet.", f"Pages: {built}.")
    if QApplication.instance() is None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    app = application()
    with contextlib.ExitStack() as stack:
        before = qInstallMessageHandler(_all_but_hints)
        stack.callback(qInstallMessageHandler, before)
        shown = stack.enter_context(demo_services.replayed(services)) if demo else services
        program = Program(shown, registry.visible(Task.CHAT))
        stack.callback(program.close)
        window = MainWindow(themes.install(app, mode(theme)), program)
        stack.callback(end, window)
        window.resize(QSize(*size))
        window.show_page(found.id)
        program.model.learn()
        window.show()
        if demo and found.demo:
            module, function = found.demo.split(":")
            getattr(importlib.import_module(module), function)(program)
        return _grab(app, window, window.page(found.id), out)


def _all_but_hints(_kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
    """Qt's own messages on stderr, but not what the offscreen platform says of every window with a least size."""
    if "propagateSizeHints" not in message:
        print(message, file=sys.stderr)


def _grab(app: QApplication, window: MainWindow, page: QWidget, out: Path) -> tuple[int, int]:
    """page: what it has to do before it is looked at, it does in `settle`."""
    for _ in range(3):  # layouts that depend on one another settle in turns
        app.processEvents()
    settle = getattr(page, "settle", None)
    if settle is not None:
        settle()
    app.processEvents()
    picture = window.grab()
    out.parent.mkdir(parents=True, exist_ok=True)
    if not picture.save(str(out), "PNG"):
        raise TandemError("cannot_write", f"{out} could not be written.", "Choose another place with --out.")
    return picture.width(), picture.height()
