"""The list of conversations bound to its state: what a person does there, and the files it reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog

from app.errors import TandemError
from app.ui.language import tr
from app.ui.state.chat import ChatState
from app.ui.theme import Theme
from app.ui.widgets.listing import ConversationList


class Shelf(QObject):
    """`trouble(words)`: a file could not be read or written. `opened()`: a conversation was chosen or made.
    `found(message id)`: the message that a search hit."""

    trouble = Signal(str)
    opened = Signal()
    found = Signal(str)

    def __init__(self, theme: Theme, state: ChatState, parent: QObject) -> None:
        super().__init__(parent)
        self._state, self._query = state, ""
        self.list = ConversationList(theme)
        self._bind()
        self.refresh()

    def refresh(self) -> None:
        """Show the sections, or what was found."""
        current = self._state.conversation
        self.list.set_sections(self._state.shelf.sections(self._query), current.id if current is not None else "")

    def export(self, conversation: str = "") -> None:
        """Ask where to, then write: Markdown or JSON by the name's ending."""
        shown = self._state.conversation
        wanted = conversation or (shown.id if shown is not None else "")
        if not wanted:
            return
        name = f"{self._state.shelf.file_name(wanted)}.md"
        kinds = tr("Markdown (*.md);;JSON with all versions (*.json)")
        path, kind = QFileDialog.getSaveFileName(self.list, tr("Export the conversation"), name, kinds)
        if path:
            ending = ".json" if "json" in kind.lower() else ".md"
            self._try(lambda: self._state.shelf.export(wanted, path if Path(path).suffix else path + ending))

    def import_dialog(self) -> None:
        """Ask for files, then read them."""
        kinds = tr("Conversations (*.md *.json);;All files (*)")
        paths, _ = QFileDialog.getOpenFileNames(self.list, tr("Import conversations"), "", kinds)
        self.import_files(paths)

    def import_files(self, paths: Sequence[str]) -> None:
        """Read conversations and open the last of them."""
        made: list[str] = []
        for path in paths:
            self._try(lambda path=path: made.extend(self._state.shelf.import_file(path)))  # type: ignore[misc]
        if made:
            self._open(made[-1])

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except TandemError as error:
            self.trouble.emit(f"{error.message} {error.hint}".strip())

    def _open(self, conversation: str) -> None:
        self._try(lambda: self._state.open(conversation))
        self.opened.emit()

    def _open_hit(self, conversation: str, message: str) -> None:
        self._open(conversation)
        if message:
            self.found.emit(message)

    def _search(self, query: str) -> None:
        self._query = query
        self.refresh()

    def _new(self) -> None:
        self._state.new()
        self.opened.emit()

    def _bind(self) -> None:
        shelf, view, state = self._state.shelf, self.list, self._state
        view.chosen.connect(self._open)
        view.created.connect(self._new)
        view.deleted.connect(state.delete)
        view.renamed.connect(state.rename)
        view.pinned.connect(shelf.pin)
        view.moved.connect(shelf.move)
        view.exported.connect(self.export)
        view.folder_created.connect(shelf.new_folder)
        view.folder_renamed.connect(shelf.rename_folder)
        view.folder_deleted.connect(shelf.delete_folder)
        view.folder_folded.connect(shelf.set_open)
        view.searched.connect(self._search)
        view.hit_chosen.connect(self._open_hit)
        view.import_wanted.connect(self.import_dialog)
        view.files_dropped.connect(self.import_files)
        state.conversations_changed.connect(self.refresh)
        shelf.changed.connect(state.changed)
