"""What is inside the weights: the mix of tensor types, the real bits, where they come from, and other precisions."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton

from app.library import Variant
from app.ui.state import picks, words
from app.ui.state.model import ModelState
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.chip import Chip
from app.ui.widgets.label import Label


class WeightsCard(Card):
    """`make(target)` asks for a copy at another precision."""

    make = Signal(str)

    def __init__(self, theme: Theme, state: ModelState, page: str) -> None:
        super().__init__(theme, "Weights")
        self._state = state
        self._chip = Chip(theme, "", "accent")
        self.head.addWidget(self._chip)
        self._mix = Label(theme, "", "dim", "dim", wrap=True)
        self._lineage = Label(theme, "", "dim", "dim", wrap=True)
        self._other = _button(f"{page}.other_precision")
        self._more = _button(f"{page}.more_precisions")
        self._more.setText("More…")
        self._more.setAccessibleName("Other precisions of this model")
        self._other.setAccessibleName("Use another precision")
        self._menu = QMenu(self._more)
        self._menu.aboutToShow.connect(self._fill_menu)
        self._more.clicked.connect(self._open_menu)
        self._other.clicked.connect(self._other_chosen)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.px(8))
        buttons.addWidget(self._other, 1)
        buttons.addWidget(self._more, 1)
        self.body.addWidget(self._mix)
        self.body.addLayout(buttons)
        self.body.addWidget(self._lineage)
        state.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the variant that is chosen."""
        variant = self._state.variant
        self.setVisible(variant is not None)
        if variant is None:
            return
        self._chip.set(picks.label(variant), tip=f"{variant.format} · {variant.licence}")
        self._mix.setText(picks.mix(variant))
        said = " ".join([picks.sentence(variant.lineage.text), *variant.notes])
        self._lineage.setText(said)
        self._lineage.setVisible(bool(said))
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

    def _open_menu(self) -> None:
        self._menu.popup(self._more.mapToGlobal(self._more.rect().bottomLeft()))

    def _fill_menu(self) -> None:
        state = self._state
        self._menu.clear()
        for variant in state.siblings:
            action = self._menu.addAction(f"{picks.label(variant)} · {words.size(variant.bytes)}")
            action.setCheckable(True)
            action.setChecked(variant == state.variant)
            action.setEnabled(state.spec is not None and variant.format in state.spec.formats)
            action.triggered.connect(lambda _=False, name=variant.variant: state.choose_variant(name))
        self._menu.addSeparator()
        for offer in state.other_precisions():
            action = self._menu.addAction(offer.words)
            action.setToolTip(offer.detail)
            action.triggered.connect(lambda _=False, name=offer.plan.precision: self.make.emit(name))


def _button(name: str) -> QPushButton:
    button = QPushButton()
    button.setObjectName(name)
    return button
