"""The view of the list of conversations: its keys, and what may be dragged and dropped on it."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QListView

from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.conversation_model import MIME, ConversationModel, Entry
from app.ui.widgets.conversation_paint import ConversationDelegate

IMPORTED = (".json", ".md", ".markdown")
OUTSIDE = "\x00"
"""Where nothing can be dropped; "" is the place outside every folder."""

Key = Qt.Key


class ConversationView(QListView):
    """Arrows walk, Enter and Space open, F2 renames, Delete deletes, Left and Right fold a folder, Shift+F10 opens the menu.

    `deleted()`, `opened()`, `folded(bool)`, `left_top()`: keys on the current row. `menu_wanted(where)`: in the viewport.
    `moved(conversation, folder or "")` and `files_dropped(paths)`: what was dropped.
    """

    deleted = Signal()
    opened = Signal()
    folded = Signal(bool)
    left_top = Signal()
    menu_wanted = Signal(QPoint)
    moved = Signal(str, str)
    files_dropped = Signal(list)

    def __init__(self, theme: Theme, model: ConversationModel) -> None:
        super().__init__()
        self._model = model
        self.setObjectName("chat.conversations")
        self.setAccessibleName(tr("Conversations"))
        self.setFont(theme.font())
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        triggers = QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.DoubleClicked
        self.setEditTriggers(triggers)
        self.setDragEnabled(True)
        self.setAcceptDrops(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setDropIndicatorShown(False)
        self._painter = ConversationDelegate(theme, self)
        self.setUniformItemSizes(True)
        model.modelReset.connect(self._measure)  # before the view's own, which lays out
        self.setModel(model)
        self.setItemDelegate(self._painter)

    @property
    def editing(self) -> bool:
        """True while a title is being typed."""
        return self.state() == QAbstractItemView.State.EditingState

    def entry(self) -> Entry | None:
        """The current row's value."""
        return self._model.entry(self.currentIndex())

    def first_row(self) -> int:
        """The first row that can be chosen, or -1."""
        return next((row for row, e in enumerate(self._model.entries) if e.kind != "heading"), -1)

    def row_near(self, row: int) -> int:
        """A row that can be chosen, at `row` or before it, else the first one, or -1."""
        entries = self._model.entries
        before = range(min(row, len(entries) - 1), -1, -1)
        return next((i for i in before if entries[i].kind != "heading"), self.first_row())

    # --- keys -----------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        if self.editing or not self._took(Key(event.key()), event.modifiers()):  # the editor lets Enter through
            super().keyPressEvent(event)

    def _took(self, key: Qt.Key, with_keys: Qt.KeyboardModifier) -> bool:
        entry = self.entry()
        shift = bool(with_keys & Qt.KeyboardModifier.ShiftModifier)
        if key == Key.Key_Menu or (key == Key.Key_F10 and shift):
            self.menu_wanted.emit(self.visualRect(self.currentIndex()).bottomLeft())
        elif key == Key.Key_Delete:
            self.deleted.emit()
        elif key in (Key.Key_Return, Key.Key_Enter, Key.Key_Space):
            self.opened.emit()
        elif key in (Key.Key_Left, Key.Key_Right) and entry is not None and entry.folder:
            self.folded.emit(key == Key.Key_Right)
        elif key == Key.Key_Up and self.currentIndex().row() == self.first_row():
            self.left_top.emit()
        else:
            return False
        return True

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802  Qt's name
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            self.menu_wanted.emit(self.visualRect(self.currentIndex()).bottomLeft())
        else:
            self.menu_wanted.emit(event.pos())

    def _measure(self) -> None:
        """Rows of one height are laid out without asking each of them: two thousand must not hold up a frame."""
        self.setUniformItemSizes(not any(entry.second for entry in self._model.entries))

    # --- drag and drop --------------------------------------------------------------------

    def target(self, data: QMimeData, index: QModelIndex) -> str:
        """The folder that a dragged conversation would fall into on this row; `OUTSIDE` where it would not move."""
        dragged = self._model.row_of(dragged_id(data))
        entry = self._model.entry(index)
        if dragged < 0 or (entry is not None and entry.conversation == self._model.entries[dragged].id):
            return OUTSIDE
        folder = entry.folder_id if entry is not None else ""
        return OUTSIDE if folder == self._model.entries[dragged].folder_id else folder

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  Qt's name
        self._consider(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:  # noqa: N802  Qt's name
        self._consider(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802  Qt's name
        self._aim("")
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802  Qt's name
        self._aim("")
        data = event.mimeData()
        folder = self.target(data, self.indexAt(event.position().toPoint()))
        if files := files_in(data):
            event.acceptProposedAction()
            self.files_dropped.emit(files)
        elif folder != OUTSIDE:
            event.accept()
            self.moved.emit(dragged_id(data), folder)

    def _consider(self, event: QDragMoveEvent) -> None:
        data = event.mimeData()
        folder = self.target(data, self.indexAt(event.position().toPoint()))
        self._aim("" if folder == OUTSIDE else folder)
        if files_in(data):
            event.acceptProposedAction()
        elif dragged_id(data) and (folder != OUTSIDE or isinstance(event, QDragEnterEvent)):
            event.setDropAction(Qt.DropAction.MoveAction)
            event.accept()
        else:
            event.ignore()

    def _aim(self, folder: str) -> None:
        if folder != self._painter.drop_folder:
            self._painter.drop_folder = folder
            self.viewport().update()


def dragged_id(data: QMimeData) -> str:
    """The conversation that is dragged, or ""."""
    return bytes(data.data(MIME).data()).decode() if data.hasFormat(MIME) else ""


def files_in(data: QMimeData) -> list[str]:
    """The paths of the dragged files that can be conversations."""
    paths = [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
    return [path for path in paths if path.lower().endswith(IMPORTED)]
