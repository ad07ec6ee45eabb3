"""The composer with its tools, bound to the state: files, saved prompts, the system prompt, the JSON schema."""

from __future__ import annotations

import importlib
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog

from app.lab.schema import check
from app.ui.frame.prompts import Prompts
from app.ui.frame.schema_editor import SchemaEditor
from app.ui.frame.system_prompt import SystemPrompt
from app.ui.language import tr
from app.ui.state.chat import ChatState
from app.ui.state.pictures import PreparedImage
from app.ui.theme import Theme
from app.ui.widgets.composer import Composer


class Composing(QObject):
    """`sent()`: a message went out. `edit_last()`: the person wants to change their last message."""

    sent = Signal()
    edit_last = Signal()

    def __init__(self, theme: Theme, state: ChatState, page: str, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._counted: tuple[int | None, int | None, int | None] | None = None
        self.composer = Composer(theme)
        self.system = SystemPrompt(theme, page)
        self.prompts = Prompts(theme, page, self.composer.text)
        self.schema = SchemaEditor(theme, page, check)
        for tool in (self.system, self.prompts, self.schema):
            self.composer.add_tool(tool)
        self._bind()
        self.composer.set_text(state.draft)
        self.refresh()

    def refresh(self) -> None:
        """What can be sent, and with what."""
        state, composer = self._state, self.composer
        composer.set_running(state.busy)
        composer.set_enabled_reason(state.blocked)
        composer.set_placeholder(tr("Message {model}…", model=state.model.title or tr("a model")))
        composer.set_files(state.prompting.files)
        saved = state.prompting.prompts()
        self.prompts.show_prompts(saved)
        self.system.set_prompts(saved)
        self.system.show_text(state.system)
        self.schema.show_text(state.schema)

    def attach(self) -> None:
        """Ask for files to send along."""
        paths, _ = QFileDialog.getOpenFileNames(self.composer, tr("Add files or pictures"))
        if paths:
            self._state.prompting.add_files(paths)

    def send(self, text: str) -> None:
        """Send; a text that cannot be sent now goes back into the composer."""
        if self._state.send(text):
            self.sent.emit()
        else:
            self.composer.set_text(text)

    def _count(self, n: int | None) -> None:
        strip = self._state.model.strip
        counted = (n, strip.context_used if n is not None else None, strip.context_total)
        if counted != self._counted:  # asked with every frame of an answer
            self._counted = counted
            self.composer.set_tokens(*counted)

    def _recount(self) -> None:
        self._count(self._state.model.strip.draft_tokens)

    def _paste_picture(self, image: QImage) -> None:
        def make(name: str, folder: Path) -> PreparedImage:
            images = importlib.import_module("app.ui.images")
            found: PreparedImage = images.kept(name, images.shrunk(image), folder)
            return found

        self._state.prompting.add_picture(tr("Pasted picture"), make)

    def _bind(self) -> None:
        state, composer, prompting = self._state, self.composer, self._state.prompting
        composer.submitted.connect(self.send)
        composer.stop_requested.connect(state.stop)
        composer.draft_changed.connect(state.set_draft)
        composer.attach_wanted.connect(self.attach)
        composer.files_dropped.connect(prompting.add_files)
        composer.text_pasted.connect(lambda text: prompting.add_text(tr("Pasted text"), text))
        composer.picture_pasted.connect(self._paste_picture)
        composer.file_removed.connect(prompting.remove)
        composer.edit_last.connect(self.edit_last)
        self.system.changed.connect(state.set_system)
        self.prompts.chosen.connect(composer.insert)
        self.prompts.saved.connect(prompting.keep_prompt)
        self.prompts.dropped.connect(prompting.drop_prompt)
        self.schema.changed.connect(state.set_schema)
        state.changed.connect(self.refresh)
        state.draft_changed.connect(composer.set_text)
        state.tokens_changed.connect(self._count)
        state.model.figures_changed.connect(self._recount)
