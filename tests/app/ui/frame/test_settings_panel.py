"""The inspector: weights, knobs, presets, what needs a reload, and what a load would take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QCheckBox, QLineEdit, QMenu, QPushButton, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from app.lab.estimates import Estimate
from app.lab.session import SessionState
from app.ui import theme as look
from app.ui.bridge import Bridge
from app.ui.frame.inspector import Inspector
from app.ui.frame.memory_card import MemoryCard, legend
from app.ui.frame.weights import WeightsCard
from app.ui.state.model import ModelState
from app.ui.state.presets import Preset
from app.ui.theme import Theme
from app.ui.widgets.label import Label
from engines.knobs import Scope
from engines.spec import Task
from tests.fakes import OTHER, SPEC, FakeServices, variant

SPEC_THAT_MAKES = msgspec.structs.replace(SPEC, converts={"gguf": ("bf16",)})


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    made = look.install(qapp, "light")
    yield made
    made.deleteLater()


@pytest.fixture
def model(qapp: object, services: FakeServices) -> Iterator[ModelState]:
    bridge = Bridge()
    made = ModelState(services, bridge, Task.CHAT, [SPEC, OTHER])
    made.refresh()
    yield made
    made.close()
    bridge.close()


@pytest.fixture
def panel(theme: Theme, services: FakeServices, model: ModelState, qtbot: QtBot) -> Inspector:
    made = Inspector(theme, services.glossary, model, "chat")
    qtbot.addWidget(made)
    made.resize(300, 900)
    made.show()
    return made


@pytest.fixture
def loaded(panel: Inspector, model: ModelState, services: FakeServices) -> Inspector:
    model.load()
    services.session.become_ready(n_threads="2 threads: the cores this process may use")
    model.poll()
    return panel


def find(panel: QWidget, name: str, kind: type = QPushButton):
    QApplication.processEvents()  # what a layout was given is shown in its turn
    found = [w for w in panel.findChildren(kind, f"chat.{name}") if w.isVisibleTo(panel)]
    assert len(found) == 1, (name, found)
    return found[0]


def said(panel: QWidget) -> str:
    QApplication.processEvents()
    return " | ".join(label.text() for label in panel.findChildren(Label) if label.isVisibleTo(panel))


# --- knobs ------------------------------------------------------------------------------


def test_what_the_engine_made_of_a_load_knob_stands_below_it(loaded: Inspector, model: ModelState) -> None:
    loaded.show_tab("load")
    form = loaded._forms[Scope.LOAD]
    assert form.line("n_threads").why() == "Auto → 2 threads: the cores this process may use"
    model.set_knob("n_threads", 1)
    assert form.line("n_threads").why() == ""


def test_reset_clears_the_tab_in_front(panel: Inspector, model: ModelState) -> None:
    model.set_knob("temperature", 0.2)
    model.set_knob("n_ctx", 8192)
    panel.show_tab("load")
    find(panel, "reset").click()
    assert model.settings(Scope.LOAD)["n_ctx"] == 4096
    assert model.settings(Scope.RUN)["temperature"] == 0.2


# --- what needs a reload ----------------------------------------------------------------


def test_a_load_knob_offers_apply_and_apply_and_compare(loaded: Inspector, model: ModelState, qtbot: QtBot) -> None:
    model.set_knob("n_ctx", 8192)
    assert "Needs reload: context 4,096 → 8,192 tokens" in said(loaded)
    both = find(loaded, "apply_compare")
    assert not both.isEnabled()
    assert "Ask something first" in both.toolTip()
    loaded.set_can_compare(True)
    with qtbot.waitSignal(loaded.compare):
        qtbot.mouseClick(both, Qt.MouseButton.LeftButton)
    assert model.reload_words()  # comparing is the page's to do
    find(loaded, "undo_load").click()
    assert model.settings(Scope.LOAD)["n_ctx"] == 4096


def test_apply_waits_for_the_answer(loaded: Inspector, model: ModelState, services: FakeServices) -> None:
    model.set_knob("n_ctx", 8192)
    assert find(loaded, "apply").isEnabled()
    services.session.state = SessionState.RUNNING
    model.changed.emit()
    assert not find(loaded, "apply").isEnabled()
    assert "Wait" in find(loaded, "apply").toolTip()


def test_the_reload_buttons_are_reached_by_tab_and_not_cut(loaded: Inspector, model: ModelState) -> None:
    loaded.set_can_compare(True)
    model.set_knob("n_ctx", 8192)
    QApplication.processEvents()
    for name in ("apply", "apply_compare", "undo_load"):
        button = find(loaded, name)
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
        assert button.width() >= button.minimumSizeHint().width()
        assert button.mapTo(loaded, button.rect().topRight()).x() <= 300


# --- memory -----------------------------------------------------------------------------


def test_the_legend_names_the_parts_for_this_context_and_type_and_what_stays_free() -> None:
    found = Estimate(
        {"weights": 98_000_000, "kv": 94_000_000, "compute": 26_000_000, "other": 0}, 218_000_000, 10**9, ()
    )
    words = legend(found, {"n_ctx": 4096, "type_k": "f16", "type_v": "q8_0"}).replace("\N{NO-BREAK SPACE}", " ")
    assert words == "weights 98 MB · KV 94 MB (4,096 tokens, f16/q8_0) · compute 26 MB · 782 MB stay free"
    tight = Estimate({"weights": 98_000_000}, 98_000_000, 90_000_000, ())
    assert legend(tight, {"n_ctx": "auto"}).replace("\N{NO-BREAK SPACE}", " ") == "weights 98 MB · 8 MB too much"


def test_the_memory_is_priced_again_soon_after_a_knob_and_once_for_many(
    theme: Theme, services: FakeServices, model: ModelState, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    price = model.estimate
    monkeypatch.setattr(model, "estimate", lambda: asked.append(1) or price())
    card = MemoryCard(theme, services.glossary, model)
    qtbot.addWidget(card)
    card.show()
    qtbot.waitUntil(lambda: not card._settle.isActive())
    before = len(asked)
    for n_ctx in (8192, 16384, 32768):
        model.set_knob("n_ctx", n_ctx)
    assert len(asked) == before
    qtbot.waitUntil(lambda: "32,768" in card._legend.text())
    assert len(asked) == before + 1
    card.close()
    model.set_knob("n_ctx", 4096)
    qtbot.waitUntil(lambda: not card._settle.isActive())
    assert len(asked) == before + 1


# --- weights ----------------------------------------------------------------------------


def test_the_weights_are_short_under_run_and_whole_under_load(
    panel: Inspector, model: ModelState, services: FakeServices
) -> None:
    services.library.items.append(variant("q8_0", bytes=143_000_000, bits_per_weight=8.51))
    services.library.items.append(variant("bf16", format="safetensors"))
    model.refresh()
    assert "Q4_1 ×210, F32 ×61, Q8_0 ×1 · 5.74 bits per weight · 98 MB" in said(panel)
    find(panel, "more_precisions").click()
    assert panel._stack.currentIndex() == 1
    assert "×210" in said(panel)
    assert find(panel, "precisions").text() == "Other precisions (2)"
    assert find(panel, "precisions").isChecked()
    assert not find(panel, "use_bf16").isEnabled()
    assert "cannot load safetensors" in find(panel, "use_bf16").toolTip()
    find(panel, "use_q8_0").click()
    assert model.variant is not None
    assert model.variant.variant == "q8_0"
    assert find(panel, "use_q4_1").isEnabled()
    find(panel, "precisions").click()
    assert not [w for w in panel.findChildren(QPushButton, "chat.use_q4_1") if w.isVisibleTo(panel)]


def test_what_could_be_made_has_its_size_and_a_button(panel: Inspector, model: ModelState, qtbot: QtBot) -> None:
    model.specs[:] = [SPEC_THAT_MAKES]
    model.spec = SPEC_THAT_MAKES
    model.changed.emit()
    panel.show_weights()
    find(panel, "could_be_made").click()
    assert "Working out their sizes…" in said(panel)
    qtbot.waitUntil(lambda: bool(panel.findChildren(QPushButton, "chat.make_bf16")))
    assert "16.00 bits · 269 MB · about 17 s" in said(panel)
    with qtbot.waitSignal(panel.make, check_params_cb=lambda target: target == "bf16"):
        find(panel, "make_bf16").click()


def test_a_copy_that_is_made_shows_how_far_it_is_and_can_be_cancelled(panel: Inspector, qtbot: QtBot) -> None:
    class Job:
        title, message, fraction = "Making the bf16 copy", "writing", 0.43

    panel.show_weights()
    panel.show_job(Job())
    assert "Making the bf16 copy: writing 43\N{NO-BREAK SPACE}%" in said(panel)
    with qtbot.waitSignal(panel.cancel_make):
        find(panel, "cancel_make").click()
    panel.show_job(None)
    assert "Making" not in said(panel)


def test_a_real_file_shows_the_share_of_its_bytes(
    theme: Theme, model: ModelState, services: FakeServices, starter_gguf: Path, qtbot: QtBot
) -> None:
    services.library.items[:] = [variant(path=str(starter_gguf))]
    model.refresh()
    card = WeightsCard(theme, services.glossary, model, "chat")
    qtbot.addWidget(card)
    card.set_full(True)
    qtbot.waitUntil(lambda: "68.7\N{NO-BREAK SPACE}%" in card._table.accessibleDescription())
    assert "Q8_0: 1, 31.1" in card._table.accessibleDescription()


# --- presets ----------------------------------------------------------------------------


def keep(panel: Inspector, name: str) -> None:
    panel.show_tab("presets")
    find(panel, "preset_name", QLineEdit).setText(name)
    find(panel, "preset_keep").click()


def test_what_is_set_is_kept_for_all_models_or_this_one(panel: Inspector, model: ModelState) -> None:
    model.set_knob("temperature", 0.2)
    model.set_knob("n_ctx", 8192)
    keep(panel, "Careful")
    assert model.book.shelf.get("Careful").load == {}
    find(panel, "preset_for_model", QCheckBox).setChecked(True)
    find(panel, "preset_with_load", QCheckBox).setChecked(True)
    keep(panel, "Long")
    kept = model.book.shelf.get("Long")
    assert (kept.model, kept.engine, kept.load["n_ctx"]) == ("smollm2-135m", "fake", 8192)
    assert "Only for SmolLM2-135M-Instruct" in said(panel)


def test_a_preset_sets_run_knobs_now_and_load_knobs_for_apply(loaded: Inspector, model: ModelState) -> None:
    run = {"temperature": 0.2, "what": 1}
    model.book.shelf.keep(Preset(name="Long", engine="fake", run=run, load={"n_ctx": 8192}))
    loaded.show_tab("presets")
    loaded._presets.refresh()
    find(loaded, "preset_long").click()
    assert model.settings(Scope.RUN)["temperature"] == 0.2
    assert model.reload_words() == ["context 4,096 → 8,192 tokens"]
    assert "Fake engine has no such setting or value: what." in said(loaded)
    assert "wait for Apply" in said(loaded)


def test_a_forgotten_preset_can_be_taken_back(panel: Inspector, model: ModelState) -> None:
    keep(panel, "Mine")
    panel._presets._drop("Mine")
    assert not panel.findChildren(QPushButton, "chat.preset_mine")
    assert "“Mine” was forgotten." in said(panel)
    find(panel, "preset_undo").click()
    find(panel, "preset_mine")
    assert model.book.shelf.is_own("Mine")


def test_a_preset_is_renamed_in_its_line(panel: Inspector, model: ModelState, qtbot: QtBot) -> None:
    keep(panel, "Mine")
    menu = find(panel, "preset_mine.more", QToolButton).findChild(QMenu)
    menu.aboutToShow.emit()
    assert [a.text() for a in menu.actions() if a.text()] == [
        "Rename", "Replace with what is set now", "Only for this model", "Forget",
    ]  # fmt: skip
    menu.actions()[0].trigger()
    field = find(panel, "preset_mine.name", QLineEdit)
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    menu.actions()[0].trigger()
    field = find(panel, "preset_mine.name", QLineEdit)
    field.setText("Yours")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert [p.name for p in model.book.shelf.own()] == ["Yours"]
    find(panel, "preset_yours")


def test_presets_go_to_a_file_and_come_back(panel: Inspector, model: ModelState, tmp_path: Path) -> None:
    keep(panel, "Mine")
    panel._presets.export_file(tmp_path / "p.json")
    assert json.loads((tmp_path / "p.json").read_text())["presets"][0]["name"] == "Mine"
    panel._presets._drop("Mine")
    panel._presets.import_file(tmp_path / "p.json")
    assert "Added: Mine." in said(panel)
    find(panel, "preset_mine")
    (tmp_path / "bad.json").write_text("{")
    panel._presets.import_file(tmp_path / "bad.json")
    assert "“bad.json” is no file of presets" in said(panel) or "“bad” is no file of presets" in said(panel)
