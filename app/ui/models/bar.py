"""The top bar of the Models page: which of its two views, the search, how the models are shown, and how to get more."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QMenu, QPushButton, QSizePolicy, QWidget

from app.ui import icons
from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.conversation_search import SearchField
from app.ui.widgets.tool_button import ToolButton

HERE, MORE = "here", "more"
ADDS = ("file", "model_folder", "folder", "starter", "url")


class ModelsBar(QWidget):
    """`shown(view)`: "here" or "more"; `view_chosen(kind)`: "table" or "cards"; `add_wanted(what)`: of `ADDS`;
    `fold(side)`; the search has its own signals."""

    shown = Signal(str)
    view_chosen = Signal(str)
    add_wanted = Signal(str)
    fold = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.search = SearchField(theme)
        self.search.setObjectName("models.search")
        self.search.setAccessibleName(tr("Search models"))
        self.search.setPlaceholderText(tr("Search models, or paste a URL"))
        self.search.setToolTip(tr("Search names, architectures, licences, formats and places (Ctrl+F)"))
        self.search.setMaximumWidth(theme.px(340))
        self.search.setMinimumWidth(theme.px(130))
        self._views = self._switch((HERE, tr("Here"), tr("Models on this machine")),
                                   (MORE, tr("Get more"), tr("Search the hub and download")))  # fmt: skip
        self.table = self._tool("table", tr("Show as a table"), "rows")
        self.cards = self._tool("cards", tr("Show as cards"), "grid")
        self.table.clicked.connect(lambda: self.view_chosen.emit("table"))
        self.cards.clicked.connect(lambda: self.view_chosen.emit("cards"))
        self.add = self._add_button()
        self._left = self._fold("left", "fold", tr("Show or hide the places"))
        keeps = self._left.sizePolicy()
        keeps.setRetainSizeWhenHidden(True)  # the switch stays where it is in both views
        self._left.setSizePolicy(keeps)
        self._right = self._fold("inspector", "fold-right", tr("Show or hide the details"))
        self._lay_out()

    def show_view(self, view: str) -> None:
        """Mark "here" or "more" without a word; what belongs to the first is hidden in the second."""
        for name, button in self._views.items():
            button.setChecked(name == view)
        for widget in (self.search, self.table, self.cards, self.add, self._left, self._right):
            widget.setVisible(view == HERE)

    def show_kind(self, kind: str) -> None:
        """Mark the table's button or the cards'."""
        self.table.mark(kind == "table", tr("Shown as a table") if kind == "table" else "")
        self.cards.mark(kind == "cards", tr("Shown as cards") if kind == "cards" else "")

    def set_busy(self, busy: bool) -> None:
        """Nothing else can be added meanwhile."""
        self.add.setEnabled(not busy)

    def _switch(self, *choices: tuple[str, str, str]) -> dict[str, QPushButton]:
        group = QButtonGroup(self)
        made = {}
        for name, title, says in choices:
            button = QPushButton(title)
            button.setObjectName(f"models.view_{name}")
            button.setAccessibleName(says)
            button.setToolTip(says)
            button.setCheckable(True)
            button.setProperty("kind", "tab")
            button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
            button.clicked.connect(lambda _=False, name=name: self.shown.emit(name))
            group.addButton(button)
            made[name] = button
        return made

    def _tool(self, name: str, title: str, icon: str) -> ToolButton:
        return ToolButton(self._theme, f"models.as_{name}", title, icon)

    def _fold(self, side: str, icon: str, title: str) -> ToolButton:
        button = ToolButton(self._theme, f"models.fold_{side}", title, icon)
        button.clicked.connect(lambda: self.fold.emit(side))
        return button

    def _add_button(self) -> QPushButton:
        button = QPushButton(tr("Add") + " ")  # the space keeps the arrow off the word
        button.setObjectName("models.add")
        button.setAccessibleName(tr("Add models"))
        button.setToolTip(tr("Add models that lie elsewhere; nothing is copied"))
        button.setLayoutDirection(self.layoutDirection().RightToLeft)
        button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        icons.bind(button, self._theme, "chevron-down", "dim", 13)
        self.menu = QMenu(button)
        titles = {
            "file": tr("A model file…"), "model_folder": tr("A model’s folder…"), "folder": tr("A folder to look in…"),
            "starter": tr("The starter pack"), "url": tr("From the hub or a URL…"),
        }  # fmt: skip
        for what in ADDS:
            if what == "starter":
                self.menu.addSeparator()
            self.menu.addAction(titles[what]).triggered.connect(lambda _=False, what=what: self.add_wanted.emit(what))
        button.clicked.connect(self._pop)
        return button

    def _pop(self) -> None:
        width = self.menu.sizeHint().width()
        self.menu.popup(self.add.mapToGlobal(QPoint(self.add.width() - width, self.add.height() + 2)))

    def _lay_out(self) -> None:
        px = self._theme.px
        row = QHBoxLayout(self)
        row.setContentsMargins(px(8), 0, px(8), 0)
        row.setSpacing(px(8))
        row.addWidget(self._left)
        for button in self._views.values():
            row.addWidget(button)
        row.addSpacing(px(8))
        row.addWidget(self.search, 1)
        row.addStretch(1)
        row.addWidget(self.table)
        row.addWidget(self.cards)
        row.addWidget(self.add)
        row.addWidget(self._right)
