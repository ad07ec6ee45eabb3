"""What Apply would change, and what a load would take, at the foot of the inspector."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QPushButton

from app.ui.state import estimate
from app.ui.state.model import ModelState
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.label import Label
from app.ui.widgets.memory_bar import MemoryBar, MemoryParts

MOST_LINES = 3  # of changes that are spelt out


class ReloadCard(Card):
    """ "Needs reload: context 4,096 → 8,192", with Apply; hidden while nothing differs."""

    def __init__(self, theme: Theme, state: ModelState, page: str) -> None:
        super().__init__(theme)
        self._state = state
        self._words = Label(theme, "", "dim", "dim", wrap=True)
        apply = _button(f"{page}.apply", "Apply", "Load again with these settings")
        apply.setProperty("kind", "primary")
        undo = _button(f"{page}.undo_load", "Undo", "Take the settings back to what is loaded")
        apply.clicked.connect(state.load)
        undo.clicked.connect(state.undo_load_knobs)
        row = QHBoxLayout()
        row.setSpacing(theme.px(8))
        row.addWidget(apply, 1)
        row.addWidget(undo, 1)
        self.body.addWidget(self._words)
        self.body.addLayout(row)
        state.changed.connect(self.refresh)
        state.knobs_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Name what differs from what is loaded."""
        lines = self._state.reload_words()
        self.setVisible(bool(lines))
        if lines:
            more = f", and {len(lines) - MOST_LINES} more" if len(lines) > MOST_LINES else ""
            self._words.setText("Needs reload: " + ", ".join(lines[:MOST_LINES]) + more)


class MemoryCard(Card):
    """The memory that a load would take, in parts, beside what is free."""

    def __init__(self, theme: Theme, state: ModelState) -> None:
        super().__init__(theme)
        self._state = state
        self._headline = Label(theme, "", "dim", "dim", wrap=True)
        self._detail = Label(theme, "", "dim", "dim", wrap=True)
        self._record = Label(theme, "", "caption", "dim", wrap=True)
        self._bar = MemoryBar(theme)
        self._bar.setAccessibleName("Estimated memory")
        self.body.setSpacing(theme.px(6))
        for widget in (self._headline, self._bar, self._detail, self._record):
            self.body.addWidget(widget)
        state.changed.connect(self.refresh)
        state.knobs_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Estimate anew; knobs and what is free may have changed."""
        found, spec = self._state.estimate(), self._state.spec
        self.setVisible(found is not None and spec is not None)
        if found is None or spec is None:
            return
        self._headline.setText(estimate.headline(found))
        self._headline.set_tone({"fits": "dim", "tight": "warning"}.get(found.verdict, "bad"))  # type: ignore[arg-type]
        self._detail.setText(estimate.detail(found))
        self._record.setText(estimate.record(found, spec))
        weights, kv, compute, other = (found.parts.get(key, 0) for key in estimate.PARTS)
        room = max(found.free_bytes, found.total_bytes)
        self._bar.set_parts(MemoryParts(weights, kv, compute, other, total=room))


def _button(name: str, text: str, words: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setAccessibleName(words)
    return button
