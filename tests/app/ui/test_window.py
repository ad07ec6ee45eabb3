from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QTextEdit,
    QWidget,
)  # fmt: skip

from app.errors import TandemError
from app.locks import FileLock
from app.ui import shot, start
from app.ui import theme as themes
from app.ui.commands import Command, Commands, keys_in_words
from app.ui.pages.table import PAGES
from app.ui.single import FirstWindow, raise_first
from app.ui.widgets.chip import Chip
from app.ui.window import MainWindow
from engines.knobs import Scope
from tests.fakes import OTHER, SPEC

INTERACTIVE = (QAbstractButton, QAbstractItemView, QAbstractSlider, QComboBox, QLineEdit, QPlainTextEdit, QTextEdit)


@pytest.fixture(scope="session")
def theme(qapp):
    return themes.install(qapp, "light")


@pytest.fixture
def window(qtbot, theme, program):
    made = MainWindow(theme, program)
    qtbot.addWidget(made)
    made.show_page("chat")
    made.show()
    return made


@pytest.fixture
def open_window(window, services, program):
    """With a model loaded and one answered question."""
    program.model.load()
    services.session.become_ready()
    program.model.poll()
    program.chat.send("Hello")
    services.session.text("Hi ", "there")
    program.model.poll()
    services.session.finish("Hi there")
    program.model.poll()
    return window


def shown(window: QWidget, name: str) -> QWidget:
    QApplication.processEvents()  # what a layout was given is shown in its turn
    found = [w for w in window.findChildren(QWidget, name) if w.isVisible()]
    assert len(found) == 1, f"{name}: {len(found)} visible"
    return found[0]


def in_combo_box(widget: QWidget) -> bool:
    """True for the list and the field that a combo box makes for itself."""
    parent = widget.parentWidget()
    return parent is not None and (isinstance(parent, QComboBox) or in_combo_box(parent))


def unnamed(root: QWidget) -> list[str]:
    """Every interactive widget without an object name or an accessible name; inner parts of Qt's own are skipped."""
    bad = []
    for widget in root.findChildren(QWidget):
        inner = widget.objectName().startswith("qt_") or isinstance(widget, QScrollBar)
        inner = inner or in_combo_box(widget)
        if not isinstance(widget, INTERACTIVE) or inner or widget.focusPolicy() == Qt.FocusPolicy.NoFocus:
            continue
        said = widget.accessibleName() or (isinstance(widget, QAbstractButton) and widget.text())
        if not widget.objectName() or not said:
            bad.append(f"{type(widget).__name__} “{widget.objectName()}” in {type(widget.parent()).__name__}")
    return bad


def test_every_interactive_widget_of_every_page_has_names(open_window, program):
    program.chat.model.set_knob("n_ctx", 8192)
    for entry in PAGES:
        page = open_window.page(entry.id)
        assert unnamed(page) == [], entry.id
    assert unnamed(open_window) == []


def test_the_names_that_tests_and_screen_readers_use_are_there(open_window):
    open_window.show_page("chat")
    for name in (
        "chat.composer",
        "chat.send",
        "chat.messages",
        "chat.model",
        "chat.engine",
        "telemetry.decode",
        "chat.load",
    ):
        shown(open_window, name)
    assert open_window.findChild(QWidget, "knobs.n_ctx") is not None
    assert open_window.findChild(QWidget, "chat.stop") is not None


def test_typing_and_enter_send_and_stop_replaces_send(open_window, services, program, qtbot):
    composer = shown(open_window, "chat.composer")
    qtbot.keyClicks(composer, "What now?")
    qtbot.keyClick(composer, Qt.Key.Key_Return)
    assert program.chat.rows[-2].text == "What now?"
    assert composer.toPlainText() == ""
    stop = shown(open_window, "chat.stop")
    assert not open_window.findChild(QWidget, "chat.send").isVisible()
    qtbot.mouseClick(stop, Qt.MouseButton.LeftButton)
    assert services.session.calls[-1] == "stop"


def test_a_message_that_cannot_be_sent_stays_in_the_composer(open_window, program, qtbot):
    program.model.choose_engine(OTHER.id)
    composer = shown(open_window, "chat.composer")
    qtbot.keyClicks(composer, "Hello?")
    qtbot.keyClick(composer, Qt.Key.Key_Return)
    assert composer.toPlainText() == "Hello?"


def test_a_load_knob_waits_for_apply(open_window, program, services, qtbot):
    page = open_window.chat
    page.inspector.show_tab("load")
    program.model.set_knob("n_ctx", 8192)
    apply = shown(open_window, "chat.apply")
    assert program.model.reload_words() == ["context 4,096 → 8,192 tokens"]
    qtbot.mouseClick(apply, Qt.MouseButton.LeftButton)
    assert services.session.asked["n_ctx"] == 8192
    services.session.become_ready()
    program.model.poll()
    assert not apply.isVisible()


def test_undo_takes_load_knobs_back_to_what_is_loaded(open_window, program, qtbot):
    program.model.set_knob("n_ctx", 8192)
    qtbot.mouseClick(shown(open_window, "chat.undo_load"), Qt.MouseButton.LeftButton)
    assert program.model.settings(Scope.LOAD)["n_ctx"] == 4096
    assert program.model.reload_words() == []


def test_the_error_card_restarts(open_window, program, services, qtbot):
    services.session.die()
    program.model.poll()
    qtbot.mouseClick(shown(open_window, "error.restart"), Qt.MouseButton.LeftButton)
    assert services.session.calls[-1] == "load"


def test_sides_fold_by_hand_and_by_themselves(window, program, qtbot):
    bones = window.chat.bones
    window.resize(1280, 800)
    QApplication.processEvents()
    assert bones.is_shown("left")
    assert bones.is_shown("inspector")
    qtbot.mouseClick(shown(window, "chat.fold_left"), Qt.MouseButton.LeftButton)
    assert not bones.is_shown("left")
    assert program.kept.get("chat.show_left", True) is False
    bones.toggle("left")
    window.resize(960, 700)
    QApplication.processEvents()
    assert not bones.is_shown("left")
    assert bones.is_shown("inspector")
    window.resize(1280, 800)
    QApplication.processEvents()
    assert bones.is_shown("left")


def test_a_look_can_be_chosen_and_is_kept(window, program, qtbot):
    window.show_page("settings")
    qtbot.mouseClick(shown(window, "settings.look_dark"), Qt.MouseButton.LeftButton)
    assert program.settings.look == "dark"


def test_idle_models_go_only_when_that_was_chosen(window, program, qtbot):
    window.show_page("settings")
    assert program.model.idle_minutes == 0
    assert shown(window, "settings.idle_0").isChecked()
    qtbot.mouseClick(shown(window, "settings.idle_15"), Qt.MouseButton.LeftButton)
    assert program.model.idle_minutes == 15


def test_deleted_conversations_can_be_brought_back_later(window, program, services, qtbot):
    gone = services.store.create_conversation("Gone").id
    program.chat.shelf.delete(gone)
    program.chat.shelf.forget_undo()
    window.show_page("settings")
    qtbot.mouseClick(shown(window, "settings.bring_back"), Qt.MouseButton.LeftButton)
    assert not services.store.conversation(gone).deleted
    QApplication.processEvents()
    assert not [w for w in window.findChildren(QWidget, "settings.bring_back") if w.isVisible()]


def test_help_knows_every_key_and_finds_it(window, qtbot):
    page = window.page("help")
    chips = {chip.text() for chip in page.findChildren(Chip)}
    for command in window.commands.all():
        assert not command.shortcut or keys_in_words(command.shortcut) in chips, command.id
    assert {"Shift+Enter", "F2", "Delete", "Shift+F10"} <= chips
    qtbot.keyClicks(shown(window, "help.search"), "folder F2")
    visible = [chip.text() for chip in page.findChildren(Chip) if chip.isVisible()]
    assert visible == []
    shown(window, "help.search").setText("rename F2")
    assert [chip.text() for chip in page.findChildren(Chip) if chip.isVisible()] == ["F2"]
    shown(window, "help.search").setText("ttft")
    assert not [chip for chip in page.findChildren(Chip) if chip.isVisible()]


def test_only_the_last_messages_are_built(window, program, services):
    made = services.store.create_conversation("long")
    for number in range(130):
        services.store.add_message(made.id, "user", f"message {number}")
    program.chat.open(made.id)
    assert len(window.chat.transcript.findChildren(QWidget, "message.user")) == 20
    shown(window, "chat.earlier").click()
    QApplication.sendPostedEvents(None, 0)
    assert len(window.chat.transcript.findChildren(QWidget, "message.user")) == 40


def test_pages_to_come_say_so_and_lead_back(window, qtbot):
    window.rail.button("images").click()
    qtbot.mouseClick(shown(window, "images.go_chat"), Qt.MouseButton.LeftButton)
    assert window.rail.current() == "chat"


def test_the_window_comes_back_as_it_was(window, theme, program, qtbot):
    window.resize(window.minimumWidth(), 611)  # the offscreen screen is 800 × 800
    window.show_page("settings")
    window.close()
    again = MainWindow(theme, program)
    qtbot.addWidget(again)
    assert again.height() == 611
    assert program.kept.get("window.page", "") == "settings"


def test_commands_have_no_shared_shortcuts(window):
    command = Command("a", "A", lambda: None, "Ctrl+N")
    with pytest.raises(ValueError, match="Ctrl"):
        Commands([command, Command("b", "B", lambda: None, "Ctrl+N")])
    assert window.commands["chat.stop"].trigger() is False


def test_a_second_start_raises_the_first(home, qtbot):
    raised: list[None] = []
    first = FirstWindow(home, lambda: raised.append(None))
    assert raise_first(home)
    qtbot.waitUntil(lambda: bool(raised))
    first.close()
    assert not raise_first(home)


def test_open_window_with_the_lock_taken_only_raises(qapp, home, services, qtbot):
    raised: list[None] = []
    lock = FileLock(services.paths.lock / "window", timeout_s=0)
    lock.acquire()
    first = FirstWindow(home, lambda: raised.append(None))
    assert start.open_window(services.paths, lambda _: pytest.fail("opened a second window")) == 0
    qtbot.waitUntil(lambda: bool(raised))
    first.close()
    lock.release()


def test_a_shot_is_a_picture_of_the_page(qapp, services, tmp_path, monkeypatch):
    monkeypatch.setattr(start.registry, "visible", lambda task: [SPEC])
    out = tmp_path / "deep" / "chat.png"
    assert shot.take_shot(services, "chat", out, (1000, 700), "light", False) == (1000, 700)
    assert out.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(TandemError) as told:
        shot.take_shot(services, "images", out, (1000, 700), "light", False)
    assert told.value.code == "not_built"


def test_the_window_imports_no_engine_library():
    code = (
        "import sys, app.ui.start, app.ui.pages.settings, app.ui.pages.help, app.ui.pages.coming;"
        "from engines import registry; registry.specs();"
        "print([m for m in ('torch','transformers','llama_cpp','jinja2','gguf','diffusers','onnxruntime') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
