"""One editor a kind of knob. Each shows a value, says a valid new one, and says why another cannot be taken."""

from __future__ import annotations

import json

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QSlider,
    QWidget,
)

from app.ui.language import tr
from app.ui.theme import Theme, set_property
from app.ui.widgets.knob_scale import STEPS, number_text, scale
from app.ui.widgets.switch import Switch
from engines.errors import EngineError
from engines.knobs import AUTO, Kind, Knob, KnobState, Value, check, parse

FIELD_WIDTH = 62
TEXT_LINES = 6


class Editor(QWidget):
    """`edited` carries a checked value; `wrong` the reason why what stands in the editor cannot be taken."""

    edited = Signal(object)
    wrong = Signal(str)
    wide = False  # a line of its own below the label

    def __init__(self, theme: Theme, knob: Knob, state: KnobState) -> None:
        super().__init__()
        self.theme, self.knob, self.state = theme, knob, state
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(theme.px(6))

    def show_value(self, value: Value) -> None:
        """Put a value there without saying so."""
        raise NotImplementedError

    def named(self, widget: QWidget, part: str = "") -> QWidget:
        """Give a part its object name and accessible name."""
        name = f"knobs.{self.knob.name}"
        widget.setObjectName(f"{name}.{part}" if part else name)
        widget.setAccessibleName(f"{self.knob.title}, {part}" if part else self.knob.title)
        widget.setAccessibleDescription(self.knob.help)
        return widget

    def typed(self, text: str) -> None:
        """Take what a person typed, or say why not."""
        try:
            value = parse(self.knob, text)
        except EngineError as error:
            self.wrong.emit(f"{error.message} {error.hint}".strip())
            return
        self.edited.emit(value)


class NumberEditor(Editor):
    """Slider, Auto as a pill, and a field in which everything can be typed; emptied, it is "not set" where that is a value."""

    def __init__(self, theme: Theme, knob: Knob, state: KnobState) -> None:
        super().__init__(theme, knob, state)
        self._value: Value = knob.default
        self._last_number: Value = None
        found = None if knob.nullable and not knob.auto else scale(knob)
        self._scale = found
        self.slider: QSlider | None = self._make_slider() if found else None
        if self.slider is None:
            self.row.addStretch(1)
        self.auto = self._make_pill() if knob.auto else None
        self.field = QLineEdit()
        self.named(self.field)
        self.field.setFixedWidth(self._field_width())
        self.field.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.field.editingFinished.connect(self._field_done)
        self.row.addWidget(self.field)

    def show_value(self, value: Value) -> None:
        self._value = value
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number:
            self._last_number = value
        self.field.setText(number_text(self.knob, value))
        self.field.setPlaceholderText(tr("Auto") if value == AUTO else self.knob.null_label if value is None else "")
        self.field.setModified(False)
        set_property(self.field, "wrong", False)
        if self.auto is not None:
            self.auto.setChecked(value == AUTO)
        if self.slider is not None and self._scale is not None:
            self.slider.blockSignals(True)
            self.slider.setValue(self._scale.step(value))
            self.slider.blockSignals(False)
            kept = self.slider.sizePolicy()
            kept.setRetainSizeWhenHidden(True)
            self.slider.setSizePolicy(kept)
            self.slider.setVisible(number)

    def _make_slider(self) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, STEPS)
        slider.setSingleStep(10)
        slider.setPageStep(100)
        slider.setMinimumWidth(self.theme.px(36))
        slider.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        slider.valueChanged.connect(self._slid)
        slider.installEventFilter(_NoWheel(slider))
        self.named(slider, "slider")
        self.row.addWidget(slider, 1)
        return slider

    def _make_pill(self) -> QPushButton:
        pill = QPushButton(tr("Auto"))
        pill.setProperty("kind", "pill")
        pill.setFont(self.theme.font("caption"))
        pill.setCheckable(True)
        pill.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        pill.clicked.connect(lambda on: self.edited.emit(AUTO if on else self._start()))
        self.named(pill, "auto")
        self.row.addWidget(pill)
        return pill

    def _field_width(self) -> int:
        """Room for the word that stands for "not set", where there is one."""
        if not self.knob.nullable:
            return self.theme.px(FIELD_WIDTH)
        word = self.field.fontMetrics().horizontalAdvance(self.knob.null_label)
        return min(self.theme.px(150), max(self.theme.px(84), word + self.theme.px(26)))

    def _start(self) -> Value:
        """The number to begin with when Auto is switched off."""
        if self._last_number is not None:
            return self._last_number
        whole = self.knob.kind is Kind.INT
        for candidate in (self.knob.default, 0, 1, self.knob.minimum):
            try:
                value = check(self.knob, round(candidate) if isinstance(candidate, float) and whole else candidate)
            except EngineError:
                continue
            if value is not None and value != AUTO:
                return value
        return self.knob.default

    def _slid(self, step: int) -> None:
        if self._scale is not None:
            self.edited.emit(self._scale.value(step))

    def _field_done(self) -> None:
        if not self.field.isModified():
            return
        text = self.field.text()
        self.field.setModified(False)
        if not text.strip():
            if self.knob.nullable:
                self.edited.emit(None)
            else:
                self.show_value(self._value)
            return
        set_property(self.field, "wrong", True)  # a value that is taken shows itself, and clears this
        self.typed(text)


class SwitchEditor(Editor):
    """On or off."""

    def __init__(self, theme: Theme, knob: Knob, state: KnobState) -> None:
        super().__init__(theme, knob, state)
        self.switch = Switch(theme)
        self.named(self.switch)
        self.switch.clicked.connect(lambda on: self.edited.emit(bool(on)))
        self.row.addStretch(1)
        self.row.addWidget(self.switch)

    def show_value(self, value: Value) -> None:
        self.switch.setChecked(bool(value))


class ChoiceEditor(Editor):
    """One of several words; what cannot be chosen here stays in the list, greyed, with its reason."""

    def __init__(self, theme: Theme, knob: Knob, state: KnobState) -> None:
        super().__init__(theme, knob, state)
        self.combo = QComboBox()
        self.named(self.combo)
        self.combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.combo.setMinimumContentsLength(8)
        self.combo.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.combo.installEventFilter(_NoWheel(self.combo))
        self._values: list[Value] = []
        for word, value in self._choices():
            self._add(word, value)
        self.combo.activated.connect(self._picked)
        self.combo.view().setMinimumWidth(min(theme.px(420), self.combo.view().sizeHintForColumn(0) + theme.px(32)))
        self.row.addWidget(self.combo, 1)

    def show_value(self, value: Value) -> None:
        if value not in self._values:
            self._add(str(value), value)
        self.combo.setCurrentIndex(self._values.index(value))
        self.combo.setToolTip(self.state.values_off.get(_word(value), ""))

    def _choices(self) -> list[tuple[str, Value]]:
        special: list[tuple[str, Value]] = []
        if self.knob.auto:
            special.append((tr("Auto"), AUTO))
        if self.knob.nullable:
            special.append((self.knob.null_label, None))
        if self.knob.kind is Kind.BOOL:
            return [*special, (tr("on"), True), (tr("off"), False)]
        return special + [(word, word) for word in self.state.values or self.knob.values]

    def _add(self, word: str, value: Value) -> None:
        self._values.append(value)
        self.combo.addItem(word)
        reason = self.state.values_off.get(_word(value), "")
        model = self.combo.model()
        if not reason or not isinstance(model, QStandardItemModel):
            return
        item = model.item(self.combo.count() - 1)
        item.setEnabled(False)
        item.setText(f"{word}  ·  {reason}")
        item.setToolTip(reason)

    def _picked(self, index: int) -> None:
        self.edited.emit(self._values[index])


class TextEditor(Editor):
    """Text, a list of texts (one a line) or JSON, on a line of its own that grows with what is written."""

    wide = True

    def __init__(self, theme: Theme, knob: Knob, state: KnobState) -> None:
        super().__init__(theme, knob, state)
        self._value: Value = knob.default
        self.field = _TextField(theme, code=knob.kind is not Kind.TEXT)
        self.named(self.field)
        self.field.setPlaceholderText(_placeholder(knob))
        self.field.done.connect(self._done)
        self.row.addWidget(self.field)

    def show_value(self, value: Value) -> None:
        self._value = value
        shown = value if isinstance(value, str) else ""
        if isinstance(value, list):
            shown = "\n".join(_escape(item) for item in value)
        if shown != self.field.toPlainText():
            self.field.setPlainText(shown)
        self.field.document().setModified(False)

    def _done(self) -> None:
        text = self.field.toPlainText()
        self.field.document().setModified(False)
        if self.knob.kind is Kind.TEXTS:
            self.edited.emit([_unescape(line) for line in text.split("\n") if line])
        elif not text and self.knob.nullable:
            self.edited.emit(None)
        elif self.knob.kind is Kind.TEXT and not self.knob.nullable:
            self.edited.emit(text)
        else:
            self.typed(text)


class _TextField(QPlainTextEdit):
    """`done` fires when the focus leaves changed text, or on Ctrl+Enter."""

    done = Signal()

    def __init__(self, theme: Theme, code: bool) -> None:
        super().__init__()
        self._theme = theme
        self.setProperty("field", "true")
        self.setFont(theme.code_font() if code else theme.font())
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt's name
        super().focusOutEvent(event)
        if self.document().isModified():
            self.done.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.done.emit()
            return
        super().keyPressEvent(event)

    def _fit(self, _size: object = None) -> None:
        lines = max(1, min(TEXT_LINES, int(self.document().size().height())))
        height = lines * self.fontMetrics().lineSpacing() + self._theme.px(10)
        if height != self.height():
            self.setFixedHeight(height)


class _NoWheel(QObject):
    """The wheel scrolls the form, unless the control has the focus."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


def make_editor(theme: Theme, knob: Knob, state: KnobState) -> Editor:
    """The editor for a knob."""
    if knob.kind is Kind.CHOICE or (knob.kind is Kind.BOOL and (knob.auto or knob.nullable)):
        return ChoiceEditor(theme, knob, state)
    if knob.kind is Kind.BOOL:
        return SwitchEditor(theme, knob, state)
    if knob.kind in (Kind.INT, Kind.FLOAT):
        return NumberEditor(theme, knob, state)
    return TextEditor(theme, knob, state)


def _placeholder(knob: Knob) -> str:
    if knob.kind is Kind.TEXTS:
        return tr("one a line, \\n is a line break")
    return knob.null_label if knob.nullable else ""


def _word(value: Value) -> str:
    """The word by which `KnobState` names a value."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if value is None else str(value)


def _escape(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"')


def _unescape(line: str) -> str:
    try:
        return str(json.loads('"' + line.replace('"', '\\"') + '"'))
    except ValueError:
        return line
