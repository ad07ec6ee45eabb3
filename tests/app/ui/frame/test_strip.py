"""The chat page's strip says what its state knows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.glossary import Glossary
from app.ui import theme as look
from app.ui.frame.strip import ChatStrip
from app.ui.state import figures
from app.ui.state.figures import Strip
from app.ui.widgets.figure import Figure, FigureView
from engines.protocol import Memory


class Model(QObject):
    figures_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.strip = Strip(context_used=412, context_total=4096, memory=Memory(model_bytes=240_000_000))


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def strip(qapp: QApplication, qtbot: QtBot, model: Model) -> ChatStrip:
    theme = look.install(qapp, "light")
    made = ChatStrip(theme, Glossary.load(look.resources()), model)  # type: ignore[arg-type]
    qtbot.addWidget(made)
    return made


def show(strip: ChatStrip, model: Model, now: Strip) -> None:
    model.strip = now
    model.figures_changed.emit()
    strip.flush()


def figure(strip: ChatStrip, name: str) -> Figure:
    view = strip.findChild(FigureView, f"telemetry.{name}")
    assert view is not None
    return view.figure()


def test_watts_are_a_dash_where_they_cannot_be_read(strip: ChatStrip, model: Model) -> None:
    show(strip, model, replace(model.strip, cpu_percent=98.2))
    assert (figure(strip, "device").label, figure(strip, "device").value) == ("CPU", "98")
    assert figure(strip, "device").unit.endswith("cores · – W")
    show(strip, model, replace(model.strip, power_w=14.4))
    assert figure(strip, "device").unit.endswith("cores · 14 W")


def test_a_graphics_card_is_shown_with_the_processor_beside_it(strip: ChatStrip, model: Model) -> None:
    memory = Memory(model_bytes=1, device="cuda")
    show(strip, model, replace(model.strip, memory=memory, cpu_percent=12.0, gpu_percent=71.0, power_w=212.0))
    shown = figure(strip, "device")
    assert (shown.label, shown.value, shown.unit) == ("GPU", "71", "% · CPU 12 % · 212 W")


def test_typing_counts_beside_the_context(strip: ChatStrip, model: Model) -> None:
    strip.set_draft_tokens(38)
    strip.flush()
    assert strip.context.words.text() == "context  412 + 38 of 4,096"
    show(strip, model, replace(model.strip, cpu_percent=1.0))  # another figure does not take it away
    assert strip.context.words.text() == "context  412 + 38 of 4,096"
    show(strip, model, figures.typing(model.strip, 5))
    assert strip.context.words.text() == "context  412 + 5 of 4,096"
    show(strip, model, figures.typing(model.strip, None))
    strip.set_draft_tokens(None)
    strip.flush()
    assert strip.context.words.text() == "context  412 of 4,096"


def test_each_figure_has_its_ghost(strip: ChatStrip, model: Model) -> None:
    ghosts = {"decode": 118.2, "first_token": 0.046, "prefill": 1100.0, "memory": 300_000_000.0, "context": 2048.0}
    show(strip, model, replace(model.strip, decode=142.6, ghosts=ghosts))
    assert [figure(strip, name).ghost for name in ("decode", "ttft_s", "prefill_tok_s")] == ["118.2", "46 ms", "1,100"]
    assert strip.memory_bar.parts().ghost == 300_000_000
    assert strip.context.hover is not None
    assert "before: 2,048" in strip.context.hover()


def test_painted_stands_beside_the_engines_rate(strip: ChatStrip, model: Model) -> None:
    show(strip, model, replace(model.strip, decode=143.2))
    strip.set_painted(143.2, 0.004)
    strip.flush()
    assert strip.diagnostics.text() == "engine 143.2, painted 143.2 tok/s · lag 4 ms"
