"""One knob on one line: label, the dot that says “not the default”, its editor, and below them whatever must be said."""

from __future__ import annotations

import html
from typing import Literal

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QEnterEvent, QGuiApplication, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QMenu, QSizePolicy, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.ui import icons
from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.knob_editors import SwitchEditor, make_editor
from app.ui.widgets.label import Label, Tone, explain
from engines.knobs import Effect, Knob, KnobState, Value, show

Note = Literal["why", "error", "conflict"]

HEIGHT = 32
LABEL_WIDTH = 100


class KnobLine(QWidget):
    """`changed` carries a checked value; `value` is the last valid one, also while the editor shows a wrong one."""

    changed = Signal(str, object)

    def __init__(
        self,
        theme: Theme,
        glossary: Glossary,
        knob: Knob,
        value: Value,
        state: KnobState,
        label_width: int = LABEL_WIDTH,
    ) -> None:
        """label_width: in pixels of the design."""
        super().__init__()
        self._label_width = label_width
        self.knob, self.state, self.value = knob, state, value
        self.error = ""
        self._theme = theme
        self.label = ElidedLabel(theme, knob.title)
        self.dot = Dot(theme, knob)
        self.dot.reset.connect(self.reset)
        self.editor = make_editor(theme, knob, state)
        self.editor.edited.connect(self._edited)
        self.editor.wrong.connect(self._refused)
        self._notes: dict[Note, Label] = {}
        self._lay_out()
        explain(self.label, glossary, knob.concept, _facts(knob))
        self._show_off()
        self.show_value(value)
        self.set_why("")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._menu)

    def show_value(self, value: Value) -> None:
        """Another value, from outside: not announced."""
        self.value = value
        self.editor.show_value(value)
        self.dot.set_on(value != self.knob.default)
        self._set_error("")

    def reset(self) -> None:
        """Back to the default."""
        if self.value != self.knob.default or self.error:
            self._edited(self.knob.default)

    def set_why(self, text: str) -> None:
        """The effective value and its reason, e.g. "Auto → 2: the cores this process may use"."""
        self._note("why", self.state.off or text or self._value_off())

    def why(self) -> str:
        """What stands below the line: why it is off, or what the engine made of it."""
        return self._said("why")

    def set_conflict(self, reason: str) -> None:
        """Why this value cannot stand with another one; "" if it can."""
        self._note("conflict", reason)

    def conflict(self) -> str:
        """The reason shown, or ""."""
        return self._said("conflict")

    def matches(self, words: str) -> bool:
        """True if the search finds this knob."""
        here = f"{self.knob.name} {self.knob.title} {self.knob.help}".lower()
        return all(word in here for word in words.lower().split())

    def _lay_out(self) -> None:
        px = self._theme.px
        self.label.setFixedWidth(px(self._label_width))
        first = QHBoxLayout()
        first.setSpacing(px(2))
        first.setContentsMargins(0, 0, 0, 0)
        if self.editor.wide or isinstance(self.editor, SwitchEditor):  # these leave room for a long name
            self.label.setMinimumWidth(0 if self.editor.wide else px(self._label_width))
            self.label.setMaximumWidth(px(400))
        first.addWidget(self.label)
        first.addWidget(self.dot)
        if self.editor.wide:
            first.addStretch(1)
        else:
            first.addWidget(self.editor, 1)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(px(1))
        self._column.addLayout(first)
        self.dot.setFixedHeight(px(24 if self.editor.wide else HEIGHT))
        if self.editor.wide:
            self._column.addWidget(self.editor)

    def _note(self, kind: Note, text: str) -> None:
        """Words below the line; a label is made when there is something to say, which is seldom."""
        label = self._notes.get(kind)
        if label is None:
            if not text:
                return
            tones: dict[Note, Tone] = {"why": "dim", "error": "bad", "conflict": "warning"}
            label = Label(self._theme, "", "caption", tones[kind], wrap=True)
            self._notes[kind] = label
            self._column.addWidget(label)
        label.setText(text)
        label.setVisible(bool(text))

    def _said(self, kind: Note) -> str:
        label = self._notes.get(kind)
        return label.text() if label is not None else ""

    def _edited(self, value: Value) -> None:
        differs = value != self.value or type(value) is not type(self.value)
        self.show_value(value)
        self.set_why("")
        if differs:
            self.changed.emit(self.knob.name, value)

    def _refused(self, reason: str) -> None:
        self._set_error(reason)
        self.changed.emit(self.knob.name, self.value)

    def _set_error(self, reason: str) -> None:
        self.error = reason
        self._note("error", reason)

    def _show_off(self) -> None:
        if not self.state.off:
            return
        self.label.setEnabled(False)
        self.editor.setEnabled(False)
        for widget in (self, self.editor):
            widget.setToolTip(html.escape(self.state.off))

    def _value_off(self) -> str:
        return self.state.values_off.get(str(self.value), "") if isinstance(self.value, str) else ""

    def _menu(self, where: QPoint) -> None:
        menu = QMenu(self)
        back = menu.addAction(tr("Reset to {value}", value=show(self.knob, self.knob.default)), self.reset)
        back.setEnabled(self.value != self.knob.default or bool(self.error))
        menu.addAction(tr("Copy “{name}”", name=self.knob.name), self._copy_name)
        menu.exec(self.mapToGlobal(where))
        menu.deleteLater()

    def _copy_name(self) -> None:
        QGuiApplication.clipboard().setText(self.knob.name)


class Dot(QAbstractButton):
    """Shown while the value is not the default; a click, or Enter on it, goes back. Keeps its place.

    Under the pointer or with the focus it shows the arrow that says what a click does.
    """

    reset = Signal()

    def __init__(self, theme: Theme, knob: Knob) -> None:
        super().__init__()
        self._theme = theme
        self._on = False
        default = show(knob, knob.default)
        self._says = tr("{title}: changed. A click goes back to the default, {value}", title=knob.title, value=default)
        self.setObjectName(f"knobs.{knob.name}.reset")
        self.setAccessibleName(tr("Reset {title}", title=knob.title))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.clicked.connect(self._clicked)
        theme.changed.connect(self.update)

    def set_on(self, on: bool) -> None:
        """Show or hide the dot."""
        self._on = on
        self.setEnabled(on)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if on else Qt.FocusPolicy.NoFocus)
        self.setToolTip(self._says if on else "")
        self.update()

    @property
    def on(self) -> bool:
        """True while the value is not the default."""
        return self._on

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(14), self._theme.px(24))

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802  Qt's name
        super().enterEvent(event)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  Qt's name
        super().leaveEvent(event)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        if not self._on:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        centre = QRectF(self.rect()).center()
        if self.underMouse() or self.hasFocus():
            side = min(self._theme.px(14), self.width())
            box = QRectF(centre.x() - side / 2, centre.y() - side / 2, side, side)
            icons.paint(painter, "undo", self._theme.colour("accent"), box)
        else:
            side = self._theme.px(6)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("accent"))
            painter.drawEllipse(QRectF(centre.x() - side / 2, centre.y() - side / 2, side, side))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.colour("accent"), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 2.5, -0.5, -2.5), 4, 4)
        painter.end()

    def _clicked(self) -> None:
        if self._on:
            self.reset.emit()


def _facts(knob: Knob) -> str:
    """What the hover adds to the glossary's entry, as rich text."""
    lines = [html.escape(knob.help)]
    if knob.minimum is not None and knob.maximum is not None:
        span = tr("{low} to {high}", low=f"{knob.minimum:,g}", high=f"{knob.maximum:,g}")
        lines.append(f"{span} {html.escape(knob.unit)}".strip())
    words = {
        Effect.LOSSLESS: tr("Does not change the answer."),
        Effect.NUMERIC: tr("May change the answer in near ties."),
        Effect.LOSSY: tr("Can cost quality."),
    }
    lines.append(f"{words.get(knob.effect, '')} <i>{html.escape(knob.title)}: {html.escape(knob.name)}</i>".strip())
    return "<br>".join(lines)
