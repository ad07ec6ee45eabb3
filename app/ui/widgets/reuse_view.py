"""How much of a prompt was re-used from the cache, shown in the prompt itself: what was there is dim, what is new stands out."""

from __future__ import annotations

from PySide6.QtGui import QShowEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from app.ui.language import tr
from app.ui.state import inside, words
from app.ui.state.inside import Reuse
from app.ui.theme import Theme
from app.ui.widgets.label import Label

AROUND = 400
"""Tokens shown before and after the first difference; the rest is folded into a count."""
TALL = 220
LOW = 60


class ReuseView(QWidget):
    """`show_reuse`: the sentence, and the prompt's tokens about the first difference, special ones as they are."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._reuse = Reuse(0, 0)
        self._mark = 0
        self.setObjectName("message.reuse")
        self.setAccessibleName(tr("What of the prompt was re-used"))
        self.words = Label(theme, "", "dim", wrap=True)
        self.prompt = QPlainTextEdit()
        self.prompt.setObjectName("message.reuse_prompt")
        self.prompt.setAccessibleName(tr("The prompt as the model was given it"))
        self.prompt.setProperty("field", True)
        self.prompt.setReadOnly(True)
        self.prompt.setUndoRedoEnabled(False)
        self.prompt.setFont(theme.code_font())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, theme.px(4), 0, theme.px(4))
        column.setSpacing(theme.px(6))
        column.addWidget(self.words)
        column.addWidget(self.prompt)
        column.addStretch(1)
        theme.changed.connect(self._fill)
        self.show_reuse(self._reuse)

    def show_reuse(self, reuse: Reuse) -> None:
        """Show another prompt."""
        self._reuse = reuse
        self.words.setText(inside.reuse_words(reuse) + ".")
        self.prompt.setVisible(bool(reuse.pieces))
        self._fill()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        super().showEvent(event)
        self._settle()

    def _fill(self) -> None:
        """Write the pieces: few inserts, whatever the prompt's length."""
        reuse, pieces = self._reuse, self._reuse.pieces
        self.prompt.clear()
        if not pieces:
            return
        at = min(reuse.cached, len(pieces))
        start, end = max(0, at - AROUND), min(len(pieces), at + AROUND)
        cursor = QTextCursor(self.prompt.document())
        cursor.beginEditBlock()
        if start:
            cursor.insertText(tr("{n} re-used tokens before this", n=f"… {words.number(start)}") + "\n", self._note())
        cursor.insertText("".join(pieces[start:at]), self._ink("dim"))
        if 0 < at < len(pieces):
            said = tr("from token {n} newly read", n=words.number(at + 1))
            cursor.insertText(f" {said} ".replace(" ", "\u00a0"), self._flag())  # never broken over two lines
        self._mark = cursor.position()
        cursor.insertText("".join(pieces[at:end]), self._ink("text", "accent_soft"))
        if end < len(pieces):
            left = words.number(len(pieces) - end)
            cursor.insertText("\n" + tr("{n} newly read tokens after this", n=f"… {left}"), self._note())
        cursor.endEditBlock()
        self._settle()

    def _settle(self) -> None:
        """As tall as the text needs up to a limit, with the difference in sight."""
        document = self.prompt.document()
        line = self.prompt.fontMetrics().lineSpacing()
        needed = round(document.size().height()) * line + self._theme.px(20)
        self.prompt.setFixedHeight(max(self._theme.px(LOW), min(self._theme.px(TALL), needed)))
        cursor = self.prompt.textCursor()
        cursor.setPosition(self._mark)
        self.prompt.setTextCursor(cursor)
        self.prompt.centerCursor()

    def _ink(self, role: str, ground: str = "") -> QTextCharFormat:
        made = QTextCharFormat()
        made.setForeground(self._theme.colour(role))
        if ground:
            made.setBackground(self._theme.colour(ground))
        return made

    def _flag(self) -> QTextCharFormat:
        """The mark at the first difference: no words of the prompt look so."""
        made = self._ink("on_accent", "accent")
        made.setFont(self._theme.font("caption", "semibold"))
        return made

    def _note(self) -> QTextCharFormat:
        made = self._ink("dim")
        made.setFont(self._theme.font("caption"))
        made.setFontItalic(True)
        return made
