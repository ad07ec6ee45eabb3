"""The list at the left: a person's own comparisons, newest first, and the recorded recipes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from app.ui import icons
from app.ui.language import tr
from app.ui.state.compare_shelf import OWN, Item
from app.ui.theme import Theme
from app.ui.widgets.label import Label
from app.ui.widgets.line_list import Heading, LineList, Look, across, side_column, words


class ComparisonList(QWidget):
    """`chosen(id)`, `created()`, `deleted(id)`."""

    chosen = Signal(str)
    created = Signal()
    deleted = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.view = LineList(theme, "compare.list", tr("Comparisons"), _Look(theme))
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.picked.connect(lambda item: self.chosen.emit(item.id))
        self.view.deleted.connect(self._delete)
        self.view.customContextMenuRequested.connect(self._menu)
        self.new = QToolButton()
        self.new.setProperty("kind", "quiet")
        self.new.setObjectName("compare.new")
        self.new.setAccessibleName(tr("New comparison"))
        self.new.setToolTip(tr("New comparison"))
        icons.bind(self.new, theme, "plus", "text", 16)
        self.new.clicked.connect(self.created)
        self.nothing = Label(theme, tr("What you compare is kept here."), "dim", "dim", wrap=True)
        side_column(self, theme, tr("Comparisons"), self.new, self.nothing, self.view)

    def set_items(self, items: Sequence[Item], current: str) -> None:
        """Show these and mark one; says nothing."""
        self.view.rows.show(_rows(items))
        self.nothing.setVisible(not items)
        self.view.mark(self.view.rows.row_of(current))

    def _delete(self, item: Item) -> None:
        if item.id.startswith(OWN):
            self.deleted.emit(item.id)

    def _menu(self, where: QPoint) -> None:
        item = self.view.line_at(self.view.indexAt(where))
        if item is not None and item.id.startswith(OWN):
            menu = QMenu(self)
            menu.addAction(tr("Delete"), lambda: self.deleted.emit(item.id))
            menu.exec(self.view.viewport().mapToGlobal(where))
            menu.deleteLater()


def _rows(items: Sequence[Item]) -> list[Item | str]:
    """Each heading before its first item."""
    rows: list[Item | str] = []
    heading = ""
    for item in items:
        if item.heading != heading:
            heading = item.heading
            rows.append(heading)
        rows.append(item)
    return rows


class _Look(Look[Item]):
    """Title over detail; elides, and the tooltip has the whole title."""

    heading = Heading(28, 6, "regular")

    def key(self, line: Item) -> object:
        return line.id

    def says(self, line: Item) -> str:
        return f"{line.title}, {line.detail}"

    def tip(self, line: Item) -> str:
        return line.title

    def height(self, line: Item) -> int:
        return 44

    def paint(self, painter: QPainter, box: QRect, line: Item, chosen: bool) -> None:
        top, below = across(self.theme, box, 2)
        words(painter, self.theme, top, line.title, self.theme.font("dim"))
        words(painter, self.theme, below, line.detail, self.theme.font("caption"), "text" if chosen else "dim")
