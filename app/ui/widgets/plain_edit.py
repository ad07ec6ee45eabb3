"""A field for plain text that no paste can freeze: the size is looked at before anything is laid out."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, Signal
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app.ui.language import tr

CHARACTERS = 100_000  # in a field; more makes every key slow
LINE = 20_000  # in one line; a longer one without spaces takes over 0.1 s a key
PASTE_BYTES = 20_000_000


class PlainEdit(QPlainTextEdit):
    """`refused(words)`: a paste was too large, and the text is as it was."""

    refused = Signal(str)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setTabChangesFocus(True)

    def insertFromMimeData(self, source: QMimeData) -> None:  # noqa: N802  Qt's name
        size = source.data("text/plain").size() if source.hasText() else 0
        if size > PASTE_BYTES:
            self.refused.emit(too_large(size))
            return
        text = source.text()
        if len(text) + self.document().characterCount() > CHARACTERS or _longest_line(text) > LINE:
            self.take_long(text)
        elif text:
            self.insertPlainText(text)

    def take_long(self, text: str) -> None:
        """A paste that would make the field slow: refused here, a file in the composer."""
        words = tr(
            "The text has {count} characters, {line} in its longest line; at most {most} and {most_line} fit here.",
            count=f"{len(text):,}", line=f"{_longest_line(text):,}", most=f"{CHARACTERS:,}", most_line=f"{LINE:,}",
        )  # fmt: skip
        self.refused.emit(words)


def _longest_line(text: str) -> int:
    return max((len(line) for line in text.splitlines()), default=0)


def too_large(size: int) -> str:
    """Why a paste of `size` bytes is not taken."""
    return tr(
        "The pasted text is {size} MB; at most {most} MB can be added. Save the part that matters as a file.",
        size=f"{size / 1e6:,.0f}", most=f"{PASTE_BYTES / 1e6:,.0f}",
    )  # fmt: skip
