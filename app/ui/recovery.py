"""The page that stands in for the window when the history does not open: what is wrong, and what can be done."""

from __future__ import annotations

import time

from PySide6.QtWidgets import QApplication, QDialog, QVBoxLayout, QWidget

from app.errors import TandemError
from app.paths import Paths
from app.store import recovery
from app.store.backup import Counts
from app.store.recovery import Choice
from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.card import ErrorCard

Actions = tuple[tuple[str, str], ...]


def _again() -> Actions:
    return (("again", tr("Try again")), ("close", tr("Close")))


class RecoveryDialog(QDialog):
    """Runs until the history may open (accepted) or the person gives up (rejected)."""

    def __init__(self, theme: Theme, paths: Paths, error: TandemError) -> None:
        super().__init__()
        self._theme, self._paths = theme, paths
        self._card: QWidget | None = None
        self.setWindowTitle(tr("Tandem"))
        self.setObjectName("recovery")
        self.setMinimumWidth(theme.px(560))
        self._column = QVBoxLayout(self)
        edge = theme.px(24)
        self._column.setContentsMargins(edge, edge, edge, edge)
        self._show(error)

    def act(self, action: str) -> None:
        """Do what a button says; another error is another card."""
        if action == "close":
            self.reject()
        elif action == "again":
            self.accept()
        else:
            self._recover(Choice(action))

    def _recover(self, choice: Choice) -> None:
        try:
            recovery.recover(self._paths, choice)
        except TandemError as error:
            self._show(error)
        else:
            self.accept()

    def _show(self, error: TandemError) -> None:
        if self._card is not None:
            self._column.removeWidget(self._card)
            self._card.deleteLater()
        title, message, hint, actions = _words(self._paths, error)
        card = ErrorCard(self._theme, title, message, hint, actions)
        card.action.connect(self.act)
        self._card = card
        self._column.addWidget(card)


def ask(app: QApplication, theme: Theme, paths: Paths, error: TandemError) -> bool:
    """Show what is wrong; True when opening may be tried again."""
    dialog = RecoveryDialog(theme, paths, error)
    app.setQuitOnLastWindowClosed(False)
    try:
        return dialog.exec() == QDialog.DialogCode.Accepted
    finally:
        app.setQuitOnLastWindowClosed(True)
        dialog.deleteLater()


def _words(paths: Paths, error: TandemError) -> tuple[str, str, str, Actions]:
    """(title, message, hint, actions)."""
    if error.code != "store_damaged":
        return tr("Tandem cannot open its data"), error.message, error.hint, _again()
    found = recovery.options(paths)
    actions: list[tuple[str, str]] = []
    if found.salvage is not None:
        actions.append((Choice.SALVAGE, tr("Keep what can be read ({counted})", counted=_counted(found.salvage))))
    if found.backups:
        newest = max(found.backups, key=lambda b: b.created)
        actions.append(
            (
                Choice.BACKUP,
                tr("Use the backup of {strftime}", strftime=time.strftime("%d %b %Y", time.localtime(newest.created))),
            )
        )
    actions += [(Choice.EMPTY, tr("Start with an empty history")), ("close", tr("Close"))]
    hint = tr("Whatever you choose, the damaged file stays in the data folder under another name.")
    return tr("Your history does not open"), found.damage or error.message, hint, tuple(actions)


def _counted(counts: Counts) -> str:
    return tr(
        "{conversations:,} conversations, {messages:,} messages",
        conversations=counts.conversations,
        messages=counts.messages,
    )
