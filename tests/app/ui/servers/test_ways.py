"""From the Servers page to Chat and Compare."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from pytestqt.qtbot import QtBot

from app.ui import theme as themes
from app.ui.commands import Command, Commands
from app.ui.pages import servers
from app.ui.pages.servers import ServersPage
from app.ui.program import Program
from app.ui.state.server_keeping import Draft
from tests.app.ui.servers.made import answering, click, settle

Went = list[str]


@pytest.fixture
def went() -> Went:
    return []


@pytest.fixture
def page(
    qtbot: QtBot, theme: themes.Theme, program: Program, went: Went, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ServersPage]:
    library = program.services.library
    local = library.variants
    monkeypatch.setattr(library, "variants", lambda task=None: [*local(task), *library.servers.variants()])
    commands = Commands(Command(page, page, partial(went.append, page)) for page in ("page.chat", "page.compare"))
    shown = servers.build(theme, program, commands)
    qtbot.addWidget(shown)
    shown.resize(1192, 800)
    shown.show()
    answering(monkeypatch, "org/SmolLM2-135M-Instruct")
    program.servers.save(Draft("http://127.0.0.1:8000/v1", "Box"))
    qtbot.waitUntil(lambda: program.servers.probe(program.servers.chosen) is not None)
    settle()
    yield shown
    shown.hide()


def test_chat_with_a_served_model(qtbot: QtBot, page: ServersPage, program: Program, went: Went):
    click(qtbot, page, "servers.chat")
    assert went == ["page.chat"]
    served = program.servers.servers.variants()[0]
    assert program.model.model_id == served.id
    assert program.model.spec is not None
    assert program.model.spec.id == "openai-server"
    assert program.model.variant == served


def test_what_is_served_now_stands_in_the_picker(page: ServersPage, program: Program):
    assert "org/SmolLM2-135M-Instruct" in [pick.title for pick in program.model.models]


def test_compare_with_a_local_copy(qtbot: QtBot, page: ServersPage, program: Program, went: Went):
    click(qtbot, page, "servers.compare")
    assert went == ["page.compare"]
    assert program.compare.plan is not None
    assert [lane.engine for lane in program.compare.plan.lanes] == ["openai-server", "fake"]
    program.compare.close()
