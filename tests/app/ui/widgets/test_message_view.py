"""A message shows what was said, whole and in order, and does nothing that its text asks for."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QGuiApplication, QTextDocument
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from app.ui.theme import Theme
from app.ui.widgets.code_card import CodeCard
from app.ui.widgets.message_view import MessageView
from app.ui.widgets.prose import Prose, SafeDocument

ANSWER = "# Title\n\nSome **bold** words.\n\n```python\nx = 1\n\ny = 2\n```\n\n- a\n- b\n\nThe `end`."


@pytest.fixture
def answer(theme: Theme, qtbot: QtBot) -> MessageView:
    view = MessageView(theme, "assistant")
    qtbot.addWidget(view)
    view.resize(700, 400)
    return view


def shown(view: MessageView) -> str:
    """The words on the screen, without markdown's signs."""
    parts = [v.toPlainText() if isinstance(v, Prose) else v.text() for v in view.body._views]  # type: ignore[union-attr]
    return "\n".join(parts)


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_streamed_answer_is_drawn_like_a_finished_one(
    answer: MessageView, theme: Theme, qtbot: QtBot, size: int
) -> None:
    answer.set_status("streaming")
    for start in range(0, len(ANSWER), size):
        answer.append(ANSWER[start : start + size])
        answer.flush()
    answer.finish("first token 41 ms")
    whole = MessageView(theme, "assistant")
    qtbot.addWidget(whole)
    whole.set_text(ANSWER)
    whole.flush()
    assert answer.text() == ANSWER
    assert shown(answer) == shown(whole) == "Title\nSome bold words.\nx = 1\n\ny = 2\na\nb\nThe end."
    assert answer.status == "done"


def test_code_is_a_card_with_its_language_and_copies_exactly(answer: MessageView, qtbot: QtBot) -> None:
    answer.set_text(ANSWER)
    answer.flush()
    (card,) = answer.findChildren(CodeCard)
    assert card.language == "python"
    card.copy_button.click()
    assert QGuiApplication.clipboard().text() == "x = 1\n\ny = 2"
    assert card.copy_button.text() == "Copied"


def test_a_code_line_that_is_not_ended_yet_is_shown_once(answer: MessageView) -> None:
    for delta in ("```\nfirst", " line\nsec", "ond", "\nthird"):
        answer.append(delta)
        answer.flush()
    (card,) = answer.findChildren(CodeCard)
    assert card.text() == "first line\nsecond\nthird"


def test_front_matter_does_not_vanish(answer: MessageView) -> None:
    answer.set_text("---\nkey: value\n---\n\nbody")
    answer.flush()
    assert "key: value" in shown(answer)


def test_finished_pieces_are_not_touched_again(answer: MessageView, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(40):
        answer.append("A paragraph of some length, so that it is closed at last. " * 3 + "\n\n")
    answer.flush()
    before = list(answer.body._views)  # type: ignore[union-attr]
    assert len(before) > 3
    rendered: list[str] = []
    monkeypatch.setattr(Prose, "show_markdown", lambda self, text, start=0: rendered.append(text))
    for _ in range(10):
        answer.append("more ")
        answer.flush()
    assert answer.body._views[: len(before)] == before  # type: ignore[union-attr]
    assert all(len(text) < 3000 for text in rendered)


def test_a_flood_of_tiny_deltas_is_gathered(answer: MessageView, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    original = Prose.show_markdown
    monkeypatch.setattr(
        Prose, "show_markdown", lambda self, text, start=0: (drawn.append(1), original(self, text, start))[1]
    )
    for i in range(20_000):
        answer.append(f"{i} ")
    answer.finish()
    answer.flush()
    assert answer.text() == "".join(f"{i} " for i in range(20_000))
    assert len(drawn) < 2_000
    assert shown(answer).split() == [str(i) for i in range(20_000)]


def test_long_answers_are_drawn_in_slices_and_end_whole(answer: MessageView, qtbot: QtBot) -> None:
    chance = random.Random(5)
    text = "\n\n".join(" ".join(chance.choice(["abc", "def", "ghi"]) for _ in range(80)) for _ in range(300))
    answer.set_text(text)
    qtbot.waitUntil(lambda: shown(answer).split() == text.split(), timeout=5000)


def test_a_link_whose_address_comes_later_is_one_in_the_end(answer: MessageView) -> None:
    text = "See [here][r].\n\n" + ("Filling words in between. " * 20 + "\n\n") * 6 + "[r]: https://example.org/x"
    for start in range(0, len(text), 50):
        answer.append(text[start : start + 50])
        answer.flush()
    answer.finish()
    answer.flush()
    first = answer.body._views[0]  # type: ignore[union-attr]
    assert isinstance(first, Prose)
    assert "https://example.org/x" in first.toHtml()


def test_nothing_is_loaded_and_the_image_is_named(
    answer: MessageView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    original = SafeDocument.loadResource
    monkeypatch.setattr(
        SafeDocument, "loadResource", lambda self, kind, name: (asked.append(str(name)), original(self, kind, name))[1]
    )
    secret = tmp_path / "secret.txt"
    secret.write_text("secret words")
    answer.set_text(f"before ![x]({secret.as_uri()}) ![y](http://example.org/y.png) after")
    answer.flush()
    assert "secret words" not in shown(answer)
    assert "http://example.org/y.png" in shown(answer)
    document = answer.findChildren(Prose)[0].document()
    kind = int(QTextDocument.ResourceType.ImageResource.value)
    assert not document.resource(kind, QUrl.fromLocalFile(str(secret)))


def test_html_stays_text(answer: MessageView) -> None:
    answer.set_text("<b>bold</b> <img src='http://x/y.png'>")
    answer.flush()
    assert "<b>bold</b>" in shown(answer)


@pytest.mark.parametrize(("address", "asks"), [("https://example.org/a", True), ("file:///etc/passwd", False)])
def test_links_ask_first_and_only_the_web_is_offered(
    answer: MessageView, monkeypatch: pytest.MonkeyPatch, address: str, asks: bool
) -> None:
    questions: list[str] = []

    def refuse(parent: object, title: str, text: str, buttons: object) -> QMessageBox.StandardButton:
        questions.append(text)
        return QMessageBox.StandardButton.Cancel

    monkeypatch.setattr(QMessageBox, "question", refuse)
    answer.set_text(f"[x]({address})")
    answer.flush()
    answer.findChildren(Prose)[0].anchorClicked.emit(QUrl(address))
    assert [address in q for q in questions] == ([True] if asks else [])


def test_an_end_that_is_not_done_says_so(answer: MessageView) -> None:
    answer.append("half a sent")
    answer.set_status("streaming")
    answer.finish("first token 41 ms")
    answer.set_status("cancelled")
    assert answer.status == "cancelled"
    assert "Stopped" in answer.foot.status.text()
    assert answer.foot.figures.text() == "first token 41 ms"


def test_a_persons_message_is_never_rendered(theme: Theme, qtbot: QtBot) -> None:
    view = MessageView(theme, "user")
    qtbot.addWidget(view)
    view.resize(700, 100)
    view.set_text("**not bold** <b>x</b>")
    view.show()
    assert view.body.prose.toPlainText() == "**not bold** <b>x</b>"  # type: ignore[union-attr]
    view.copy()
    assert QGuiApplication.clipboard().text() == "**not bold** <b>x</b>"
    assert view.body.frame.width() <= 0.78 * view.width() + 1  # type: ignore[union-attr]


def test_height_follows_the_text(answer: MessageView, qtbot: QtBot) -> None:
    answer.show()
    answer.set_text("word " * 400)
    answer.flush()
    prose = answer.findChildren(Prose)[0]
    qtbot.waitUntil(lambda: prose.width() > 600, timeout=2000)
    wide = prose.height()
    assert wide > 5 * prose.fontMetrics().lineSpacing()
    answer.resize(350, 400)
    qtbot.waitUntil(lambda: prose.height() > 1.6 * wide, timeout=2000)
