"""The Settings page: how it looks, where the data lies, what this machine is."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QButtonGroup,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from app.ui.commands import Commands
from app.ui.program import Program
from app.ui.state.settings import SettingsState
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.label import Label

LOOKS = (("light", "Light"), ("dark", "Dark"), ("system", "As the system"))
WIDTH = 640


class SettingsPage(QScrollArea):
    """Cards in one column."""

    def __init__(self, theme: Theme, state: SettingsState) -> None:
        super().__init__()
        self._theme, self.state = theme, state
        self.setObjectName("settings.page")
        self.setAccessibleName("Settings")
        self.setWidgetResizable(True)
        px = theme.px
        column = QWidget()
        column.setMaximumWidth(px(WIDTH))
        body = QVBoxLayout(column)
        body.setContentsMargins(px(24), px(24), px(24), px(24))
        body.setSpacing(px(16))
        body.addWidget(Label(theme, "Settings", "large", weight="semibold"))
        for card in (self._look(), self._data(), self._machine()):
            body.addWidget(card)
        body.addStretch(1)
        outer = QWidget()
        row = QHBoxLayout(outer)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(column, 1000)
        row.addStretch(1)
        self.setWidget(outer)

    def _look(self) -> Card:
        card = Card(self._theme, "Look")
        row = QHBoxLayout()
        row.setSpacing(self._theme.px(8))
        group = QButtonGroup(card)
        for look, title in LOOKS:
            button = QPushButton(title)
            button.setObjectName(f"settings.look_{look}")
            button.setAccessibleName(f"Look: {title}")
            button.setCheckable(True)
            button.setProperty("kind", "tab")
            button.setChecked(look == self.state.look)
            button.clicked.connect(lambda _=False, look=look: self.state.set_look(look))
            group.addButton(button)
            row.addWidget(button)
        row.addStretch(1)
        self.state.look_changed.connect(
            lambda look: next(b for b in group.buttons() if b.objectName().endswith(look)).setChecked(True)
        )
        card.body.addLayout(row)
        return card

    def _data(self) -> Card:
        theme = self._theme
        card = Card(theme, "Your data")
        words = "Conversations, runs and models lie in this folder and nowhere else. Nothing leaves this computer."
        card.body.addWidget(Label(theme, words, "text", "text", wrap=True))
        row = QHBoxLayout()
        path = ElidedLabel(theme, self.state.home, "dim", "dim", mode=Qt.TextElideMode.ElideMiddle)
        path.setAccessibleName("Data folder")
        button = QPushButton("Open folder")
        button.setObjectName("settings.open_folder")
        button.setAccessibleName("Open the data folder")
        button.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(self.state.home)))
        row.addWidget(path, 1)
        row.addWidget(button)
        card.body.addLayout(row)
        return card

    def _machine(self) -> Card:
        theme = self._theme
        card = Card(theme, "This machine")
        form = QFormLayout()
        form.setHorizontalSpacing(theme.px(24))
        form.setVerticalSpacing(theme.px(6))
        for name, value in self.state.facts():
            form.addRow(Label(theme, name, "text", "dim"), Label(theme, value, wrap=True))
        card.body.addLayout(form)
        return card


def build(theme: Theme, program: Program, _commands: Commands) -> SettingsPage:
    """The page."""
    return SettingsPage(theme, program.settings)
