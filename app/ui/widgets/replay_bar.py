"""One line that drives a replay: play, where it is, how fast, over and over, and what it is a replay of."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, QSize, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QWidget,
)

from app.ui import icons
from app.ui.language import tr
from app.ui.state.replay import SPEEDS, ReplayState
from app.ui.theme import Theme
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.label import Label

HEIGHT = 36
STEP_S = 0.1  # an arrow key
PAGE_S = 1.0
REDRAW_S = 1 / 30
"""The scrubber follows the replay no oftener: lanes are what must be on time."""


class ReplayBar(QWidget):
    """Shows a `ReplayState` and passes on what a person does. Space plays and pauses, arrow keys move."""

    def __init__(self, theme: Theme, state: ReplayState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._state = theme, state
        self._drawn = -1.0
        self._resume = False
        self.setFixedHeight(theme.px(HEIGHT))
        self._build()
        self._lay_out()
        self._bind()
        self.refresh()

    def refresh(self) -> None:
        """Everything the state says."""
        state = self._state
        self.setEnabled(not state.empty)
        verb = tr("Pause") if state.playing else tr("Play")
        self.play.setAccessibleName(tr("{verb} the replay", verb=verb))
        self.play.setToolTip(tr("{verb} (space)", verb=verb))
        icon = icons.icon(self._theme, "pause" if state.playing else "play", "text", 16)
        self.play.setIcon(icon)
        with QSignalBlocker(self.scrub), QSignalBlocker(self.speed), QSignalBlocker(self.loop):
            self.scrub.setRange(0, round(state.length_s * 1000))
            self.speed.setCurrentIndex(SPEEDS.index(state.speed))
            self.loop.setChecked(state.loop)
        self.words.setText(state.words)
        self.time.setMinimumWidth(self.time.fontMetrics().horizontalAdvance(_time(state.length_s, state.length_s)))
        self._draw(state.t)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        """Keys that the focused part does not want itself."""
        step = {Qt.Key.Key_Left: -STEP_S, Qt.Key.Key_Right: STEP_S}.get(Qt.Key(event.key()))
        if event.key() == Qt.Key.Key_Space:
            self._state.toggle()
        elif step is not None:
            self._state.seek(self._state.t + step)
        else:
            super().keyPressEvent(event)

    def _follow(self, t: float) -> None:
        if not self._state.playing or abs(t - self._drawn) >= REDRAW_S:
            self._draw(t)

    def _draw(self, t: float) -> None:
        self._drawn = t
        if not self.scrub.isSliderDown():
            with QSignalBlocker(self.scrub):
                self.scrub.setValue(round(t * 1000))
        words = _time(t, self._state.length_s)
        if words != self.time.text():
            self.time.setText(words)

    def _grab(self) -> None:
        self._resume = self._state.playing
        self._state.pause()

    def _let_go(self) -> None:
        if self._resume:
            self._state.play()

    def _build(self) -> None:
        self.play = QPushButton()
        self.play.setObjectName("compare.replay_play")
        self.play.setFixedSize(self._theme.px(32), self._theme.px(30))
        self.play.setIconSize(QSize(self._theme.px(16), self._theme.px(16)))
        self.scrub = Scrubber()
        self.scrub.setObjectName("compare.replay_scrub")
        self.scrub.setAccessibleName(tr("Time of the replay, milliseconds"))
        self.scrub.setSingleStep(round(STEP_S * 1000))
        self.scrub.setPageStep(round(PAGE_S * 1000))
        self.time = Label(self._theme, "", "dim", "text")
        self.time.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.speed = QComboBox()
        self.speed.setObjectName("compare.replay_speed")
        self.speed.setAccessibleName(tr("Speed of the replay"))
        self.speed.addItems([f"{speed:g}×" for speed in SPEEDS])
        self.loop = QPushButton(tr("Loop"))
        self.loop.setObjectName("compare.replay_loop")
        self.loop.setAccessibleName(tr("Play over and over"))
        self.loop.setProperty("kind", "pill")
        self.loop.setFont(self._theme.font("dim"))
        self.loop.setCheckable(True)
        self.words = ElidedLabel(self._theme, self._state.words, "dim", "dim")
        self.words.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.words.set_tip(tr("The output times that were recorded, lane by lane, here drive all lanes together."))

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(self._theme.px(10))
        row.addWidget(self.play)
        row.addWidget(self.scrub, 1)
        for widget in (self.time, self.speed, self.loop, self.words):
            row.addWidget(widget)

    def _bind(self) -> None:
        state = self._state
        state.moved.connect(self._follow)
        state.changed.connect(self.refresh)
        self._theme.changed.connect(self.refresh)
        self.play.clicked.connect(state.toggle)
        self.scrub.valueChanged.connect(lambda ms: state.seek(ms / 1000))
        self.scrub.sliderPressed.connect(self._grab)
        self.scrub.sliderReleased.connect(self._let_go)
        self.speed.activated.connect(lambda index: state.set_speed(SPEEDS[index]))
        self.loop.toggled.connect(state.set_loop)


class Scrubber(QSlider):
    """Jumps to where it is pressed, and is dragged from there."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setMinimumWidth(80)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt's name
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self.setSliderPosition(self._value_at(event.position().x()))
            self.setSliderDown(False)
        super().mousePressEvent(event)

    def _value_at(self, x: float) -> int:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        control, part = QStyle.ComplexControl.CC_Slider, QStyle.SubControl.SC_SliderHandle
        handle = self.style().subControlRect(control, option, part, self).width()
        room = self.width() - handle
        return QStyle.sliderValueFromPosition(self.minimum(), self.maximum(), round(x - handle / 2), room)


def _time(t: float, length: float) -> str:
    return tr("{t:,.1f} of {length:,.1f} s", t=t, length=length)
