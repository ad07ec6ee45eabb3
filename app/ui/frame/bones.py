"""The bones of a page: bar above, list at the left, result in the middle, inspector at the right, figures below."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.ui.theme import Theme

TOP_HEIGHT = 50
LIST_WIDTH = 200
INSPECTOR_WIDTH = 300
MIDDLE_LEAST = 440  # the middle never gets less than this for a side's sake


class Side(QWidget):
    """One folding column: what the person wants, and whether there is room for it."""

    def __init__(self, theme: Theme, content: QWidget, width: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.wanted = True
        self.forced = False  # opened by hand although there is little room
        self.setFixedWidth(theme.px(width))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(content)

    def settle(self, room: bool) -> None:
        """Show or hide, now that there is `room` or not."""
        self.setVisible(self.wanted and (room or self.forced))


class Bones(QWidget):
    """`folded(side, shown)` when a person folds a side; sides fold by themselves in a narrow window."""

    folded = Signal(str, bool)

    def __init__(
        self,
        theme: Theme,
        top: QWidget,
        middle: QWidget,
        foot: QWidget,
        left: QWidget,
        inspector: QWidget,
        middle_least: int = MIDDLE_LEAST,
    ) -> None:
        super().__init__()
        self._theme, self._middle_least = theme, middle_least
        head = _top(theme, top, self)  # made in the order in which Tab walks them
        self.left = Side(theme, left, LIST_WIDTH, self)
        middle.setParent(self)
        self.inspector = Side(theme, inspector, INSPECTOR_WIDTH, self)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.left)
        row.addWidget(middle, 1)
        row.addWidget(self.inspector)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(head)
        layout.addLayout(row, 1)
        layout.addWidget(foot)

    def toggle(self, name: str) -> None:
        """Fold or unfold "left" or "inspector" by hand."""
        side = self._side(name)
        shown = not side.isVisible()
        side.wanted, side.forced = shown, shown
        self._settle()
        self.folded.emit(name, shown)

    def set_wanted(self, name: str, shown: bool) -> None:
        """As it was left last time."""
        self._side(name).wanted = shown
        self._settle()

    def is_shown(self, name: str) -> bool:
        """Whether the side can be seen now."""
        return not self._side(name).isHidden()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self.left.forced = self.inspector.forced = False
        self._settle()

    def _side(self, name: str) -> Side:
        return {"left": self.left, "inspector": self.inspector}[name]

    def _settle(self) -> None:
        """The list gives way first, then the inspector."""
        least = self._theme.px(self._middle_least)
        right = self.inspector.width() if self.inspector.wanted else 0
        self.left.settle(self.width() - right - self.left.width() >= least)
        self.inspector.settle(self.width() - self.inspector.width() >= least)


def _top(theme: Theme, content: QWidget, parent: QWidget) -> QFrame:
    frame = QFrame(parent)
    frame.setProperty("bar", "top")
    frame.setFixedHeight(theme.px(TOP_HEIGHT))
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(content)
    return frame
