"""The rows of the list of conversations: headings, folders and titles, flat, as Qt's views want them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from PySide6.QtCore import QAbstractListModel, QMimeData, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QWidget

from app.ui.language import tr
from app.ui.state.conversation_lines import Section, plain
from app.ui.widgets.label import hint

ID_ROLE = Qt.ItemDataRole.UserRole + 1
ENTRY_ROLE = Qt.ItemDataRole.UserRole + 2
MIME = "application/x-tandem-conversation"

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. id: of the conversation, or of the folder. folder_id: the folder that the row is, or lies in."""

    kind: Literal["heading", "folder", "line"]
    text: str
    id: str = ""
    folder_id: str = ""
    snippet: str = ""
    message_id: str = ""
    pinned: bool = False
    count: int = 0
    open: bool = True

    @property
    def conversation(self) -> str:
        """Its id, "" where the row is none."""
        return self.id if self.kind == "line" else ""

    @property
    def folder(self) -> str:
        """Its id, "" where the row is none."""
        return self.id if self.kind == "folder" else ""

    @property
    def second(self) -> bool:
        """True if there is a second line to show: a snippet that is not the title itself."""
        return bool(self.snippet) and plain(self.snippet) != " ".join(self.text.split())


class ConversationModel(QAbstractListModel):
    """Rows in their order. `renamed(id, title)` and `folder_renamed(id, title)`: a person typed another title."""

    renamed = Signal(str, str)
    folder_renamed = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entries: list[Entry] = []
        self._sections: tuple[Section, ...] = ()

    def set_sections(self, sections: Sequence[Section]) -> bool:
        """Show these; False where they are shown already."""
        if tuple(sections) == self._sections:
            return False
        self._sections = tuple(sections)
        self._fill()
        return True

    def set_open(self, folder_id: str, shown: bool) -> None:
        """Fold a folder open or closed."""
        self._sections = tuple(replace(s, open=shown) if s.folder_id == folder_id else s for s in self._sections)
        self._fill()

    def _fill(self) -> None:
        self.beginResetModel()
        self.entries = entries_of(self._sections)
        self.endResetModel()

    def folders(self) -> list[tuple[str, str]]:
        """(id, title) of every folder."""
        return [(e.id, e.text) for e in self.entries if e.kind == "folder"]

    def row_of(self, conversation: str) -> int:
        """The row of a conversation, or -1."""
        return next((row for row, e in enumerate(self.entries) if conversation and e.conversation == conversation), -1)

    def row_of_folder(self, folder_id: str) -> int:
        """The row of a folder, or -1."""
        return next((row for row, e in enumerate(self.entries) if folder_id and e.folder == folder_id), -1)

    def entry(self, index: Index) -> Entry | None:
        """The row's value; None outside."""
        return self.entries[index.row()] if index.isValid() and index.row() < len(self.entries) else None

    # --- Qt's side ------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  Qt's name and default
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        entry = self.entry(index)
        if entry is None:
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return entry.text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return spoken(entry)
        if role == Qt.ItemDataRole.ToolTipRole:
            return hint(f"{entry.text}\n{plain(entry.snippet)}" if entry.second else entry.text)
        return entry if role == ENTRY_ROLE else entry.conversation if role == ID_ROLE else None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802  Qt's name
        entry = self.entry(index)
        title = " ".join(str(value).split())
        wrong = entry is None or entry.kind == "heading" or not title or title == entry.text
        if role != Qt.ItemDataRole.EditRole or wrong or entry is None:
            return False
        self.entries[index.row()] = replace(entry, text=title)
        self._sections = ()  # what is shown is no longer what was set
        self.dataChanged.emit(index, index)
        (self.folder_renamed if entry.kind == "folder" else self.renamed).emit(entry.id, title)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        entry = self.entry(index)
        if entry is None or entry.kind == "heading":
            return Qt.ItemFlag.NoItemFlags
        flag = Qt.ItemFlag
        more = flag.ItemIsDropEnabled if entry.kind == "folder" else flag.ItemIsDragEnabled
        return flag.ItemIsEnabled | flag.ItemIsSelectable | flag.ItemIsEditable | more

    def mimeTypes(self) -> list[str]:  # noqa: N802  Qt's name
        return [MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:  # noqa: N802  Qt's name
        data = QMimeData()
        found = (self.entry(index) for index in indexes)
        data.setData(MIME, ",".join(e.id for e in found if e is not None and e.conversation).encode())
        return data

    def supportedDragActions(self) -> Qt.DropAction:  # noqa: N802  Qt's name
        return Qt.DropAction.MoveAction


def entries_of(sections: Sequence[Section]) -> list[Entry]:
    """The rows of `sections`: a closed folder's lines are left out, a section without a title has no heading."""
    made: list[Entry] = []
    for section in sections:
        if section.kind == "folder":
            count = len(section.lines)
            made.append(
                Entry("folder", section.title, section.folder_id, section.folder_id, count=count, open=section.open)
            )
        elif section.title:
            made.append(Entry("heading", section.title))
        if section.open:
            made += [
                Entry("line", line.title or untitled(), line.id, section.folder_id, line.snippet, line.message_id, line.pinned)
                for line in section.lines
            ]  # fmt: skip
    return made


def untitled() -> str:
    """The name of what has none yet."""
    return tr("New conversation")


def spoken(entry: Entry) -> str:
    """The row for a screen reader."""
    if entry.kind == "folder":
        state = tr("open") if entry.open else tr("closed")
        return tr("Folder {title}, {count} conversations, {state}", title=entry.text, count=entry.count, state=state)
    words = [entry.text, *([tr("pinned")] if entry.pinned else []), *([plain(entry.snippet)] if entry.second else [])]
    return ", ".join(words)
