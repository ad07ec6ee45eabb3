"""The head of a lane's column: letter, name, what differs, the gain and cost in a chip, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.lab.compare.lane import letter
from app.ui import icons
from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.chip import Chip, Role
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.lane_spark import LaneBadge

WIDE = 620
"""From so many pixels (at 13 px text) chip and buttons stand beside the name, otherwise in a row of their own."""


def actions(x: str) -> tuple[tuple[str, str, str], ...]:
    """(id, icon, words) of each button of lane `x`."""
    return (
        ("duplicate", "copy", tr("Duplicate lane {x} and change one knob", x=x)),
        ("edit", "edit", tr("Change lane {x}", x=x)),
        ("remove", "trash", tr("Remove lane {x}", x=x)),
    )


class LaneHeader(QWidget):
    """`asked(action)`: "duplicate", "edit" or "remove". As tall in every lane, so that their outputs stand level."""

    asked = Signal(str)

    def __init__(self, theme: Theme, index: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.name = ElidedLabel(theme, "", "title", weight="semibold")
        self.differs = ElidedLabel(theme, "", "dim", "dim")
        self.chip = Chip(theme, "")
        self.chip.hide()
        self.buttons = {
            action: self._button(index, action, icon, says) for action, icon, says in actions(letter(index))
        }
        self._lay_out(index)

    def show_lane(self, name: str, differs: str, chip: str, role: Role = "accent", tip: str = "") -> None:
        """differs: words for what is different from the reference. chip: "" is none; tip: its longer form."""
        self.name.setText(name)
        self.differs.setText(differs)
        self.chip.set(chip, role, tip)

    def set_actions(self, duplicate: bool, edit: bool, remove: bool) -> None:
        """What can be done now; what cannot is not shown."""
        for action, on in (("duplicate", duplicate), ("edit", edit), ("remove", remove)):
            self.buttons[action].setVisible(on)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        wide = self.width() >= self._theme.px(WIDE)
        if wide != self._wide:
            self._place(wide)

    def _place(self, wide: bool) -> None:
        self._wide = wide
        for layout in (self._top, self._below):
            layout.removeWidget(self._verbs)
        (self._top if wide else self._below).addWidget(self._verbs, 0 if wide else 1)

    def _lay_out(self, index: int) -> None:
        px = self._theme.px
        names = QVBoxLayout()
        names.setSpacing(px(1))
        names.addWidget(self.name)
        names.addWidget(self.differs)
        self._verbs = QWidget()
        verbs = QHBoxLayout(self._verbs)
        verbs.setContentsMargins(0, 0, 0, 0)
        verbs.setSpacing(0)
        verbs.addWidget(self.chip)
        verbs.addStretch(1)
        verbs.addSpacing(px(4))
        for button in self.buttons.values():
            verbs.addWidget(button)
        self._verbs.setFixedHeight(px(26))
        self._top = QHBoxLayout()
        self._top.setSpacing(px(8))
        self._top.addWidget(LaneBadge(self._theme, index, 28), 0, Qt.AlignmentFlag.AlignVCenter)
        self._top.addLayout(names, 1)
        self._below = QHBoxLayout()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(6))
        column.addLayout(self._top)
        column.addLayout(self._below)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._place(False)

    def _button(self, index: int, action: str, icon: str, says: str) -> QPushButton:
        which = letter(index)
        button = QPushButton()
        button.setProperty("kind", "quiet")
        button.setObjectName(f"compare.lane_{which.lower()}_{action}")
        button.setAccessibleName(says)
        button.setToolTip(says)
        button.setFixedSize(self._theme.px(25), self._theme.px(26))
        icons.bind(button, self._theme, icon, "dim", 15)
        button.clicked.connect(lambda: self.asked.emit(action))
        return button
