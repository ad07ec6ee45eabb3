"""The Settings page: how it looks and how large, when models go, where the data lies, what this machine is."""

from __future__ import annotations

from collections.abc import Sequence

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

from app.ui import zoom
from app.ui.commands import Commands
from app.ui.language import tr
from app.ui.program import Program
from app.ui.state.conversations import Conversations
from app.ui.state.model import ModelState
from app.ui.state.settings import SettingsState
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.label import Label

IDLE_MINUTES = (0, 5, 15, 60)
WIDTH = 640


class SettingsPage(QScrollArea):
    """Cards in one column."""

    def __init__(self, theme: Theme, state: SettingsState, model: ModelState, shelf: Conversations) -> None:
        super().__init__()
        self._theme, self.state, self._model, self._shelf = theme, state, model, shelf
        self.setObjectName("settings.page")
        self.setAccessibleName(tr("Settings"))
        self.setWidgetResizable(True)
        px = theme.px
        column = QWidget()
        column.setMaximumWidth(px(WIDTH))
        body = QVBoxLayout(column)
        body.setContentsMargins(px(24), px(24), px(24), px(24))
        body.setSpacing(px(16))
        body.addWidget(Label(theme, tr("Settings"), "large", weight="semibold"))
        for card in (self._look(), self._models(), self._data(), self._removed(), self._machine()):
            body.addWidget(card)
        body.addStretch(1)
        outer = QWidget()
        row = QHBoxLayout(outer)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(column, 1000)
        row.addStretch(1)
        self.setWidget(outer)
        self._show_removed()

    def _look(self) -> Card:
        card = Card(self._theme, tr("Look"))
        looks = (("light", tr("Light")), ("dark", tr("Dark")), ("system", tr("As the system")))
        row, self._looks = self._choice("look", tr("Look"), looks, self.state.look)
        self._looks.idClicked.connect(lambda which: self.state.set_look(looks[which][0]))
        card.body.addLayout(row)
        card.body.addWidget(Label(self._theme, tr("Size of everything"), "dim", "dim"))
        sizes = tuple((str(step), f"{step} %") for step in zoom.STEPS)
        row, self._zooms = self._choice("zoom", tr("Size"), sizes, str(self.state.zoom))
        self._zooms.idClicked.connect(lambda which: self.state.set_zoom(zoom.STEPS[which]))
        card.body.addLayout(row)
        self.state.look_changed.connect(self._show_look)
        return card

    def _show_look(self, look: str) -> None:
        for button in self._looks.buttons():
            button.setChecked(button.objectName() == f"settings.look_{look}")

    def _models(self) -> Card:
        card = Card(self._theme, tr("Models"))
        words = tr("Unload a model that has had nothing to do for a while. It is loaded again when it is asked.")
        card.body.addWidget(Label(self._theme, words, "text", "text", wrap=True))
        choices = tuple((str(n), tr("{count} min", count=n) if n else tr("Never")) for n in IDLE_MINUTES)
        row, self._idle = self._choice("idle", tr("Unload idle models"), choices, str(self._model.idle_minutes))
        self._idle.idClicked.connect(lambda which: self._model.set_idle_minutes(IDLE_MINUTES[which]))
        card.body.addLayout(row)
        return card

    def _choice(
        self, name: str, title: str, choices: Sequence[tuple[str, str]], now: str
    ) -> tuple[QHBoxLayout, QButtonGroup]:
        """A row of buttons of which one is down. choices: (key, words); a button's id is its place."""
        row = QHBoxLayout()
        row.setSpacing(self._theme.px(4))
        group = QButtonGroup(self)
        for place, (key, words) in enumerate(choices):
            button = QPushButton(words)
            button.setObjectName(f"settings.{name}_{key}")
            button.setAccessibleName(f"{title}: {words}")
            button.setCheckable(True)
            button.setProperty("kind", "tab")
            button.setChecked(key == now)
            group.addButton(button, place)
            row.addWidget(button)
        row.addStretch(1)
        return row, group

    def _data(self) -> Card:
        theme = self._theme
        card = Card(theme, tr("Your data"))
        words = tr("Conversations, runs and models lie in this folder and nowhere else. Nothing leaves this computer.")
        card.body.addWidget(Label(theme, words, "text", "text", wrap=True))
        row = QHBoxLayout()
        path = ElidedLabel(theme, self.state.home, "dim", "dim", mode=Qt.TextElideMode.ElideMiddle)
        path.setAccessibleName(tr("Data folder"))
        button = QPushButton(tr("Open folder"))
        button.setObjectName("settings.open_folder")
        button.setAccessibleName(tr("Open the data folder"))
        button.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(self.state.home)))
        row.addWidget(path, 1)
        row.addWidget(button)
        card.body.addLayout(row)
        return card

    def _removed(self) -> Card:
        self._gone = Card(self._theme, tr("Deleted conversations"))
        self._lines: list[QWidget] = []
        self._shelf.changed.connect(self._show_removed)
        return self._gone

    def _show_removed(self) -> None:
        for line in self._lines:
            line.hide()
            line.deleteLater()
        self._lines = [self._line(found.id, found.title) for found in self._shelf.removed()]
        for line in self._lines:
            self._gone.body.addWidget(line)
        self._gone.setVisible(bool(self._lines))

    def _line(self, conversation: str, title: str) -> QWidget:
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(self._theme.px(12))
        row.addWidget(ElidedLabel(self._theme, title or tr("New conversation")), 1)
        button = QPushButton(tr("Bring back"))
        button.setObjectName("settings.bring_back")
        button.setAccessibleName(tr("Bring back “{title}”", title=title))
        button.clicked.connect(lambda: self._shelf.bring_back(conversation))
        row.addWidget(button)
        return line

    def _machine(self) -> Card:
        theme = self._theme
        card = Card(theme, tr("This machine"))
        form = QFormLayout()
        form.setHorizontalSpacing(theme.px(24))
        form.setVerticalSpacing(theme.px(6))
        for name, value in self.state.facts():
            form.addRow(Label(theme, name, "text", "dim"), Label(theme, value, wrap=True))
        card.body.addLayout(form)
        return card


def build(theme: Theme, program: Program, _commands: Commands) -> SettingsPage:
    """The page."""
    return SettingsPage(theme, program.settings, program.model, program.chat.shelf)
