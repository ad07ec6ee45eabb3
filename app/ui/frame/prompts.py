"""Saved prompts: a button in the composer that opens them; search, insert, save what is written, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QListWidget, QListWidgetItem, QPushButton

from app.ui.frame.popup import Popup
from app.ui.frame.prompt_lines import START, PromptLines
from app.ui.language import tr
from app.ui.state.prompting import SavedPrompt
from app.ui.state.words import first_words
from app.ui.theme import Theme
from app.ui.widgets.label import Label, hint
from app.ui.widgets.tool_button import ToolButton

LIST_HEIGHT = 190
TIP = 600  # characters of a prompt in its tooltip
ID = Qt.ItemDataRole.UserRole


class Prompts(ToolButton):
    """`chosen(text)`: put it into the message. `saved(title, text)`, `dropped(id)`: for `Prompting`.

    current: what is written now, which "Save" keeps.
    """

    chosen = Signal(str)
    saved = Signal(str, str)
    dropped = Signal(str)

    def __init__(self, theme: Theme, page: str, current: Callable[[], str]) -> None:
        super().__init__(theme, f"{page}.prompts", tr("Saved prompts"), "bookmark")
        self._current = current
        self.popup = _PromptsPopup(theme, page)
        self.popup.chosen.connect(self.chosen)
        self.popup.saved.connect(self.saved)
        self.popup.dropped.connect(self.dropped)
        self.clicked.connect(self._open)
        self.destroyed.connect(self.popup.deleteLater)

    def show_prompts(self, prompts: Sequence[SavedPrompt]) -> None:
        """All there are, in order."""
        self.popup.show_prompts(prompts)

    def _open(self) -> None:
        self.popup.begin(self._current())
        self.popup.open_above(self)
        self.popup.search.setFocus()


class _PromptsPopup(Popup):
    """Up and down move in the list while one searches; Enter inserts, Delete in the list deletes, with a way back."""

    chosen = Signal(str)
    saved = Signal(str, str)
    dropped = Signal(str)

    def __init__(self, theme: Theme, page: str) -> None:
        super().__init__(theme, tr("Saved prompts"))
        self._prompts: list[SavedPrompt] = []
        self._gone: SavedPrompt | None = None
        self._text = ""
        self.search = self._field(f"{page}.prompts_search", tr("Search saved prompts"))
        self.search.textChanged.connect(self._fill)
        self.search.returnPressed.connect(self._insert)
        self.search.installEventFilter(self)
        self.list = QListWidget()
        self.list.setObjectName(f"{page}.prompts_list")
        self.list.setAccessibleName(tr("Saved prompts"))
        self.list.setFixedHeight(theme.px(LIST_HEIGHT))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._lines = PromptLines(theme)
        self.list.setItemDelegate(self._lines)
        self.list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.list.itemActivated.connect(self._insert)
        self.list.itemDoubleClicked.connect(self._insert)
        self.list.itemSelectionChanged.connect(self._refresh)
        self.list.installEventFilter(self)
        self.words = Label(theme, "", "dim", "dim", wrap=True)
        for part in (self.search, self.list, self.words):
            self.body.addWidget(part)
        self.body.addLayout(self._verbs(page))
        rule = QFrame()
        rule.setProperty("rule", "h")
        self.body.addWidget(rule)
        self.body.addLayout(self._saving(page))

    def begin(self, text: str) -> None:
        """text: what is written in the message now."""
        self._text, self._gone = text.strip(), None
        self.search.clear()
        self.title_field.setText(first_words(self._text) if self._text else "")
        self._fill()

    def show_prompts(self, prompts: Sequence[SavedPrompt]) -> None:
        """All there are."""
        if self._prompts != list(prompts):
            self._prompts = list(prompts)
            self._fill()

    # --- what is shown ------------------------------------------------------------------

    def _fill(self) -> None:
        kept = self._selected()
        wanted = self.search.text().casefold().split()
        self.list.clear()
        for prompt in self._prompts:
            whole = f"{prompt.title} {prompt.text}".casefold()
            if all(word in whole for word in wanted):
                self._add(prompt)
        rows = [self.list.item(row).data(ID) for row in range(self.list.count())]
        if rows:
            self.list.setCurrentRow(rows.index(kept.id) if kept is not None and kept.id in rows else 0)
        self._refresh()

    def _add(self, prompt: SavedPrompt) -> None:
        item = QListWidgetItem(prompt.title)
        item.setData(ID, prompt.id)
        item.setData(START, first_words(prompt.text, 90))
        item.setToolTip(hint(prompt.text[:TIP]))
        self.list.addItem(item)

    def _refresh(self) -> None:
        some = self._selected() is not None
        self.insert_button.setEnabled(some)
        self.delete_button.setEnabled(some)
        self.undo_button.setVisible(self._gone is not None)
        for part in (self.title_field, self.save_button):
            part.setEnabled(bool(self._text))
        self.words.setText(self._said())
        self.words.setVisible(bool(self.words.text()))

    def _said(self) -> str:
        if self._gone is not None:
            return tr("“{title}” was deleted.", title=self._gone.title)
        if not self._prompts:
            return tr("None yet. Write a message, then save it here.")
        return "" if self.list.count() else tr("Nothing matches.")

    def _selected(self) -> SavedPrompt | None:
        item = self.list.currentItem()
        wanted = None if item is None else item.data(ID)
        return next((prompt for prompt in self._prompts if prompt.id == wanted), None)

    # --- what is done -------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if watched is self.search and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
                row = self.list.currentRow() + (1 if event.key() == Qt.Key.Key_Down else -1)
                self.list.setCurrentRow(max(0, min(row, self.list.count() - 1)))
                return True
            if watched is self.list and event.key() == Qt.Key.Key_Delete:
                self._delete()
                return True
        return False

    def _insert(self) -> None:
        prompt = self._selected()
        if prompt is not None:
            self.close()
            self.chosen.emit(prompt.text)

    def _delete(self) -> None:
        prompt = self._selected()
        if prompt is not None:
            self._gone = prompt
            self.dropped.emit(prompt.id)
            self._refresh()

    def _undo(self) -> None:
        if self._gone is not None:
            gone, self._gone = self._gone, None
            self.saved.emit(gone.title, gone.text)
            self._refresh()

    def _save(self) -> None:
        if self._text:
            self._gone = None
            self.saved.emit(self.title_field.text(), self._text)
            self._refresh()

    # --- parts --------------------------------------------------------------------------

    def _verbs(self, page: str) -> QHBoxLayout:
        self.insert_button = _button(f"{page}.prompts_insert", tr("Insert"), self._insert)
        self.delete_button = _button(f"{page}.prompts_delete", tr("Delete"), self._delete)
        self.undo_button = _button(f"{page}.prompts_undo", tr("Undo"), self._undo)
        row = QHBoxLayout()
        row.addWidget(self.delete_button)
        row.addWidget(self.undo_button)
        row.addStretch(1)
        row.addWidget(self.insert_button)
        return row

    def _saving(self, page: str) -> QHBoxLayout:
        self.title_field = self._field(f"{page}.prompts_title", tr("Title for what you have written"))
        self.title_field.returnPressed.connect(self._save)
        self.save_button = _button(f"{page}.prompts_save", tr("Save"), self._save)
        self.save_button.setAccessibleName(tr("Save what you have written"))
        row = QHBoxLayout()
        row.addWidget(self.title_field, 1)
        row.addWidget(self.save_button)
        return row

    def _field(self, name: str, what: str) -> QLineEdit:
        field = QLineEdit()
        field.setObjectName(name)
        field.setAccessibleName(what)
        field.setPlaceholderText(what)
        return field


def _button(name: str, title: str, slot: Callable[[], None]) -> QPushButton:
    button = QPushButton(title)
    button.setObjectName(name)
    button.setAccessibleName(title)
    button.setAutoDefault(False)
    button.clicked.connect(slot)
    return button
