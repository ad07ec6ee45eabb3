"""“What this shows”: the verdict's sentence, whose numbers lead to their cells, and how far it can be trusted."""

from __future__ import annotations

import html
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetrics, QTextDocument
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.lab.compare.result import Phrase
from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.label import Label

NOTES = 3
LINES = 3
MORE, LESS = "#more", "#less"


class VerdictCard(Card):
    """`asked(cell id)`: a number of the sentence was clicked, or chosen with the keyboard. `unfolded()`: it grew or shrank.

    Where there is little room the sentence is cut to a few lines and ends in “more”.
    """

    asked = Signal(str)
    unfolded = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, tr("What this shows"), parent=parent)
        self._theme = theme
        self._phrases: tuple[Phrase, ...] = ()
        self._notes: list[str] = []
        self._open = False
        self._folded = False
        px = theme.px
        self.body.setContentsMargins(px(14), px(9), px(14), px(10))
        self.body.setSpacing(px(4))
        self.trust = ElidedLabel(theme, "", "dim", "dim")
        self.trust.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.trust.setObjectName("compare.trust")
        self.head.takeAt(1)
        self.head.addWidget(self.trust, 1)
        self.sentence = _Sentence(theme)
        self.sentence.linkActivated.connect(self._follow)
        self.body.addWidget(self.sentence)
        self.notes = [Label(theme, "", "dim", "dim", wrap=True) for _ in range(NOTES)]
        for note in self.notes:
            self.body.addWidget(note)
            note.hide()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._redraw)

    def show_verdict(
        self, phrases: Sequence[Phrase], trust: str, outcomes: Sequence[str], others: Sequence[str]
    ) -> None:
        """The sentence and its provenance; what became of the expectations, and what else must be said."""
        if tuple(phrases) != self._phrases:
            self._open = False
        self._phrases = tuple(phrases)
        self._notes = [line for line in (*others, *outcomes) if line]
        self.trust.setText(trust)
        self._redraw()

    def links(self) -> list[str]:
        """The cells that the sentence leads to."""
        return [phrase.cell for phrase in self._phrases if phrase.cell]

    def whole_height(self, width: int) -> int:
        """With everything in view, in so many pixels of width."""
        notes = self._merged()
        return self._height(self._text_height(self._html(self._phrases), width), notes, width)

    def fold(self, width: int, folded: bool) -> int:
        """Cut to a few lines or not; the height that it takes."""
        self._folded = folded and not self._open
        self._redraw(width)
        notes = self._merged()[:1] if self._folded else self._merged()
        height = self._height(self._text_height(self.sentence.text(), width), notes, width)
        self.setFixedHeight(height)
        return height

    # --- parts --------------------------------------------------------------------------

    def _follow(self, link: str) -> None:
        if link in (MORE, LESS):
            self._open = link == MORE
            self.unfolded.emit()
        else:
            self.asked.emit(link)

    def _redraw(self, width: int | None = None) -> None:
        notes = self._merged()[:1] if self._folded else self._merged()
        for index, note in enumerate(self.notes):
            note.setText(notes[index] if index < len(notes) else "")
            note.setVisible(index < len(notes))
        inner = self._inner(width if width is not None else self.width())
        self.sentence.setText(self._fitting(inner) if self._folded else self._html(self._phrases) + self._less())
        self.sentence.setAccessibleName("".join(phrase.text for phrase in self._phrases) or tr("No verdict yet"))

    def _merged(self) -> list[str]:
        if len(self._notes) <= NOTES:
            return self._notes
        return [*self._notes[: NOTES - 1], " ".join(self._notes[NOTES - 1 :])]

    def _less(self) -> str:
        return f" {self._link(LESS, 'less', self._theme.tokens.accent)}" if self._open else ""

    def _fitting(self, width: int) -> str:
        """As many words as stand on LINES lines, and a link to the rest."""
        whole = self._html(self._phrases)
        most = LINES * QFontMetrics(self.sentence.font()).lineSpacing() + 2
        if self._tall(whole, width) <= most:
            return whole
        more = f"… {self._link(MORE, 'more', self._theme.tokens.accent)}"
        low, high = 0, sum(len(phrase.text) for phrase in self._phrases)
        while low < high:
            middle = (low + high + 1) // 2
            fits = self._tall(self._html(_first(self._phrases, middle)) + more, width) <= most
            low, high = (middle, high) if fits else (low, middle - 1)
        return self._html(_first(self._phrases, low, whole_words=True)) + more

    def _html(self, phrases: Sequence[Phrase]) -> str:
        tokens = self._theme.tokens
        inks = {"good": tokens.good, "bad": tokens.bad}
        parts = []
        for phrase in phrases:
            ink = inks.get(phrase.tone, tokens.text)
            if phrase.cell:
                parts.append(self._link(phrase.cell, phrase.text, inks.get(phrase.tone, tokens.accent)))
            else:
                text = html.escape(phrase.text).replace("\n", "<br>")
                parts.append(f'<span style="color:{ink}">{text}</span>' if phrase.tone else text)
        return "".join(parts)

    def _link(self, to: str, text: str, ink: str) -> str:
        look = f"color:{ink}; font-weight:600; text-decoration:none"
        return f'<a href="{html.escape(to)}" style="{look}">{html.escape(text)}</a>'

    def _inner(self, width: int) -> int:
        edges = self.body.contentsMargins()
        return max(40, width - edges.left() - edges.right() - 2)

    def _height(self, text: int, notes: Sequence[str], width: int) -> int:
        edges = self.body.contentsMargins()
        inner, gap = self._inner(width), self.body.spacing()
        tall = edges.top() + edges.bottom() + 2 + self.title.sizeHint().height() + gap + text
        wrap = int(Qt.TextFlag.TextWordWrap)
        for note in notes:
            box = QFontMetrics(self.notes[0].font()).boundingRect(0, 0, inner, 10_000, wrap, note)
            tall += gap + box.height() + 1
        return tall

    def _text_height(self, text: str, width: int) -> int:
        return self._tall(text, self._inner(width))

    def _tall(self, text: str, width: int) -> int:
        document = QTextDocument()
        document.setDefaultFont(self.sentence.font())
        document.setDocumentMargin(0)
        document.setHtml(text)
        document.setTextWidth(width)
        return round(document.size().height())


class _Sentence(QLabel):
    """Rich text, but of nothing that was not escaped."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("compare.verdict")
        self.setFont(theme.font("text"))
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.setOpenExternalLinks(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)


def _first(phrases: Sequence[Phrase], characters: int, whole_words: bool = False) -> list[Phrase]:
    """The beginning of the sentence. whole_words: without the piece of a word at its end."""
    found: list[Phrase] = []
    for phrase in phrases:
        if len(phrase.text) <= characters:
            found.append(phrase)
            characters -= len(phrase.text)
            continue
        text = phrase.text[:characters]
        if whole_words:
            text = text.rsplit(" ", 1)[0] if " " in text and not phrase.cell else ""
        if text:
            found.append(Phrase(text, phrase.cell, phrase.tone))
        break
    return found
