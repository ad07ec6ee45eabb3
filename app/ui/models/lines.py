"""A long list of two-line entries with a search above it: a header's metadata, a model's tensors. Painted, so that any
length scrolls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.ui.theme import Theme
from app.ui.widgets.conversation_search import SearchField
from app.ui.widgets.label import Label
from app.ui.widgets.line_list import RIGHT, LineList, Look, across, words

MOST_TIP = 1500  # characters of a value that a tooltip shows


@dataclass(frozen=True, slots=True)
class Line:
    """top: a name. bottom: what it is. right: a figure at the right of the second line."""

    top: str
    bottom: str
    right: str = ""

    @property
    def text(self) -> str:
        """The whole of it, as it is copied."""
        return "\t".join(part for part in (self.top, self.bottom, self.right) if part)


class LinesList(QWidget):
    """name: object names begin with it. `say` shows a sentence in place of the list."""

    def __init__(self, theme: Theme, name: str, title: str, search: str) -> None:
        super().__init__()
        self._lines: tuple[Line, ...] = ()
        self.search = SearchField(theme)
        self.search.setObjectName(f"{name}_search")
        self.search.setAccessibleName(search)
        self.search.setPlaceholderText(search)
        self.search.setToolTip(search)
        self.search.searched.connect(self._filter)
        self.view = LineList(theme, name, title, _Look(theme), gap=0, uniform=True)
        self.words = Label(theme, "", "caption", "dim", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(6))
        column.addWidget(self.search)
        column.addWidget(self.words)
        column.addWidget(self.view, 1)

    def show_lines(self, lines: Sequence[Line], said: str) -> None:
        """Show these below a sentence about all of them."""
        self._lines = tuple(lines)
        self.words.setText(said)
        self.words.setVisible(bool(said))
        self.search.setVisible(bool(lines))
        self.view.setVisible(bool(lines))
        self._filter(self.search.text())

    def say(self, said: str) -> None:
        """A sentence instead of lines."""
        self.show_lines((), said)

    @property
    def shown(self) -> list[Line]:
        """The lines that the search leaves."""
        return [line for line in self.view.rows.all if isinstance(line, Line)]

    def _filter(self, query: str) -> None:
        asked = query.lower().split()
        self.view.rows.show([ln for ln in self._lines if all(word in ln.text.lower() for word in asked)])


class _Look(Look[Line]):
    """A name in the code font over what it is; a name elides in the middle, where tensors differ least."""

    def says(self, line: Line) -> str:
        return line.text

    def tip(self, line: Line) -> str:
        return "\n".join(part[:MOST_TIP] for part in (line.top, line.bottom, line.right) if part)

    def height(self, line: Line) -> int:
        return 40

    def paint(self, painter: QPainter, box: QRect, line: Line, chosen: bool) -> None:
        theme = self.theme
        top, below = across(theme, box, 2, 6, 3)
        words(painter, theme, top, line.top, theme.code_font("caption"), mode=Qt.TextElideMode.ElideMiddle)
        used = 0
        if line.right:
            used = words(painter, theme, below, line.right, theme.font("caption", "medium"), "text", RIGHT) + theme.px(
                8
            )
        first = " ".join(line.bottom[:400].split())
        quiet = "text" if chosen else "dim"
        words(painter, theme, below.adjusted(0, 0, -used, 0), first, theme.font("caption"), quiet)
