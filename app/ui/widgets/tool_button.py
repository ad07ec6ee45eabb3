"""A button that is an icon: its words are in the tooltip, and it takes the accent while something is set."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QToolButton

from app.ui import icons
from app.ui.theme import Theme
from app.ui.widgets.label import hint

SIDE = 18


class ToolButton(QToolButton):
    """name: its object name. title: what it does, also for a screen reader. side: of the icon, in design pixels."""

    def __init__(self, theme: Theme, name: str, title: str, icon: str, side: int = SIDE) -> None:
        super().__init__()
        self._theme, self._icon, self._title, self._side = theme, icon, title, side
        self._marked = False
        self.setObjectName(name)
        self.setProperty("kind", "quiet")
        self.setToolTip(title)
        self.setAccessibleName(title)
        self.setIconSize(QSize(theme.px(side), theme.px(side)))
        theme.changed.connect(self._tint)
        self._tint()

    @property
    def marked(self) -> bool:
        """True while something is set behind it."""
        return self._marked

    def mark(self, marked: bool, tip: str = "") -> None:
        """Say whether something is set, and in the tooltip what."""
        self._marked = marked
        self.setToolTip(hint(tip or self._title))
        self.setAccessibleDescription(tip)
        self._tint()

    def _tint(self) -> None:
        self.setIcon(icons.icon(self._theme, self._icon, "accent" if self._marked else "dim", self._side))
