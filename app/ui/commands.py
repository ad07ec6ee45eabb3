"""Actions as values: menus, buttons, shortcuts and the palette share one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a person can do. enabled_when: asked each time it could be done. also: further shortcuts."""

    id: str
    title: str
    run: Callable[[], object]
    shortcut: str = ""
    enabled_when: Callable[[], bool] = lambda: True
    also: tuple[str, ...] = ()

    @property
    def shortcuts(self) -> tuple[str, ...]:
        """All of them, the one that is shown first."""
        return tuple(keys for keys in (self.shortcut, *self.also) if keys)

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
        """One more command. Raises ValueError if its id or a shortcut is taken."""
        taken = {_keys(keys) for c in self._table.values() for keys in c.shortcuts}
        if command.id in self._table or taken & {_keys(keys) for keys in command.shortcuts}:
            raise ValueError(f"command {command.id} ({', '.join(command.shortcuts)}) is there already")
        self._table[command.id] = command

    def __getitem__(self, id: str) -> Command:
        return self._table[id]

    def all(self) -> list[Command]:
        """In the order they were added."""
        return list(self._table.values())

    def install(self, widget: QWidget) -> None:
        """Bind every shortcut to the window."""
        for command in self._table.values():
            if command.shortcuts:
                action = QAction(command.title, widget)
                action.setObjectName(f"command.{command.id}")
                action.setShortcuts([QKeySequence(keys) for keys in command.shortcuts])
                action.triggered.connect(command.trigger)
                widget.addAction(action)

    def possible(self) -> list[Command]:
        """Those that can be done now, in their order."""
        return [c for c in self._table.values() if c.enabled_when()]


def keys_in_words(shortcut: str) -> str:
    """As the keys are called here: "Ctrl+Enter" for what Qt calls Ctrl+Return."""
    return QKeySequence(shortcut).toString(QKeySequence.SequenceFormat.NativeText).replace("Return", "Enter")


def _keys(shortcut: str) -> str:
    """One spelling of each shortcut: "Return" and "Ctrl+return" differ only in how they are written."""
    return QKeySequence(shortcut).toString()
