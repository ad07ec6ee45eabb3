"""The Help page: every key, also those of lists and fields, and every technical word that is shown; one search for both."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.ui.commands import Commands, keys_in_words
from app.ui.language import tr
from app.ui.program import Program
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.chip import Chip
from app.ui.widgets.label import Label

WIDTH = 720

Keys = tuple[str, Sequence[str]]
"""What it does, and the keys that do it."""


class HelpPage(QScrollArea):
    """groups: (where they work, their keys)."""

    def __init__(self, theme: Theme, glossary: Glossary, groups: Sequence[tuple[str, Sequence[Keys]]]) -> None:
        super().__init__()
        self._theme = theme
        self._found: list[tuple[str, QWidget]] = []
        self._cards: list[Card] = []
        self.setObjectName("help.page")
        self.setAccessibleName(tr("Help"))
        self.setWidgetResizable(True)
        px = theme.px
        column = QWidget()
        column.setMaximumWidth(px(WIDTH))
        body = QVBoxLayout(column)
        body.setContentsMargins(px(24), px(24), px(24), px(24))
        body.setSpacing(px(16))
        body.addWidget(Label(theme, tr("Help"), "large", weight="semibold"))
        body.addWidget(self._search())
        self._nothing = Label(theme, tr("Nothing found"), "text", "dim")
        self._nothing.hide()
        body.addWidget(self._nothing)
        for title, keys in groups:
            body.addWidget(self._keys(title, keys))
        body.addWidget(self._words(glossary))
        body.addStretch(1)
        outer = QWidget()
        row = QHBoxLayout(outer)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(column, 1000)
        row.addStretch(1)
        self.setWidget(outer)

    def show_found(self, text: str) -> None:
        """Show the keys and words that have every word of `text`, and only the cards that have one of them."""
        wanted = text.lower().split()
        for words, line in self._found:
            line.setVisible(all(word in words for word in wanted))
        for card in self._cards:
            card.setVisible(any(not line.isHidden() for _, line in self._found if line.parent() is card))
        self._nothing.setVisible(all(line.isHidden() for _, line in self._found))

    def _search(self) -> QLineEdit:
        search = QLineEdit()
        search.setObjectName("help.search")
        search.setAccessibleName(tr("Search the keys and words"))
        search.setPlaceholderText(tr("Search the keys and words"))
        search.textChanged.connect(self.show_found)
        self.setFocusProxy(search)
        return search

    def _keys(self, title: str, keys: Sequence[Keys]) -> Card:
        theme = self._theme
        card = Card(theme, title)
        card.body.setSpacing(theme.px(4))
        for words, shortcuts in keys:
            line = QWidget()
            row = QHBoxLayout(line)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(theme.px(6))
            row.addWidget(Label(theme, words, wrap=True), 1)
            for shortcut in shortcuts:
                row.addWidget(Chip(theme, shortcut, "plain"))
            self._add(card, line, f"{title} {words} {' '.join(shortcuts)}")
        self._cards.append(card)
        return card

    def _words(self, glossary: Glossary) -> Card:
        theme = self._theme
        card = Card(theme, tr("Words"))
        entries = [glossary.entry(key) for key in glossary.keys()]  # noqa: SIM118 - it is no dict
        for entry in sorted(entries, key=lambda e: e.term.lower()):
            line = QWidget()
            column = QVBoxLayout(line)
            column.setContentsMargins(0, theme.px(4), 0, theme.px(4))
            column.setSpacing(theme.px(2))
            column.addWidget(Label(theme, entry.term, weight="semibold", wrap=True))
            column.addWidget(Label(theme, entry.long or entry.short, "text", "dim", wrap=True))
            self._add(card, line, f"{entry.term} {entry.short}")
        self._cards.append(card)
        return card

    def _add(self, card: Card, line: QWidget, words: str) -> None:
        card.body.addWidget(line)
        self._found.append((words.lower(), line))


def groups(commands: Commands) -> list[tuple[str, list[Keys]]]:
    """Every key of the program, by where it works."""
    everywhere: list[Keys] = [
        (command.title, list(dict.fromkeys(keys_in_words(keys) for keys in command.shortcuts if keys != PLUS)))
        for command in commands.all()
        if command.shortcuts
    ]
    return [
        (tr("Keys that work everywhere"), everywhere),
        (tr("Keys while you write"), _writing()),
        (tr("Keys in the list of conversations"), _listing()),
        (tr("Keys in menus, lists and settings"), _moving()),
    ]


PLUS = "Ctrl+="
"""Plus without Shift, on many keyboards: not worth a line."""


def _writing() -> list[Keys]:
    return [
        (tr("Send the message"), ["Enter"]),
        (tr("Break the line"), ["Shift+Enter"]),
        (tr("Save a message that is being edited"), ["Ctrl+Enter"]),
        (tr("Leave a message as it was"), ["Esc"]),
        (tr("Undo and redo what was typed"), ["Ctrl+Z", "Ctrl+Shift+Z"]),
    ]


def _listing() -> list[Keys]:
    return [
        (tr("From the search to what was found, and back"), ["Down", "Up"]),
        (tr("Empty the search"), ["Esc"]),
        (tr("Open the conversation, or fold the folder"), ["Enter"]),
        (tr("Fold a folder, unfold it"), ["Left", "Right"]),
        (tr("Rename"), ["F2"]),
        (tr("Delete; it can be undone"), ["Delete"]),
        (tr("Everything else: pin, move to a folder, export"), ["Shift+F10", "Menu"]),
    ]


def _moving() -> list[Keys]:
    return [
        (tr("To the next field or button, and back"), ["Tab", "Shift+Tab"]),
        (tr("Press the button, switch the switch"), ["Space"]),
        (tr("To the next page of the rail, when the rail has the focus"), ["Down", "Up"]),
        (tr("Move a slider by one step"), ["Left", "Right"]),
        (tr("Close a menu or a field"), ["Esc"]),
    ]


def build(theme: Theme, program: Program, commands: Commands) -> HelpPage:
    """The page, with every key."""
    return HelpPage(theme, program.services.glossary, groups(commands))
