"""The deployment's view: source, target, form and wishes become a text that is copied and saved."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit
from pytestqt.qtbot import QtBot

from app.ui.pages.servers import ServersPage
from app.ui.state.deploy import DeployState
from app.ui.state.servers import ServersState
from tests.app.ui.servers.made import click, settle, shown, there
from tests.fakes import FakeServices


@pytest.fixture
def deploy(page: ServersPage, state: ServersState) -> DeployState:
    page.show_view(2)
    settle()
    return state.deploy


def text(page: ServersPage) -> str:
    view = shown(page, "servers.deploy_text")
    assert isinstance(view, QPlainTextEdit)
    return view.toPlainText()


def count(qtbot: QtBot, page: ServersPage, name: str, typed: str) -> str:
    edit = shown(page, name)
    assert isinstance(edit, QLineEdit)
    edit.selectAll()
    qtbot.keyClicks(edit, typed)
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    settle()
    return edit.text()


@pytest.mark.parametrize(
    ("typed", "stands"), [("8", "8"), ("0", "1"), ("-2", "1"), ("x", "1"), ("99999", "1024"), ("²", "1")]
)
def test_a_count_is_a_whole_number(qtbot: QtBot, page: ServersPage, deploy: DeployState, typed: str, stands: str):
    assert count(qtbot, page, "servers.deploy_pipeline", typed) == stands
    assert deploy.wishes.pipeline == int(stands)


def test_the_lane_of_chat_is_written_down_and_follows_its_settings(page: ServersPage, deploy: DeployState):
    assert deploy.source is not None
    assert deploy.source.id == "chat"
    assert "--max-model-len 4096" in text(page)
    deploy._model.set_knob("n_ctx", 8192)
    assert "--max-model-len 8192" in text(page)


def test_targets_forms_and_wishes(qtbot: QtBot, page: ServersPage, deploy: DeployState):
    click(qtbot, page, "servers.deploy_target_sglang")
    click(qtbot, page, "servers.deploy_form_compose")
    assert "sglang" in text(page)
    assert "services:" in text(page)
    count(qtbot, page, "servers.deploy_tensor", "4")
    assert deploy.made is not None
    assert deploy.made.gpus == 4
    click(qtbot, page, "servers.deploy_copy")
    assert QGuiApplication.clipboard().text() == deploy.made.text


def test_what_it_cannot_express_is_a_list(page: ServersPage, deploy: DeployState):
    assert deploy.made is not None
    assert deploy.made.cannot, "GGUF has its catch everywhere"
    shown_lines = [
        w for w in page.findChildren(type(page.view.facts)) if w.isVisible() and deploy.made.cannot[0] in w.text()
    ]
    assert len(shown_lines) == 1


def test_a_wish_that_cannot_be_is_told_in_place_of_a_text(qtbot: QtBot, page: ServersPage, deploy: DeployState):
    deploy.wish(speculate="eagle3")
    settle()
    assert deploy.made is None
    assert "draft model" in shown(page, "servers.deploy_trouble").text()  # type: ignore[attr-defined]
    assert not there(page, "servers.deploy_text")
    deploy.wish(draft="org/draft")
    settle()
    assert "org/draft" in text(page)


def test_a_model_of_the_library_is_deployed(page: ServersPage, deploy: DeployState):
    deploy.choose("smollm2-135m:bf16")
    settle()
    assert "/models/smollm2-bf16" in text(page)


def test_saved_and_not_saved(deploy: DeployState, tmp_path: Path):
    deploy.save(tmp_path / "run.sh")
    assert deploy.made is not None
    assert (tmp_path / "run.sh").read_text() == deploy.made.text
    (tmp_path / "file").write_text("")
    deploy.save(tmp_path / "file" / "x.sh")
    assert deploy.trouble is not None


def test_without_a_model_it_teaches(page: ServersPage, state: ServersState, services: FakeServices):
    services.library.items.clear()
    state.model.refresh()
    page.show_view(2)
    settle()
    assert state.deploy.source is None
    assert not there(page, "servers.deploy_text")
