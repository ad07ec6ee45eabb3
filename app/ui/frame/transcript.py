"""The messages of a conversation, in a column of readable width; it follows the end only if the person was there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from PySide6.QtCore import QCoreApplication, QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.ui import icons
from app.ui.frame.quiet_scroll import QuietScroll
from app.ui.language import tr
from app.ui.state.transcript import Row
from app.ui.theme import Theme
from app.ui.widgets.message_view import MessageView

COLUMN = 760
BUILT = 20
"""So many messages are widgets at first; “show earlier”, and scrolling up, build as many again."""

SETTLE_MS = 250

VerbsFor = Callable[[Row, int, bool], Collection[str]]
"""(row, its index, it is the last) → what may be done with it now."""


class Transcript(QuietScroll):
    """`again`: another version of the last answer is wanted. `acted`, `edited`, `painted`: (index, what) of a message."""

    again = Signal()
    acted = Signal(int, str)
    edited = Signal(int, str)
    painted = Signal(int, int)

    def __init__(self, theme: Theme, page: str) -> None:
        super().__init__()
        self._theme = theme
        self.setObjectName(f"{page}.messages")
        self.setAccessibleName(tr("Messages"))
        self._first = 0
        self._rows: list[Row] = []
        self._views: list[MessageView] = []
        self._verbs_for: VerbsFor | None = None
        self._earlier = _button(f"{page}.earlier", tr("Show earlier messages"), tr("Show earlier messages"))
        self._earlier.clicked.connect(self._show_earlier)
        self._again = _button(f"{page}.again", tr("Answer again"), tr("Ask for another version of the last answer"))
        icons.bind(self._again, theme, "reload", "dim", 14)
        self._again.clicked.connect(self.again)
        self._column = QVBoxLayout()
        self._stick = True
        self._can_ask = False
        self._lay_out()
        self._wants_earlier = QTimer(self)
        self._wants_earlier.setSingleShot(True)
        self._wants_earlier.timeout.connect(self._show_earlier)
        self._wants_verbs = QTimer(self)
        self._wants_verbs.setSingleShot(True)
        self._wants_verbs.timeout.connect(self._refresh_verbs)
        self._below: int | None = None  # what was below the view before earlier messages came, until they are laid out
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._settled)
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(self._range_changed)
        bar.valueChanged.connect(self._moved)

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Another conversation: its last messages, seen from their end."""
        for view in self._views:
            self._column.removeWidget(view)
            view.hide()
            view.deleteLater()
        self._views = []
        self._rows = list(rows)
        self._wants_earlier.stop()
        self._first = max(0, len(rows) - BUILT)
        for row in self._rows[self._first :]:
            self._add(row)
        self._earlier.setVisible(self._first > 0)
        self._refresh_verbs()
        self.follow()

    def add(self, row: Row) -> None:
        """One more message at the end; the view goes there."""
        self._rows.append(row)
        self._add(row)
        self._refresh_verbs(len(self._rows) - 2)
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
            view.show_row(row)
            self._refresh_verbs(index)

    def follow(self) -> None:
        """Go to the end and stay there while it grows."""
        self._stick = True
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())

    @property
    def at_end(self) -> bool:
        """True while the end is in view."""
        return self._stick

    def set_verbs(self, verbs_for: VerbsFor) -> None:
        """Say what may be done with each message; asked again for all of them now, and for one when it changes."""
        self._verbs_for = verbs_for
        self._refresh_verbs()

    def set_panel(self, index: int, panel: QWidget | None) -> None:
        """Show `panel` inside message `index`; the transcript owns it from then on."""
        view = self._view(index)
        if view is not None:
            view.set_panel(panel)
        elif panel is not None:
            panel.deleteLater()

    def refresh_verbs(self) -> None:
        """Ask again what may be done with each message: something else has changed. Done after the next paint, once."""
        self._wants_verbs.start(0)

    def set_hidden(self, index: int, hidden: bool) -> None:
        """Show message `index` or not, e.g. while it stands in a panel elsewhere."""
        if (view := self._view(index)) is not None:
            view.setVisible(not hidden)

    def edit(self, index: int) -> None:
        """Open the editor on message `index`, in view."""
        self.show_message(index)
        if (view := self._view(index)) is not None:
            view.edit()

    def copy(self, index: int) -> None:
        """Put message `index` on the clipboard."""
        if (view := self._view(index)) is not None:
            view.copy()

    def show_message(self, index: int) -> None:
        """Scroll to message `index`, building what stands before it where that was not needed yet."""
        while 0 <= index < self._first:
            self._show_earlier()
        view, inner = self._view(index), self.widget()
        if view is None or inner is None:
            return
        if (layout := inner.layout()) is not None:
            layout.activate()
        top = view.mapTo(inner, view.rect().topLeft()).y()
        bar = self.verticalScrollBar()
        if not bar.value() <= top <= bar.value() + self.viewport().height() - view.height():
            bar.setValue(top - self._theme.px(24))

    def set_can_ask_again(self, can: bool) -> None:
        """Whether another version of the last answer may be asked for. An answer has that among its own verbs."""
        self._can_ask = can
        self._again.setVisible(can and bool(self._views) and not self._answer_has_again())

    def _answer_has_again(self) -> bool:
        return self._verbs_for is not None and self._rows[-1].role == "assistant"

    def _view(self, index: int) -> MessageView | None:
        position = index - self._first
        return self._views[position] if 0 <= position < len(self._views) else None

    def _add(self, row: Row, position: int | None = None) -> None:
        view = MessageView(self._theme, "user" if row.role == "user" else "assistant")
        view.show_row(row)
        view.acted.connect(lambda verb, view=view: self.acted.emit(self._index(view), verb))
        view.edited.connect(lambda text, view=view: self.edited.emit(self._index(view), text))
        view.painted.connect(lambda count, view=view: self.painted.emit(self._index(view), count))
        view.resized.connect(self._lay_out_now)
        if position is None:
            self._views.append(view)
            self._column.insertWidget(self._column.count() - 2, view)  # before the button and the stretch
        else:
            self._views.insert(position, view)
            self._column.insertWidget(position + 1, view)

    def _lay_out_now(self) -> None:
        """A message has grown: bring column, ground and scroll bar up to it before anything is painted.

        From the ground inwards: a column that is laid out in its old height would squeeze its longest message first.
        """
        if self.isVisible():
            self._sheet.updateGeometry()
            self._centre.invalidate()
            QCoreApplication.sendEvent(self, QEvent(QEvent.Type.LayoutRequest))

    def _index(self, view: MessageView) -> int:
        return self._first + self._views.index(view)

    def _refresh_verbs(self, start: int = 0) -> None:
        """What may be done with the messages from index `start` on."""
        last = len(self._rows) - 1
        for index in range(max(start, self._first, 0), last + 1):
            view = self._views[index - self._first]
            view.verbs.keep_lit(index == last)
            if self._verbs_for is not None:
                view.set_verbs(self._verbs_for(self._rows[index], index, index == last))
        if self._rows:
            self.set_can_ask_again(self._can_ask)

    def _show_earlier(self) -> None:
        bar = self.verticalScrollBar()
        below = bar.maximum() - bar.value()
        first, before = max(0, self._first - BUILT), self._first
        for position, row in enumerate(self._rows[first:before]):
            self._add(row, position)
        self._first = first
        self._earlier.setVisible(first > 0)
        self._refresh_verbs()
        self._stick = False
        self._below = below
        self._settle.start()
        self._lay_out_now()
        bar.setValue(bar.maximum() - below)

    def _settled(self) -> None:
        self._below = None

    def _range_changed(self, _low: int, high: int) -> None:
        if self._stick:
            self.verticalScrollBar().setValue(high)
        elif self._below is not None:
            self.verticalScrollBar().setValue(high - self._below)

    def _moved(self, value: int) -> None:
        bar = self.verticalScrollBar()
        self._stick = value >= bar.maximum() - self._theme.px(24)
        if self._first > 0 and not self._stick and value < bar.pageStep() // 2 and self._below is None:
            self._wants_earlier.start(0)

    def _lay_out(self) -> None:
        px = self._theme.px
        inner = _Ground(self._theme)
        outer = QVBoxLayout(inner)
        outer.setContentsMargins(px(24), px(16), px(14), px(8))
        self._sheet = column = QWidget()
        column.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        column.setMaximumWidth(px(COLUMN))
        column.setLayout(self._column)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(px(12))
        self._column.addWidget(self._earlier, 0, Qt.AlignmentFlag.AlignHCenter)
        self._column.addWidget(self._again, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addStretch(1)
        self._earlier.hide()
        self._again.hide()
        self._centre = row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(column, 1000)
        row.addStretch(1)
        outer.addLayout(row)
        self.setWidget(inner)


class _Ground(QWidget):
    """What the messages stand on. Opaque, so that a scroll moves what is painted instead of painting it anew."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        if not self.testAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent):
            self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # the style sheet takes it away when it polishes
        painter = QPainter(self)
        painter.fillRect(event.rect(), self._theme.colour("background"))
        painter.end()


def _button(name: str, text: str, says: str) -> QPushButton:
    made = QPushButton(text)
    made.setObjectName(name)
    made.setAccessibleName(says)
    made.setProperty("kind", "quiet")
    return made
