"""What Apply would change, and what a load would take, at the foot of the inspector."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton

from app.glossary import Glossary
from app.lab.estimates import Estimate
from app.ui.language import tr
from app.ui.state import estimate, words
from app.ui.state.model import ModelState
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.label import Label, Tone, explain
from app.ui.widgets.memory_bar import MemoryBar, MemoryParts
from app.ui.widgets.placed import show_placed
from engines.knobs import AUTO, Scope, Value

MOST_LINES = 3  # of changes that are spelt out
SETTLE_MS = 50  # a slider that is dragged asks for many estimates; one at the end of so long is enough
TONES: dict[str, Tone] = {"fits": "dim", "tight": "warning", "no": "bad"}


class ReloadCard(Card):
    """ "Needs reload: context 4,096 → 8,192", with Apply; hidden while nothing differs.

    `compare` asks to load so, answer the last question again, and show both answers.
    """

    compare = Signal()

    def __init__(self, theme: Theme, state: ModelState, page: str) -> None:
        super().__init__(theme)
        self._state, self._can_compare = state, False
        self._words = Label(theme, "", "dim", "dim", wrap=True)
        self._apply = _button(f"{page}.apply", tr("Apply"), tr("Load again with these settings"))
        self._apply.setProperty("kind", "primary")
        self._compare = _button(f"{page}.apply_compare", tr("Apply and compare"), "")
        undo = _button(f"{page}.undo_load", tr("Undo"), tr("Take the settings back to what is loaded"))
        undo.setProperty("kind", "quiet")
        self._apply.clicked.connect(state.load)
        self._compare.clicked.connect(self.compare)
        undo.clicked.connect(state.undo_load_knobs)
        first, row = QHBoxLayout(), QHBoxLayout()
        for line in (first, row):
            line.setSpacing(theme.px(8))
        first.addWidget(self._words, 1)
        first.addWidget(undo, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._apply, 2)
        row.addWidget(self._compare, 3)
        self.body.addLayout(first)
        self.body.addLayout(row)
        state.changed.connect(self.refresh)
        state.knobs_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Name what differs from what is loaded."""
        lines = self._state.reload_words()
        show_placed(self, bool(lines))
        if lines:
            more = tr(", and {n} more", n=len(lines) - MOST_LINES) if len(lines) > MOST_LINES else ""
            self._words.setText(tr("Needs reload: {changes}", changes=", ".join(lines[:MOST_LINES]) + more))
            self._words.setToolTip("" if not more else "\n".join(lines))
        self._show_buttons()

    def set_can_compare(self, can: bool) -> None:
        """True while there is an answer that another could be compared with."""
        self._can_compare = can
        self._show_buttons()

    def _show_buttons(self) -> None:
        free = self._state.movable
        self._apply.setEnabled(free)
        self._compare.setEnabled(free and self._can_compare)
        busy = tr("Wait for the answer, or stop it.")
        self._apply.setToolTip(tr("Load again with these settings") if free else busy)
        first = tr("Ask something first: there is no answer to compare with yet.")
        both = tr("Load again, answer the last question with these settings too, and show both answers side by side")
        self._compare.setToolTip(busy if not free else both if self._can_compare else first)
        self._compare.setAccessibleName(tr("Apply and compare"))
        self._compare.setAccessibleDescription(self._compare.toolTip())


class MemoryCard(Card):
    """The memory that a load would take, in parts, beside what is free. It warns, and never stands in the way."""

    def __init__(self, theme: Theme, glossary: Glossary, state: ModelState) -> None:
        super().__init__(theme)
        self._state = state
        self._headline = Label(theme, "", "dim", "dim", wrap=True)
        self._legend = Label(theme, "", "dim", "dim", wrap=True)
        self._record = Label(theme, "", "caption", "dim", wrap=True)
        self._bar = MemoryBar(theme)
        self._bar.setAccessibleName(tr("Estimated memory"))
        self.body.setSpacing(theme.px(6))
        for widget in (self._headline, self._bar, self._legend, self._record):
            self.body.addWidget(widget)
        explain(self._headline, glossary, "estimate_bytes")
        explain(self._legend, glossary, "kv_cache")
        explain(self._record, glossary, "estimate_error")
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._settled)
        state.changed.connect(self._later)
        state.knobs_changed.connect(self._later)
        self.refresh()

    def refresh(self) -> None:
        """Estimate anew; knobs and what is free may have changed."""
        self._settle.stop()
        found, spec = self._state.estimate(), self._state.spec
        show_placed(self, found is not None and spec is not None)
        if found is None or spec is None:
            return
        self._headline.setText(estimate.headline(found))
        self._headline.set_tone(TONES.get(found.verdict, "bad"))
        self._legend.setText(legend(found, self._state.settings(Scope.LOAD)))
        self._record.setText(estimate.record(found, spec))
        weights, kv, compute, other = (found.parts.get(key, 0) for key in estimate.PARTS)
        room = max(found.free_bytes, found.total_bytes)
        self._bar.set_parts(MemoryParts(weights, kv, compute, other, total=room))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        self._later()

    def _settled(self) -> None:
        """A window that is closed asks nothing any more: what it would ask may be closed too."""
        if self.window().isVisible():
            self.refresh()

    def _later(self) -> None:
        """The first of many changes starts the wait: what is dragged shows its price twenty times a second."""
        if not self._settle.isActive():
            self._settle.start()


def legend(found: Estimate, load: Mapping[str, Value]) -> str:
    """The bar's parts in its order: "weights 98 MB · KV 94 MB (4,096 tokens, f16) · compute 26 MB · 22.9 GB stay free"."""
    said = []
    for key, name in estimate.names().items():
        if found.parts.get(key):
            about = _cache_words(load) if key == "kv" else ""
            said.append(f"{name}\N{NO-BREAK SPACE}{_tight(words.size(found.parts[key]))}{about}")
    left = found.free_bytes - found.total_bytes
    size = _tight(words.size(abs(left)))
    return " · ".join([*said, tr("{size} stay free", size=size) if left >= 0 else tr("{size} too much", size=size)])


def _tight(text: str) -> str:
    """A figure and its unit are never parted."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _cache_words(load: Mapping[str, Value]) -> str:
    """For which context and cache types, where they are set: " (4,096 tokens, q8_0)"."""
    n_ctx = load.get("n_ctx")
    kinds = dict.fromkeys(str(load[name]) for name in ("type_k", "type_v") if load.get(name) not in (None, AUTO))
    parts = [tr("{n} tokens", n=f"{n_ctx:,}")] if isinstance(n_ctx, int) else []
    parts += ["/".join(kinds)] if kinds else []
    return f" ({', '.join(parts)})" if parts else ""


def _button(name: str, text: str, says: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setAccessibleName(says or text)
    button.setToolTip(says)
    return button
