"""A message being changed in its place: Save for an answer, Send for a person's own words, Esc to leave it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.ui.language import tr
from app.ui.theme import Theme

MOST_LINES, LEAST_LINES = 16, 3


class MessageEditor(QWidget):
    """`saved(text)` or `cancelled`."""

    saved = Signal(str)
    cancelled = Signal()

    def __init__(self, theme: Theme, text: str, own: bool) -> None:
        super().__init__()
        self._theme = theme
        self.edit = QPlainTextEdit(text)
        self.edit.setProperty("field", "true")
        self.edit.setObjectName("message.editor")
        self.edit.setAccessibleName(tr("The message's text"))
        self.edit.setFont(theme.font())
        self.edit.setTabChangesFocus(True)
        self.edit.textChanged.connect(self._changed)
        self.save = _button(tr("Send") if own else tr("Save"), "message.save", "primary")
        self.cancel = _button(tr("Cancel"), "message.cancel", "")
        self.save.setToolTip(tr("Ctrl+Enter"))
        self.cancel.setToolTip(tr("Esc"))
        self.save.clicked.connect(self._save)
        self.cancel.clicked.connect(self.cancelled)
        row = QHBoxLayout()
        row.setSpacing(theme.px(8))
        row.addStretch(1)
        row.addWidget(self.cancel)
        row.addWidget(self.save)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(8))
        column.addWidget(self.edit)
        column.addLayout(row)
        self.edit.moveCursor(QTextCursor.MoveOperation.End)
        self._changed()

    def event(self, event: QEvent) -> bool:
        """Esc and Ctrl+Enter are the editor's, before the window's shortcuts."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if event.key() == Qt.Key.Key_Escape or (enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier):
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.key() == Qt.Key.Key_Escape:
            self.cancelled.emit()
        elif enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._save()
        else:
            super().keyPressEvent(event)

    def _save(self) -> None:
        if self.save.isEnabled():
            self.saved.emit(self.edit.toPlainText())

    def _changed(self) -> None:
        self.save.setEnabled(bool(self.edit.toPlainText().strip()))
        lines = min(MOST_LINES, max(LEAST_LINES, self.edit.document().size().height() + 1))
        self.edit.setFixedHeight(int(lines * self.edit.fontMetrics().lineSpacing()) + self._theme.px(18))


def _button(text: str, name: str, kind: str) -> QPushButton:
    made = QPushButton(text)
    made.setObjectName(name)
    made.setAccessibleName(text)
    made.setProperty("kind", kind)
    made.setAutoDefault(False)
    return made
