"""Where a person writes. Enter sends, Shift+Enter breaks the line; while an answer streams the button is Stop."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.ui import icons
from app.ui.theme import Theme
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.label import Label

LINES = 6
HINT = "Enter sends, Shift+Enter breaks the line"


class Composer(QFrame):
    """`submitted` carries the text; the composer empties itself then. `draft_changed` is for keeping drafts."""

    submitted = Signal(str)
    stop_requested = Signal()
    draft_changed = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._running, self._reason = False, ""
        self.setProperty("card", "true")
        self.edit = _Edit(theme)
        self.edit.setPlaceholderText(f"Write a message   ({HINT})")
        self.edit.entered.connect(self.submit)
        self.edit.textChanged.connect(self._changed)
        self.send_button = self._button("chat.send", "Send", "send", "primary")
        self.send_button.clicked.connect(self.submit)
        self.stop_button = self._button("chat.stop", "Stop", "stop", "")
        self.stop_button.clicked.connect(self.stop_requested)
        self.tokens = Label(theme, "", "caption", "dim")
        self.tokens.setObjectName("chat.tokens")
        self.reason = ElidedLabel(theme, "", "dim", "dim")
        self.reason.setObjectName("chat.reason")
        self._lay_out()
        self._refresh()

    def _lay_out(self) -> None:
        px = self._theme.px
        column = QVBoxLayout(self)
        column.setContentsMargins(px(12), px(10), px(10), px(10))
        column.setSpacing(px(8))
        column.addWidget(self.edit)
        row = QHBoxLayout()
        row.setSpacing(px(8))
        self.tools = QHBoxLayout()
        self.tools.setSpacing(px(8))
        row.addLayout(self.tools)
        row.addWidget(self.reason, 1)
        row.addWidget(self.tokens)
        row.addWidget(self.send_button)
        row.addWidget(self.stop_button)
        column.addLayout(row)

    def add_tool(self, button: QWidget) -> None:
        """Put a button (Attach, System prompt …) at the left of the foot."""
        self.tools.addWidget(button)

    def text(self) -> str:
        """The draft."""
        return self.edit.toPlainText()

    def set_text(self, text: str) -> None:
        """Replace the draft, e.g. by the one that was stored."""
        if text == self.text():
            return
        self.edit.setPlainText(text)
        self.edit.moveCursor(self.edit.textCursor().MoveOperation.End)

    def clear(self) -> None:
        """Empty the draft."""
        self.edit.clear()

    def set_placeholder(self, text: str) -> None:
        """What stands in the empty field, e.g. "Message SmolLM2…"."""
        self.edit.setPlaceholderText(f"{text}   ({HINT})")

    def set_running(self, running: bool) -> None:
        """While something runs the button is Stop; writing goes on."""
        self._running = running
        self._refresh()

    @property
    def running(self) -> bool:
        """True while the button is Stop."""
        return self._running

    def set_enabled_reason(self, reason: str) -> None:
        """Why nothing can be sent now; "" if it can. Writing is always possible."""
        self._reason = reason
        self._refresh()

    def set_tokens(self, count: int | None) -> None:
        """How many tokens the draft is; None while that is not known."""
        self.tokens.setText("" if count is None else f"{count:,} token" + ("s" if count != 1 else ""))

    def submit(self) -> None:
        """Send the draft, if it may be sent."""
        text = self.text()
        if self._running or self._reason or not text.strip():
            return
        self.edit.clear()
        self.submitted.emit(text)

    def _changed(self) -> None:
        self._refresh()
        self.draft_changed.emit(self.text())

    def _refresh(self) -> None:
        had_focus = self.send_button.hasFocus() or self.stop_button.hasFocus()
        self.send_button.setVisible(not self._running)
        self.stop_button.setVisible(self._running)
        self.send_button.setEnabled(not self._reason and bool(self.text().strip()))
        self.send_button.setToolTip(self._reason or "Send (Enter)")
        self.reason.setText(self._reason)
        if had_focus:
            (self.stop_button if self._running else self.edit).setFocus()

    def _button(self, name: str, title: str, icon: str, kind: str) -> QPushButton:
        button = QPushButton(title)
        button.setObjectName(name)
        button.setAccessibleName(title)
        if kind:
            button.setProperty("kind", kind)
        icons.bind(button, self._theme, icon, "on_accent" if kind == "primary" else "text", 16)
        return button


class _Edit(QPlainTextEdit):
    """Grows with its text to six lines, then scrolls. Pasted text arrives without its formats."""

    entered = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setObjectName("chat.composer")
        self.setAccessibleName("Message")
        self.setProperty("code", "true")  # a bare field: the card around it is the frame
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(theme.px(2))
        self.viewport().setAutoFillBackground(False)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.entered.emit()
            return
        super().keyPressEvent(event)

    def insertFromMimeData(self, source: QMimeData) -> None:  # noqa: N802  Qt's name
        self.insertPlainText(source.text())

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(400), self._height())

    def _height(self) -> int:
        lines = max(2, min(LINES, int(self.document().size().height())))
        return lines * self.fontMetrics().lineSpacing() + self._theme.px(8)

    def _fit(self, _size: object = None) -> None:
        height = self._height()
        if height != self.height():
            self.setFixedHeight(height)
