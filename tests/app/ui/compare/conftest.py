"""The Compare page in the real window, over a scripted engine room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.ui import theme as themes
from app.ui.pages.compare import ComparePage
from app.ui.program import Program
from app.ui.start import end
from app.ui.window import MainWindow
from engines import registry
from engines.spec import Task
from tests.app.ui.compare.pages import settle
from tests.fakes import FakeServices


@pytest.fixture
def program(qapp: object, services: FakeServices) -> Iterator[Program]:
    made = Program(services, registry.visible(Task.CHAT))
    yield made
    made.close()


@pytest.fixture
def window(qtbot: QtBot, qapp: QApplication, program: Program) -> Iterator[MainWindow]:
    theme = themes.install(qapp, "light")
    made = MainWindow(theme, program)
    made.resize(1280, 800)
    made.show()
    made.show_page("compare")
    settle()
    yield made
    end(made)  # a window that stays until the session ends is drawn anew at each change of theme
    theme.deleteLater()


@pytest.fixture
def page(window: MainWindow) -> ComparePage:
    made = window.page("compare")
    assert isinstance(made, ComparePage)
    return made
