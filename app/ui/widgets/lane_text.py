"""A lane's output: plain text that grows at its end, or stands still with stretches marked. Never rich text: a model wrote it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from PySide6.QtCore import QMargins, QMimeData, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent, QTextBlock, QTextCharFormat, QTextCursor, QTextOption
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QScrollBar, QWidget

from app.ui.theme import Theme

FRAME_MS = 8
GUI_SHARE = 6
"""Drawing that took t is followed by at least 6 t without one, so that one huge paragraph cannot eat the GUI thread."""

SOFT = 1
"""A block's state: it ends where a line was broken by its width, not by the text."""

OPEN_LINES = 3
"""A paragraph of more lines is settled up to its last one: laying out 1,000 words for each new one takes 2 ms."""

Piece = tuple[str, QTextCharFormat | None]


class LaneText(QPlainTextEdit):
    """`append` and `show_prefix` insert at the end only; what stands there is not laid out again.

    resized: its width has changed, or how many lines it has room for.
    """

    resized = Signal()

    def __init__(self, theme: Theme, name: str, says: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts: list[str] = []  # what is drawn
        self._source = ""  # the text whose beginning is shown
        self._shown = 0
        self._pending: list[str] = []
        self._soft = False
        self._follow, self._moving = True, False
        self._wide, self._lines = 0, 0
        self._pause_until = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.flush)
        self.setProperty("code", "true")
        self.setObjectName(name)
        self.setAccessibleName(says)
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setFont(theme.font())
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.document().setDocumentMargin(0)
        self.viewport().setAutoFillBackground(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._bar = QScrollBar(Qt.Orientation.Vertical, self)
        self._bar.hide()
        self.setViewportMargins(0, 0, self._bar.sizeHint().width(), 0)
        self._bar.valueChanged.connect(self.verticalScrollBar().setValue)
        self.verticalScrollBar().rangeChanged.connect(self._ranged)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    def text(self) -> str:
        """All of it, what is not drawn yet too."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return "".join([*self._parts, *self._pending])

    def set_text(self, text: str) -> None:
        """Replace everything."""
        self.show_pieces([(text, None)])

    def append(self, delta: str) -> None:
        """Add text at the end; drawn within a frame."""
        self._source = ""
        self._pending.append(delta)
        if not self._timer.isActive():
            wait = self._pause_until - time.perf_counter()
            self._timer.start(max(FRAME_MS, int(wait * 1000)))

    def show_prefix(self, text: str, shown: int) -> None:
        """The first `shown` characters of `text`, at once; costs what is new since the last call."""
        if text != self._source or shown < self._shown:
            self.set_text("")
            self._source, self._shown = text, 0
        if shown > self._shown:
            self._insert(text[self._shown : shown])
            self._shown = shown

    def show_pieces(self, pieces: Sequence[Piece]) -> None:
        """Replace everything by pieces, each with its format or None."""
        self._timer.stop()
        self._pending.clear()
        self._parts = [text for text, _ in pieces]
        self._source, self._shown, self._soft = "", 0, False
        self._follow = False
        with self._own_scrolling():
            self.clear()
            cursor = QTextCursor(self.document())
            cursor.beginEditBlock()
            for text, shape in pieces:
                cursor.insertText(text, shape or QTextCharFormat())
            cursor.endEditBlock()
            self.verticalScrollBar().setValue(0)
        self._follow = self.verticalScrollBar().maximum() == 0

    def flush(self) -> None:
        """Draw what was appended, now."""
        self._timer.stop()
        if not self._pending:
            return
        start = time.perf_counter()
        text = "".join(self._pending)
        self._pending.clear()
        self._insert(text)
        now = time.perf_counter()
        self._pause_until = now + (now - start) * GUI_SHARE

    def createMimeDataFromSelection(self) -> QMimeData:  # noqa: N802  Qt's name
        """Plain text, without the breaks that only the width made."""
        data = QMimeData()
        data.setText(self._selected())
        return data

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        with self._own_scrolling():
            super().resizeEvent(event)
            self._place_bar()
            lines = self.height() // max(1, self.fontMetrics().lineSpacing())
            wide = self.width() != self._wide
            if not wide and lines == self._lines:
                return
            self._wide, self._lines = self.width(), lines
            if wide and self._soft:
                self._break_again()
        self.resized.emit()

    def _place_bar(self) -> None:
        """The bar stands in a margin that is always there, so that no line breaks anew when it comes; whole lines only."""
        wide = self._bar.sizeHint().width()
        spare = (self.height() - 1) % max(1, self.fontMetrics().lineSpacing())  # one pixel more: Qt rounds
        self._bar.setGeometry(self.width() - wide, 0, wide, self.height() - spare)
        if self.viewportMargins() != QMargins(0, 0, wide, spare):
            self.setViewportMargins(0, 0, wide, spare)

    def _insert(self, text: str) -> None:
        self._parts.append(text)
        with self._own_scrolling():
            cursor = QTextCursor(self.document())
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.insertText(text, QTextCharFormat())
            self._settle(cursor)

    @contextlib.contextmanager
    def _own_scrolling(self) -> Iterator[None]:
        """What moves the text meanwhile is no person; afterwards the end is in view, if it is followed."""
        outer, self._moving = self._moving, True
        try:
            yield
            if self._follow:
                bar = self.verticalScrollBar()
                bar.setValue(bar.maximum())
        finally:
            self._moving = outer

    def _ranged(self, low: int, high: int) -> None:
        inner = self.verticalScrollBar()
        self._bar.setRange(low, high)
        self._bar.setPageStep(inner.pageStep())
        self._bar.setVisible(high > low)

    def _scrolled(self, value: int) -> None:
        """Somebody who scrolls up stays there; at the end, the text is followed again."""
        self._bar.setValue(value)
        if not self._moving:
            self._follow = value >= self.verticalScrollBar().maximum()

    def _settle(self, cursor: QTextCursor) -> None:
        """Cut the open paragraph where its last line begins: it looks the same, and only that line is laid out again."""
        block = self.document().lastBlock()
        self.blockBoundingRect(block)  # lays it out
        lines = block.layout().lineCount()
        if lines > OPEN_LINES:
            cursor.setPosition(block.position() + block.layout().lineAt(lines - 1).textStart())
            cursor.insertBlock()
            block.setUserState(SOFT)
            self._soft = True

    def _break_again(self) -> None:
        """The whole text anew, for another width."""
        source, shown, follow = self._source, self._shown, self._follow
        self.set_text(self.text())
        self._source, self._shown, self._follow = source, shown, follow

    def _selected(self) -> str:
        whole = self.textCursor()
        start, end = whole.selectionStart(), whole.selectionEnd()
        block: QTextBlock = self.document().findBlock(start)
        parts: list[str] = []
        while block.isValid() and block.position() <= end:
            last = block.position() + block.length() - 1
            cursor = QTextCursor(self.document())
            cursor.setPosition(max(start, block.position()))
            cursor.setPosition(min(end, last), QTextCursor.MoveMode.KeepAnchor)
            parts.append(cursor.selectedText())
            if end > last and block.userState() != SOFT:
                parts.append("\n")
            block = block.next()
        return "".join(parts).replace("\u2028", "\n")
