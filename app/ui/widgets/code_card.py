"""A fenced block as a card of its own: language, copy button, and text that only ever grows at its end."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QPaintEvent, QTextCursor, QTextOption, QWheelEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.code_colours import Colourer
from app.ui.widgets.label import Label

COPIED_MS = 1500


class CodeCard(QFrame):
    """Lines of code. `append` inserts at the end and costs the same at any length. `painted`: it is on the screen."""

    painted = Signal()

    def __init__(self, theme: Theme, language: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("card", "true")
        self.view = _CodeView(theme)
        self.view.painted.connect(self.painted)
        self._caption = language
        self.colourer = Colourer(self.view.document(), theme, language)
        self.copy_button = CopyButton(theme, self.text, "message.copy_code", tr("Copy this code"))
        head = QHBoxLayout()
        head.addWidget(Label(theme, language or tr("code"), "caption", "dim"))
        head.addStretch(1)
        head.addWidget(self.copy_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.px(12), theme.px(5), theme.px(6), theme.px(8))
        column.setSpacing(theme.px(2))
        column.addLayout(head)
        column.addWidget(self.view)

    @property
    def language(self) -> str:
        """The word after the fence."""
        return self._caption

    def append(self, text: str) -> None:
        """Add text at the end."""
        self.view.append_text(text)
        self.colourer.touch()

    def finish(self) -> None:
        """The code is whole."""
        self.colourer.finish()

    def set_partial(self, line: str) -> None:
        """Show the line that is not ended yet, in place of the one shown before."""
        self.view.set_partial(line)

    def text(self) -> str:
        """The code, as it will be copied."""
        return self.view.toPlainText().rstrip("\n")


class _CodeView(QPlainTextEdit):
    """As tall as its lines; scrolls sideways; the wheel's other direction scrolls the page."""

    painted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._settled = 0
        self._started = False
        self._fresh = False
        self._partial = ""
        self.setProperty("code", "true")
        self.setObjectName("message.code")
        self.setAccessibleName(tr("Code"))
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setFont(theme.code_font())
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setWordWrapMode(QTextOption.WrapMode.NoWrap)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)
        self.viewport().setAutoFillBackground(False)
        self.horizontalScrollBar().rangeChanged.connect(self._fit)
        self._fit()

    def append_text(self, text: str) -> None:
        """`text`: complete lines, each with its line break."""
        cursor = self._cut_partial()
        lines = text[:-1] if text.endswith("\n") else text
        cursor.insertText(("\n" if self._started else "") + lines)
        self._started = self._fresh = True
        self._settled = self.document().characterCount() - 1
        self._fit()

    def set_partial(self, line: str) -> None:
        """Replace what stands after the complete lines by `line`."""
        if line == self._partial:
            return
        more = line.startswith(self._partial) and bool(self._partial)
        cursor = self._end() if more else self._cut_partial()
        if line:
            cursor.insertText(line[len(self._partial) :] if more else ("\n" if self._started else "") + line)
        self._partial = line
        self._fresh = True
        self._fit()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        super().paintEvent(event)
        if self._fresh:
            self._fresh = False
            self.painted.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  Qt's name
        if abs(event.angleDelta().x()) > abs(event.angleDelta().y()):
            super().wheelEvent(event)
        else:
            event.ignore()

    def _end(self) -> QTextCursor:
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        return cursor

    def _cut_partial(self) -> QTextCursor:
        self._partial = ""
        cursor = QTextCursor(self.document())
        cursor.setPosition(self._settled)
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        return cursor

    def _fit(self, *_: int) -> None:
        bar = self.horizontalScrollBar()
        extra = bar.sizeHint().height() if bar.maximum() > 0 else self._theme.px(4)
        height = self.blockCount() * self.fontMetrics().lineSpacing() + extra + 1
        if height != self.height():
            self.setFixedHeight(height)


class CopyButton(QPushButton):
    """Puts what `source()` gives on the clipboard, and says so."""

    def __init__(self, theme: Theme, source: Callable[[], str], name: str, says: str) -> None:
        super().__init__(tr("Copy"))
        self._source = source
        self.setProperty("kind", "quiet")
        self.setFont(theme.font("dim"))
        self.setObjectName(name)
        self.setAccessibleName(says)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._back = QTimer(self)
        self._back.setSingleShot(True)
        self._back.setInterval(COPIED_MS)
        self._back.timeout.connect(self._rest)
        self.clicked.connect(self.copy)

    def copy(self) -> None:
        """Do it."""
        QGuiApplication.clipboard().setText(self._source())
        self.setText(tr("Copied"))
        self._back.start()

    def _rest(self) -> None:
        self.setText(tr("Copy"))
