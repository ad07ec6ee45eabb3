"""An answer's text, drawn piece by piece while it grows: finished pieces are never touched again."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.ui.theme import Theme
from app.ui.widgets.code_card import CodeCard
from app.ui.widgets.markdown import Cutter, Piece, PieceKind, definitions
from app.ui.widgets.prose import Prose

FRAME_S = 0.036
"""From one draw to the next: what has come is on the screen within 50 ms, and the paints take no more of a core."""

GUI_SHARE = 5
"""A render that took t is followed by 5 t without one: a huge paragraph cannot eat the GUI thread."""

BUDGET_S = 0.008
"""Drawing stops after so long and goes on with the next turn of the event loop: a flood must not freeze the window."""

PLAIN_CHARS = 8_000
"""An open piece longer than this is shown as typed until it is closed."""


class MessageBody(QWidget):
    """Pieces below one another; only the last one changes. `painted(n)`: the first n characters are on the screen."""

    painted = Signal(int)
    resized = Signal()  # a draw has changed its height

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._height = 0
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)  # it paints nothing itself, and grows at its end
        self._caret = False
        self._all: list[str] = []
        self._length = 0
        self._cutter = Cutter()
        self._views: list[Prose | CodeCard] = []
        self._careted: Prose | CodeCard | None = None
        self._finished = False  # the text is whole, its drawing may not be
        self._shown = 0  # pieces that are drawn and closed
        self._settled = 0  # characters of the open code piece that are drawn
        self._drawn = self._told = 0  # characters drawn, and those that `painted` spoke of
        self._pause_until = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._draw)

    def text(self) -> str:
        """All of it, as it was given."""
        if len(self._all) > 1:
            self._all = ["".join(self._all)]
        return self._all[0] if self._all else ""

    @property
    def length(self) -> int:
        """Characters of it."""
        return self._length

    def set_text(self, text: str) -> None:
        """Replace everything; it is whole."""
        self.clear()
        self._all, self._length = [text], len(text)
        self._cutter.feed(text)
        self.finish()

    def append(self, delta: str) -> None:
        """Add at the end; drawn within a frame."""
        if not delta:
            return
        self._all.append(delta)
        self._length += len(delta)
        self._cutter.feed(delta)
        if self._timer.isActive():
            return
        wait = self._pause_until - time.perf_counter()
        if wait <= 0:
            self._draw()
        else:
            self._timer.start(max(1, int(wait * 1000)))

    def finish(self) -> None:
        """No more text."""
        self._cutter.finish()
        self._finished = True
        self.set_caret(False)
        self._draw()

    def set_caret(self, on: bool) -> None:
        """Say that more is coming."""
        self._caret = on
        self._place_caret()

    def flush(self) -> None:
        """Draw all of it now."""
        self._draw(None)

    def clear(self) -> None:
        """Take everything away."""
        for view in self._views:
            self._drop(view)
        self._cutter = Cutter()
        self._views, self._all = [], []
        self._careted = None
        self._finished = False
        self._length = self._shown = self._settled = self._drawn = self._told = 0
        self._pause_until = 0.0
        self._timer.stop()

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
                self._say_height()
                self._timer.start(1)
                return
        self._show_partial(len(pieces))
        self._place_caret()
        self._drawn = self._length
        if self._finished:
            self._finished = False
            self._link_later_definitions()
        self._say_height()
        spent = time.perf_counter() - start
        self._pause_until = start + max(FRAME_S, spent * (1 + GUI_SHARE))

    def _say_height(self) -> None:
        height = sum(view.height() for view in self._views[-2:]) + len(self._views)
        if height != self._height:
            self._height = height
            self.resized.emit()

    def _show(self, piece: Piece, index: int) -> None:
        view = self._view(index, piece.kind, piece.language)
        if isinstance(view, Prose):
            self._show_prose(view, piece)
            return
        if piece.length > self._settled:
            view.append(piece.since(self._settled))
            self._settled = piece.length
        view.set_partial("" if piece.closed else self._cutter.partial_shown())
        if piece.closed:
            self._settled = 0
            view.finish()

    def _show_prose(self, view: Prose, piece: Piece) -> None:
        if piece.closed:
            view.show_markdown(piece.text, piece.start)
        elif self._cutter.tail_length > PLAIN_CHARS:
            view.show_plain(self._cutter.tail())
        else:
            view.show_markdown(self._cutter.tail(), piece.start)

    def _show_partial(self, count: int) -> None:
        """A first line that no piece holds yet is drawn as prose of its own."""
        if self._shown < count:
            return
        line = self._cutter.tail()
        if line:
            view = self._view(count, PieceKind.PROSE, "")
            if isinstance(view, Prose):
                view.show_markdown(line) if len(line) <= PLAIN_CHARS else view.show_plain(line)

    def _view(self, index: int, kind: PieceKind, language: str) -> Prose | CodeCard:
        """The widget of piece `index`; made anew if what was drawn turned out to be of another kind."""
        wanted = Prose if kind is PieceKind.PROSE else CodeCard
        if index < len(self._views):
            found = self._views[index]
            if isinstance(found, wanted):
                return found
            self._drop(self._views.pop(index))
        made = Prose(self._theme) if kind is PieceKind.PROSE else CodeCard(self._theme, language)
        made.painted.connect(self._tell)
        self._views.insert(index, made)
        self._column.insertSpacing(2 * index, self._gap(index))
        self._column.insertWidget(2 * index + 1, made)
        return made

    def _gap(self, index: int) -> int:
        """Pieces stand as far apart as paragraphs, items or lines, whichever was cut."""
        pieces = self._cutter.pieces
        if not index or (index < len(pieces) and pieces[index].goes_on):
            return 0
        return self._theme.px(3 if index < len(pieces) and pieces[index].in_list else 8)

    def _tell(self) -> None:
        if self._drawn != self._told:
            self._told = self._drawn
            self.painted.emit(self._drawn)

    def _drop(self, view: Prose | CodeCard) -> None:
        at = self._column.indexOf(view)
        self._column.takeAt(at)
        self._column.takeAt(at - 1)
        view.hide()
        view.deleteLater()

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
                view.show_markdown(f"{piece.text}\n\n{known}\n", piece.start)
