"""The list at the left: where models lie. Choosing a place shows what lies there; a folder of one's own can go again."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QRect, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QPushButton, QWidget

from app.ui.language import tr
from app.ui.state.models_places import PlaceLine
from app.ui.theme import Theme
from app.ui.widgets.line_list import LineList, Look, across, side_column, words
from app.ui.widgets.tool_button import ToolButton


class PlacesList(QWidget):
    """`chosen(place)`, `add_wanted()`, `remove_wanted(PlaceLine)`."""

    chosen = Signal(str)
    add_wanted = Signal()
    remove_wanted = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.view = LineList(theme, "models.places", tr("Places"), _Look(theme), gap=0)
        self.view.selectionModel().currentChanged.connect(self._chose)
        self.view.deleted.connect(self._remove)
        self.add = ToolButton(theme, "models.add_place", tr("Add a folder to look in"), "plus", 16)
        self.add.clicked.connect(self.add_wanted)
        self.remove = QPushButton(tr("Take off the list…"))
        self.remove.setObjectName("models.remove_place")
        self.remove.setProperty("kind", "quiet")
        self.remove.setAccessibleName(tr("Take this folder off the list; its files stay"))
        self.remove.setToolTip(tr("Take this folder off the list; its files stay"))
        self.remove.clicked.connect(self._remove)
        column = side_column(self, theme, tr("Places"), self.add, self.view)
        column.addWidget(self.remove, 0, Qt.AlignmentFlag.AlignLeft)
        self._telling = True
        self._show_remove()

    def set_places(self, lines: Sequence[PlaceLine], current: str) -> None:
        """Show these and mark one; says nothing."""
        self._telling = False
        self.view.rows.show(lines)
        self.view.mark(max(self.view.rows.row_of(current), 0))
        self._telling = True
        self._show_remove()

    @property
    def current(self) -> PlaceLine | None:
        """The place that is marked."""
        return self.view.line

    def _chose(self, _index: QModelIndex) -> None:
        self._show_remove()
        if self._telling and self.current is not None:
            self.chosen.emit(self.current.id)

    def _show_remove(self) -> None:
        self.remove.setVisible(self.current is not None and self.current.named)

    def _remove(self) -> None:
        if self.current is not None and self.current.named:
            self.remove_wanted.emit(self.current)


class _Look(Look[PlaceLine]):
    """The place's name over what lies there; one that is not there now is dim and says so."""

    def key(self, line: PlaceLine) -> object:
        return line.id

    def says(self, line: PlaceLine) -> str:
        return f"{line.title}, {line.detail}"

    def tip(self, line: PlaceLine) -> str:
        bad = tr("{n} files there cannot be used", n=f"{line.unusable:,}") if line.unusable else ""
        return "\n".join(part for part in (line.path, line.detail, bad) if part)

    def height(self, line: PlaceLine) -> int:
        return 42

    def paint(self, painter: QPainter, box: QRect, line: PlaceLine, chosen: bool) -> None:
        theme, quiet = self.theme, "text" if chosen else "dim"
        top, below = across(theme, box, 2, edge=4)
        words(painter, theme, top, line.title, theme.font("dim", "medium"), "text" if line.present else quiet)
        tone = quiet if line.present or chosen else "warning"
        words(painter, theme, below, line.detail, theme.font("caption"), tone)
