"""Actions as values: menus, buttons, shortcuts and the palette share one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a person can do. enabled_when: asked each time it could be done."""

    id: str
    title: str
    run: Callable[[], object]
    shortcut: str = ""
    enabled_when: Callable[[], bool] = lambda: True

    def trigger(self) -> bool:
        """Do it if it can be done now; True if it was."""
        if not self.enabled_when():
            return False
        self.run()
        return True


class Commands:
    """The table, by id. Two commands may not share an id or a shortcut."""

    def __init__(self, commands: Iterable[Command] = ()) -> None:
        self._table: dict[str, Command] = {}
        for command in commands:
            self.add(command)

    def add(self, command: Command) -> None:
        """One more command. Raises ValueError if its id or shortcut is taken."""
        taken = {c.shortcut for c in self._table.values() if c.shortcut}
        if command.id in self._table or command.shortcut in taken:
            raise ValueError(f"command {command.id} ({command.shortcut}) is there already")
        self._table[command.id] = command

    def __getitem__(self, id: str) -> Command:
        return self._table[id]

    def all(self) -> list[Command]:
        """In the order they were added."""
        return list(self._table.values())

    def install(self, widget: QWidget) -> None:
        """Bind every shortcut to the window."""
        for command in self._table.values():
            if command.shortcut:
                action = QAction(command.title, widget)
                action.setObjectName(f"command.{command.id}")
                action.setShortcut(QKeySequence(command.shortcut))
                action.triggered.connect(command.trigger)
                widget.addAction(action)

    def search(self, words: str) -> list[Command]:
        """Those that can be done now and whose title has every word."""
        wanted = words.lower().split()
        return [c for c in self._table.values() if c.enabled_when() and all(w in c.title.lower() for w in wanted)]
