"""The hub: a search above, what was found at the left, the chosen repository at the right, downloads at the foot."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from app.ui.frame.notices import Notices
from app.ui.language import tr
from app.ui.models.downloads_view import DownloadsView
from app.ui.models.hub_detail import HubDetail
from app.ui.models.hub_results import ResultList
from app.ui.models.hub_token import TokenPopup
from app.ui.state import hub_lines
from app.ui.state.hub import HubState
from app.ui.state.hub_lines import ResultLine
from app.ui.state.hub_search import SORTS, TASKS
from app.ui.theme import Theme
from app.ui.widgets.conversation_search import SearchField
from app.ui.widgets.label import Label
from app.ui.widgets.tool_button import ToolButton

LIST_WIDTH, LIST_LEAST, LIST_SHARE = 372, 236, 0.34
NARROW, LEAST = 900, 560


class HubView(QWidget):
    """Shows what its state says and passes on what a person does. `chat_wanted(model id, variant)`."""

    chat_wanted = Signal(str, str)

    def __init__(self, theme: Theme, state: HubState) -> None:
        super().__init__()
        self._theme, self.state = theme, state
        self._popup: TokenPopup | None = None
        self.setObjectName("hub.view")
        self.setAccessibleName(tr("The hub"))
        self.setMinimumWidth(theme.px(LEAST))  # not that of its widest line: it breaks where there is little room
        self.field = _field(theme)
        self.tasks = self._task_buttons()
        self.sort = _sort()
        self.token = ToolButton(theme, "hub.token_button", tr("Token of the hub…"), "lock", 16)
        self.results = ResultList(theme)
        self.notices = Notices(theme, "hub.search")
        self.nothing = Label(theme, "", "dim", "dim", wrap=True)
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.setAccessibleName(tr("Searching"))
        self.detail = HubDetail(theme, state)
        self.downloads = DownloadsView(theme, state)
        self._lay_out()
        self._bind()
        self.refresh()

    def refresh(self) -> None:
        """Show the search as it stands."""
        state, search = self.state, self.state.search
        self.results.show_sections(hub_lines.sections(search, state.starters.lines), self._current())
        self.notices.show_problem(search.problem)
        self.notices.setVisible(search.problem is not None)
        none = search.answered and not search.results and not search.busy
        self.nothing.setText(tr("The hub has nothing like that. Try fewer words, or another task.") if none else "")
        self.nothing.setVisible(none)
        keep = self._busy.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self._busy.setSizePolicy(keep)
        self._busy.setVisible(search.busy)
        for button in self.tasks.buttons():
            button.setChecked(button.property("task") == search.task)
        self.sort.setCurrentIndex(SORTS.index(search.sort))

    def focus_search(self) -> None:
        """Put the cursor into the search."""
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    def ask_for_token(self) -> None:
        """Open the token's card."""
        if self._popup is None:
            self._popup = TokenPopup(self._theme, self.state.token, self.state.page_of("settings/tokens"))
        self.state.token.look()
        self._popup.open_above(self.token)
        self._popup.field.setFocus(Qt.FocusReason.PopupFocusReason)

    @property
    def popup(self) -> TokenPopup | None:
        """The token's card, once it was opened."""
        return self._popup

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        px = self._theme.px
        self._left.setFixedWidth(max(px(LIST_LEAST), min(px(LIST_WIDTH), round(self.width() * LIST_SHARE))))
        self._place_tabs(self.width() < px(NARROW))

    # --- inside -------------------------------------------------------------------------

    def _lay_out(self) -> None:
        px = self._theme.px
        self._top = top = QHBoxLayout()
        top.setContentsMargins(px(16), px(10), px(16), px(10))
        top.setSpacing(px(8))
        self._tabs = QWidget()
        tabs = QHBoxLayout(self._tabs)
        tabs.setContentsMargins(0, 0, px(4), 0)
        tabs.setSpacing(px(8))
        for button in self.tasks.buttons():
            tabs.addWidget(button)
        self._second = QHBoxLayout()
        self._second.addStretch(1)
        top.addWidget(self.field, 1)
        top.addWidget(self._tabs)
        top.addWidget(self.sort)
        top.addWidget(self.token)
        self._left = left = QWidget()
        left.setFixedWidth(px(LIST_WIDTH))
        column = QVBoxLayout(left)
        column.setContentsMargins(px(10), 0, px(6), px(6))
        column.setSpacing(px(6))
        column.addWidget(self._busy)
        column.addWidget(self.notices)
        self.nothing.setContentsMargins(px(8), px(4), 0, 0)
        column.addWidget(self.nothing)
        column.addWidget(self.results, 1)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(left)
        middle.addWidget(_rule("v"))
        middle.addWidget(self.detail, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addLayout(self._second)
        layout.addWidget(_rule("h"))
        layout.addLayout(middle, 1)
        layout.addWidget(self.downloads)

    def _place_tabs(self, below: bool) -> None:
        """The tasks beside the search, or on a line of their own where there is little room."""
        if below == (self._second.count() > 1):
            return
        before, after, place = (self._top, self._second, 0) if below else (self._second, self._top, 1)
        before.removeWidget(self._tabs)
        after.insertWidget(place, self._tabs)
        edge = self._theme.px(12)
        self._second.setContentsMargins(edge, 0, edge, self._theme.px(8) if below else 0)

    def _bind(self) -> None:
        state = self.state
        for changed in (state.search.changed, state.starters.changed, state.chosen_changed):
            changed.connect(self.refresh)
        self.field.searched.connect(state.search.set_query)
        self.field.entered.connect(state.enter)
        self.field.went_down.connect(self.results.enter)
        self.results.left_top.connect(self.field.setFocus)
        self.results.opened.connect(self._open)
        self.results.acted.connect(self._act)
        self.sort.activated.connect(lambda place: state.search.set_sort(SORTS[place]))
        self.token.clicked.connect(self.ask_for_token)
        self.notices.action.connect(self._mend)
        self.detail.chat_wanted.connect(self.chat_wanted)
        self.detail.token_wanted.connect(self.ask_for_token)
        self.detail.popular_wanted.connect(self._popular)
        self.downloads.chat_wanted.connect(self.chat_wanted)

    def _task_buttons(self) -> QButtonGroup:
        group = QButtonGroup(self)
        group.setExclusive(True)
        titles = hub_lines.tasks()
        for task in TASKS:
            button = QPushButton(titles[task])
            button.setObjectName(f"hub.task_{task or 'all'}")
            button.setAccessibleName(tr("Show: {task}", task=titles[task]))
            button.setProperty("kind", "tab")
            button.setProperty("task", task)
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, task=task: self.state.search.set_task(task))
            group.addButton(button)
        return group

    def _current(self) -> str:
        state = self.state
        if state.starter:
            return f"starter:{state.starter}"
        return f"repo:{state.listing.address.repo}" if state.listing.address.repo else ""

    def _open(self, line: ResultLine) -> None:
        if line.kind == "repo":
            self.state.open_repo(line.id)
        elif line.kind == "starter":
            self.state.open_starter(line.id)
        elif line.kind == "open":
            self.state.open_address()
        else:
            self.state.search.show_more()

    def _act(self, line: ResultLine) -> None:
        self._open(line)
        if line.acts == "get":
            self.state.starters.get(line.id)

    def _mend(self, action: str) -> None:
        if action == "token":
            self.ask_for_token()
        else:
            self.state.search.run()

    def _popular(self) -> None:
        if not self.state.search.task:
            self.state.search.set_task("chat")
        self.state.search.run()


def _field(theme: Theme) -> SearchField:
    field = SearchField(theme)
    field.setObjectName("hub.search")
    field.setAccessibleName(tr("Search the hub"))
    field.setPlaceholderText(tr("Search the hub, or paste ORG/NAME or an address"))
    field.setToolTip(tr("Words, a repository's name, a page of the hub, or the address of a GGUF file"))
    return field


def _sort() -> QComboBox:
    box = QComboBox()
    box.setObjectName("hub.sort")
    box.setAccessibleName(tr("Which come first"))
    box.addItems([tr("Most downloads"), tr("Most likes"), tr("Trending"), tr("Last changed")])
    return box


def _rule(kind: str) -> QFrame:
    rule = QFrame()
    rule.setProperty("rule", kind)
    return rule
