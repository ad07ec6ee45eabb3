"""The strip shows what is known, “–” for the rest, and repaints at most five times a second."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.glossary import Glossary
from app.ui.theme import Theme
from app.ui.widgets.figure import FigureView
from app.ui.widgets.memory_bar import MemoryBar, MemoryParts, bytes_text
from app.ui.widgets.sparkline import Sparkline
from app.ui.widgets.telemetry import NONE, Figure, TelemetryStrip, rate_text


@pytest.fixture
def strip(theme: Theme, glossary: Glossary, qtbot: QtBot) -> TelemetryStrip:
    made = TelemetryStrip(theme, glossary)
    qtbot.addWidget(made)
    made.resize(1100, 66)
    return made


def figure(strip: TelemetryStrip, name: str) -> Figure:
    view = strip.findChild(FigureView, f"telemetry.{name}")
    assert view is not None
    return view.figure()


def test_nothing_known_is_a_dash_never_a_zero(strip: TelemetryStrip) -> None:
    assert figure(strip, "decode").value == NONE
    assert figure(strip, "device").value == NONE
    assert strip.memory.words.text() == f"memory  {NONE}"
    assert strip.context.words.text() == f"context  {NONE}"


def test_figures_are_named_and_spoken(strip: TelemetryStrip) -> None:
    strip.set_rate("decode", 142.63, "tok/s")
    strip.set_figures([Figure("ttft_s", "first token", "41", "ms", ghost="46"), Figure("prefill_tok_s", "prefill")])
    strip.flush()
    assert figure(strip, "decode").value == "142.6"
    view = strip.findChild(FigureView, "telemetry.ttft_s")
    assert view is not None
    assert view.accessibleName() == "first token 41 ms"
    assert view.accessibleDescription() == "before: 46"
    assert figure(strip, "prefill_tok_s").value == NONE


def test_another_task_brings_other_figures(strip: TelemetryStrip, qtbot: QtBot) -> None:
    strip.set_figures([Figure("ttft_s", "first token", "41", "ms")])
    strip.flush()
    strip.set_figures([Figure("rtfx", "speed", "12", "×")])
    strip.flush()
    qtbot.waitUntil(lambda: strip.findChild(QWidget, "telemetry.ttft_s") is None)
    assert figure(strip, "rtfx").value == "12"


def test_context_and_memory_in_words_and_bars(strip: TelemetryStrip) -> None:
    strip.set_context(612, 4096)
    strip.set_memory(MemoryParts(98_000_000, 94_000_000, 26_000_000, 0, 24_000_000_000, "218 MB model"))
    strip.flush()
    assert strip.context.words.text() == "context  612 of 4,096"
    assert strip.context_bar.share() == pytest.approx(612 / 4096)
    assert strip.memory_bar.describe() == "weights 98 MB · KV cache 94 MB · compute 26 MB · of 24 GB"


def test_updates_are_gathered_and_no_point_is_lost(strip: TelemetryStrip, qtbot: QtBot) -> None:
    applied: list[float | None] = []
    original = strip.rate.set
    strip.rate.set = lambda shown: (applied.append(shown.value), original(shown))[1]  # type: ignore[method-assign]
    qtbot.waitUntil(lambda: not strip._clock.isActive())
    for value in range(1, 101):
        strip.set_rate("decode", float(value), "tok/s")
        strip.push_rate(float(value))
    assert applied == ["1.00"]  # the first at once, the others later
    qtbot.waitUntil(lambda: figure(strip, "decode").value == "100.0")
    assert applied == ["1.00", "100.0"]
    assert strip.sparkline.values() == [float(v) for v in range(1, 101)]


def test_a_figure_only_grows(theme: Theme, qtbot: QtBot) -> None:
    view = FigureView(theme)
    qtbot.addWidget(view)
    view.set(Figure("n_out", "tokens", "12,345", "of 20,000"))
    wide = view.sizeHint().width()
    view.set(Figure("n_out", "tokens", "1"))
    assert view.sizeHint().width() == wide


@pytest.mark.parametrize(("value", "text"), [(1204.4, "1,204"), (142.63, "142.6"), (7.314, "7.31"), (0.5, "0.50")])
def test_rates_have_the_digits_that_mean_something(value: float, text: str) -> None:
    assert rate_text(value) == text


def test_parts_share_the_whole_and_never_more() -> None:
    assert MemoryParts(50, 25, 0, 0, 100).shares() == [("weights", 0.5), ("kv", 0.25)]
    over = MemoryParts(80, 60, 40, 20, 100).shares()
    assert sum(share for _, share in over) == pytest.approx(1.0)
    assert MemoryParts().shares() == []


@pytest.mark.parametrize(
    ("count", "text"), [(98_123_456, "98 MB"), (1_240_000_000, "1.2 GB"), (23_900_000_000, "24 GB"), (512, "512 B")]
)
def test_bytes_in_words(count: int, text: str) -> None:
    assert bytes_text(count) == text


def test_the_memory_bar_draws_each_part_in_its_colour(theme: Theme, qtbot: QtBot) -> None:
    bar = MemoryBar(theme, height=20)
    qtbot.addWidget(bar)
    bar.resize(400, 20)
    bar.set_parts(MemoryParts(weights=100, kv=0, compute=100, other=0, total=400))
    image = bar.grab().toImage()
    ratio = image.devicePixelRatio()
    at = {share: image.pixelColor(round(400 * share * ratio), round(10 * ratio)).name() for share in (0.1, 0.4, 0.8)}
    assert at == {
        0.1: theme.tokens.mem_weights.lower(), 0.4: theme.tokens.mem_compute.lower(), 0.8: theme.tokens.line.lower(),
    }  # fmt: skip
    edge = image.pixelColor(round(200 * ratio) - 1, round(10 * ratio)).name()
    assert edge == theme.tokens.dim.lower()  # the outline that carries the contrast


def test_a_gap_splits_the_line(theme: Theme, qtbot: QtBot) -> None:
    from PySide6.QtCore import QRectF

    line = Sparkline(theme, points=10)
    qtbot.addWidget(line)
    for value in (1.0, 2.0, None, 3.0):
        line.push(value)
    runs = line._runs(QRectF(0, 0, 90, 30), 3.0)
    assert [len(run) for run in runs] == [2, 1]
    assert runs[-1][-1].x() == pytest.approx(90)  # the newest stands at the right edge
    line.resize(100, 30)
    assert not line.grab().isNull()


def test_what_is_typed_is_the_lighter_part_of_the_context(strip: TelemetryStrip) -> None:
    strip.set_context(412, 4096, 38)
    strip.flush()
    assert strip.context.words.text() == "context  412 + 38 of 4,096"
    assert strip.context_bar.more() == pytest.approx(38 / 4096)
    assert strip.context.words.property("tone") == "dim"
    strip.set_context(412, 4096, 3900)
    strip.flush()
    assert strip.context.words.property("tone") == "warning"
    strip.set_context(412, 4096, 0)
    strip.flush()
    assert strip.context.words.text() == "context  412 of 4,096"
    assert strip.context.words.property("tone") == "dim"


def test_the_settings_before_leave_a_tick_in_the_bars(strip: TelemetryStrip, theme: Theme) -> None:
    strip.set_memory(MemoryParts(weights=10, total=100, label="10 B", ghost=50))
    strip.set_context(0, 4096, None, 2048)
    strip.flush()
    assert "before: 50 B" in strip.memory_bar.describe()
    assert strip.context.hover is not None
    assert "before: 2,048" in strip.context.hover()
    for bar in (strip.memory_bar, strip.context_bar):
        image = bar.grab().toImage()
        middle = image.width() // 2
        row = [image.pixelColor(x, image.height() // 2).name() for x in range(middle - 3, middle + 4)]
        assert theme.tokens.text.lower() in row


def test_the_diagnostics_are_hidden_until_asked_for(strip: TelemetryStrip) -> None:
    strip.show()
    low = strip.height()
    strip.set_diagnostics("engine 143.2, painted 143.2 tok/s")
    strip.flush()
    assert not strip.diagnostics.isVisible()
    strip.show_diagnostics(True)
    assert strip.diagnostics.isVisible()
    assert strip.diagnostics.text() == "engine 143.2, painted 143.2 tok/s"
    assert strip.height() > low
    strip.show_diagnostics(False)
    assert strip.height() == low


def test_in_a_narrow_strip_the_words_get_shorter_not_cut(strip: TelemetryStrip, qtbot: QtBot) -> None:
    strip.set_memory(MemoryParts(weights=10, total=100, label="240 MB model · 0.6 of 25.3 GB"))
    strip.show()
    strip.flush()
    strip.memory.resize(400, 40)
    assert strip.memory.words.text() == "memory  240 MB model · 0.6 of 25.3 GB"
    strip.memory.resize(strip.memory._needs("memory  240 MB model") + 2, 40)
    assert strip.memory.words.text() == "memory  240 MB model"
    strip.memory.resize(strip.memory._needs("240 MB model") + 2, 40)
    assert strip.memory.words.text() == "240 MB model"
    assert "0.6 of 25.3 GB" in strip.memory.words.toolTip()
