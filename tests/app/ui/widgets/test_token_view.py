"""Each token in a box, its probability as a tint, and what else was likely beside the pointer."""

from __future__ import annotations

import math

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QPushButton, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from app.ui.state.inside import Token
from app.ui.theme import Theme
from app.ui.theme_tokens import DARK, LIGHT, Tokens, contrast
from app.ui.widgets import token_canvas, token_detail
from app.ui.widgets.token_detail import TokenDetail
from app.ui.widgets.token_view import TokenView

TOKENS = (
    Token("The", math.log(0.9), (("The", math.log(0.9)), ("A", math.log(0.05)))),
    Token(" cat", math.log(0.02), ((" dog", math.log(0.7)), (" cat", math.log(0.02))), accepted=True),
    Token(" sat", math.log(0.6)),
    Token("\n\n", math.log(0.5)),
    Token("Then", math.log(0.03), (("So", math.log(0.5)), ("And", math.log(0.2)))),
    Token("", math.log(0.99)),
)


@pytest.fixture
def view(theme: Theme, qtbot: QtBot) -> TokenView:
    made = TokenView(theme)
    qtbot.addWidget(made)
    made.resize(600, 300)
    made.show()
    return made


def test_every_token_has_a_box_in_reading_order(view: TokenView) -> None:
    view.show_tokens(TOKENS)
    boxes = [view.canvas.box(i) for i in range(len(TOKENS))]
    assert all(box.width() > 2 for box in boxes)
    assert [b.left() for b in boxes[:4]] == sorted(b.left() for b in boxes[:4])
    assert boxes[4].top() > boxes[3].top()  # after the line breaks
    for i, box in enumerate(boxes):
        assert view.canvas.token_at(box.center().toPointF()) == i


def test_a_narrower_view_wraps_and_grows(view: TokenView) -> None:
    view.show_tokens([Token(f" word{i}", -0.5) for i in range(200)])
    tall = view.canvas.height()
    view.canvas.resize(200, tall)
    assert view.canvas.height() > 2 * tall
    assert view.canvas.box(199).right() <= 200


def test_white_space_and_the_end_can_be_seen() -> None:
    found = token_canvas.paragraphs(TOKENS)
    assert [p.text for p in found] == ["The cat sat↵", "↵", "Then‹end›"]
    assert [p.text for p in token_canvas.paragraphs([Token(""), Token("ü"), Token("   ")])] == ["·ü␣␣␣"]


def test_places_are_counted_as_qt_does() -> None:
    found = token_canvas.paragraphs([Token("🙂"), Token("a")])
    assert found[0].starts == [0, 2]


def point_at(view: TokenView, token: int) -> None:
    at = view.canvas.box(token).center().toPointF()
    button = Qt.MouseButton.NoButton
    kind, keys = QEvent.Type.MouseMove, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(view.canvas, QMouseEvent(kind, at, view.canvas.mapToGlobal(at), button, button, keys))


def test_the_pointer_shows_what_else_was_likely(view: TokenView) -> None:
    view.show_tokens(TOKENS)
    point_at(view, 1)
    assert view.canvas.cursor_token == 1
    assert view.detail.isVisible()
    assert [(text, round(share, 2), taken) for text, share, taken in view.detail.lines()] == [
        (" dog", 0.7, False), (" cat", 0.02, True),
    ]  # fmt: skip
    assert "“ dog” 70 %" in view.canvas.accessibleDescription()


def test_the_small_window_stays_inside_the_large_one(view: TokenView) -> None:
    view.show_tokens(TOKENS)
    view.resize(600, 300)
    for token in range(len(TOKENS)):
        point_at(view, token)
        assert view.rect().contains(view.detail.geometry())


def test_the_small_window_goes_with_the_view(theme: Theme, qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(600, 300)
    view = TokenView(theme, window)
    window.show()
    view.show_tokens(TOKENS)
    point_at(view, 1)
    assert window.findChild(TokenDetail, "message.token", Qt.FindChildOption.FindDirectChildrenOnly) is not None
    view.deleteLater()
    qtbot.waitUntil(lambda: window.findChild(TokenDetail, "message.token") is None)


def test_the_keys_scroll_to_what_they_point_at(theme: Theme, qtbot: QtBot) -> None:
    area = QScrollArea()
    qtbot.addWidget(area)
    area.setWidgetResizable(True)
    view = TokenView(theme)
    area.setWidget(view)
    area.resize(400, 200)
    area.show()
    view.show_tokens([Token(f" word{i}", -0.5) for i in range(600)])
    area.activateWindow()
    view.canvas.setFocus()
    qtbot.waitUntil(view.canvas.hasFocus)
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 0)
    qtbot.keyClick(view.canvas, Qt.Key.Key_End)
    box = view.canvas.box(599)
    assert area.viewport().rect().contains(view.canvas.mapTo(area.viewport(), box.center()))


def test_one_that_is_not_among_the_likeliest_is_shown_last() -> None:
    assert [line[0] for line in token_detail.lines(TOKENS[4])] == ["So", "And", "Then"]
    assert token_detail.lines(TOKENS[4])[-1][2]
    assert token_detail.lines(Token("x")) == []


def test_the_keys_move_from_token_to_token(view: TokenView, qtbot: QtBot) -> None:
    view.show_tokens(TOKENS)
    canvas = view.canvas
    seen: list[int] = []
    canvas.pointed.connect(seen.append)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_End, Qt.Key.Key_Home):
        qtbot.keyClick(canvas, key)
    assert seen == [0, 1, 0, 5, 0]
    qtbot.keyClick(canvas, Qt.Key.Key_Down)
    qtbot.keyClick(canvas, Qt.Key.Key_Down)
    assert canvas.cursor_token == 4
    qtbot.keyClick(canvas, Qt.Key.Key_Up)
    assert canvas.cursor_token == 3
    qtbot.keyClick(canvas, Qt.Key.Key_Escape)
    assert canvas.cursor_token == -1
    assert not view.detail.isVisible()


def test_without_probabilities_it_says_so_and_offers_them(view: TokenView, qtbot: QtBot) -> None:
    view.show_tokens([Token("a"), Token("b")])
    assert view.missing.isVisible()
    assert not view.legend.isVisible()
    button = view.findChild(QPushButton, "message.want_probabilities")
    with qtbot.waitSignal(view.wanted):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    view.show_tokens(TOKENS)
    assert not view.missing.isVisible()


def test_without_tokens_it_says_why(view: TokenView) -> None:
    view.show_tokens((), why="No tokens here.")
    assert view.words.text() == "No tokens here."
    assert not view.canvas.isVisible()
    assert not view.missing.isVisible()


def test_the_legend_explains_only_what_is_there(view: TokenView) -> None:
    view.show_tokens(TOKENS, drafted=4)
    assert view.legend.words() == "likely … unlikely · under 10 % · accepted draft"
    assert view.words.text().endswith("accepted 1 of 4 drafted")
    view.show_tokens(TOKENS[:1])
    assert view.legend.words() == "likely … unlikely · under 10 %"


@pytest.mark.parametrize("tokens", [LIGHT, DARK])
def test_words_stay_readable_on_every_tint(tokens: Tokens) -> None:
    for step in range(11):
        assert contrast(tokens.text, token_canvas.tint(tokens, step / 10).name()) >= 4.5


def test_the_unlikely_token_is_tinted_and_underlined(view: TokenView, theme: Theme) -> None:
    view.show_tokens(TOKENS)
    image = view.canvas.grab().toImage()
    ratio = image.devicePixelRatio()

    def at(point: QPoint) -> str:
        return image.pixelColor(round(point.x() * ratio), round(point.y() * ratio)).name()

    likely, unlikely = view.canvas.box(0), view.canvas.box(1)
    assert at(likely.topLeft() + QPoint(2, 0)) == token_canvas.tint(theme.tokens, 0.0228787).name()
    assert at(unlikely.topLeft() + QPoint(2, 0)) == token_canvas.tint(theme.tokens, 0.849485).name()
    foot = [at(unlikely.topLeft() + QPoint(2, dy)) for dy in range(unlikely.height() - 2, unlikely.height() + 3)]
    assert theme.tokens.text.lower() in foot
    foot = [at(likely.topLeft() + QPoint(2, dy)) for dy in range(likely.height() - 2, likely.height() + 3)]
    assert theme.tokens.text.lower() not in foot


def test_only_lines_that_are_seen_are_cut_into_boxes(view: TokenView) -> None:
    view.show_tokens([Token(f" word{i}", -0.5) for i in range(2000)])
    canvas = view.canvas
    canvas.grab(canvas.rect().adjusted(0, 0, 0, -(canvas.height() - 100)))
    cut = sum(len(paragraph.cut) for paragraph in canvas._paragraphs)
    lines = sum(paragraph.layout.lineCount() for paragraph in canvas._paragraphs)
    assert 0 < cut < lines / 4
