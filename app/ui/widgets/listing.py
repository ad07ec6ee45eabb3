"""The list of conversations: a search, and titles pinned, in folders, or under the day they were last touched."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QVBoxLayout, QWidget

from app.ui import icons
from app.ui.language import tr
from app.ui.state.conversation_lines import Line, Section
from app.ui.theme import Theme
from app.ui.widgets.conversation_menu import conversation_menu, folder_menu, list_menu
from app.ui.widgets.conversation_model import ID_ROLE, ConversationModel, Entry
from app.ui.widgets.conversation_search import SearchField
from app.ui.widgets.conversation_view import ConversationView
from app.ui.widgets.label import Label

Item = tuple[str, str, str]
"""(id, title, heading) of one conversation; the heading is its day in words, "" for none."""


class ConversationList(QWidget):
    """Says what a person asked for; the list itself changes nothing but which folders are open.

    `chosen(id)`, `created()`, `deleted(id)`, `renamed(id, title)`, `pinned(id, bool)`, `moved(id, folder or "")`,
    `exported(id)`; `folder_created(title, conversation or "")`, `folder_renamed(id, title)`, `folder_deleted(id)`,
    `folder_folded(id, open)`; `searched(query)`, `hit_chosen(conversation, message)`; `import_wanted()`,
    `files_dropped(paths)`.
    """

    chosen = Signal(str)
    created = Signal()
    deleted = Signal(str)
    renamed = Signal(str, str)
    pinned = Signal(str, bool)
    moved = Signal(str, str)
    exported = Signal(str)
    folder_created = Signal(str, str)
    folder_renamed = Signal(str, str)
    folder_deleted = Signal(str)
    folder_folded = Signal(str, bool)
    searched = Signal(str)
    hit_chosen = Signal(str, str)
    import_wanted = Signal()
    files_dropped = Signal(list)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._later: tuple[Sequence[Section], str] | None = None
        self._names_next: set[str] | None = None  # the folders there were when a new one was asked for
        self._folders: list[tuple[str, str]] = []
        self._given = ""  # the conversation that is open
        self._menu: QMenu | None = None
        self.model = ConversationModel(self)
        self.view = ConversationView(theme, self.model)
        self.search = SearchField(theme)
        self.new_button = self._button("chat.new", tr("New conversation"), "plus")
        self.more_button = self._button("chat.list_more", tr("More for the list"), "more")
        self.nothing = Label(theme, tr("What you talk about is kept here."), "dim", "dim", wrap=True)
        self._lay_out()
        self._bind()

    def _lay_out(self) -> None:
        px = self._theme.px
        head = QHBoxLayout()
        head.setSpacing(px(2))
        head.addWidget(Label(self._theme, tr("Conversations"), "dim", "dim", "semibold"))
        head.addStretch(1)
        head.addWidget(self.new_button)
        head.addWidget(self.more_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(14), px(10), px(8), px(8))
        column.setSpacing(px(6))
        column.addLayout(head)
        column.addWidget(self.search)
        column.addWidget(self.nothing)
        column.addWidget(self.view, 1)

    def _bind(self) -> None:
        view, model, search = self.view, self.model, self.search
        model.renamed.connect(self.renamed)
        model.folder_renamed.connect(self.folder_renamed)
        view.clicked.connect(self._activate)
        view.opened.connect(lambda: self._activate(view.currentIndex()))
        view.deleted.connect(self._delete_current)
        view.folded.connect(self._fold_current)
        view.left_top.connect(search.setFocus)
        view.menu_wanted.connect(self._show_menu)
        view.moved.connect(self.moved)
        view.files_dropped.connect(self.files_dropped)
        view.itemDelegate().closeEditor.connect(self._edited)
        search.searched.connect(self.searched)
        search.went_down.connect(self._enter_list)
        search.entered.connect(self._open_first)
        self.new_button.clicked.connect(self.created)
        self.more_button.clicked.connect(self._show_more)

    # --- what is shown ------------------------------------------------------------------

    def set_sections(self, sections: Sequence[Section], current: str = "") -> None:
        """Show these and mark the open conversation (none: ""); says nothing. Waits while a title is being typed.

        A person who walks the list with the keyboard stays where they are, unless another conversation was opened.
        """
        if self.view.editing:
            self._later = (sections, current)
            return
        at, row = self.view.verticalScrollBar().value(), self.view.currentIndex().row()
        walked = self.view.entry() if self.view.hasFocus() else None
        changed = self.model.set_sections(sections)
        if any(section.kind != "hits" for section in sections):
            self._folders = self.model.folders()
        self.nothing.setVisible(not self.model.entries)
        another, self._given = current != self._given, current
        if changed and walked is not None and not another:
            self._mark_again(walked, row)
        else:
            self.set_current(current)
        if not another:
            self.view.verticalScrollBar().setValue(at)
        self._name_new_folder()

    def set_items(self, items: Sequence[Item], current: str = "") -> None:
        """The same, of (id, title, heading) in their order."""
        days = groupby(items, key=lambda item: item[2])
        self.set_sections(
            [Section(day, "day", "", tuple(Line(i, t) for i, t, _ in found)) for day, found in days], current
        )

    def set_current(self, conversation: str) -> None:
        """Mark one; says nothing."""
        if self.current() != conversation or not conversation:
            self._mark(self.model.row_of(conversation))

    def current(self) -> str:
        """The marked conversation's id, or ""."""
        index = self.view.currentIndex()
        return str(index.data(ID_ROLE) or "") if index.isValid() else ""

    # --- what a command does --------------------------------------------------------------

    def rename(self, conversation: str) -> None:
        """Open the editor on a title."""
        self._edit(self.model.row_of(conversation))

    def rename_folder(self, folder: str) -> None:
        """Open the editor on a folder's title."""
        self._edit(self.model.row_of_folder(folder))

    def new_folder(self, conversation: str = "") -> None:
        """Ask for a new folder, with a conversation in it; its title is typed in the list when it is there."""
        self.search.clear()
        self._names_next = {folder for folder, _ in self.model.folders()}
        self.folder_created.emit(tr("New folder"), conversation)

    def folder_choices(self) -> list[tuple[str, str]]:
        """(id, title) of every folder, also while something else is shown."""
        return self._folders

    def focus_search(self) -> None:
        """Put the cursor into the search, with what stands there marked."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    # --- inside -------------------------------------------------------------------------

    def _mark_again(self, walked: Entry, row: int) -> None:
        """Where the keyboard was in the list: on the same entry, else on what took its place."""
        same = next((i for i, e in enumerate(self.model.entries) if (e.kind, e.id) == (walked.kind, walked.id)), -1)
        self._mark(same if same >= 0 else self.view.row_near(row))

    def _mark(self, row: int) -> None:
        index = self.model.index(row) if row >= 0 else QModelIndex()
        self.view.setCurrentIndex(index)
        if row < 0:
            self.view.selectionModel().select(QModelIndex(), QItemSelectionModel.SelectionFlag.Clear)

    def _edit(self, row: int) -> None:
        if row >= 0:
            self._mark(row)
            self.view.edit(self.model.index(row))

    def _name_new_folder(self) -> None:
        known = self._names_next
        fresh = [folder for folder, _ in self.model.folders() if known is not None and folder not in known]
        if fresh:
            self._names_next = None
            self.view.setFocus(Qt.FocusReason.OtherFocusReason)
            self.rename_folder(fresh[0])

    def _edited(self) -> None:
        """The editor closes: what was to be shown meanwhile is shown when it is gone."""
        QTimer.singleShot(0, self, self._show_later)

    def _show_later(self) -> None:
        if self._later is not None and not self.view.editing:
            (sections, current), self._later = self._later, None
            self.set_sections(sections, current)

    def _activate(self, index: QModelIndex) -> None:
        entry = self.model.entry(index)
        if entry is None or entry.kind == "heading":
            return
        if entry.folder:
            self._fold(entry.folder, not entry.open)
        elif entry.message_id:
            self.hit_chosen.emit(entry.id, entry.message_id)
        else:
            self.chosen.emit(entry.id)

    def _fold_current(self, shown: bool) -> None:
        entry = self.view.entry()
        if entry is not None and entry.folder and entry.open != shown:
            self._fold(entry.folder, shown)

    def _fold(self, folder: str, shown: bool) -> None:
        at = self.view.verticalScrollBar().value()
        self.model.set_open(folder, shown)
        self._mark(self.model.row_of_folder(folder))
        self.view.verticalScrollBar().setValue(at)
        self.folder_folded.emit(folder, shown)

    def _delete_current(self) -> None:
        entry = self.view.entry()
        if entry is not None and entry.folder:
            self.folder_deleted.emit(entry.folder)
        elif entry is not None and entry.conversation:
            self.deleted.emit(entry.conversation)

    def _enter_list(self) -> None:
        row = self.view.first_row()
        if row >= 0:
            self._mark(row)
            self.view.setFocus(Qt.FocusReason.TabFocusReason)

    def _open_first(self) -> None:
        row = next((row for row, entry in enumerate(self.model.entries) if entry.conversation), -1)
        if row >= 0 and self.search.text().strip():
            self._mark(row)
            self._activate(self.model.index(row))

    # --- menus --------------------------------------------------------------------------

    def _show_menu(self, where: QPoint) -> None:
        entry = self.model.entry(self.view.indexAt(where))
        self._pop(self._menu_of(entry), self.view.viewport().mapToGlobal(where))

    def _menu_of(self, entry: Entry | None) -> QMenu:
        if entry is None or entry.kind == "heading":
            return list_menu(self)
        return folder_menu(self, entry) if entry.folder else conversation_menu(self, entry)

    def _show_more(self) -> None:
        self._pop(list_menu(self), self.more_button.mapToGlobal(self.more_button.rect().bottomLeft()))

    def _pop(self, menu: QMenu, where: QPoint) -> None:
        if self._menu is not None:
            self._menu.deleteLater()
        self._menu = menu
        menu.popup(where)

    def _button(self, name: str, title: str, icon: str) -> QToolButton:
        button = QToolButton()
        button.setProperty("kind", "quiet")
        button.setObjectName(name)
        button.setAccessibleName(title)
        button.setToolTip(title)
        icons.bind(button, self._theme, icon, "text", 16)
        return button
