"""Colours can be told apart, fonts are ours, and the binding does not eat Python's constants."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QFontDatabase, QFontMetricsF, QImage
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from app.ui import icons
from app.ui import theme as look
from app.ui.theme_sheet import sheet
from app.ui.theme_tokens import DARK, LIGHT, MARK_PAIRS, TEXT_PAIRS, Tokens, contrast


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[look.Theme]:
    made = look.install(qapp, "light")
    yield made
    made.deleteLater()


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("pair", TEXT_PAIRS, ids="-on-".join)
def test_text_has_a_contrast_of_4_5(tokens: Tokens, pair: tuple[str, str]) -> None:
    ink, ground = pair
    assert contrast(getattr(tokens, ink), getattr(tokens, ground)) >= 4.5


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("pair", MARK_PAIRS, ids="-on-".join)
def test_marks_have_a_contrast_of_3(tokens: Tokens, pair: tuple[str, str]) -> None:
    mark, ground = pair
    assert contrast(getattr(tokens, mark), getattr(tokens, ground)) >= 3.0


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.01)
    assert contrast("#FFFFFF", "#767676") == contrast("#767676", "#FFFFFF")


def test_faint_is_never_the_colour_of_words_that_are_read(qapp: QApplication) -> None:
    rules = re.findall(r"([^{}]+)\{([^}]*)\}", sheet(LIGHT, round))
    faint = [name.strip() for name, body in rules if re.search(rf"(?<!-)\bcolor: {LIGHT.faint}", body)]
    assert faint
    assert all(":disabled" in selector for name in faint for selector in name.split(","))


def test_a_sheet_has_no_placeholder_left() -> None:
    for tokens in (LIGHT, DARK):
        made = sheet(tokens, lambda n: round(n * 2))
        assert "$" not in made
        assert made.count("{") == made.count("}")


def test_modes_change_tokens_and_palette(theme: look.Theme, qapp: QApplication) -> None:
    seen: list[bool] = []
    theme.changed.connect(lambda: seen.append(theme.tokens.dark))
    theme.set_mode("dark")
    assert theme.tokens is DARK
    assert qapp.palette().window().color().name().upper() == DARK.background
    assert DARK.accent in qapp.styleSheet()
    theme.set_mode("dark")
    theme.set_mode("light")
    assert seen == [True, False]  # the same mode again says nothing
    assert theme.mode == "light"


def test_system_mode_follows_the_system(theme: look.Theme, monkeypatch: pytest.MonkeyPatch, qapp: QApplication) -> None:
    theme.set_mode("system")
    assert theme.mode == "system"

    class Hints:
        def colorScheme(self) -> Qt.ColorScheme:  # noqa: N802
            return Qt.ColorScheme.Dark

    class App:
        def __getattr__(self, name: str) -> object:
            return (lambda: Hints()) if name == "styleHints" else getattr(qapp, name)

    monkeypatch.setattr(theme, "_app", App())
    theme._system_changed()
    assert theme.tokens is DARK


def test_fonts_are_loaded_and_figures_are_tabular(theme: look.Theme) -> None:
    assert {look.TEXT_FAMILY, look.CODE_FAMILY} <= set(QFontDatabase.families())
    for size in look.SIZES:
        metrics = QFontMetricsF(theme.font(size, "semibold"))
        assert metrics.horizontalAdvance("1111") == pytest.approx(metrics.horizontalAdvance("8888"))
    assert theme.font("large").pixelSize() == 22


def test_lengths_follow_the_scale(qapp: QApplication) -> None:
    big = look.Theme(qapp, "light", 2.0)
    assert (big.px(8), big.px(0), big.font().pixelSize()) == (16, 0, 26)
    big.deleteLater()


def test_every_icon_is_drawn_in_the_asked_colour(theme: look.Theme) -> None:
    names = sorted(path.stem for path in (look.resources() / "icons").glob("*.svg"))
    assert len(names) >= 25
    for name in names:
        image: QImage = icons.pixmap(name, "#FF0000", 24).toImage()
        drawn = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
        seen = [c for c in drawn if c.alpha() > 200]
        assert seen, name
        assert all(c.red() > 200 and c.green() < 60 and c.blue() < 60 for c in seen), name


def test_a_bound_icon_is_tinted_again(theme: look.Theme, qtbot: object) -> None:
    button = QPushButton()
    icons.bind(button, theme, "chat")
    before = button.icon().pixmap(18).toImage()
    theme.set_mode("dark")
    assert button.icon().pixmap(18).toImage() != before
    button.deleteLater()


class _Speaker(QObject):
    said = Signal(bool)


def test_void_calls_and_emits_drop_no_reference(qapp: QApplication) -> None:
    """PySide6 6.12 on CPython 3.11 lost one reference of None a call, and of True an emit, until the process died."""
    label, speaker = QLabel(), _Speaker()
    speaker.said.connect(lambda on: None)
    before = sys.getrefcount(None), sys.getrefcount(True)
    for _ in range(20_000):
        label.setEnabled(True)
        speaker.said.emit(True)
    drift = sys.getrefcount(None) - before[0], sys.getrefcount(True) - before[1]
    assert min(drift) > -100, drift
    label.deleteLater()
