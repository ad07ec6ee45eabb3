"""The JSON schema that answers must hold to: a button in the composer, an editor that checks it while one writes."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QPushButton

from app.errors import TandemError
from app.ui.frame.popup import Popup
from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.label import Label
from app.ui.widgets.plain_edit import PlainEdit
from app.ui.widgets.tool_button import ToolButton

CHECK_MS = 250  # after the last key
EXAMPLE = """{
  "type": "object",
  "properties": {
    "name": {"type": "string"},
    "year": {"type": "integer", "minimum": 0}
  },
  "required": ["name", "year"],
  "additionalProperties": false
}"""

Check = Callable[[str], None]
"""Raises TandemError for a text that is no schema: `app.lab.schema.check`."""


class SchemaEditor(ToolButton):
    """`changed(text)` when the editor is closed with another schema that is one, or "" for off.

    A text that is no schema is not used; it stays in the editor to be mended.
    """

    changed = Signal(str)

    def __init__(self, theme: Theme, page: str, check: Check) -> None:
        super().__init__(theme, f"{page}.schema", tr("Answer as JSON"), "braces")
        self._text = ""
        self._left = ""  # what was written and could not be used
        self._popup = _SchemaPopup(theme, page, check)
        self._popup.closed.connect(self._keep)
        self.clicked.connect(self._open)
        self.destroyed.connect(self._popup.deleteLater)

    def show_text(self, text: str) -> None:
        """The schema that is used now; "" for none."""
        self._text = text
        self.mark(bool(text), tr("Answer as JSON: answers are checked against your schema") if text else "")

    def _open(self) -> None:
        self._popup.begin(self._left or self._text)
        self._popup.open_above(self)
        self._popup.edit.setFocus()

    def _keep(self) -> None:
        text = self._popup.edit.toPlainText().strip()
        problem = self._popup.check_now() if text else ""
        self._left = text if problem else ""
        if not problem and text != self._text:
            self.changed.emit(text)


class _SchemaPopup(Popup):
    def __init__(self, theme: Theme, page: str, check: Check) -> None:
        super().__init__(theme, tr("Answer as JSON"))
        self._check = check
        self.edit = PlainEdit(f"{page}.schema_text", tr("JSON schema"))
        self.edit.setProperty("field", "true")
        self.edit.setFont(theme.code_font())
        self.edit.setFixedHeight(theme.px(220))
        self.edit.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.edit.setPlaceholderText('{"type": "object", …}')
        self.verdict = Label(theme, "", "dim", "dim", wrap=True)
        self.verdict.setObjectName(f"{page}.schema_verdict")
        self.verdict.setMinimumHeight(2 * theme.px(17))
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(CHECK_MS)
        self._timer.timeout.connect(self.check_now)
        self.edit.textChanged.connect(self._timer.start)
        self.edit.refused.connect(lambda words: self._say(words, "warning"))
        what = tr("Each answer is checked against this JSON schema, and what does not hold is said below it.")
        self.body.addWidget(Label(theme, what, "dim", "dim", wrap=True))
        self.body.addWidget(self.edit)
        self.body.addWidget(self.verdict)
        self.body.addLayout(self._foot(page))

    def begin(self, text: str) -> None:
        """Show this text and what is to be said of it."""
        self.edit.setPlainText(text)
        self.check_now()

    def check_now(self) -> str:
        """Why the text cannot be used, "" if it can; said below it too."""
        self._timer.stop()
        text = self.edit.toPlainText()
        self.off_button.setEnabled(bool(text.strip()))
        if not text.strip():
            self._say(tr("Off: answers are not checked."), "dim")
            return ""
        try:
            self._check(text)
        except TandemError as error:
            self._say(f"{error.message} {error.hint}".strip(), "bad")
            return error.message
        self._say(tr("This is a valid schema."), "good")
        return ""

    def _say(self, words: str, tone: str) -> None:
        self.verdict.setText(words)
        self.verdict.set_tone(tone)  # type: ignore[arg-type]

    def _foot(self, page: str) -> QHBoxLayout:
        row = QHBoxLayout()
        example = _button(f"{page}.schema_example", tr("Example"), tr("Write an example schema into the field"))
        example.clicked.connect(lambda: self.edit.setPlainText(EXAMPLE))
        self.off_button = _button(f"{page}.schema_off", tr("Off"), tr("Do not check answers"))
        self.off_button.clicked.connect(self._turn_off)
        done = _button(f"{page}.schema_done", tr("Done"), tr("Use this schema"))
        done.clicked.connect(self.close)
        row.addWidget(example)
        row.addStretch(1)
        row.addWidget(self.off_button)
        row.addWidget(done)
        return row

    def _turn_off(self) -> None:
        self.edit.clear()
        self.close()


def _button(name: str, title: str, what: str) -> QPushButton:
    button = QPushButton(title)
    button.setObjectName(name)
    button.setAccessibleName(what)
    return button
