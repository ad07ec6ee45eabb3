"""The rail in a low window: its buttons come closer before any of them is out of sight."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.ui import theme as themes
from app.ui.widgets.rail import HEIGHT, LEAST, Rail, RailItem


def test_buttons_come_closer_before_the_rail_scrolls(qtbot: QtBot, qapp: QApplication):
    theme = themes.install(qapp, "light")
    rail = Rail(theme, [RailItem(f"p{n}", f"Page {n}", "help", "foot" if n > 9 else "") for n in range(12)])
    qtbot.addWidget(rail)
    rail.show()
    last = rail.button("p11")
    for height, button in ((900, theme.px(HEIGHT)), (620, None), (400, theme.px(LEAST))):
        rail.resize(rail.width(), height)
        qtbot.waitUntil(
            lambda button=button: last.height() == button if button else LEAST < last.height() < theme.px(HEIGHT)
        )
        qtbot.waitUntil(lambda height=height: in_sight(rail, last) is (height > 400))
    theme.deleteLater()


def in_sight(rail: Rail, button: QWidget) -> bool:
    return button.mapTo(rail, button.rect().bottomLeft()).y() < rail.height()
