"""A person's own message: its files and its words, as they were typed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.ui.language import tr
from app.ui.state.transcript import RowFile
from app.ui.theme import Theme
from app.ui.widgets.chip import Chip
from app.ui.widgets.prose import Prose

SHARE = 0.78  # of the column's width
PADDING = 14


class MessageBubble(QWidget):
    """At the right, as wide as its words need. Never rendered as Markdown."""

    painted = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._text = ""
        self._files: tuple[RowFile, ...] = ()
        self._chips: list[Chip] = []
        self._fitted = 0  # the width that was laid out for
        self.frame = QFrame()
        self.frame.setProperty("card", "bubble")
        self.prose = Prose(theme)
        self.prose.painted.connect(lambda: self.painted.emit(len(self._text)))
        self._inner = QVBoxLayout(self.frame)
        self._inner.setContentsMargins(theme.px(PADDING), theme.px(10), theme.px(PADDING), theme.px(10))
        self._inner.setSpacing(theme.px(6))
        self._inner.addWidget(self.prose)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(self.frame)

    def text(self) -> str:
        """The words."""
        return self._text

    def set_text(self, text: str) -> None:
        """Replace them."""
        self._text = text
        self.prose.show_plain(text)
        self.prose.setVisible(bool(text))
        self._fit()

    def set_files(self, files: Sequence[RowFile]) -> None:
        """A chip for each file, above the words."""
        if tuple(files) == self._files:
            return
        self._files = tuple(files)
        for chip in self._chips:
            self._inner.removeWidget(chip)
            chip.deleteLater()
        self._chips = [self._chip(file) for file in files]
        for place, chip in enumerate(self._chips):
            self._inner.insertWidget(place, chip)
        self._fit()

    def append(self, delta: str) -> None:
        """Add words at the end."""
        self.set_text(self._text + delta)

    def finish(self) -> None:
        """Nothing is pending here."""

    def flush(self) -> None:
        """Nothing is pending here."""

    def set_caret(self, on: bool) -> None:
        """A person's own message never streams."""

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        if self.width() != self._fitted:  # long words take long to lay out
            self._fit()

    def _chip(self, file: RowFile) -> Chip:
        made = Chip(self._theme, file.name if not file.detail else f"{file.name} · {file.detail}", "plain")
        made.setObjectName("message.file")
        made.setAccessibleName(tr("File {name}, {detail}", name=file.name, detail=file.detail))
        return made

    def _fit(self) -> None:
        edges = 2 * self._theme.px(PADDING)
        most = int(self.width() * SHARE) - edges
        if most <= 0:
            return
        self._fitted = self.width()
        self.prose.document().setTextWidth(most)
        needs = [self.prose.ideal_width() + 1 if self._text else 0, *(chip.sizeHint().width() for chip in self._chips)]
        self.frame.setFixedWidth(min(most, max(needs)) + edges)
