"""The top bar: which model in which engine, what it is doing, what is inside, and the page's main verb."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QStandardItemModel,
)
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QMenu,
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
from app.ui.language import tr
from app.ui.state import picks
from app.ui.state.model import ModelState
from app.ui.state.status import Act, Tone
from app.ui.theme import Theme, set_property
from app.ui.widgets.chip import Chip, Role
from app.ui.widgets.label import hint
from app.ui.widgets.model_picker import ModelPicker
from engines import hardware

TONES: dict[Tone, Role] = {
    Tone.IDLE: "dim", Tone.BUSY: "busy", Tone.GOOD: "good", Tone.WARN: "warning", Tone.BAD: "bad",
}  # fmt: skip
MODEL_WIDTH = 240
ENGINE_WIDTH = 140
STATUS_WIDTH = 380


class ModelBar(QWidget):
    """`fold(side)` asks for a column to fold, `weights` for the block that says what is inside the weights; everything
    else goes to the model's state."""

    fold = Signal(str)
    weights = Signal()

    def __init__(self, theme: Theme, state: ModelState, page: str) -> None:
        super().__init__()
        self._theme, self._state = theme, state
        self._models: list[picks.PickerModel] = []
        self._free, self._act = 0, Act.NONE
        self.model = ModelPicker(theme, f"{page}.model", self._search)
        self.model.setMaximumWidth(theme.px(MODEL_WIDTH))
        self.model.setMinimumWidth(theme.px(MODEL_WIDTH * 0.35))
        self.engine = _picker(theme, f"{page}.engine", tr("Engine"), tr("No engine"), ENGINE_WIDTH)
        self.status = Chip(theme, "", "dim")
        self.status.setObjectName(f"{page}.status")
        self.status.setMaximumWidth(theme.px(STATUS_WIDTH))
        self.chip = ChipButton(theme)
        self.chip.setObjectName(f"{page}.quantization")
        self.act = QPushButton(tr("Load"))
        self.act.setObjectName(f"{page}.load")
        self.more = self._quiet_button(f"{page}.load_menu", "chevron-down", tr("More to do with the model"))
        self.menu = QMenu(self.more)
        self.progress = QProgressBar(self)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(tr("How far the model is loaded"))
        self._left = self._fold_button(page, "left", "fold", tr("Show or hide the list"))
        self._right = self._fold_button(page, "inspector", "fold-right", tr("Show or hide the settings"))
        self._lay_out()
        self._connect()
        self.refresh()

    def refresh(self) -> None:
        """Show what the state says now."""
        state = self._state
        self.model.show_title(state.title)
        self.model.setEnabled(bool(state.variants))
        self._read_models()
        self.model.refresh()
        _fill(self.engine, state.engines, state.spec.id if state.spec else "")
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

    def fill_menu(self) -> None:
        """The verbs that are possible now; the others are off."""
        state = self._state
        up = state.loaded is not None and state.movable
        can = state.variant is not None
        same = state.is_current
        verbs: list[tuple[str, str, Callable[[], object], bool]] = [
            ("load", tr("Load"), state.load, can and not same),
            ("load_beside", tr("Load beside, keep what is loaded"), state.load_beside, can and up and not same),
            ("reload", tr("Reload"), state.load, can and up and same),
            ("unload", tr("Unload"), state.unload, up),
        ]
        self.menu.clear()
        for name, words, verb, on in verbs:
            action = self.menu.addAction(words)
            action.setObjectName(name)
            action.setEnabled(on)
            action.triggered.connect(lambda _=False, verb=verb: verb())

    def _search(self, query: str) -> list[picks.PickerSection]:
        state = self._state
        return picks.picker_sections(self._models, state.recent, state.opened, query, state.model_id)

    def _opening(self) -> None:
        """What is free is asked for when the list opens, not whenever something changes."""
        self._read_models(hardware.free_memory())

    def _read_models(self, free_bytes: int | None = None) -> None:
        if free_bytes is not None:
            self._free = free_bytes
        state = self._state
        if free_bytes is not None or self.model.is_open:
            self._models = picks.picker_models(state.variants, state.spec, self._free, state.variant, state.specs)

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
        self._act = Act.LOAD if swap else act
        words = {
            Act.LOAD: (tr("Load"), tr("Load the model")),
            Act.UNLOAD: (tr("Unload"), tr("Unload the model")),
            Act.CANCEL: (tr("Cancel"), tr("Cancel the load")),
            Act.FORCE: (tr("Force"), tr("End the engine now")),
            Act.RESTART: (tr("Restart"), tr("Load the model again")),
        }.get(self._act, ("", ""))
        self.act.setVisible(act is not Act.NONE)
        self.act.setText(words[0])
        self.act.setAccessibleName(words[1])
        self.act.setEnabled(self._act is not Act.LOAD or state.variant is not None)
        set_property(self.act, "kind", "primary" if self._act is Act.LOAD else "")
        self.more.setVisible(self._act in (Act.LOAD, Act.UNLOAD))

    def _clicked(self) -> None:
        state = self._state
        verbs: dict[Act, Callable[[], None]] = {
            Act.LOAD: state.load, Act.RESTART: state.load, Act.UNLOAD: state.unload,
            Act.CANCEL: state.stop, Act.FORCE: state.force,
        }  # fmt: skip
        verbs[self._act]()

    def _open_menu(self) -> None:
        self.fill_menu()
        self.menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    def _engine_chosen(self, index: int) -> None:
        self._state.choose_engine(self.engine.itemData(index))

    def _fold_button(self, page: str, side: str, name: str, words: str) -> QToolButton:
        button = self._quiet_button(f"{page}.fold_{side}", name, words)
        button.clicked.connect(lambda: self.fold.emit(side))
        return button

    def _quiet_button(self, name: str, icon: str, words: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName(name)
        button.setAccessibleName(words)
        button.setToolTip(words)
        button.setProperty("kind", "quiet")
        icons.bind(button, self._theme, icon, "dim")
        return button

    def _connect(self) -> None:
        state = self._state
        self.model.opening.connect(self._opening)
        self.model.chosen.connect(state.choose_model)
        self.model.switched.connect(state.switch)
        self.model.unloaded.connect(state.unload_key)
        self.engine.activated.connect(self._engine_chosen)
        self.chip.clicked.connect(self.weights)
        self.act.clicked.connect(self._clicked)
        self.more.clicked.connect(self._open_menu)
        state.changed.connect(self.refresh)
        state.knobs_changed.connect(self.refresh)

    def _lay_out(self) -> None:
        px = self._theme.px
        act = QHBoxLayout()
        act.setSpacing(px(2))
        act.addWidget(self.act)
        act.addWidget(self.more)
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
        row.addLayout(act)
        row.addWidget(self._right)


class ChipButton(Chip):
    """A chip that can be pressed: with the mouse, or Enter and Space."""

    clicked = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "", "accent")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def set(self, text: str, role: Role | None = None, tip: str = "") -> None:
        super().set(text, role, tip)
        self.setAccessibleName(tr("What is inside the weights: {text}", text=text) if text else "")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.clicked.emit()
            return
        super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        super().focusInEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        if not self.hasFocus():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.colour("accent"), 2))
        box = self.rect().adjusted(1, 1, -1, -1)
        painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
        painter.end()


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


def _picker(theme: Theme, name: str, words: str, none: str, width: int) -> QComboBox:
    box = Picker()
    box.setObjectName(name)
    box.setAccessibleName(words)
    box.setMaximumWidth(theme.px(width))
    box.setMinimumWidth(theme.px(width * 0.6))
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setPlaceholderText(none)
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
