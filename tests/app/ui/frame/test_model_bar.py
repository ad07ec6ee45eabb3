"""The top bar: the picker's lines come from the state, and every verb of a model's life is there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.ui import theme as look
from app.ui.bridge import Bridge
from app.ui.frame.model_bar import ModelBar
from app.ui.state.model import ModelState
from app.ui.theme import Theme
from engines.spec import Task
from tests.fakes import OTHER, SPEC, FakeServices, variant

offscreen = pytest.mark.qt_log_ignore("This plugin does not support")  # what a popup asks of a real screen


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    made = look.install(qapp, "light")
    yield made
    made.deleteLater()


@pytest.fixture
def model(qapp: object, services: FakeServices) -> Iterator[ModelState]:
    services.library.items.append(variant(id="qwen", title="Qwen 0.6B", bytes=400_000_000))
    bridge = Bridge()
    made = ModelState(services, bridge, Task.CHAT, [SPEC, OTHER])
    made.refresh()
    yield made
    made.close()
    bridge.close()


@pytest.fixture
def bar(theme: Theme, model: ModelState, qtbot: QtBot) -> ModelBar:
    made = ModelBar(theme, model, "chat")
    qtbot.addWidget(made)
    made.resize(1100, 50)
    made.show()
    return made


def ready(model: ModelState, services: FakeServices) -> None:
    services.session.become_ready()
    model.poll()


def verbs(bar: ModelBar) -> dict[str, bool]:
    bar.fill_menu()
    return {action.objectName(): action.isEnabled() for action in bar.menu.actions()}


def verb(bar: ModelBar, name: str) -> None:
    bar.fill_menu()
    next(action for action in bar.menu.actions() if action.objectName() == name).trigger()


def lines(bar: ModelBar) -> list[str]:
    rows = bar.model.popup.rows
    return [str(rows.index(row).data()) for row in range(rows.rowCount())]


@offscreen
def test_the_picker_lists_loaded_recent_and_all(bar: ModelBar, model: ModelState, services: FakeServices, qtbot: QtBot):
    assert bar.model.text() == "SmolLM2-135M-Instruct"
    bar.model.open()
    assert lines(bar) == ["All models", "SmolLM2-135M-Instruct", "Qwen 0.6B"]
    model.load()
    ready(model, services)  # an open list follows
    assert lines(bar) == [
        "Loaded",
        "SmolLM2-135M-Instruct",
        "Recent",
        "SmolLM2-135M-Instruct",
        "All models",
        "Qwen 0.6B",
    ]
    assert "218 MB" in bar.model.popup.rows.line(1).detail
    assert "fits" in bar.model.popup.rows.line(5).detail
    qtbot.keyClicks(bar.model.popup.field, "qwen")
    qtbot.keyClick(bar.model.popup.field, Qt.Key.Key_Return)
    assert model.model_id == "qwen"
    assert bar.model.text() == "Qwen 0.6B"


@offscreen
def test_two_models_are_loaded_switched_and_unloaded(
    bar: ModelBar, model: ModelState, services: FakeServices, qtbot: QtBot
):
    model.load()
    ready(model, services)
    model.choose_model("qwen")
    verb(bar, "load_beside")
    ready(model, services)
    assert [one.title for one in model.opened] == ["Qwen 0.6B", "SmolLM2-135M-Instruct"]
    bar.model.open()
    qtbot.keyClicks(bar.model.popup.field, "smol")
    qtbot.keyClick(bar.model.popup.field, Qt.Key.Key_Return)
    assert [one.title for one in model.opened if one.current] == ["SmolLM2-135M-Instruct"]
    assert bar.model.text() == "SmolLM2-135M-Instruct"
    bar.model.open()
    qtbot.keyClick(bar.model.popup.field, Qt.Key.Key_Delete)
    assert [one.title for one in model.opened] == ["Qwen 0.6B"]
    bar.model.popup.hide()


def test_the_menu_has_the_verbs_that_are_possible(bar: ModelBar, model: ModelState, services: FakeServices):
    assert verbs(bar) == {"load": True, "load_beside": False, "reload": False, "unload": False}
    model.load()
    ready(model, services)
    assert verbs(bar) == {"load": False, "load_beside": False, "reload": True, "unload": True}
    model.choose_model("qwen")
    assert verbs(bar) == {"load": True, "load_beside": True, "reload": False, "unload": True}
    verb(bar, "unload")
    assert model.loaded is None


def test_reload_loads_the_same_again(bar: ModelBar, model: ModelState, services: FakeServices):
    model.load()
    ready(model, services)
    verb(bar, "reload")
    assert services.session.calls == ["load", "load"]
    assert bar.more.isHidden()  # while it loads there is only Cancel
    assert bar.act.text() == "Cancel"


def test_the_chip_opens_the_weights_by_mouse_and_key(bar: ModelBar, qtbot: QtBot):
    assert bar.chip.text() == "Q4_1 · 5.74 bits · 98 MB"
    with qtbot.waitSignal(bar.weights):
        qtbot.mouseClick(bar.chip, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(bar.weights):
        qtbot.keyClick(bar.chip, Qt.Key.Key_Return)
    assert "98 MB" in bar.chip.accessibleName()


@offscreen
def test_an_engine_that_cannot_load_a_model_says_so_in_its_line(bar: ModelBar, model: ModelState):
    model.choose_engine(OTHER.id)
    bar.model.open()
    assert bar.model.popup.rows.line(1).off == "Other engine needs a copy of it: it is gguf"
    bar.model.popup.hide()
