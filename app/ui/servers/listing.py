"""The list at the left: the servers that a person named, with how each is, and those that can be started here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRect, QRectF, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.line_list import RIGHT, LineList, Look, across, words


@dataclass(frozen=True, slots=True)
class Line:
    """One row. kind: a short word at the right; state: below the title, after a dot in the colour of `role`."""

    id: str
    title: str
    kind: str = ""
    state: str = ""
    role: str = "dim"
    tip: str = ""


class ServerList(QWidget):
    """`chosen(id)`; `removed(id)`: Delete was pressed."""

    chosen = Signal(str)
    removed = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.view = LineList(theme, "servers.list", tr("Servers"), _Look(theme))
        self.view.picked.connect(lambda line: self.chosen.emit(line.id))
        self.view.deleted.connect(lambda line: self.removed.emit(line.id))
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.px(10), theme.px(10), theme.px(8), theme.px(8))
        column.addWidget(self.view, 1)

    def set_lines(self, lines: Sequence[Line | str], current: str) -> None:
        """Show these and mark one; says nothing."""
        self.view.rows.show(lines)
        self.view.mark(self.view.rows.row_of(current))


class _Look(Look[Line]):
    """Title and kind; below them a dot and how it is. Elides; the tooltip has it whole."""

    def key(self, line: Line) -> object:
        return line.id

    def says(self, line: Line) -> str:
        return ", ".join(part for part in (line.title, line.kind, line.state) if part)

    def tip(self, line: Line) -> str:
        return "\n".join(part for part in (line.title, line.tip, line.state) if part)

    def height(self, line: Line) -> int:
        return 46

    def paint(self, painter: QPainter, box: QRect, line: Line, chosen: bool) -> None:
        top, below = across(self.theme, box, 2)
        quiet = "text" if chosen else "dim"
        self._paint_title(painter, top, line, quiet)
        self._paint_state(painter, below, line, quiet)

    def _paint_title(self, painter: QPainter, box: QRect, line: Line, quiet: str) -> None:
        theme, font = self.theme, self.theme.font("caption")
        painter.setFont(font)
        right = painter.fontMetrics().horizontalAdvance(line.kind)
        if right > box.width() * 0.55:
            right = 0
        elif line.kind:
            words(painter, theme, box, line.kind, font, quiet, RIGHT)
        room = box.adjusted(0, 0, -(right + theme.px(8)) if right else 0, 0)
        words(painter, theme, room, line.title, theme.font("dim", "medium"))

    def _paint_state(self, painter: QPainter, box: QRect, line: Line, quiet: str) -> None:
        side = self.theme.px(7)
        colour = self.theme.colour({"busy": "accent"}.get(line.role, line.role))
        painter.setPen(colour)
        painter.setBrush(Qt.BrushStyle.NoBrush if line.role in ("busy", "dim") else colour)
        painter.drawEllipse(QRectF(box.left() + 0.5, box.center().y() - side / 2 + 0.5, side, side))
        inner = box.adjusted(side + self.theme.px(6), 0, 0, 0)
        words(painter, self.theme, inner, line.state, self.theme.font("caption"), quiet)
