"""Code is coloured line by line, only with roles whose contrast is known, and only where it is code."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from app.ui.theme import Theme
from app.ui.theme_tokens import DARK, LIGHT, TEXT_PAIRS, contrast
from app.ui.widgets.code_card import CodeCard
from app.ui.widgets.code_colours import MOST_LINE, ROLES, lexer_for, spans

CODE = 'def f(x):\n    """A\n    😀 b"""\n    return 1  # c\n'


def test_spans_are_in_utf16_units_and_per_line() -> None:
    lines = list(spans(CODE, lexer_for("python")))
    assert lines[0][:2] == [(0, 3, "lane_b"), (4, 1, "accent")]
    assert lines[1:3] == [[(4, 4, "lane_c")], [(0, 11, "lane_c")]]
    assert lines[3] == [(4, 6, "lane_b"), (11, 1, "lane_a"), (14, 3, "dim")]


@pytest.mark.parametrize("role", sorted(set(ROLES.values())))
def test_every_colour_is_read_on_the_card(role: str) -> None:
    assert (role, "surface") in TEXT_PAIRS
    for tokens in (LIGHT, DARK):
        assert contrast(getattr(tokens, role), tokens.surface) >= 4.5


def card_of(theme: Theme, qtbot: QtBot, language: str) -> CodeCard:
    card = CodeCard(theme, language)
    qtbot.addWidget(card)
    return card


def drawn(card: CodeCard, line: int) -> list[tuple[int, int, str]]:
    formats = card.view.document().findBlockByNumber(line).layout().formats()
    return [(f.start, f.length, f.format.foreground().color().name()) for f in formats]


def test_a_growing_block_is_coloured_as_a_whole_one(theme: Theme, qtbot: QtBot) -> None:
    card = card_of(theme, qtbot, "python")
    lines = CODE.splitlines(keepends=True)
    card.append(lines[0])
    qtbot.waitUntil(lambda: bool(drawn(card, 0)), timeout=5000)
    for line in lines[1:]:
        card.append(line)
    card.finish()
    qtbot.waitUntil(lambda: not card.colourer.busy, timeout=5000)
    ink = theme.colour("lane_c").name()
    assert drawn(card, 1) == [(4, 4, ink)]
    assert drawn(card, 2) == [(0, 11, ink)]
    assert card.text() == CODE.rstrip("\n")


def test_colours_follow_the_look(theme: Theme, qtbot: QtBot) -> None:
    card = card_of(theme, qtbot, "python")
    card.append("return 1\n")
    card.finish()
    qtbot.waitUntil(lambda: bool(drawn(card, 0)), timeout=5000)
    theme.set_mode("dark")
    qtbot.waitUntil(lambda: drawn(card, 0)[0][2] == DARK.lane_b.lower(), timeout=5000)


@pytest.mark.parametrize(
    ("language", "code"), [("", "def f\n"), ("nosuch", "def f\n"), ("python", "x" * MOST_LINE + "y\n")]
)
def test_what_is_no_known_code_stays_plain(theme: Theme, qtbot: QtBot, language: str, code: str) -> None:
    card = card_of(theme, qtbot, language)
    card.append(code)
    card.finish()
    qtbot.waitUntil(lambda: not card.colourer.busy, timeout=5000)
    assert card.colourer.lines == []
    assert card.text() == code.rstrip("\n")
