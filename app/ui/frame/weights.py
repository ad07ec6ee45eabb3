"""What is inside the weights: the mix of tensor types, the real bits, where they come from, and other precisions."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from app.library.variant import Variant
from app.ui.state import picks, words
from app.ui.state.model import ModelState
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.chip import Chip


class WeightsCard(QWidget):
    """`make(target)` asks for a copy at another precision."""

    make = Signal(str)

    def __init__(self, theme: Theme, state: ModelState, page: str) -> None:
        super().__init__()
        self._theme, self._state = theme, state
        self._title = QLabel("Weights")
        self._chip = Chip(theme, "", "accent")
        self._mix = _words(theme)
        self._lineage = _words(theme)
        self._other = _button(f"{page}.other_precision")
        self._more = _button(f"{page}.more_precisions")
        self._more.setText("More…")
        self._more.setAccessibleName("Other precisions of this model")
        self._menu = QMenu(self._more)
        self._menu.aboutToShow.connect(self._fill_menu)
        self._more.setMenu(self._menu)
        self._other.clicked.connect(self._other_chosen)
        self._lay_out()
        state.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the variant that is chosen."""
        variant = self._state.variant
        self.setVisible(variant is not None)
        if variant is None:
            return
        self._chip.setText(picks.label(variant))
        self._mix.setText(picks.mix(variant))
        self._lineage.setText(variant.lineage.text)
        self._lineage.setVisible(bool(variant.lineage.text))
        other = self._sibling()
        self._other.setVisible(other is not None)
        if other is not None:
            self._other.setText(f"Try {picks.label(other)} · {words.size(other.bytes)}")
            self._other.setAccessibleName(f"Use the {picks.label(other)} copy")

    def _sibling(self) -> Variant | None:
        """Another precision that the chosen engine can load."""
        spec, chosen = self._state.spec, self._state.variant
        fitting = [v for v in self._state.siblings if spec is not None and v.format in spec.formats and v != chosen]
        return fitting[0] if fitting else None

    def _other_chosen(self) -> None:
        other = self._sibling()
        if other is not None:
            self._state.choose_variant(other.variant)

    def _fill_menu(self) -> None:
        self._menu.clear()
        chosen = self._state.variant
        for variant in self._state.siblings:
            fits = self._state.spec is not None and variant.format in self._state.spec.formats
            action = self._menu.addAction(f"{picks.label(variant)} · {words.size(variant.bytes)}")
            action.setCheckable(True)
            action.setChecked(variant == chosen)
            action.setEnabled(fits)
            action.triggered.connect(lambda _=False, name=variant.variant: self._state.choose_variant(name))
        targets = self._state.targets()
        if targets:
            self._menu.addSeparator()
        for target, plan_words in targets:
            action = self._menu.addAction(plan_words)
            action.triggered.connect(lambda _=False, name=target: self.make.emit(name))
        if self._menu.isEmpty():
            self._menu.addAction("No other precision can be made").setEnabled(False)

    def _lay_out(self) -> None:
        px = self._theme.px
        card = Card(self._theme)
        head = QHBoxLayout()
        self._title.setFont(self._theme.font("dim", "semibold"))
        self._title.setProperty("tone", "dim")
        head.addWidget(self._title)
        head.addStretch(1)
        head.addWidget(self._chip)
        buttons = QHBoxLayout()
        buttons.setSpacing(px(8))
        buttons.addWidget(self._other, 1)
        buttons.addWidget(self._more, 1)
        body = QVBoxLayout(card)
        body.setContentsMargins(px(12), px(8), px(12), px(12))
        body.setSpacing(px(8))
        body.addLayout(head)
        body.addWidget(self._mix)
        body.addLayout(buttons)
        body.addWidget(self._lineage)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(card)


def _words(theme: Theme) -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setFont(theme.font("dim"))
    label.setProperty("tone", "dim")
    return label


def _button(name: str) -> QPushButton:
    button = QPushButton()
    button.setObjectName(name)
    return button
