"""What was found and cannot be used: each with the reason and what would help. A click shows it in the file manager."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QRect, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.ui import icons
from app.ui.language import tr
from app.ui.state.models_places import Unusable
from app.ui.theme import Theme
from app.ui.widgets.label import Label
from app.ui.widgets.line_list import RIGHT, LineList, Look, across, words
from app.ui.widgets.memory_bar import bytes_text
from app.ui.widgets.tool_button import ToolButton


class UnusableView(QWidget):
    """`closed()`: back to the models."""

    closed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.view = _View(theme)
        self.view.opened.connect(self._reveal)
        self.title = Label(theme, "", "title", weight="semibold")
        back = ToolButton(theme, "models.unusable_back", tr("Back to the models"), "chevron-left")
        back.clicked.connect(self.closed)
        self.reveal = QPushButton(tr("Reveal"))
        self.reveal.setObjectName("models.unusable_reveal")
        self.reveal.setAccessibleName(tr("Show it in the file manager"))
        self.reveal.setToolTip(tr("Show it in the file manager (Enter); Ctrl+C copies its path and the reason"))
        icons.bind(self.reveal, theme, "folder", "dim", 14)
        self.reveal.clicked.connect(self._reveal)
        self.view.selectionModel().currentChanged.connect(lambda now, _: self.reveal.setEnabled(now.isValid()))
        self.reveal.setEnabled(False)
        row = QHBoxLayout()
        row.setSpacing(theme.px(8))
        row.addWidget(back)
        row.addWidget(self.title, 1)
        row.addWidget(self.reveal)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.px(8), 0, theme.px(4), 0)
        column.setSpacing(theme.px(8))
        column.addLayout(row)
        column.addWidget(self.view, 1)

    def show_items(self, items: Sequence[Unusable]) -> None:
        """Show these."""
        self.title.setText(tr("Cannot be used ({n})", n=f"{len(items):,}"))
        self.view.rows.show(items)

    @property
    def current(self) -> Unusable | None:
        """The one that is marked."""
        return self.view.line

    def _reveal(self) -> None:
        if self.current is not None:
            path = Path(self.current.path)
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path if path.is_dir() else path.parent)))


class _View(LineList[Unusable]):
    """`opened()`: Enter or a double click."""

    opened = Signal()

    def __init__(self, theme: Theme) -> None:
        name, title = "models.unusable_list", tr("What cannot be used")
        super().__init__(theme, name, title, _Look(theme), gap=0, uniform=True)
        self.viewport().setAutoFillBackground(False)
        self.doubleClicked.connect(lambda _index: self.opened.emit())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        item = self.line
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
        elif event.matches(QKeySequence.StandardKey.Copy) and item is not None:
            QGuiApplication.clipboard().setText(f"{item.path}\n{item.reason} {item.hint}".strip())
        else:
            super().keyPressEvent(event)


class _Look(Look[Unusable]):
    """Name and place, the reason, what would help."""

    ruled = True

    def says(self, line: Unusable) -> str:
        return f"{line.name}: {line.reason} {line.hint}".strip()

    def tip(self, line: Unusable) -> str:
        return "\n".join(part for part in (line.path, line.reason, line.hint) if part)

    def height(self, line: Unusable) -> int:
        return 64

    def paint(self, painter: QPainter, box: QRect, line: Unusable, chosen: bool) -> None:
        theme, quiet = self.theme, "text" if chosen else "dim"
        top, reason, below = across(theme, box, 3, edge=6)
        where = " · ".join(part for part in (line.where, bytes_text(line.bytes) if line.bytes else "") if part)
        used = words(painter, theme, top, where, theme.font("caption"), quiet, RIGHT) + theme.px(12)
        name = top.adjusted(0, 0, -used, 0)
        words(painter, theme, name, line.name, theme.font("text", "medium"), mode=Qt.TextElideMode.ElideMiddle)
        words(painter, theme, reason, line.reason, theme.font("dim"))
        words(painter, theme, below, line.hint, theme.font("caption"), quiet)
