"""The Help page: the keys, and every technical word that is shown."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.ui.commands import Commands
from app.ui.program import Program
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.chip import Chip
from app.ui.widgets.label import Label

WIDTH = 720


class HelpPage(QScrollArea):
    """keys: (what it does, the keys)."""

    def __init__(self, theme: Theme, glossary: Glossary, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._theme = theme
        self.setObjectName("help.page")
        self.setAccessibleName("Help")
        self.setWidgetResizable(True)
        px = theme.px
        column = QWidget()
        column.setMaximumWidth(px(WIDTH))
        body = QVBoxLayout(column)
        body.setContentsMargins(px(24), px(24), px(24), px(24))
        body.setSpacing(px(16))
        body.addWidget(Label(theme, "Help", "large", weight="semibold"))
        body.addWidget(self._keys(keys))
        body.addWidget(self._words(glossary))
        body.addStretch(1)
        outer = QWidget()
        row = QHBoxLayout(outer)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(column, 1000)
        row.addStretch(1)
        self.setWidget(outer)

    def _keys(self, keys: Sequence[tuple[str, str]]) -> Card:
        theme = self._theme
        card = Card(theme, "Keys")
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.px(24))
        grid.setVerticalSpacing(theme.px(6))
        grid.setColumnStretch(0, 1)
        for line, (title, shortcut) in enumerate(keys):
            grid.addWidget(Label(theme, title), line, 0)
            grid.addWidget(Chip(theme, shortcut, "plain"), line, 1)
        card.body.addLayout(grid)
        return card

    def _words(self, glossary: Glossary) -> Card:
        theme = self._theme
        card = Card(theme, "Words")
        search = QLineEdit()
        search.setObjectName("help.search")
        search.setAccessibleName("Search the words")
        search.setPlaceholderText("Search the words")
        card.body.addWidget(search)
        entries = [glossary.entry(key) for key in glossary.keys()]  # noqa: SIM118 - it is no dict
        lines: list[tuple[str, QWidget]] = []
        for entry in sorted(entries, key=lambda e: e.term.lower()):
            line = QWidget()
            column = QVBoxLayout(line)
            column.setContentsMargins(0, theme.px(4), 0, theme.px(4))
            column.setSpacing(theme.px(2))
            column.addWidget(Label(theme, entry.term, weight="semibold", wrap=True))
            column.addWidget(Label(theme, entry.long or entry.short, "text", "dim", wrap=True))
            card.body.addWidget(line)
            lines.append((f"{entry.term} {entry.short}".lower(), line))

        def find(text: str) -> None:
            for words, line in lines:
                line.setVisible(text.lower().strip() in words)

        search.textChanged.connect(find)
        return card


def build(theme: Theme, program: Program, commands: Commands) -> HelpPage:
    """The page, with every command's keys."""
    keys = [(command.title, command.shortcut) for command in commands.all() if command.shortcut]
    keys += [("Send the message", "Enter"), ("Break the line", "Shift+Enter")]
    return HelpPage(theme, program.services.glossary, keys)
