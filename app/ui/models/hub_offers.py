"""A repository's offers as a table: name, bits, size, whether it would fit, and the button that gets it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.ui import icons
from app.ui.language import tr
from app.ui.state import hub_words, words
from app.ui.state.hub_fit import FitLine
from app.ui.state.hub_lines import formats
from app.ui.state.hub_listing import OfferLine
from app.ui.theme import Theme, set_property
from app.ui.widgets.card import Card
from app.ui.widgets.chip import Chip, Role
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.label import Label, hint

BITS_WIDTH, SIZE_WIDTH, FIT_WIDTH, BUTTON_WIDTH = 36, 64, 232, 104
MOST = 60
"""Rows at once: a voice collection has a thousand, and its search finds the right one."""

COMPACT_BELOW, LEAST = 600, 300
"""Narrower than this, bits and figures are left to the tooltips."""

ROLES: dict[str, Role] = {"fits": "good", "tight": "warning", "no": "bad", "waiting": "busy", "unknown": "dim"}


class OfferTable(Card):
    """`wanted(name)`: get it. `chat(model, variant)`: it is here already."""

    wanted = Signal(str)
    chat = Signal(str, str)

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._theme = theme
        self._keys: tuple[tuple[str, str], ...] = ()
        self._rows: dict[str, _Row] = {}
        self._lines: tuple[OfferLine, ...] = ()
        self._compact = False
        self.setMinimumWidth(theme.px(LEAST))  # not that of its rows: they leave things out where there is little room
        self._head = _Head(theme)
        self._usable, self._others = _column(), _column()
        self._fold = QPushButton()
        self._fold.setObjectName("hub.unusable")
        self._fold.setProperty("kind", "quiet")
        self._fold.setProperty("fold", True)
        self._fold.setCheckable(True)
        self._fold.setFont(theme.font("dim"))
        self._fold.toggled.connect(self._show_fold)
        theme.changed.connect(self._tint)
        self._tint()
        self._rest = Label(theme, "", "caption", "dim", wrap=True)
        self.body.setSpacing(0)
        for part in (self._head, self._usable, self._fold, self._others, self._rest):
            self.body.addWidget(part)

    def show_lines(self, lines: Sequence[OfferLine], query: str = "") -> None:
        """Show these; rows that were there stay the same widgets. query: only names that hold it."""
        found = [line for line in lines if query.lower() in line.name.lower()]
        shown = tuple(found[:MOST])
        keys = tuple((line.name, line.why_not) for line in shown)
        if keys != self._keys:
            self._keys = keys
            self._make(shown)
        for line in shown:
            self._rows[line.name].show_line(line)
        self._lines = shown
        more = len(found) - len(shown)
        self._rest.setText(tr("{n} more: search for their names above.", n=f"{more:,}"))
        self._rest.setVisible(more > 0)
        others = sum(bool(line.why_not) for line in shown)
        self._fold.setText(tr("{n} that Tandem cannot use", n=others))
        self._fold.setAccessibleName(self._fold.text())
        usable = len(shown) > others
        self._head.setVisible(usable)
        self._fold.setVisible(others > 0 and usable)
        self._others.setVisible(others > 0 and (self._fold.isChecked() or not usable))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        compact = self.width() < self._theme.px(COMPACT_BELOW)
        if compact != self._compact:
            self._compact = compact
            self._head.set_compact(compact)
            for row in self._rows.values():
                row.set_compact(compact)

    def _make(self, lines: Sequence[OfferLine]) -> None:
        for row in self._rows.values():
            row.hide()
            row.deleteLater()
        self._rows = {}
        first = True
        for line in lines:
            row = _Row(self._theme, line, ruled=not first)
            row.set_compact(self._compact)
            row.wanted.connect(self.wanted)
            row.chat.connect(self.chat)
            self._rows[line.name] = row
            column = (self._others if line.why_not else self._usable).layout()
            assert column is not None
            column.addWidget(row)
            first = False

    def _show_fold(self, on: bool) -> None:
        self._tint()
        self._others.setVisible(on)

    def _tint(self) -> None:
        chevron = "chevron-down" if self._fold.isChecked() else "chevron-right"
        self._fold.setIcon(icons.icon(self._theme, chevron, "dim", 14))


class _Row(QFrame):
    """One offer."""

    wanted = Signal(str)
    chat = Signal(str, str)

    def __init__(self, theme: Theme, line: OfferLine, ruled: bool) -> None:
        super().__init__()
        px = theme.px
        self._theme, self._line = theme, line
        self.setAccessibleName(hub_words.plain(line.name))
        self._name = ElidedLabel(
            theme, hub_words.plain(line.name, 120), "text", "dim" if line.why_not else "text", "semibold"
        )
        self._best = Chip(theme, tr("recommended"), "accent")
        self._kind = ElidedLabel(theme, _kind(line), "caption", "dim")
        self._detail = Label(theme, "", "caption", "dim", wrap=True)
        self._bits = Label(theme, "", "text", "dim")
        self._size = Label(theme, words.size(line.bytes) if line.bytes else words.NONE, "text")
        self._fit = Chip(theme, "", "busy")
        self._why = ElidedLabel(theme, "", "caption", "dim")
        self._why.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred
        )  # long words do not push the name
        self._button = QPushButton()
        self._button.setObjectName("hub.get")
        self._button.clicked.connect(self._clicked)
        self._state = Label(theme, "", "dim", "dim")
        self._grid = grid = QGridLayout(self)
        grid.setContentsMargins(0, px(5), 0, px(5))
        grid.setHorizontalSpacing(px(12))
        grid.setVerticalSpacing(px(1))
        if ruled:
            rule = QFrame()
            rule.setProperty("rule", "h")
            grid.addWidget(rule, 0, 0, 1, 5)
            grid.setRowMinimumHeight(1, px(4))
        names = QHBoxLayout()
        names.setSpacing(px(8))
        names.addWidget(self._name)
        names.addWidget(self._best)
        names.addWidget(self._kind, 1)
        grid.addLayout(names, 2, 0)
        right, top = Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignVCenter
        if line.why_not:
            grid.addWidget(self._detail, 3, 0, 1, 5)
            grid.addWidget(self._size, 2, 2, right | top)
        else:
            grid.addWidget(self._detail, 3, 0, 1, 4)
            grid.addWidget(self._bits, 2, 1, right | top)
            grid.addWidget(self._size, 2, 2, right | top)
            verdict = QHBoxLayout()
            verdict.setSpacing(px(8))
            verdict.addWidget(self._fit)
            verdict.addWidget(self._why, 1)
            verdict.addStretch(0)
            grid.addLayout(verdict, 2, 3)
            grid.addWidget(self._button, 2, 4, top)
            grid.addWidget(self._state, 2, 4, right | top)
            grid.setRowMinimumHeight(2, px(30))
        _widths(grid, theme)

    def set_compact(self, compact: bool) -> None:
        """Leave out what the tooltips say too."""
        for part in (self._bits, self._why, self._kind):
            part.setVisible(not compact and part.parentWidget() is not None)
        _widths(self._grid, self._theme, compact)

    def show_line(self, line: OfferLine) -> None:
        """Show what is known of it now."""
        self._line = line
        self._best.setVisible(line.best)
        self._detail.setText(_detail(line))
        self._detail.setVisible(bool(self._detail.text()))
        if line.why_not:
            return
        self._detail.set_tone("warning" if line.room else "dim")
        self._bits.setText(words.NONE if line.fit.bits is None else f"{line.fit.bits:.1f}")
        self._show_fit(line.fit)
        here, chat = line.state == "here", line.state == "here" and line.task == "chat"
        self._button.setVisible(chat or line.state in ("", "failed"))
        self._button.setText(tr("Chat with it") if chat else tr("Get"))
        self._button.setAccessibleName(f"{self._button.text()}: {hub_words.plain(line.name)}")
        self._button.setEnabled(chat or not line.room)
        self._button.setToolTip(hint(line.room))
        set_property(self._button, "kind", "primary" if line.best and not here else "")
        self._state.setVisible(not self._button.isVisibleTo(self))
        self._state.setText(_state(line))

    def _show_fit(self, fit: FitLine) -> None:
        self._fit.set(fit.word, ROLES[fit.verdict], fit.tip or fit.detail)
        self._why.setText(fit.detail)

    def _clicked(self) -> None:
        if self._line.state == "here":
            self.chat.emit(self._line.model, self._line.variant)
        else:
            self.wanted.emit(self._line.name)


def _detail(line: OfferLine) -> str:
    if line.why_not:
        return line.why_not
    if line.room:
        return line.room
    reason = tr("the largest that fits with room to spare") if line.best else ""
    pointed = tr("the one that the address names") if line.wanted else ""
    said = " · ".join(part for part in (pointed, reason) if part)
    return said[:1].upper() + said[1:]


def _kind(line: OfferLine) -> str:
    """Its format, and in how many files."""
    kind = formats().get(line.format, hub_words.plain(line.format, 20))
    if kind.lower() in line.name.lower():
        kind = ""
    files = "" if line.n_files <= 1 else tr("{n} files", n=f"{line.n_files:,}")
    return " · ".join(part for part in (kind, files) if part)


def _state(line: OfferLine) -> str:
    return {
        "here": tr("in your library"), "queued": tr("waiting"), "running": tr("downloading"), "paused": tr("paused"),
        "checking": tr("checking"),
    }.get(line.state, "")  # fmt: skip


class _Head(QWidget):
    """The columns' names."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._grid = grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, theme.px(2))
        grid.setHorizontalSpacing(theme.px(12))
        titles = (tr("Variant"), tr("Bits"), tr("Size"), tr("On this machine"))
        self._labels = [Label(theme, title, "caption", "dim", "semibold") for title in titles]
        for place, label in enumerate(self._labels):
            side = Qt.AlignmentFlag.AlignRight if place in (1, 2) else Qt.AlignmentFlag.AlignLeft
            grid.addWidget(label, 0, place, side)
        self._labels[1].setToolTip(tr("Bits per weight, over all tensors"))
        grid.addWidget(QWidget(), 0, len(titles))  # an empty column would have no gap before it
        _widths(grid, theme)

    def set_compact(self, compact: bool) -> None:
        """As the rows are."""
        self._labels[1].setVisible(not compact)
        self._labels[3].setText(tr("Here") if compact else tr("On this machine"))
        _widths(self._grid, self._theme, compact)


def _widths(grid: QGridLayout, theme: Theme, compact: bool = False) -> None:
    grid.setColumnStretch(0, 3)
    grid.setColumnStretch(3, 0 if compact else 2)
    widths = (0, SIZE_WIDTH, 76, BUTTON_WIDTH) if compact else (BITS_WIDTH, SIZE_WIDTH, FIT_WIDTH, BUTTON_WIDTH)
    for column, width in enumerate(widths, 1):
        grid.setColumnMinimumWidth(column, theme.px(width))


def _column() -> QWidget:
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    return box
