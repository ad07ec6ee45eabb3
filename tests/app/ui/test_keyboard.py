"""The Chat page without a mouse: Tab reaches everything that can be used, and one sees where one is."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QAbstractButton, QApplication, QScrollArea, QWidget

from app.ui import theme as themes
from app.ui.window import MainWindow

MOST = 300
"""Steps after which Tab goes in circles without coming back."""


@pytest.fixture
def window(qapp, qtbot, ready, services):
    """With a model loaded, folders, and one answered question."""
    flash = qapp.cursorFlashTime()
    qapp.setCursorFlashTime(0)
    services.store.add_folder("Work")
    ready.chat.send("Hello")
    services.session.text("Hi ", "there")
    ready.model.poll()
    services.session.finish("Hi there")
    ready.model.poll()
    made = MainWindow(themes.install(qapp, "light"), ready)
    qtbot.addWidget(made)
    made.resize(1280, 800)
    made.show_page("chat")
    made.show()
    made.activateWindow()
    made.chat.focus_composer()
    qtbot.waitUntil(made.chat.composer.edit.hasFocus)
    yield made
    qapp.setCursorFlashTime(flash)


def walk(qtbot, back: bool = False) -> list[QWidget]:
    """Every widget that Tab comes to, from where the focus is until it is there again."""
    modifier = Qt.KeyboardModifier.ShiftModifier if back else Qt.KeyboardModifier.NoModifier
    start = QApplication.focusWidget()
    assert start is not None
    passed = [start]
    for _ in range(MOST):
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Backtab if back else Qt.Key.Key_Tab, modifier)
        now = QApplication.focusWidget()
        assert now is not None
        if now is start:
            return passed
        passed.append(now)
    raise AssertionError(f"Tab does not come back: {[name(w) for w in passed[-6:]]}")


def name(widget: QWidget) -> str:
    return f"{type(widget).__name__} “{widget.objectName()}” in {type(widget.parent()).__name__}"


def usable(root: QWidget) -> list[QWidget]:
    """What can be seen and takes the focus with Tab; a group of radio-like buttons counts once, as Tab does."""
    found = []
    for widget in root.findChildren(QWidget):
        tab = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
        if tab and widget.isVisible() and widget.isEnabled() and widget.focusProxy() is None:
            found.append(widget)
    return found


def in_group_of(widget: QWidget, passed: list[QWidget]) -> bool:
    """True for a button whose exclusive group Tab did come to: arrow keys go on from there."""
    group = widget.group() if isinstance(widget, QAbstractButton) else None
    return group is not None and group.exclusive() and any(b in passed for b in group.buttons())


def picture(window: MainWindow, widget: QWidget) -> QImage:
    corner = widget.mapTo(window, widget.rect().topLeft())
    box = QRect(corner, widget.size()).adjusted(-4, -4, 4, 4).intersected(window.rect())
    return window.grab(box).toImage()


def test_tab_comes_to_everything(window, qtbot):
    passed = walk(qtbot)
    missed = [w for w in usable(window) if w not in passed and not in_group_of(w, passed)]
    assert [name(w) for w in missed] == []
    for wanted in ("chat.send", "chat.conversations", "chat.search", "chat.new", "chat.model", "rail.chat"):
        there = [w for w in window.findChildren(QWidget, wanted) if w.isVisible() and w.isEnabled()]
        assert all(w in passed or in_group_of(w, passed) for w in there), wanted


def test_tab_goes_back_the_same_way(window, qtbot):
    there = walk(qtbot)
    back = walk(qtbot, back=True)
    assert {name(w) for w in there} == {name(w) for w in back}


def test_all_it_comes_to_have_names(window, qtbot):
    bad = [w for w in walk(qtbot) if not w.objectName() or not (w.accessibleName() or getattr(w, "text", str)())]
    assert [name(w) for w in bad] == []


def test_one_sees_where_the_focus_is(window, qtbot):
    window.commands["chat.search"].trigger()  # the list has a row that is marked
    hidden = []
    for widget in walk(qtbot):
        if isinstance(widget, QScrollArea):
            continue  # it scrolls with the arrow keys; what is in it shows the focus
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        QApplication.processEvents()
        focused = picture(window, widget)
        widget.clearFocus()
        QApplication.processEvents()
        if picture(window, widget) == focused:
            hidden.append(name(widget))
    assert hidden == []


def test_a_question_is_asked_and_stopped_without_a_mouse(window, qtbot, ready, services):
    qtbot.keyClicks(window.chat.composer.edit, "And now?")
    qtbot.keyClick(window.chat.composer.edit, Qt.Key.Key_Return)
    assert ready.chat.running
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert services.session.calls[-1] == "stop"


def test_a_conversation_is_found_renamed_and_deleted_without_a_mouse(window, qtbot, ready, services):
    other = services.store.create_conversation("About cats").id
    ready.chat.conversations_changed.emit()
    qtbot.keyClick(window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(QApplication.focusWidget(), "cats")
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Down)
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_F2)
    editor = QApplication.focusWidget()
    assert editor.objectName() == "chat.rename"
    editor.selectAll()
    qtbot.keyClicks(editor, "About dogs")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: services.store.conversation(other).title == "About dogs")
    qtbot.waitUntil(lambda: not window.chat.conversations.view.editing)
    qtbot.keyClick(window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Down)
    view = window.chat.conversations.view
    while window.chat.conversations.current() != other:
        before = view.currentIndex().row()
        qtbot.keyClick(view, Qt.Key.Key_Down)
        assert view.currentIndex().row() > before
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert services.store.conversation(other).deleted
    assert view.hasFocus()
    ready.chat.shelf.undo()
    assert not services.store.conversation(other).deleted


def test_a_message_is_edited_and_left_without_a_mouse(window, qtbot, ready, services):
    for leave in (Qt.Key.Key_Escape, Qt.Key.Key_Return):
        asked = len(services.session.requests)
        qtbot.keyClick(window.chat.composer.edit, Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
        editor = QApplication.focusWidget()
        assert editor is not window.chat.composer.edit
        qtbot.keyClicks(editor, "!")
        with_control = Qt.KeyboardModifier.ControlModifier if leave == Qt.Key.Key_Return else Qt.KeyboardModifier(0)
        qtbot.keyClick(editor, leave, with_control)
        QApplication.processEvents()
        texts = [row.text for row in ready.chat.rows if row.role == "user"]
        assert texts == (["Hello!"] if leave == Qt.Key.Key_Return else ["Hello"])
        assert len(services.session.requests) == asked + (1 if leave == Qt.Key.Key_Return else 0)
