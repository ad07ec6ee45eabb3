"""What can be done with a message: a quiet row of icons, seen when the pointer or the keyboard's focus is on the message."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from app.ui import icons
from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.label import Label

COPIED_MS = 1500
ICON = 15

INSIDE = ("tokens", "timeline", "reuse")
ANSWER_VERBS = ("copy", "again", "continue", "edit", "branch", "delete")
PERSON_VERBS = ("edit", "copy", "branch", "delete")
_ICONS = {
    "copy": "copy", "again": "reload", "continue": "play", "edit": "edit", "branch": "branch", "delete": "trash",
    "previous": "chevron-left", "next": "chevron-right", "more": "more",
}  # fmt: skip


def words(verb: str) -> str:
    """What a verb does, for tooltips and readers."""
    return {
        "copy": tr("Copy this message"),
        "again": tr("Answer again: another version beside this one"),
        "continue": tr("Continue this answer from its end"),
        "edit": tr("Edit this message"),
        "branch": tr("Branch: a new conversation up to here"),
        "delete": tr("Delete this message and what follows"),
        "previous": tr("Previous version"),
        "next": tr("Next version"),
        "more": tr("Look inside this answer"),
    }[verb]


class MessageVerbs(QWidget):
    """`acted(verb)`. Which of them show says `set_verbs`; `lit`: they are drawn."""

    acted = Signal(str)

    def __init__(self, theme: Theme, verbs: Collection[str]) -> None:
        super().__init__()
        self._theme = theme
        self._hovered = self._focused = self._kept_lit = False
        self._buttons: dict[str, VerbButton] = {}
        self._versions = 1
        self._usable: frozenset[str] = frozenset({"copy"})
        self.count = Label(theme, "", "dim", "dim")
        self.count.setObjectName("message.version")
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        versions, others = ("previous", "next"), (*verbs, "more")
        for verb in (*versions, *others) if verbs is ANSWER_VERBS else (*others, *versions):
            self._add(verb)
        self._row.insertWidget(self._row.indexOf(self._buttons["next"]), self.count)
        self._back = QTimer(self)
        self._back.setSingleShot(True)
        self._back.setInterval(COPIED_MS)
        self._back.timeout.connect(self._dress)
        theme.changed.connect(self._dress)
        self._dress()
        self.set_verbs(self._usable)

    @property
    def lit(self) -> bool:
        """True while the row is drawn."""
        return self._hovered or self._focused or self._kept_lit

    def button(self, verb: str) -> QToolButton:
        """The button of a verb, "more" included."""
        return self._buttons[verb]

    def set_verbs(self, verbs: Collection[str]) -> None:
        """These may be used now; the others do not show."""
        self._usable = frozenset(verbs)
        for verb, button in self._buttons.items():
            if button.isHidden() == self._can(verb):
                button.setVisible(self._can(verb))

    def set_version(self, version: int, versions: int) -> None:
        """Which of how many; a message with one version says nothing of it."""
        self._versions = versions
        self.count.setText(tr("{version}/{versions}", version=version, versions=versions))
        self.count.setAccessibleName(tr("Version {version} of {versions}", version=version, versions=versions))
        self.count.setVisible(versions > 1)
        self.set_verbs(self._usable)
        self._buttons["previous"].setEnabled(version > 1)
        self._buttons["next"].setEnabled(version < versions)

    def set_hovered(self, on: bool) -> None:
        """The pointer is on the message."""
        self._hovered = on
        self._repaint()

    def keep_lit(self, on: bool) -> None:
        """Draw it without the pointer too, as under the last answer."""
        self._kept_lit = on
        self._repaint()

    def focus_changed(self) -> None:
        """A button has got or lost the keyboard's focus."""
        self._focused = any(button.hasFocus() for button in self._buttons.values())
        self._repaint()

    def say_copied(self) -> None:
        """The copy button shows for a moment that it is done."""
        self._buttons["copy"].setIcon(icons.icon(self._theme, "check", "good", ICON))
        self._back.start()

    def menu(self) -> QMenu:
        """What “more” opens."""
        made = QMenu(self)
        made.setObjectName("message.inside")
        named = {"tokens": tr("Tokens"), "timeline": tr("Timeline"), "reuse": tr("Re-use")}
        for verb in INSIDE:
            if verb in self._usable:
                made.addAction(named[verb], partial(self.acted.emit, verb)).setObjectName(f"message.{verb}")
        return made

    def _open_menu(self) -> None:
        menu = self.menu()
        menu.aboutToHide.connect(menu.deleteLater)
        below = self._buttons["more"].rect().bottomLeft()
        menu.popup(self._buttons["more"].mapToGlobal(below))

    def _can(self, verb: str) -> bool:
        if verb == "more":
            return any(verb in self._usable for verb in INSIDE)
        return verb in self._usable and (verb not in ("previous", "next") or self._versions > 1)

    def _add(self, verb: str) -> None:
        button = VerbButton(self, verb)
        act: Callable[[], None] = self._open_menu if verb == "more" else lambda: self.acted.emit(verb)
        button.clicked.connect(act)
        self._buttons[verb] = button
        self._row.addWidget(button)

    def _dress(self) -> None:
        length = self._theme.px(ICON)
        for verb, button in self._buttons.items():
            button.setIconSize(QSize(length, length))
            button.setIcon(icons.icon(self._theme, _ICONS[verb], "dim", ICON))

    def _repaint(self) -> None:
        for button in self._buttons.values():
            button.update()


class VerbButton(QToolButton):
    """An icon that is drawn only while its row is lit; the keyboard reaches it always."""

    def __init__(self, row: MessageVerbs, verb: str) -> None:
        super().__init__(row)
        self._verbs = row
        self._always = verb in ("previous", "next")
        self.setProperty("kind", "quiet")
        self.setObjectName(f"message.{verb}")
        self.setAccessibleName(words(verb))
        self.setToolTip(words(verb))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt's name
        super().focusInEvent(event)
        self._verbs.focus_changed()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt's name
        super().focusOutEvent(event)
        self._verbs.focus_changed()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        if self._always or self._verbs.lit:
            super().paintEvent(event)
