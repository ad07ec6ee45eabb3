"""Labels with a size and a tone, and the hover that explains a word from the glossary."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QEnterEvent, QHelpEvent
from PySide6.QtWidgets import QLabel, QToolTip, QWidget

from app.glossary import Glossary
from app.ui.theme import Size, Theme, Weight, set_property

Tone = Literal["text", "dim", "accent", "good", "warning", "bad"]


def hint(text: str) -> str:
    """`text` as a tooltip, which Qt would take for markup where it looks like it: it may come from a model's file."""
    if "<" not in text and "&" not in text:
        return text
    return f"<p>{html.escape(text)}</p>".replace("\n", "<br>")


class Hover:
    """Mixed into a widget: a tooltip that is made when the pointer arrives: opening a page reads no glossary and filters no events."""

    hover: Callable[[], str] | None = None

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802  Qt's name
        if self.hover is not None and isinstance(self, QWidget):
            self.setToolTip(self.hover())


class Label(Hover, QLabel):
    """Plain text (never rich text: it may come from a model's file)."""

    def __init__(
        self,
        theme: Theme,
        text: str = "",
        size: Size = "text",
        tone: Tone = "text",
        weight: Weight = "regular",
        *,
        wrap: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(theme.font(size, weight))
        self.setProperty("tone", tone)
        self.setWordWrap(wrap)

    def set_tone(self, tone: Tone) -> None:
        """Change the colour to another role."""
        set_property(self, "tone", tone)


class Explained(QObject):
    """Shows the glossary's entry on hover of any widget."""

    def __init__(self, widget: QWidget, glossary: Glossary, key: str, more: str = "") -> None:
        super().__init__(widget)
        self._glossary, self.key, self.more = glossary, key, more
        if isinstance(widget, Hover):
            widget.hover = self.text
        else:
            widget.installEventFilter(self)

    def text(self) -> str:
        """The hover's rich text; "" where there is no entry and nothing more to say."""
        parts = [self._glossary.tooltip(self.key), self.more]
        return "<br>".join(part for part in parts if part)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and isinstance(watched, QWidget):
            QToolTip.showText(event.globalPos(), self.text(), watched)
            return True
        return False


def explain(widget: QWidget, glossary: Glossary, key: str, more: str = "") -> Explained:
    """Give `widget` the glossary's entry `key` on hover, with `more` (rich text) below it."""
    return Explained(widget, glossary, key, more)
