"""One message. An answer that streams is drawn piece by piece: finished pieces are never touched again."""

from __future__ import annotations

import time
from typing import Literal

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.ui.theme import Theme
from app.ui.widgets.code_card import CodeCard, CopyButton
from app.ui.widgets.label import Label, Tone
from app.ui.widgets.markdown import Cutter, Piece, PieceKind, definitions
from app.ui.widgets.prose import Prose

MAX_WIDTH = 760
FRAME_S = 0.012
GUI_SHARE = 6
"""A render that took t is followed by at least 6 t without one, so that a huge paragraph cannot eat the GUI thread."""

BUDGET_S = 0.025
"""Drawing stops after so long and goes on with the next turn of the event loop: a flood must not freeze the window."""

Role = Literal["user", "assistant"]
Status = Literal["streaming", "done", "cancelled", "error", "interrupted"]

STATUS_WORDS: dict[str, tuple[str, Tone]] = {
    "cancelled": ("Stopped. What there was is kept.", "dim"),
    "error": ("The engine failed before the end.", "bad"),
    "interrupted": ("Tandem ended before this answer did.", "warning"),
}


class MessageView(QWidget):
    """A person's bubble at the right, or an answer over the whole column with a footer of figures."""

    grew = Signal()

    def __init__(self, theme: Theme, role: Role, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._role = theme, role
        self.setObjectName(f"message.{role}")
        self.setAccessibleName("Your message" if role == "user" else "Answer")
        self.setMaximumWidth(theme.px(MAX_WIDTH))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.px(8))
        self.body: _Bubble | _Answer = _Bubble(theme) if role == "user" else _Answer(theme)
        self._column.addWidget(self.body)
        self._status: Status = "done"
        self._foot = _Footer(theme, self)
        self._column.addWidget(self._foot)
        self._foot.setVisible(role == "assistant")

    @property
    def role(self) -> Role:
        """Whose message it is."""
        return self._role

    @property
    def status(self) -> Status:
        """How the message stands."""
        return self._status

    def text(self) -> str:
        """The message as it was written."""
        return self.body.text()

    def set_text(self, text: str) -> None:
        """Replace everything."""
        self.body.set_text(text)

    def append(self, delta: str) -> None:
        """Add text at the end: costs what the last piece costs, whatever stands before it."""
        self.body.append(delta)

    def finish(self, footer: str = "", tip: str = "") -> None:
        """No more text. footer: the run's figures in one line; tip: how they were taken."""
        self.body.finish()
        self._foot.figures.setText(footer)
        self._foot.figures.setToolTip(tip)
        if self._status == "streaming":
            self.set_status("done")

    def set_status(self, status: Status) -> None:
        """Streaming shows a caret; an end that is not "done" says why."""
        self._status = status
        self.body.set_caret(status == "streaming")
        words, tone = STATUS_WORDS.get(status, ("", "dim"))
        self._foot.say(words, tone)

    def flush(self) -> None:
        """Draw all text now (for pictures and tests)."""
        self.body.flush()

    def copy(self) -> None:
        """Put the message on the clipboard."""
        QGuiApplication.clipboard().setText(self.text())


class _Footer(QWidget):
    """How it ended, what it cost, and Copy."""

    def __init__(self, theme: Theme, message: MessageView) -> None:
        super().__init__(message)
        self.status = Label(theme, "", "dim", "dim")
        self.figures = Label(theme, "", "dim", "dim", wrap=True)
        self.copy_button = CopyButton(theme, message.text, "message.copy", "Copy this message")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.px(10))
        row.addWidget(self.status)
        row.addWidget(self.figures, 1)
        row.addWidget(self.copy_button)
        self.status.hide()

    def say(self, words: str, tone: Tone) -> None:
        self.status.setText(words)
        self.status.set_tone(tone)
        self.status.setVisible(bool(words))


class _Bubble(QWidget):
    """A person's words, as typed: never rendered."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._text = ""
        self.frame = QFrame()
        self.frame.setProperty("card", "bubble")
        self.prose = Prose(theme)
        inner = QVBoxLayout(self.frame)
        inner.setContentsMargins(theme.px(14), theme.px(10), theme.px(14), theme.px(10))
        inner.addWidget(self.prose)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(self.frame)

    def text(self) -> str:
        return self._text

    def set_text(self, text: str) -> None:
        self._text = text
        self.prose.show_plain(text)
        self._fit()

    def append(self, delta: str) -> None:
        self.set_text(self._text + delta)

    def finish(self) -> None:
        """Nothing is pending here."""

    def flush(self) -> None:
        """Nothing is pending here."""

    def set_caret(self, on: bool) -> None:
        """A person's own message never streams."""

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        edges = self._theme.px(28)
        most = int(self.width() * 0.78) - edges
        if most <= 0:
            return
        document = self.prose.document()
        document.setTextWidth(most)
        width = min(most, self.prose.ideal_width() + 1)
        self.frame.setFixedWidth(width + edges)


class _Answer(QWidget):
    """Pieces below one another; only the last one changes."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.px(8))
        self._caret = False
        self._all: list[str] = []
        self._cutter = Cutter()
        self._views: list[Prose | CodeCard] = []
        self._careted: Prose | CodeCard | None = None
        self._finished = False  # the text is whole, its drawing may not be
        self._shown = 0  # pieces that are drawn and closed
        self._settled = 0  # characters of the open code piece that are drawn
        self._pause_until = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._draw)

    def text(self) -> str:
        if len(self._all) > 1:
            self._all = ["".join(self._all)]
        return self._all[0] if self._all else ""

    def set_text(self, text: str) -> None:
        self._clear()
        self._all = [text]
        self._cutter.feed(text)
        self.finish()

    def append(self, delta: str) -> None:
        if not delta:
            return
        self._all.append(delta)
        self._cutter.feed(delta)
        wait = self._pause_until - time.perf_counter()
        if wait <= 0 and not self._timer.isActive():
            self._draw()
        elif not self._timer.isActive():
            self._timer.start(max(1, int(wait * 1000)))

    def finish(self) -> None:
        self._cutter.finish()
        self._finished = True
        self.set_caret(False)
        self._draw()

    def set_caret(self, on: bool) -> None:
        self._caret = on
        self._place_caret()

    def flush(self) -> None:
        self._draw(None)

    def _draw(self, budget_s: float | None = BUDGET_S) -> None:
        """Bring the widgets up to the text; with a budget, the rest follows by the timer."""
        self._timer.stop()
        start = time.perf_counter()
        pieces = self._cutter.pieces
        while self._shown < len(pieces):
            self._show(pieces[self._shown], self._shown)
            if not pieces[self._shown].closed:
                break
            self._shown += 1
            if budget_s is not None and time.perf_counter() - start > budget_s and self._shown < len(pieces):
                self._timer.start(1)
                return
        self._show_partial(len(pieces))
        self._place_caret()
        if self._finished:
            self._finished = False
            self._link_later_definitions()
        spent = time.perf_counter() - start
        self._pause_until = start + spent + max(FRAME_S, spent * GUI_SHARE)

    def _show(self, piece: Piece, index: int) -> None:
        view = self._view(index, piece.kind, piece.language)
        if isinstance(view, Prose):
            view.show_markdown(piece.text if piece.closed else self._cutter.tail())
            return
        if piece.length > self._settled:
            view.append(piece.since(self._settled))
            self._settled = piece.length
        view.set_partial("" if piece.closed else self._cutter.tail()[piece.length :])
        if piece.closed:
            self._settled = 0

    def _show_partial(self, count: int) -> None:
        """A first line that no piece holds yet is drawn as prose of its own."""
        if self._shown < count:
            return
        line = self._cutter.tail()
        if line:
            view = self._view(count, PieceKind.PROSE, "")
            if isinstance(view, Prose):
                view.show_markdown(line)

    def _view(self, index: int, kind: PieceKind, language: str) -> Prose | CodeCard:
        """The widget of piece `index`; made anew if what was drawn turned out to be of another kind."""
        wanted = Prose if kind is PieceKind.PROSE else CodeCard
        if index < len(self._views):
            found = self._views[index]
            if isinstance(found, wanted):
                return found
            self._views.pop(index)
            self._column.removeWidget(found)
            found.hide()
            found.deleteLater()
        made = Prose(self._theme) if kind is PieceKind.PROSE else CodeCard(self._theme, language)
        self._views.insert(index, made)
        self._column.insertWidget(index, made)
        return made

    def _place_caret(self) -> None:
        last = self._views[-1] if self._views else None
        for view in (self._careted, last):
            if isinstance(view, Prose):
                view.set_caret(self._caret and view is last)
        self._careted = last

    def _link_later_definitions(self) -> None:
        """A link's address may be defined after the piece that uses it was drawn."""
        known = definitions(self.text())
        if not known or len(self._views) < 2:
            return
        for piece, view in zip(self._cutter.pieces, self._views, strict=False):
            if isinstance(view, Prose):
                view.show_markdown(f"{piece.text}\n\n{known}\n")

    def _clear(self) -> None:
        for view in self._views:
            self._column.removeWidget(view)
            view.hide()
            view.deleteLater()
        self._cutter = Cutter()
        self._views = []
        self._careted = None
        self._finished = False
        self._shown = 0
        self._settled = 0
        self._all = []
        self._pause_until = 0.0
        self._timer.stop()
