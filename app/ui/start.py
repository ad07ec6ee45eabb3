"""Opens the window: the function that `app.compose` hands out as `window`."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtWidgets import QApplication

from app.errors import TandemError
from app.locks import FileLock
from app.paths import Paths
from app.ui import recovery
from app.ui import theme as themes
from app.ui.collector import Collector
from app.ui.program import Program
from app.ui.single import FirstWindow, raise_first
from app.ui.state.ports import Services
from app.ui.window import MainWindow
from engines import registry
from engines.spec import Task

HANDOVER_S = 3.0
LEARN_MS = 150  # after the window shows: what is known of the engines is read
LOOK_MS = 1500  # after the window shows: the first time, models of other programs are looked for
ASK_ENGINES_MS = 2500  # after the window shows: then the engines are asked what they can do here

OpenServices = Callable[[Paths], AbstractContextManager[Services]]


def open_window(paths: Paths, services: OpenServices, theme: str | None = None) -> int:
    """Open the window and wait until it is closed. 0 also where another window of this home came forward.

    theme: "light", "dark" or "system"; None: what the person chose. Raises TandemError where the home
    cannot be opened and the person gave up on it.
    """
    app = application()
    lock = FileLock(paths.lock / "window", timeout_s=0)
    if not lock.try_acquire():
        if raise_first(paths.home):
            return 0
        lock.timeout_s = HANDOVER_S  # it neither answers nor is gone: it starts or ends just now
        lock.acquire()
    with contextlib.ExitStack() as stack:
        stack.callback(lock.release)
        look = themes.install(app, mode(theme or "system"))
        opened = _opened(app, look, paths, services, stack)
        return _run(app, look, opened, theme)


def _opened(
    app: QApplication, look: themes.Theme, paths: Paths, services: OpenServices, stack: contextlib.ExitStack
) -> Services:
    """The open services; where they do not open, the recovery page is asked for as long as the person tries."""
    while True:
        try:
            return stack.enter_context(services(paths))
        except TandemError as error:
            if not recovery.ask(app, look, paths, error):
                raise


def _run(app: QApplication, look: themes.Theme, services: Services, theme: str | None) -> int:
    program = Program(services, registry.visible(Task.CHAT))
    look.set_scale(program.settings.zoom / 100)
    look.set_mode(mode(theme or program.settings.look))
    program.settings.look_changed.connect(look.set_mode)
    window = MainWindow(look, program)
    first = FirstWindow(services.paths.home, window.come_forward)
    collector = Collector(lambda: program.idle)
    window.painted.connect(lambda: _first_page(window, program, collector))
    window.show()  # rail and ground are on the screen while the page is imported and built
    QTimer.singleShot(LEARN_MS, program.model.learn)
    QTimer.singleShot(ASK_ENGINES_MS, program.model.ask_engine)
    QTimer.singleShot(LOOK_MS, window, lambda: _first_look(window, program))  # not once it is gone
    try:
        with _signals(window):
            return app.exec()
    finally:
        first.close()
        program.close()
        collector.stop()
        end(window)


def _first_page(window: MainWindow, program: Program, collector: Collector) -> None:
    page = program.kept.get("window.page", "chat")
    window.show_page(page)
    if page == "chat":
        window.chat.focus_composer()
    QTimer.singleShot(0, collector.start)


def _first_look(window: MainWindow, program: Program) -> None:
    """The first time, look for models of other programs, and say what was found; downloads that were cut short go on."""
    program.models.found.connect(lambda sentence: window.chat.say_found(sentence))
    program.models.first_look()
    program.go_on_downloading()


@contextlib.contextmanager
def _signals(window: MainWindow) -> Iterator[None]:
    """SIGINT and SIGTERM close the window; seen within a second, when the collector's timer runs Python code."""
    before = {name: signal.signal(name, lambda *_: window.close()) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def end(window: MainWindow) -> None:
    """The widgets go before the application does."""
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def application() -> QApplication:
    """The one application of this process, made if there is none yet."""
    found = QApplication.instance()
    if isinstance(found, QApplication):
        return found
    app = QApplication(sys.argv[:1])
    app.setApplicationName("Tandem")
    app.setDesktopFileName("tandem")
    return app


def mode(theme: str) -> themes.Mode:
    """A look by its name; anything else follows the system."""
    return theme if theme in ("light", "dark") else "system"  # type: ignore[return-value]
