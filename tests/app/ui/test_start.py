"""Starting and ending the window: who raises whom, what is collected when, and in which order things end."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QDialog, QPushButton

from app.errors import TandemError
from app.locks import FileLock
from app.paths import Paths
from app.store import Store
from app.ui import start
from app.ui import theme as themes
from app.ui.collector import FULL_EVERY, Collector
from app.ui.recovery import RecoveryDialog
from app.ui.state.settings import SettingsState
from app.ui.window import MainWindow
from tests.fakes import SPEC


@pytest.fixture
def openable(services, monkeypatch):
    """What `open_window` is given; it says what happened in `log`."""
    log: list[str] = []

    @contextlib.contextmanager
    def opened(paths: Paths) -> Iterator[object]:
        log.append("opened")
        try:
            yield services
        finally:
            log.append("closed")

    monkeypatch.setattr(start.registry, "visible", lambda task: [SPEC])
    return opened, log


def close_soon(qapp: QApplication) -> None:
    """Close the main window as soon as it is on screen."""

    def look() -> None:
        for window in qapp.topLevelWidgets():
            if isinstance(window, MainWindow) and window.isVisible():
                window.close()
                return
        QTimer.singleShot(10, look)

    QTimer.singleShot(0, look)


def test_the_window_opens_and_ends_with_everything_given_back(qapp, services, openable):
    opened, log = openable
    close_soon(qapp)
    assert start.open_window(services.paths, opened, "light") == 0
    assert log == ["opened", "closed"]
    assert gc.isenabled()
    lock = FileLock(services.paths.lock / "window", timeout_s=0)
    assert lock.try_acquire()
    lock.release()
    assert not [w for w in qapp.topLevelWidgets() if isinstance(w, MainWindow)]


def test_a_loaded_model_is_ended_with_the_window(qapp, services, openable, monkeypatch):
    opened, log = openable
    real = MainWindow.show

    def show_and_load(window: MainWindow) -> None:
        real(window)
        window.commands["chat.load"].trigger()

    monkeypatch.setattr(MainWindow, "show", show_and_load)
    close_soon(qapp)
    start.open_window(services.paths, opened, "dark")
    assert services.session.calls == ["load", "close"]
    assert log == ["opened", "closed"]


def test_a_store_that_does_not_open_is_told_and_the_lock_given_back(qapp, services, monkeypatch):
    @contextlib.contextmanager
    def broken(paths: Paths) -> Iterator[object]:
        raise TandemError("store_damaged", "The history cannot be read.")
        yield

    asked: list[str] = []

    def give_up(app: object, theme: object, paths: Paths, error: TandemError) -> bool:
        asked.append(error.code)
        return len(asked) < 2

    monkeypatch.setattr(start.recovery, "ask", give_up)
    with pytest.raises(TandemError):
        start.open_window(services.paths, broken, "light")
    assert asked == ["store_damaged", "store_damaged"]
    lock = FileLock(services.paths.lock / "window", timeout_s=0)
    assert lock.try_acquire()
    lock.release()


def test_a_damaged_history_offers_what_can_be_done(qapp, qtbot, home):
    paths = Paths(home / "damaged")
    Store.open(paths).close()
    paths.database.write_bytes(b"no database" * 1000)
    error = TandemError("store_damaged", "The history is damaged.")
    dialog = RecoveryDialog(themes.install(qapp, "light"), paths, error)
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.findChild(QPushButton, "error.close") is not None
    dialog.findChild(QPushButton, "error.empty").click()
    assert dialog.result() == QDialog.DialogCode.Accepted
    with contextlib.closing(Store.open(paths)) as store:
        assert store.conversations() == []
    assert len(list(paths.home.glob("*tandem*"))) > 1


def test_any_other_error_can_be_tried_again(qapp, qtbot, home):
    error = TandemError("locked", "Another Tandem is open.", "Close it.")
    dialog = RecoveryDialog(themes.install(qapp, "light"), Paths(home), error)
    qtbot.addWidget(dialog)
    dialog.findChild(QPushButton, "error.again").click()
    assert dialog.result() == QDialog.DialogCode.Accepted


def test_the_collector_looks_at_the_old_generation_only_at_rest(qapp, monkeypatch):
    seen: list[int] = []
    monkeypatch.setattr("app.ui.collector.gc.collect", lambda generation=2: seen.append(generation))
    idle = [False]
    collector = Collector(lambda: idle[0])
    for _ in range(FULL_EVERY + 5):
        collector.tick()
    assert set(seen) == {1}
    idle[0] = True
    collector.tick()
    collector.tick()
    assert seen[-2:] == [2, 1]


def test_the_automatic_collector_is_off_while_ours_runs(qapp):
    collector = Collector(lambda: True)
    collector.start()
    assert not gc.isenabled()
    collector.stop()
    assert gc.isenabled()


def test_a_look_that_is_none_changes_nothing(services):
    state = SettingsState(services)
    state.set_look("pink")
    assert state.look == "system"
    services.store.set("window.theme", "pink")
    assert state.look == "system"


def test_settings_follow_the_theme(qapp, services):
    look = themes.install(qapp, "light")
    state = SettingsState(services)
    state.look_changed.connect(look.set_mode)
    state.set_look("dark")
    assert look.tokens.dark
    state.set_look("light")
    assert not look.tokens.dark
