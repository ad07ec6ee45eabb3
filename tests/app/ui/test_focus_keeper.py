"""A button that goes while it has the focus: the focus stays on the page, at what came in its place."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.ui.focus_keeper import FocusKeeper


class Window(QWidget):
    """A rail of one button beside a page: far, then start and stop in a group of their own."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        self.rail, self.pages = QPushButton("rail"), QStackedWidget()
        row.addWidget(self.rail)
        row.addWidget(self.pages)
        page, self.other = QWidget(), QPushButton("other page")
        column = QVBoxLayout(page)
        self.far, group = QPushButton("far"), QWidget()
        column.addWidget(self.far)
        column.addWidget(group)
        self.start, self.stop = QPushButton("start"), QPushButton("stop")
        inside = QHBoxLayout(group)
        inside.addWidget(self.start)
        inside.addWidget(self.stop)
        self.stop.hide()
        self.start.clicked.connect(self.begin)
        self.pages.addWidget(page)
        self.pages.addWidget(self.other)
        self.keeper = FocusKeeper(self.pages)

    def begin(self) -> None:
        self.start.hide()
        self.stop.show()


@pytest.fixture
def window(qtbot: QtBot) -> Window:
    made = Window()
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    made.start.setFocus(Qt.FocusReason.TabFocusReason)
    QApplication.processEvents()
    return made


def test_what_came_in_its_place_gets_the_focus(qtbot: QtBot, window: Window):
    window.start.click()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is window.stop)


def test_what_stands_before_it_is_as_near_as_what_stands_behind(qtbot: QtBot, window: Window):
    window.begin()
    window.stop.setFocus(Qt.FocusReason.TabFocusReason)
    QApplication.processEvents()
    window.stop.hide()
    window.start.show()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is window.start)


def test_where_nothing_came_it_stays_on_the_page(qtbot: QtBot, window: Window):
    window.start.hide()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is window.far)


def test_a_page_that_chose_for_itself_is_left_alone(qtbot: QtBot, window: Window):
    window.start.clicked.connect(lambda: window.far.setFocus())
    window.start.click()
    QApplication.processEvents()
    QApplication.processEvents()
    assert QApplication.focusWidget() is window.far


def test_another_page_is_no_business_of_it(qtbot: QtBot, window: Window):
    window.pages.setCurrentWidget(window.other)
    before = QApplication.focusWidget()
    QApplication.processEvents()
    QApplication.processEvents()
    assert QApplication.focusWidget() is before
