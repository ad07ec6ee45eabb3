"""The column of messages: few are widgets at first, and what is done to one names its index."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.ui.frame.transcript import BUILT, Transcript
from app.ui.state.transcript import Row
from app.ui.theme import Theme
from app.ui.widgets.message_view import MessageView


def rows(count: int) -> list[Row]:
    return [Row(str(n), "assistant" if n % 2 else "user", f"message {n}\n\n" + "words " * 40) for n in range(count)]


@pytest.fixture
def column(theme: Theme, qtbot: QtBot) -> Transcript:
    made = Transcript(theme, "chat")
    qtbot.addWidget(made)
    made.resize(800, 600)
    made.show()
    qtbot.waitExposed(made)
    return made


def views(column: Transcript) -> list[MessageView]:
    return column.findChildren(MessageView)


def test_the_last_messages_are_widgets_and_earlier_ones_follow_on_scrolling(column: Transcript, qtbot: QtBot) -> None:
    column.set_rows(rows(3 * BUILT))
    assert len(views(column)) == BUILT
    bar = column.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0 and bar.value() == bar.maximum(), timeout=2000)
    bar.setValue(0)
    qtbot.waitUntil(lambda: len(views(column)) == 2 * BUILT, timeout=2000)
    assert not column.at_end
    qtbot.waitUntil(lambda: bar.value() > 500, timeout=2000)  # what was in view still is


def test_signals_name_the_message_by_its_index(column: Transcript, qtbot: QtBot) -> None:
    column.set_rows(rows(BUILT + 4))
    column.set_verbs(lambda row, index, last: {"copy", "delete"} if index == 10 else {"copy"})
    view = column._view(10)
    assert view is not None
    with qtbot.waitSignal(column.acted) as caught:
        view.verbs.button("delete").click()
    assert caught.args == [10, "delete"]
    with qtbot.waitSignal(column.edited) as caught:
        view.edit()
        assert view.editor is not None
        view.editor.save.click()
    assert caught.args[0] == 10


def test_verbs_are_asked_for_with_row_index_and_last(column: Transcript) -> None:
    column.set_rows(rows(3))
    asked: list[tuple[str, int, bool]] = []
    column.set_verbs(lambda row, index, last: (asked.append((row.id, index, last)), {"copy"})[1])
    assert asked == [("0", 0, False), ("1", 1, False), ("2", 2, True)]
    asked.clear()
    column.add(Row("3", "assistant", "", "streaming"))
    assert asked == [("2", 2, False), ("3", 3, True)]


def test_an_answer_that_has_its_own_again_needs_no_button_below(column: Transcript) -> None:
    column.set_rows(rows(2))
    column.set_can_ask_again(True)
    button = column.findChild(QPushButton, "chat.again")
    assert isinstance(button, QPushButton)
    assert button.isVisible()
    column.set_verbs(lambda row, index, last: {"copy", "again"})
    assert not button.isVisible()
    column.add(Row("2", "user", "more"))
    assert button.isVisible()


def test_growth_is_followed_at_the_end_and_only_there(column: Transcript, qtbot: QtBot) -> None:
    column.set_rows([*rows(8), Row("8", "assistant", "", "streaming")])
    bar = column.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0 and bar.value() == bar.maximum(), timeout=2000)
    before = bar.maximum()
    column.grow(8, "line\n\n" * 30)
    qtbot.waitUntil(lambda: bar.maximum() > before and bar.value() == bar.maximum(), timeout=2000)
    bar.setValue(before // 2)
    column.grow(8, "line\n\n" * 30)
    qtbot.waitUntil(lambda: bar.maximum() > before + 500, timeout=2000)
    assert bar.value() == before // 2


def test_a_panel_is_given_to_its_message(column: Transcript, qtbot: QtBot) -> None:
    column.set_rows(rows(2 * BUILT))
    panel, lost = QLabel("inside"), QLabel("for a message that is no widget yet")
    column.set_panel(2 * BUILT - 1, panel)
    assert panel.parent() is views(column)[-1]
    with qtbot.waitSignal(lost.destroyed):
        column.set_panel(0, lost)
