"""What Apply would change, and what a load would take, at the foot of the inspector."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.ui.state import estimate
from app.ui.state.model import ModelState
from app.ui.theme import Theme, set_property
from app.ui.widgets.card import Card
from app.ui.widgets.memory_bar import MemoryBar
from app.ui.widgets.telemetry import MemoryParts

MOST_LINES = 3  # of changes that are spelt out


class ReloadCard(QWidget):
    """"Needs reload: context 4,096 → 8,192", with Apply; hidden while nothing differs."""

    def __init__(self, theme: Theme, state: ModelState, page: str) -> None:
        super().__init__()
        self._state = state
        px = theme.px
        self._words = _wrapped(theme)
        self._apply = _button(f"{page}.apply", "Apply", "Load again with these settings")
        self._apply.setProperty("kind", "primary")
        self._undo = _button(f"{page}.undo_load", "Undo", "Take the settings back to what is loaded")
        self._apply.clicked.connect(state.load)
        self._undo.clicked.connect(state.undo_load_knobs)
        row = QHBoxLayout()
        row.setSpacing(px(8))
        row.addWidget(self._apply, 1)
        row.addWidget(self._undo, 1)
        card = Card(theme)
        body = QVBoxLayout(card)
        body.setContentsMargins(px(12), px(8), px(12), px(12))
        body.setSpacing(px(8))
        body.addWidget(self._words)
        body.addLayout(row)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(card)
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


class MemoryCard(QWidget):
    """The memory that a load would take, in parts, beside what is free."""

    def __init__(self, theme: Theme, state: ModelState) -> None:
        super().__init__()
        self._state = state
        px = theme.px
        self._headline, self._detail, self._record = _wrapped(theme), _wrapped(theme), _wrapped(theme)
        self._bar = MemoryBar(theme)
        self._bar.setAccessibleName("Estimated memory")
        card = Card(theme)
        body = QVBoxLayout(card)
        body.setContentsMargins(px(12), px(10), px(12), px(10))
        body.setSpacing(px(6))
        for widget in (self._headline, self._bar, self._detail, self._record):
            body.addWidget(widget)
        self._record.setFont(theme.font("caption"))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(card)
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
        set_property(self._headline, "tone", {"fits": "dim", "tight": "warning", "no": "bad"}[found.verdict])
        self._detail.setText(estimate.detail(found))
        self._record.setText(estimate.record(found, spec))
        part = found.parts.get
        room = max(found.free_bytes, found.total_bytes)
        self._bar.set_parts(MemoryParts(part("weights", 0), part("kv", 0), part("compute", 0), part("other", 0), room, ""))


def _wrapped(theme: Theme) -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setFont(theme.font("dim"))
    label.setProperty("tone", "dim")
    return label


def _button(name: str, text: str, words: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setAccessibleName(words)
    return button
