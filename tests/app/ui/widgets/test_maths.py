"""Mathematics is drawn, money and code are left alone, and a formula that cannot be drawn keeps its source."""

from __future__ import annotations

import sys
import time

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QGuiApplication, QTextDocument
from pytestqt.qtbot import QtBot

from app.ui.theme import Theme
from app.ui.widgets import maths
from app.ui.widgets.formulas import find
from app.ui.widgets.maths import DEEPEST, draw, formulas_of
from app.ui.widgets.prose import OBJECT, Prose

FOUND = {
    r"Euler: $e^{i\pi}+1=0$.": [r"e^{i\pi}+1=0"],
    r"\(a\) and \[b\] and $$c$$": ["a", "b", "c"],
    "$$\na\n= b\n$$": ["a\n= b"],
    "**$a$** ($n=1$)": ["a", "n=1"],
    "it is $5$": ["5"],
    "$5 and $6": [],
    "costs $5, or 6$ in total": [],
    "$5–$6 and $10k-$20k": [],
    "US$ 3 or $ 4 $": [],
    r"\$a$ and \\(b\\)": [],
    "`$x$` ``$y` $z`` $w$": ["w"],
    "```\n$x$\n```\n$z$": ["z"],
    "- ~~~\n  $x$\n  ~~~\n$z$": ["z"],
    "```\n$open": [],
    "$a\n\nb$": [],
    "http://x/$a$b": [],
}  # fmt: skip


@pytest.fixture
def prose(theme: Theme, qtbot: QtBot) -> Prose:
    made = Prose(theme)
    qtbot.addWidget(made)
    made.resize(600, 200)
    made.show()
    return made


@pytest.mark.parametrize("text", FOUND)
def test_formulas_are_found_and_nothing_else(text: str) -> None:
    assert [formula.tex for formula in find(text)] == FOUND[text]


@pytest.mark.parametrize(
    "text", ["$a " * 20_000, "`" * 20_001 + "$", "` `` " * 10_000 + "$x$", "\\(" * 20_000, "$$" * 20_001]
)
def test_finding_takes_linear_time(text: str) -> None:
    start = time.process_time()
    find(text)
    first = time.process_time() - start
    start = time.process_time()
    find(text * 4)
    assert time.process_time() - start < 12 * first + 0.2


def test_a_formula_becomes_a_picture_and_copies_as_its_source(prose: Prose, theme: Theme, qtbot: QtBot) -> None:
    prose.show_markdown(r"Say $x^2$ now.")
    assert prose.toPlainText() == "Say $x^2$ now."
    qtbot.waitUntil(lambda: OBJECT in prose.toPlainText(), timeout=20_000)
    assert prose.toPlainText() == f"Say {OBJECT} now."
    kind = QTextDocument.ResourceType.ImageResource.value
    image = prose.document().resource(kind, QUrl("tandem-formula:0"))
    assert image.width() > 5
    prose.selectAll()
    prose.copy()
    assert QGuiApplication.clipboard().text() == "Say $x^2$ now."


def test_a_formula_has_the_text_s_colour(prose: Prose, theme: Theme, qtbot: QtBot) -> None:
    key, kind = ("x", False), QTextDocument.ResourceType.ImageResource.value
    prose.show_markdown("$x$")
    qtbot.waitUntil(lambda: formulas_of(theme).drawing(key) is not None, timeout=20_000)
    for mode in ("dark", "light"):
        theme.set_mode(mode)  # type: ignore[arg-type]
        image = prose.document().resource(kind, QUrl("tandem-formula:0"))
        pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
        darkest = max(pixels, key=lambda pixel: pixel.alpha())
        assert abs(darkest.lightness() - theme.colour("text").lightness()) < 12


@pytest.mark.parametrize(
    "tex", [r"\frac{a", "{" * 40 + "x" + "}" * 40, "x" * 3000, r"\left(" * 9 + "x" + r"\right)" * 9]
)
def test_what_cannot_be_drawn_keeps_its_source(prose: Prose, theme: Theme, qtbot: QtBot, tex: str) -> None:
    prose.show_markdown(f"a $${tex}$$ b and $y$")
    qtbot.waitUntil(lambda: OBJECT in prose.toPlainText(), timeout=20_000)
    qtbot.waitUntil(lambda: not formulas_of(theme)._wanted, timeout=20_000)
    assert prose.toPlainText() == f"a $${tex}$$ b and {OBJECT}"


def test_depth_is_bounded_because_the_time_doubles_with_each_level() -> None:
    assert draw(r"\sqrt{" * (DEEPEST + 1) + "x" + "}" * (DEEPEST + 1), False) is None
    assert draw(r"\sqrt{\sqrt{x}}", False) is not None


def test_a_formula_that_takes_too_long_is_given_up(
    prose: Prose, theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    hold = threading.Event()
    monkeypatch.setattr(maths, "PATIENCE_MS", 50)
    monkeypatch.setattr(maths, "draw", lambda tex, display: hold.wait(20) and None)
    prose.show_markdown("so $slow$ it is")
    qtbot.waitUntil(lambda: not formulas_of(theme)._wanted, timeout=5000)
    hold.set()
    assert prose.toPlainText() == "so $slow$ it is"


def test_ziamath_is_imported_only_for_a_formula() -> None:
    import subprocess

    code = "import sys, app.ui.frame.transcript; sys.exit('ziamath' in sys.modules or 'pygments' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
