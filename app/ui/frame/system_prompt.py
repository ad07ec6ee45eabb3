"""The system prompt: a button in the composer that opens a small editor; marked while one is set."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton

from app.ui.frame.popup import Popup
from app.ui.language import tr
from app.ui.state.prompting import SavedPrompt
from app.ui.theme import Theme
from app.ui.widgets.label import Label
from app.ui.widgets.plain_edit import PlainEdit
from app.ui.widgets.tool_button import ToolButton

SHOWN = 300  # characters of it in the tooltip


class SystemPrompt(ToolButton):
    """`changed(text)` when the editor is closed with another text."""

    changed = Signal(str)

    def __init__(self, theme: Theme, page: str) -> None:
        super().__init__(theme, f"{page}.system", tr("System prompt"), "instructions")
        self._text = ""
        self._popup = _SystemPopup(theme, page)
        self._popup.closed.connect(self._keep)
        self.clicked.connect(self._open)
        self.destroyed.connect(self._popup.deleteLater)

    def show_text(self, text: str) -> None:
        """What is set now."""
        self._text = text
        shown = text if len(text) <= SHOWN else text[:SHOWN] + "…"
        self.mark(bool(text), f"{tr('System prompt')}\n{shown}" if text else "")

    def set_prompts(self, prompts: Sequence[SavedPrompt]) -> None:
        """What "Use a saved prompt" offers."""
        self._popup.set_prompts(prompts)

    def _open(self) -> None:
        self._popup.edit.setPlainText(self._text)
        self._popup.open_above(self)
        self._popup.edit.setFocus()

    def _keep(self) -> None:
        text = self._popup.edit.toPlainText().strip()
        if text != self._text:
            self.changed.emit(text)


class _SystemPopup(Popup):
    """What was written when it closes is kept."""

    def __init__(self, theme: Theme, page: str) -> None:
        super().__init__(theme, tr("System prompt"))
        self._offered: tuple[SavedPrompt, ...] = ()
        self.edit = PlainEdit(f"{page}.system_text", tr("System prompt"))
        self.edit.setProperty("field", "true")
        self.edit.setFixedHeight(theme.px(120))
        self.edit.setPlaceholderText(tr("You are a helpful assistant."))
        self.notice = Label(theme, "", "dim", "warning", wrap=True)
        self.notice.hide()
        self.edit.refused.connect(self._refused)
        self.edit.textChanged.connect(self.notice.hide)
        what = tr("It stands before every message of this conversation and tells the model how to answer.")
        self.body.addWidget(Label(theme, what, "dim", "dim", wrap=True))
        self.body.addWidget(self.edit)
        self.body.addWidget(self.notice)
        self.body.addLayout(self._foot(page))

    def set_prompts(self, prompts: Sequence[SavedPrompt]) -> None:
        """Fill the menu; it stays as it is, perhaps open, where nothing is new."""
        if self._offered == tuple(prompts):
            return
        self._offered = tuple(prompts)
        self._menu.clear()
        for prompt in prompts:
            self._menu.addAction(prompt.title.replace("&", "&&"), partial(self._use, prompt.text))
        self._offer()

    def _offer(self) -> None:
        some = bool(self._offered)
        self.saved_button.setEnabled(some)
        self.saved_button.setToolTip("" if some else tr("Save one with the bookmark below the message first."))

    def _use(self, text: str, _checked: bool = False) -> None:
        self.edit.setPlainText(text)

    def _foot(self, page: str) -> QHBoxLayout:
        self._menu = QMenu(self)
        self.saved_button = QPushButton(tr("Use a saved prompt"))
        self.saved_button.setObjectName(f"{page}.system_saved")
        self.saved_button.setAccessibleName(tr("Use a saved prompt"))
        self.saved_button.setMenu(self._menu)
        self._offer()
        done = QPushButton(tr("Done"))
        done.setObjectName(f"{page}.system_done")
        done.setAccessibleName(tr("Keep this system prompt"))
        done.clicked.connect(self.close)
        row = QHBoxLayout()
        row.addWidget(self.saved_button)
        row.addStretch(1)
        row.addWidget(done)
        return row

    def _refused(self, words: str) -> None:
        self.notice.setText(words)
        self.notice.show()
        self.adjustSize()
