"""The messages of a conversation, in a column of readable width; it follows the end only if the person was there."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.ui import icons
from app.ui.frame.quiet_scroll import QuietScroll
from app.ui.state.transcript import Row
from app.ui.theme import Theme
from app.ui.widgets.message_view import MessageView

COLUMN = 760
BUILT = 100  # so many messages are widgets at first; "show earlier" builds as many again


class Transcript(QuietScroll):
    """`again`: another version of the last answer is wanted."""

    again = Signal()

    def __init__(self, theme: Theme, page: str) -> None:
        super().__init__()
        self._theme = theme
        self.setObjectName(f"{page}.messages")
        self.setAccessibleName("Messages")
        self._first = 0
        self._rows: list[Row] = []
        self._views: list[MessageView] = []
        self._earlier = QPushButton("Show earlier messages")
        self._earlier.setObjectName(f"{page}.earlier")
        self._earlier.setAccessibleName("Show earlier messages")
        self._earlier.setProperty("kind", "quiet")
        self._earlier.clicked.connect(self._show_earlier)
        self._again = QPushButton("Answer again")
        self._again.setObjectName(f"{page}.again")
        self._again.setAccessibleName("Ask for another version of the last answer")
        self._again.setProperty("kind", "quiet")
        icons.bind(self._again, theme, "reload", "dim", 14)
        self._again.clicked.connect(self.again)
        self._column = QVBoxLayout()
        self._stick = True
        self._lay_out()
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(self._range_changed)
        bar.valueChanged.connect(self._moved)

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Another conversation: its last messages, seen from their end."""
        for view in self._views:
            view.setParent(None)
            view.deleteLater()
        self._views = []
        self._rows = list(rows)
        self._first = max(0, len(rows) - BUILT)
        for row in self._rows[self._first :]:
            self._add(row)
        self._earlier.setVisible(self._first > 0)
        self.follow()

    def add(self, row: Row) -> None:
        """One more message at the end; the view goes there."""
        self._rows.append(row)
        self._add(row)
        self.follow()

    def grow(self, index: int, delta: str) -> None:
        """More text in a message."""
        view = self._view(index)
        if view is not None:
            view.append(delta)

    def change(self, index: int, row: Row) -> None:
        """A message has ended, or its footer has."""
        self._rows[index] = row
        view = self._view(index)
        if view is not None:
            self._settle(view, row)

    def follow(self) -> None:
        """Go to the end and stay there while it grows."""
        self._stick = True
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())

    @property
    def at_end(self) -> bool:
        """True while the end is in view."""
        return self._stick

    def _view(self, index: int) -> MessageView | None:
        position = index - self._first
        return self._views[position] if 0 <= position < len(self._views) else None

    def _add(self, row: Row, position: int | None = None) -> None:
        view = MessageView(self._theme, "user" if row.role == "user" else "assistant")
        self._settle(view, row)
        if position is None:
            self._views.append(view)
            self._column.insertWidget(self._column.count() - 2, view)  # before the button and the stretch
        else:
            self._views.insert(position, view)
            self._column.insertWidget(position + 1, view)

    def _settle(self, view: MessageView, row: Row) -> None:
        if row.status == "streaming":
            view.append(row.text.removeprefix(view.text()))
            view.set_status("streaming")
            return
        if view.text() != row.text:
            view.set_text(row.text)
        view.finish(row.footer)
        view.set_status(row.status)  # type: ignore[arg-type]

    def set_can_ask_again(self, can: bool) -> None:
        """Whether another version of the last answer may be asked for."""
        self._again.setVisible(can and bool(self._views))

    def _show_earlier(self) -> None:
        bar = self.verticalScrollBar()
        below = bar.maximum() - bar.value()
        first = max(0, self._first - BUILT)
        for position, row in enumerate(self._rows[first : self._first]):
            self._add(row, position)
        self._first = first
        self._earlier.setVisible(first > 0)
        self._stick = False
        if (inner := self.widget()) is not None and (layout := inner.layout()) is not None:
            layout.activate()
        bar.setValue(bar.maximum() - below)

    def _range_changed(self, _low: int, high: int) -> None:
        if self._stick:
            self.verticalScrollBar().setValue(high)

    def _moved(self, value: int) -> None:
        self._stick = value >= self.verticalScrollBar().maximum() - self._theme.px(24)

    def _lay_out(self) -> None:
        px = self._theme.px
        inner = QWidget()
        outer = QVBoxLayout(inner)
        outer.setContentsMargins(px(24), px(16), px(14), px(8))
        column = QWidget()
        column.setMaximumWidth(px(COLUMN))
        column.setLayout(self._column)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(px(16))
        self._column.addWidget(self._earlier, 0, Qt.AlignmentFlag.AlignHCenter)
        self._column.addWidget(self._again, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addStretch(1)
        self._earlier.hide()
        self._again.hide()
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(column, 1000)
        row.addStretch(1)
        outer.addLayout(row)
        self.setWidget(inner)
