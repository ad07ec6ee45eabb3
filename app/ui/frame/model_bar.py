"""The top bar: which model in which engine, what it is doing, what is inside, and the page's main verb."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPaintEvent, QResizeEvent, QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolButton,
    QWidget,
)

from app.ui import icons
from app.ui.state import picks
from app.ui.state.model import ModelState
from app.ui.state.status import Act, Tone
from app.ui.theme import Theme, set_property
from app.ui.widgets.chip import Chip, Role
from app.ui.widgets.label import hint

TONES: dict[Tone, Role] = {
    Tone.IDLE: "dim", Tone.BUSY: "busy", Tone.GOOD: "good", Tone.WARN: "warning", Tone.BAD: "bad",
}  # fmt: skip
MODEL_WIDTH = 240
ENGINE_WIDTH = 140
STATUS_WIDTH = 380


class ModelBar(QWidget):
    """`fold(side)` asks for a column to fold; everything else goes to the model's state."""

    fold = Signal(str)

    def __init__(self, theme: Theme, state: ModelState, page: str) -> None:
        super().__init__()
        self._theme, self._state = theme, state
        self.model = _picker(theme, f"{page}.model", "Model", MODEL_WIDTH)
        self.engine = _picker(theme, f"{page}.engine", "Engine", ENGINE_WIDTH)
        self.status = Chip(theme, "", "dim")
        self.status.setObjectName(f"{page}.status")
        self.status.setMaximumWidth(theme.px(STATUS_WIDTH))
        self.chip = Chip(theme, "", "accent")
        self.act = QPushButton("Load")
        self.act.setObjectName(f"{page}.load")
        self.progress = QProgressBar(self)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("How far the model is loaded")
        self._left = self._fold_button(page, "left", "fold", "Show or hide the list")
        self._right = self._fold_button(page, "inspector", "fold-right", "Show or hide the settings")
        self._lay_out()
        self.model.activated.connect(self._model_chosen)
        self.engine.activated.connect(self._engine_chosen)
        self.act.clicked.connect(self._clicked)
        state.changed.connect(self.refresh)
        state.knobs_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what the state says now."""
        state = self._state
        _fill(self.model, state.models, state.model_id)
        _fill(self.engine, state.engines, state.spec.id if state.spec else "")
        self.model.setEnabled(bool(state.models))
        self._show_status()
        variant = state.loaded_variant or state.variant
        if variant is None:
            self.chip.set("")
        else:
            self.chip.set(picks.chip(variant), tip=picks.mix(variant))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        height = self._theme.px(4)
        self.progress.setGeometry(0, self.height() - height, self.width(), height)

    def _show_status(self) -> None:
        found = self._state.status
        self.status.set(found.word, TONES[found.tone], tip=found.detail)
        loading = found.tone is Tone.BUSY and found.act is Act.CANCEL
        self.progress.setVisible(loading)
        self.progress.setRange(0, 0 if found.fraction is None else 1000)
        self.progress.setValue(round((found.fraction or 0) * 1000))
        self._show_act(found.act)

    def _show_act(self, act: Act) -> None:
        state = self._state
        swap = act is Act.UNLOAD and not state.is_current and state.variant is not None
        word = Act.LOAD if swap else act
        self.act.setVisible(act is not Act.NONE)
        self.act.setText(word.value)
        self.act.setAccessibleName(f"{word.value} the model")
        self.act.setEnabled(word is not Act.LOAD or state.variant is not None)
        set_property(self.act, "kind", "primary" if word is Act.LOAD else "")

    def _clicked(self) -> None:
        state = self._state
        verbs: dict[str, Callable[[], None]] = {
            Act.LOAD: state.load, Act.RESTART: state.load, Act.UNLOAD: state.unload,
            Act.CANCEL: state.stop, Act.FORCE: state.force,
        }  # fmt: skip
        verbs[self.act.text()]()

    def _model_chosen(self, index: int) -> None:
        self._state.choose_model(self.model.itemData(index))

    def _engine_chosen(self, index: int) -> None:
        self._state.choose_engine(self.engine.itemData(index))

    def _fold_button(self, page: str, side: str, name: str, words: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName(f"{page}.fold_{side}")
        button.setAccessibleName(words)
        button.setToolTip(words)
        button.setProperty("kind", "quiet")
        icons.bind(button, self._theme, name, "dim")
        button.clicked.connect(lambda: self.fold.emit(side))
        return button

    def _lay_out(self) -> None:
        px = self._theme.px
        row = QHBoxLayout(self)
        row.setContentsMargins(px(8), 0, px(8), 0)
        row.setSpacing(px(8))
        row.addWidget(self._left)
        row.addWidget(self.model, 5)
        row.addWidget(self.engine, 3)
        row.addSpacing(px(4))
        row.addWidget(self.status)
        row.addWidget(self.chip)
        row.addStretch(2)
        row.addWidget(self.act)
        row.addWidget(self._right)


class Picker(QComboBox):
    """A combo box whose line elides instead of being cut; the whole is in its tooltip."""

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        part = QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, self).width()
        whole = option.currentText or self.placeholderText()
        option.currentText = option.fontMetrics.elidedText(whole, Qt.TextElideMode.ElideRight, room)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


def _picker(theme: Theme, name: str, words: str, width: int) -> QComboBox:
    box = Picker()
    box.setObjectName(name)
    box.setAccessibleName(words)
    box.setMaximumWidth(theme.px(width))
    box.setMinimumWidth(theme.px(width * 0.6))
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setPlaceholderText(f"No {words.lower()}")
    return box


def _fill(box: QComboBox, lines: Sequence[picks.Pick], current: str) -> None:
    """The picker's lines; those that cannot be used are off, with the reason as their tooltip."""
    now = [
        (box.itemData(i), box.itemText(i), box.itemData(i, Qt.ItemDataRole.ToolTipRole) or "")
        for i in range(box.count())
    ]
    if now != [(line.id, line.title, line.off) for line in lines]:
        box.clear()
        for line in lines:
            box.addItem(line.title, line.id)
            box.setItemData(box.count() - 1, line.off, Qt.ItemDataRole.ToolTipRole)
            rows = box.model()
            if line.off and isinstance(rows, QStandardItemModel):
                rows.item(box.count() - 1).setEnabled(False)
    box.setCurrentIndex(box.findData(current))
    box.setToolTip(hint(box.currentText()))
