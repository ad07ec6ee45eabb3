"""The list of painted lines: headings, what moves when its lines change, keys and clicks, tooltips that are no markup."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.ui import theme as themes
from app.ui.widgets.line_list import LineList, Look, across, words


@dataclass(frozen=True)
class Told:
    id: str
    text: str


class Plain(Look[Told]):
    def key(self, line: Told) -> object:
        return line.id

    def says(self, line: Told) -> str:
        return line.text

    def tip(self, line: Told) -> str:
        return line.text

    def height(self, line: Told) -> int:
        return 40

    def paint(self, painter: QPainter, box: QRect, line: Told, chosen: bool) -> None:
        words(painter, self.theme, across(self.theme, box, 1)[0], line.text, self.theme.font())


ROWS: list[Told | str] = ["First", Told("a", "one"), Told("b", "two"), "Second", Told("c", "three")]


@pytest.fixture
def shown(qtbot: QtBot, qapp: QApplication) -> Iterator[LineList[Told]]:
    theme = themes.install(qapp, "light")
    made = LineList(theme, "page.list", "Things", Plain(theme))
    qtbot.addWidget(made)
    made.resize(200, 300)
    made.rows.show(ROWS)
    made.show()
    yield made
    made.hide()
    theme.deleteLater()


def test_a_heading_is_no_line(shown: LineList[Told]):
    assert shown.rows.first() == 1
    assert shown.rows.line(0) is None
    assert shown.rows.index(0).flags() == Qt.ItemFlag.NoItemFlags
    assert shown.rows.index(0).data() == "First"
    assert shown.visualRect(shown.rows.index(0)).height() < shown.visualRect(shown.rows.index(1)).height()
    assert shown.rows.row_of("First") == -1


def test_where_only_words_change_nothing_moves(qtbot: QtBot, shown: LineList[Told]):
    shown.mark(shown.rows.row_of("b"))
    with qtbot.assertNotEmitted(shown.rows.modelReset), qtbot.waitSignal(shown.rows.dataChanged):
        shown.rows.show([row if row != Told("b", "two") else Told("b", "2") for row in ROWS])
    assert shown.line == Told("b", "2")
    with qtbot.assertNotEmitted(shown.rows.dataChanged), qtbot.waitSignal(shown.rows.modelReset):
        shown.rows.show(ROWS[:3])
    assert shown.line is None


def test_a_click_and_delete_say_which_line(shown: LineList[Told]):
    said: list[tuple[str, Told]] = []
    shown.picked.connect(lambda line: said.append(("picked", line)))
    shown.deleted.connect(lambda line: said.append(("deleted", line)))
    shown.mark(-1)
    QTest.keyClick(shown, Qt.Key.Key_Delete)
    assert not said, "nothing is marked"
    for row in (0, 4):  # a heading, a line
        where = shown.visualRect(shown.rows.index(row)).center()
        QTest.mouseClick(shown.viewport(), Qt.MouseButton.LeftButton, pos=where)
    QTest.keyClick(shown, Qt.Key.Key_Delete)
    assert said == [("picked", Told("c", "three")), ("deleted", Told("c", "three"))]


def test_what_a_stranger_wrote_is_no_markup(shown: LineList[Told]):
    shown.rows.show([Told("a", "<b>one</b>")])
    tip = shown.rows.index(0).data(Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b&gt;one" in tip


def test_the_marked_line_is_seen(shown: LineList[Told]):
    shown.mark(-1)
    plain = shown.grab().toImage()
    shown.mark(1)
    assert shown.grab().toImage() != plain
