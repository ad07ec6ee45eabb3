"""The Chat page by hand, on the real starter model in llama.cpp: load, chat, edit, answer again, apply and compare, restart.

Every step is a click or a key in the real window, and the clicks of a trial are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QPlainTextEdit, QWidget

from app import compose
from app.lab.session import SessionState
from app.paths import Paths
from app.ui import theme as themes
from app.ui.program import Program
from app.ui.start import end
from app.ui.widgets.message_view import MessageView
from app.ui.window import MainWindow
from engines import registry
from engines.spec import Task

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
LOAD_MS = 120_000
ANSWER_MS = 120_000


class Clicks(QObject):
    """Counts presses of the mouse in the whole application."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.MouseButtonPress and isinstance(watched, QAbstractButton):
            self.count += 1
        return False


class Hand:
    """What a person does in the window."""

    def __init__(self, window: MainWindow, program: Program, qtbot) -> None:  # type: ignore[no-untyped-def]
        self.window, self.program, self.bot = window, program, qtbot

    def find(self, name: str, kind: type[QWidget] = QWidget) -> QWidget:
        """The visible widget of that name; waits for it."""

        def seen() -> list[QWidget]:
            return [w for w in self.window.findChildren(kind, name) if w.isVisible()]

        self.bot.waitUntil(lambda: bool(seen()))
        return seen()[-1]

    def click(self, name: str) -> None:
        widget = self.find(name)
        assert widget.isEnabled(), f"{name} is off"
        self.bot.mouseClick(widget, Qt.MouseButton.LeftButton)

    def write(self, text: str) -> None:
        composer = self.find("chat.composer", QPlainTextEdit)
        self.bot.keyClicks(composer, text)
        self.bot.keyClick(composer, Qt.Key.Key_Return)

    def knob(self, name: str, text: str) -> None:
        """Type a knob's value."""
        form = self.program_form(name)
        field = next(e for e in form.findChildren(QLineEdit) if e.isVisible())
        field.selectAll()
        self.bot.keyClicks(field, text)
        self.bot.keyClick(field, Qt.Key.Key_Return)

    def program_form(self, name: str) -> QWidget:
        found = [w for w in self.window.findChildren(QWidget) if w.objectName() == f"knobs.{name}" and w.isVisible()]
        assert found, f"no knob {name} in view"
        return found[0].parentWidget() or found[0]

    def message(self, index: int) -> MessageView:
        views = [v for v in self.window.chat.transcript.findChildren(MessageView) if v.isVisible()]
        return sorted(views, key=lambda v: v.mapTo(self.window, v.rect().topLeft()).y())[index]

    def texts(self) -> list[str]:
        return [row.text for row in self.program.chat.rows]

    def answered(self) -> None:
        chat = self.program.chat
        self.bot.waitUntil(
            lambda: not chat.busy and bool(chat.rows) and chat.rows[-1].status == "done", timeout=ANSWER_MS
        )


@pytest.fixture
def opened(qapp: QApplication, home: Path, starter_gguf: Path, qtbot) -> Callable[[], object]:  # type: ignore[no-untyped-def]
    """Opens the program on the test's home, as often as asked."""

    @contextmanager
    def once() -> Iterator[Hand]:
        with compose.services(Paths(home)) as services:
            if not services.library.variants():
                services.library.add(starter_gguf)
            program = Program(services, registry.visible(Task.CHAT))
            window = MainWindow(themes.install(qapp, "light"), program)
            window.resize(1280, 800)
            window.show_page("chat")
            window.show()
            qtbot.waitExposed(window)
            try:
                yield Hand(window, program, qtbot)
            finally:
                program.close()
                end(window)

    return once


def test_a_day_on_the_chat_page(opened, qapp, qtbot):
    with opened() as hand:
        _settings(hand)
        hand.click("chat.load")
        qtbot.waitUntil(lambda: hand.program.model.phase is SessionState.READY, timeout=LOAD_MS)

        hand.write("Name a colour.")
        hand.answered()
        assert hand.texts()[0] == "Name a colour."
        first = hand.texts()[1]
        assert first.strip()

        _edit(hand, "Name a fruit.")
        hand.answered()
        assert hand.texts()[0] == "Name a fruit."
        row = hand.program.chat.rows[0]
        assert (row.version, row.versions) == (2, 2)

        qtbot.keyClick(hand.window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(lambda: hand.program.chat.busy, timeout=5_000)
        hand.answered()
        assert hand.program.chat.rows[1].versions == 2

        _apply_and_compare(hand, qapp)
        kept = hand.texts()
        assert kept[0] == "Name a fruit."

    with opened() as hand:
        assert hand.texts() == kept
        assert hand.program.chat.rows[1].versions == 3
        assert hand.program.chat.rows[1].footer
        hand.program.chat.version(0, -1)
        assert hand.texts() == ["Name a colour.", first], "nothing that was answered is lost"


def _settings(hand: Hand) -> None:
    """Short and the same each time: greedy, 12 tokens, a small context, one thread."""
    model = hand.program.model
    for name, value in (("temperature", 0.0), ("max_tokens", 12), ("n_ctx", 512), ("n_threads", 1)):
        model.set_knob(name, value)


def _edit(hand: Hand, text: str) -> None:
    message = hand.message(0)
    hand.bot.mouseClick(message.verbs.button("edit"), Qt.MouseButton.LeftButton)
    editor = hand.find("message.editor", QPlainTextEdit)
    editor.selectAll()
    hand.bot.keyClicks(editor, text)
    hand.click("message.save")


def _apply_and_compare(hand: Hand, qapp: QApplication) -> None:
    hand.window.chat.inspector.show_tab("load")
    hand.knob("n_ctx", "1024")
    assert hand.program.model.needs_reload
    clicks = Clicks()
    qapp.installEventFilter(clicks)
    try:
        hand.click("chat.apply_compare")
        chips = ("trial.decode", "trial.first_token", "trial.memory", "trial.words")
        hand.bot.waitUntil(
            lambda: all(any(w.isVisible() for w in hand.window.findChildren(QWidget, name)) for name in chips),
            timeout=LOAD_MS + ANSWER_MS,
        )
    finally:
        qapp.removeEventFilter(clicks)
    assert 1 <= clicks.count <= 2, "at most two clicks from a changed knob to its figures"
    chat = hand.program.chat
    found = {chip.key: chip for chip in chat.trial.chips}
    assert found["decode"].change.endswith("×")
    assert found["memory"].change.startswith("+"), "twice the context takes more memory"
    assert found["words"].change == "the same words", "a larger context changes no word of a greedy answer"
    hand.click("chat.keep_new")
    assert not chat.trial.on
    assert chat.model.loaded is not None
    assert chat.model.loaded.n_ctx == 1024
