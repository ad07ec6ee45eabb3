"""The questions of the Models page: which file or folder to add, and whether something may go."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from app.ui.language import tr
from app.ui.state.models import ModelsState
from app.ui.state.models_places import PlaceLine

MODEL_FILES = "*.gguf *.safetensors *.onnx *.ckpt *.bin"


class Asking(QObject):
    """Dialogs over `page`; what they answer goes to the state."""

    def __init__(self, page: QWidget, state: ModelsState) -> None:
        super().__init__(page)
        self._page, self._state = page, state

    def add(self, what: str) -> None:
        """what: "file", "model_folder", "folder" (to look in) or "starter"."""
        if what == "starter":
            self._state.doing.get_starter()
        elif what == "file":
            self._add_files()
        else:
            self._add_folder(what)

    def remove(self) -> None:
        """Remove the selected variant, when the person has said so; else say why it cannot be removed here."""
        found = self._state.removal()
        if found is None or self._state.doing.busy:
            return
        if not found.possible:
            QMessageBox.information(self._page, tr("It cannot be removed here"), found.words)
        elif self.confirm(found.question, found.words, found.verb):
            self._state.remove()

    def remove_place(self, line: PlaceLine) -> None:
        """Take a folder off the list, when the person has said so."""
        words = tr("Its models go from the list. The files stay: {path}", path=line.path)
        if self.confirm(tr("Take “{title}” off the list?", title=line.title), words, tr("Take off the list")):
            self._state.doing.remove_folder(line.place, line.title)

    def confirm(self, question: str, words: str, verb: str) -> bool:
        """Ask before something goes; Enter says no."""
        box = QMessageBox(QMessageBox.Icon.Question, question, question, parent=self._page)
        box.setObjectName("models.confirm")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setInformativeText(words)
        yes = box.addButton(verb, QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.exec()
        agreed = box.clickedButton() is yes
        box.deleteLater()
        return agreed

    def _add_files(self) -> None:
        kinds = tr("Models ({kinds});;All files (*)", kinds=MODEL_FILES)
        paths, _ = QFileDialog.getOpenFileNames(self._page, tr("Add model files"), "", kinds)
        if paths:
            self._state.doing.add(paths)

    def _add_folder(self, what: str) -> None:
        title = tr("A folder to look in") if what == "folder" else tr("A model’s folder")
        path = QFileDialog.getExistingDirectory(self._page, title)
        if path and what == "folder":
            self._state.doing.add_folder(path)
        elif path:
            self._state.doing.add([path])
