"""The token view: each token of an answer with its probability, what else was likely, and which were guessed ahead."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QHideEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.ui.language import tr
from app.ui.state import inside
from app.ui.state.inside import Token
from app.ui.theme import Theme
from app.ui.widgets.label import Label
from app.ui.widgets.token_canvas import NONE, TokenCanvas, draw_dots, tint
from app.ui.widgets.token_detail import TokenDetail

SWATCHES = 5


class TokenView(QWidget):
    """`wanted`: the person asks for probabilities, which this answer has none of."""

    wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens: tuple[Token, ...] = ()
        self.setObjectName("message.token_view")
        self.setAccessibleName(tr("Inside the answer"))
        self.words = Label(theme, "", "caption", "dim", wrap=True)
        self.words.setObjectName("message.tokens_summary")
        self.canvas = TokenCanvas(theme)
        self.legend = Legend(theme)
        self.missing = self._missing(theme)
        self.detail = TokenDetail(theme, self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, theme.px(4), 0, theme.px(4))
        column.setSpacing(theme.px(8))
        for part in (self.words, self.missing, self.canvas, self.legend):
            column.addWidget(part)
        column.addStretch(1)
        self.canvas.pointed.connect(self._point)
        self.destroyed.connect(self.detail.deleteLater)  # it may have moved to the window
        self.show_tokens(())

    def show_tokens(self, tokens: Sequence[Token], *, drafted: int | None = None, why: str = "") -> None:
        """drafted: how many were guessed ahead. why: what to say where there are no tokens (`inside.no_tokens`)."""
        self._tokens = tuple(tokens)
        known = any(token.logprob is not None for token in self._tokens)
        accepted = any(token.accepted for token in self._tokens)
        self.words.setText(inside.summary(self._tokens, drafted) if self._tokens else why)
        self.words.setVisible(bool(self.words.text()))
        self.missing.setVisible(bool(self._tokens) and not known)
        self.canvas.setVisible(bool(self._tokens))
        self.legend.show_kinds(probabilities=known, accepted=accepted)
        self.detail.hide()
        self.canvas.show_tokens(self._tokens)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802  Qt's name
        super().hideEvent(event)
        self.canvas.point_at(NONE)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  Qt's name
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.canvas.point_at(NONE)

    def _point(self, index: int) -> None:
        if index == NONE or not self.isVisible():
            self.detail.hide()
            return
        box = self.canvas.box(index)
        if self.canvas.hasFocus():
            self._bring(box)
        window = self.window()
        if self.detail.parentWidget() is not window:
            self.detail.setParent(window)
        about = QRect(self.canvas.mapTo(window, box.topLeft()), box.size())
        self.detail.show_token(self._tokens[index], index, len(self._tokens), about)

    def _bring(self, box: QRect) -> None:
        """Scroll what the view lies in, so that the keys never leave what is seen."""
        above = self.parentWidget()
        while above is not None and not isinstance(above, QScrollArea):
            above = above.parentWidget()
        inner = above.widget() if above is not None else None
        if above is not None and inner is not None:
            at = self.canvas.mapTo(inner, box.center())
            above.ensureVisible(at.x(), at.y(), box.width(), 3 * box.height())

    def _missing(self, theme: Theme) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.px(12))
        said = tr("No probabilities were kept: set Token probabilities to 5 and ask again.")
        row.addWidget(Label(theme, said, "dim", "dim", wrap=True), 1)
        button = QPushButton(tr("Set to 5 and ask again"))
        button.setObjectName("message.want_probabilities")
        button.setAccessibleName(button.text())
        button.clicked.connect(self.wanted)
        row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        return made


class Legend(QWidget):
    """What the tints and lines mean, in one line."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._probabilities = self._accepted = False
        self.setObjectName("message.tokens_legend")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_kinds(self, *, probabilities: bool, accepted: bool) -> None:
        """Explain only what can be seen."""
        self._probabilities, self._accepted = probabilities, accepted
        self.setAccessibleName(self.words())
        self.setToolTip(self.words())
        self.setVisible(probabilities or accepted)
        self.update()

    def words(self) -> str:
        """The line as text."""
        parts = [tr("likely … unlikely"), tr("under 10 %")] if self._probabilities else []
        return " · ".join([*parts, tr("accepted draft")] if self._accepted else parts)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(320), QFontMetrics(self._theme.font("caption")).height() + self._theme.px(6))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        painter.setFont(self._theme.font("caption"))
        px, left = self._theme.px, 0
        if self._probabilities:
            left = self._say(painter, left, tr("likely"))
            for step in range(SWATCHES):
                ground = tint(self._theme.tokens, step / (SWATCHES - 1))
                painter.fillRect(QRectF(left + step * px(14), px(2), px(13), px(12)), ground)
            left = self._say(painter, left + SWATCHES * px(14) + px(4), tr("unlikely"))
            foot = px(15)
            painter.fillRect(QRectF(left + px(8), foot - 2, px(18), 2), self._theme.colour("text"))
            left = self._say(painter, left + px(32), tr("under 10 %"))
        if self._accepted:
            draw_dots(painter, self._theme, left + px(8), left + px(26), px(13))
            self._say(painter, left + px(32), tr("accepted draft"))
        painter.end()

    def _say(self, painter: QPainter, left: int, words: str) -> int:
        """Draw words; where the next thing begins."""
        metrics = QFontMetrics(painter.font())
        painter.setPen(self._theme.colour("dim"))
        painter.drawText(QPoint(left, metrics.ascent() + self._theme.px(1)), words)
        return left + metrics.horizontalAdvance(words) + self._theme.px(6)
