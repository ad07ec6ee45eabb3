"""One token and what else could have stood there: a small window beside it, with the probabilities as bars."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QWidget

from app.ui.language import tr
from app.ui.state import inside
from app.ui.state.inside import Token
from app.ui.theme import Theme

MOST = 8
BAR = 90
WORD = 130
LINE = 20
PAD = 10
GAP = 6


class TokenDetail(QFrame):
    """`show_token` beside a place of its window; takes no focus and no clicks. It lies over everything there."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._lines: list[tuple[str, float, bool]] = []
        self._head = self._foot = ""
        self.setObjectName("message.token")
        self.setAccessibleName(tr("Token"))
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()
        theme.changed.connect(self.update)

    def show_token(self, token: Token, index: int, count: int, about: QRect) -> None:
        """Show it below `about` (of the parent), or above where there is no room."""
        self._head = tr("Token {n} of {count}", n=f"{index + 1:,}", count=f"{count:,}")
        self._lines = lines(token)
        self._foot = tr("accepted draft") if token.accepted else "" if self._lines else tr("no probability kept")
        self.setAccessibleDescription(", ".join(f"{text} {inside.percent(share)}" for text, share, _ in self._lines))
        self.resize(self.sizeHint())
        self.move(self._place(about))
        self.show()
        self.raise_()
        self.update()

    def lines(self) -> list[tuple[str, float, bool]]:
        """What is shown: (text, share, whether it is the one that was taken)."""
        return self._lines

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        px = self._theme.px
        rows = len(self._lines) + (1 if self._foot else 0) + 1
        return QSize(px(WORD + BAR + 60 + 2 * PAD + 2 * GAP), rows * px(LINE) + 2 * px(PAD))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        px, colour = self._theme.px, self._theme.colour
        painter.fillRect(self.rect(), colour("raised"))
        painter.setPen(colour("dim"))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        box = QRect(px(PAD), px(PAD), self.width() - 2 * px(PAD), px(LINE))
        painter.setFont(self._theme.font("caption"))
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, self._head)
        for text, share, taken in self._lines:
            box.translate(0, px(LINE))
            self._paint_line(painter, box, text, share, taken)
        if self._foot:
            box.translate(0, px(LINE))
            painter.setFont(self._theme.font("caption"))
            painter.setPen(colour("dim"))
            painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self._foot)
        painter.end()

    def _paint_line(self, painter: QPainter, box: QRect, text: str, share: float, taken: bool) -> None:
        """Word, bar, figure; the taken one in the accent and heavier."""
        px, colour = self._theme.px, self._theme.colour
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(self._theme.code_font())
        painter.setPen(colour("accent" if taken else "text"))
        word = QRect(box.left(), box.top(), px(WORD), box.height())
        elided = QFontMetrics(painter.font()).elidedText(text, Qt.TextElideMode.ElideRight, word.width())
        painter.drawText(word, Qt.AlignmentFlag.AlignLeft | middle, elided)
        left, top = word.right() + px(GAP), box.center().y() - px(3)
        painter.fillRect(QRectF(left, top, px(BAR), px(7)), colour("line"))
        painter.fillRect(QRectF(left, top, max(1.0, px(BAR) * share), px(7)), colour("accent" if taken else "dim"))
        painter.setFont(self._theme.font("dim", "semibold" if taken else "regular"))
        painter.setPen(colour("text"))
        figure = QRect(left + px(BAR + GAP), box.top(), box.right() - left - px(BAR + GAP), box.height())
        painter.drawText(figure, Qt.AlignmentFlag.AlignRight | middle, inside.percent(share))

    def _place(self, about: QRect) -> QPoint:
        parent = self.parentWidget()
        free = self.rect() if parent is None else parent.rect()
        top = about.bottom() + self._theme.px(8)
        if top + self.height() > free.bottom():
            top = about.top() - self.height() - self._theme.px(8)
        left = min(about.left(), free.right() - self.width())
        return QPoint(max(free.left(), left), max(free.top(), top))


def lines(token: Token) -> list[tuple[str, float, bool]]:
    """The likeliest tokens as (text, share, taken); the taken one stands last where it is not among them."""
    taken = _taken(token)
    found = [
        (inside.shown(text), inside.share_of(logprob), i == taken) for i, (text, logprob) in enumerate(token.top[:MOST])
    ]
    share = inside.probability(token)
    if share is not None and not any(is_taken for _, _, is_taken in found):
        found.append((inside.shown(token.text) or tr("no text of its own"), share, True))
    return found


def _taken(token: Token) -> int:
    """Which of the alternatives it is, by its probability: texts are cut or held back at times. -1: none."""
    same = [i for i, (_, logprob) in enumerate(token.top[:MOST]) if logprob == token.logprob]
    return next((i for i in same if token.top[i][0] == token.text), same[0] if same else -1)
