"""The Servers page over fakes: a real store and a real file of servers, scripted sessions, a scripted probe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.ui import theme as themes
from app.ui.pages.servers import ServersPage
from app.ui.program import Program
from app.ui.state.servers import ServersState
from tests.app.ui.servers import made
from tests.fakes import FakeServices


@pytest.fixture
def ring(services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> made.Ring:
    return made.furnish(services, monkeypatch)


@pytest.fixture
def program(qapp: object, services: FakeServices, ring: made.Ring) -> Iterator[Program]:
    opened = Program(services, made.SPECS)
    yield opened
    opened.close()


@pytest.fixture
def state(program: Program) -> ServersState:
    program.servers.meet(program.model)
    return program.servers


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[themes.Theme]:
    look = themes.install(qapp, "light")
    yield look
    look.deleteLater()


@pytest.fixture
def page(qtbot: QtBot, theme: themes.Theme, state: ServersState, services: FakeServices) -> Iterator[ServersPage]:
    shown = ServersPage(theme, services.glossary, state)
    qtbot.addWidget(shown)
    shown.resize(1192, 800)
    shown.show()
    made.settle()
    yield shown
    shown.hide()
