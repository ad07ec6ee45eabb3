"""The Models page: what is on this machine, and, in its second view, where to get more."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEventLoop, QModelIndex, QPoint, Qt, QUrl, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QMenu, QStackedLayout, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.ui.commands import Commands
from app.ui.frame.bones import LIST_WIDTH, Bones
from app.ui.frame.notices import Notices
from app.ui.language import tr
from app.ui.models.asking import Asking
from app.ui.models.bar import HERE, MORE, ModelsBar
from app.ui.models.blank import Blank
from app.ui.models.card_view import CardView
from app.ui.models.disk_card import DiskCard
from app.ui.models.filters import Filters, Summary
from app.ui.models.foot import Foot
from app.ui.models.inspector import Inspector
from app.ui.models.places_list import PlacesList
from app.ui.models.table_view import TableView, mark
from app.ui.models.unusable_view import UnusableView
from app.ui.program import Program
from app.ui.state.models import ModelsState
from app.ui.theme import Theme
from app.ui.widgets.conversation_search import SearchField
from app.ui.widgets.drop_shade import DropShade

if TYPE_CHECKING:
    from app.ui.models.hub_view import HubView  # imported when it is first shown

PAGE = "models"
INSPECTOR = 320
SETTLE_S = 20.0
HUB_VIEW = "app.ui.models.hub_view"


class ModelsPage(QWidget):
    """Shows what its state says and passes on what a person does. make_hub: the second view, made when first shown.

    `chat_wanted(model, variant)`: talk to it on the Chat page.
    """

    chat_wanted = Signal(str, str)

    def __init__(self, theme: Theme, glossary: Glossary, state: ModelsState, make_hub: Callable[[], QWidget]) -> None:
        super().__init__()
        self._theme, self.state, self._make_hub = theme, state, make_hub
        state.chat_wanted.connect(self.chat_wanted)
        self._menu: QMenu | None = None
        self.hub: QWidget | None = None
        self.view = HERE
        self.setObjectName("models.page")
        self.setAccessibleName(tr("Models"))
        self.setAcceptDrops(True)
        self.bar = ModelsBar(theme)
        self.summary, self.filters = Summary(theme, state), Filters(theme, state)
        self.table, self.cards = TableView(theme, state.table), CardView(theme, state.table)
        self.blank, self.unusable = Blank(theme), UnusableView(theme)
        self.notices = Notices(theme, PAGE)
        self.places, self.disk = PlacesList(theme), DiskCard(theme)
        self.inspector = Inspector(theme, glossary, state)
        self.bones = Bones(theme, self.bar, self._pages(), Foot(theme, state), self._left(), self.inspector)
        self.bones.inspector.setFixedWidth(theme.px(INSPECTOR))
        self.asking = Asking(self, state)
        self._shade = DropShade(theme, self, tr("Drop to add it where it lies"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.bones)
        self._listing_unusable = False
        self._bind()
        self.bar.show_view(HERE)
        self._show_kind(state.view)
        self.refresh()
        self._show_disk()

    # --- what the state says ------------------------------------------------------------

    def refresh(self) -> None:
        """Lines, places, what stands above and instead of them."""
        state = self.state
        self.places.set_places(state.places, state.wanted.place)
        self.unusable.show_items(state.unusable)
        if not state.unusable:
            self._listing_unusable = False
        self.table.show_sort(state.wanted.sort, state.wanted.descending)
        self._mark()
        self._show_middle()
        self._show_problem()
        if self.bar.search.text() != state.wanted.query and not self.bar.search.hasFocus():
            self.bar.search.setText(state.wanted.query)

    def _show_problem(self) -> None:
        self.notices.show_problem(self.state.problem)
        self._above.setVisible(self.state.problem is not None)

    def _show_middle(self) -> None:
        state = self.state
        listed = bool(state.table.rows)
        page: QWidget = self.blank
        if self._listing_unusable:
            page = self.unusable
        elif listed:
            page = self.cards if state.view == "cards" else self.table
        else:
            self._show_blank()
        self._stack.setCurrentWidget(page)
        self.summary.setVisible(state.is_read and (bool(state.rows) or state.scan is not None or state.looking))
        self.filters.setVisible(bool(state.rows) and page is not self.unusable)

    def _show_blank(self) -> None:
        state = self.state
        if state.rows:
            sentence = tr("None of {n} variants is like that.", n=f"{len(state.rows):,}")
            self.blank.say(tr("Nothing matches"), sentence, (("clear", tr("Clear the filters")),))
        elif not state.is_read:
            self.blank.say(tr("Reading the library…"), "")
        elif state.looking:
            self.blank.say(tr("Looking for models…"), tr("Only the heads of files are read, and nothing is copied."))
        else:
            sentence = tr(
                "Tandem uses the models of LM Studio, Ollama, the Hugging Face cache, ComfyUI and others where they lie; "
                "nothing is copied."
            )
            buttons = (("look", tr("Look for models on this machine")), ("starter", tr("Get the starter pack")))
            self.blank.say(tr("No models yet"), sentence, buttons)

    def _show_disk(self) -> None:
        if self.state.disk is not None:
            self.disk.show_use(self.state.disk)

    def _show_doing(self) -> None:
        self.bar.set_busy(self.state.doing.busy)
        self._show_problem()
        self._show_middle()

    def _show_kind(self, kind: str) -> None:
        self.bar.show_kind(kind)
        self.state.set_view(kind)
        self._show_middle()
        self._mark()

    def _mark(self) -> None:
        for view in (self.table, self.cards):
            mark(view, self.state.table, self.state.selected)

    # --- what a person does -------------------------------------------------------------

    def focus_search(self) -> None:
        """Put the cursor into the search of the view that is shown."""
        if self.view == MORE:
            field = getattr(self.hub, "field", self.bar.search)
            field.setFocus(Qt.FocusReason.ShortcutFocusReason)
            return
        self.bar.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.bar.search.selectAll()

    def show_view(self, view: str) -> None:
        """Bring "here" or "more" to the front; the sides belong to the first."""
        self.view = view
        self.bar.show_view(view)
        if view == MORE and self.hub is None:
            self.hub = self._make_hub()
            self._views.addWidget(self.hub)
        self._views.setCurrentWidget(self.hub if view == MORE and self.hub is not None else self._here)
        for side, width in ((self.bones.left, LIST_WIDTH), (self.bones.inspector, INSPECTOR)):
            side.setFixedWidth(0 if view == MORE else self._theme.px(width))

    def open_url(self, url: str) -> None:
        """A model's address: the search of the second view gets it, as if it had been typed there."""
        self.show_view(MORE)
        field = getattr(self.hub, "field", None)
        if isinstance(field, SearchField):
            field.setText(url)
            field.searched.emit(url)
            field.entered.emit()

    def add(self, what: str) -> None:
        """What the Add menu says."""
        if what == "url":
            self.show_view(MORE)
        else:
            self.asking.add(what)

    def _act(self, action: str) -> None:
        state = self.state
        table: dict[str, Callable[[], object]] = {
            "again": state.doing.again, "dismiss": state.dismiss, "refresh": state.refresh, "clear": self._clear,
            "look": state.doing.look, "starter": state.doing.get_starter,
        }  # fmt: skip
        table[action]()

    def _clear(self) -> None:
        self.bar.search.clear()
        self.state.clear_filters()

    def _searched(self, query: str) -> None:
        self._listing_unusable = False
        self.state.want(query=query)

    def _entered(self) -> None:
        text = self.bar.search.text().strip()
        if text.startswith(("https://", "http://")):
            self.bar.search.clear()
            self.open_url(text)
        else:
            self._go_down()

    def _go_down(self) -> None:
        if self.state.table.rows:
            view = self.cards if self.state.view == "cards" else self.table
            view.setFocus(Qt.FocusReason.TabFocusReason)
            if not view.currentIndex().isValid():
                view.setCurrentIndex(self.state.table.index(0, 0))

    def _chose(self, now: QModelIndex, _before: QModelIndex) -> None:
        row = self.state.table.row(now)
        if row is not None:
            self.state.select(row.ref)

    def _open(self) -> None:
        """Enter: the details, with the cursor in them."""
        if not self.bones.is_shown("inspector"):
            self.bones.toggle("inspector")
        self.inspector.show_tab("about")
        self.inspector.setFocus(Qt.FocusReason.OtherFocusReason)
        self.inspector.focusNextChild()

    def _list_unusable(self) -> None:
        self._listing_unusable = not self._listing_unusable
        self._show_middle()
        if self._listing_unusable:
            self.unusable.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def _pop_menu(self, where: QPoint) -> None:
        self.menu().popup(where)

    def menu(self) -> QMenu:
        """What can be done with the selected variant."""
        if self._menu is not None:
            self._menu.deleteLater()
        self._menu = QMenu(self)
        for button in (self.inspector.chat, self.inspector.convert, self.inspector.reveal, self.inspector.remove):
            if not button.isHidden():
                action = self._menu.addAction(button.text().strip() or button.accessibleName())
                action.setEnabled(button.isEnabled())
                action.triggered.connect(button.click)
        return self._menu

    # --- dropped files ------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  Qt's name
        if event.mimeData().hasUrls():
            event.acceptProposedAction()
            self._shade.cover()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802  Qt's name
        self._shade.hide()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802  Qt's name
        self._shade.hide()
        event.acceptProposedAction()
        self.drop(event.mimeData().urls())

    def drop(self, urls: list[QUrl]) -> None:
        """Files and folders are added where they lie; an address is opened in the second view."""
        paths = [url.toLocalFile() for url in urls if url.isLocalFile()]
        others = [url.toString() for url in urls if url.scheme() in ("http", "https")]
        if paths:
            self.state.doing.add(paths)
        elif others:
            self.open_url(others[0])

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """What lies there, and what is free, may have changed."""
        super().showEvent(event)
        self.state.refresh()

    def settle(self) -> None:
        """For a picture of the page: wait until everything is read."""
        end = time.monotonic() + SETTLE_S
        while not self.state.settled and time.monotonic() < end:
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)

    # --- inside -------------------------------------------------------------------------

    def _bind(self) -> None:
        state, bar = self.state, self.bar
        state.changed.connect(self.refresh)
        state.selected_changed.connect(self._mark)
        state.disk_changed.connect(self._show_disk)
        state.doing.changed.connect(self._show_doing)
        bar.shown.connect(self.show_view)
        bar.view_chosen.connect(self._show_kind)
        bar.add_wanted.connect(self.add)
        bar.fold.connect(self.bones.toggle)
        bar.search.searched.connect(self._searched)
        bar.search.entered.connect(self._entered)
        bar.search.went_down.connect(self._go_down)
        self.summary.unusable_wanted.connect(self._list_unusable)
        self.unusable.closed.connect(self._list_unusable)
        self.blank.asked.connect(self._act)
        self.notices.action.connect(self._act)
        self.places.chosen.connect(lambda place: state.want(place=place))
        self.places.add_wanted.connect(lambda: self.add("folder"))
        self.places.remove_wanted.connect(self.asking.remove_place)
        self.inspector.remove_wanted.connect(self.asking.remove)
        self.table.sort_wanted.connect(state.sort_by)
        for view in (self.table, self.cards):
            view.selectionModel().currentChanged.connect(self._chose)
            view.opened.connect(self._open)
            view.deleted.connect(self.asking.remove)
            view.menu_wanted.connect(self._pop_menu)

    def _left(self) -> QWidget:
        px = self._theme.px
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.places, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(px(10), 0, px(4), px(10))
        foot.addWidget(self.disk)
        column.addLayout(foot)
        return left

    def _pages(self) -> QWidget:
        px = self._theme.px
        self._above = QWidget()
        above = QVBoxLayout(self._above)
        above.setContentsMargins(px(8), 0, px(8), 0)
        above.addWidget(self.notices)
        pages = QWidget()
        self._stack = QStackedLayout(pages)
        for page in (self.table, self.cards, self.blank, self.unusable):
            self._stack.addWidget(page)
        self._here = QWidget()
        column = QVBoxLayout(self._here)
        column.setContentsMargins(px(8), px(12), px(4), 0)
        column.setSpacing(px(10))
        column.addWidget(self.summary)
        column.addWidget(self._above)
        column.addWidget(self.filters)
        column.addWidget(pages, 1)
        middle = QWidget()
        self._views = QStackedLayout(middle)
        self._views.addWidget(self._here)
        return middle


def build(theme: Theme, program: Program, commands: Commands) -> ModelsPage:
    """The page, with its sides folded as they were left."""

    def make_hub() -> QWidget:
        made: HubView = importlib.import_module(HUB_VIEW).HubView(theme, program.hub)
        made.chat_wanted.connect(program.models.chat_wanted)
        return made

    page = ModelsPage(theme, program.services.glossary, program.models, make_hub)
    for side in ("left", "inspector"):
        page.bones.set_wanted(side, program.kept.get(f"{PAGE}.show_{side}", True))
    page.bones.folded.connect(lambda side, shown: program.kept.set(f"{PAGE}.show_{side}", shown))

    def chat(model: str, variant: str) -> None:
        program.talk_to(model, variant)
        commands["page.chat"].trigger()

    page.chat_wanted.connect(chat)
    return page
