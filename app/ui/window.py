"""The main window: the rail and the pages, each built when it is first shown."""

from __future__ import annotations

import base64
import importlib
from functools import partial
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QByteArray, QCoreApplication, QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QWidget

from app.ui.commands import Commands, keys_in_words
from app.ui.focus_keeper import FocusKeeper
from app.ui.language import tr
from app.ui.pages.coming import ComingPage
from app.ui.pages.table import PAGES, Entry, entry, sentences, titles
from app.ui.palette import Palette
from app.ui.palette_offers import Offer
from app.ui.program import Program
from app.ui.theme import Theme
from app.ui.widgets.rail import Rail, RailItem
from app.ui.window_commands import table

if TYPE_CHECKING:
    from app.ui.pages.chat import ChatPage  # a page is imported when it is first shown

START_SIZE = (1280, 760)  # fits a screen of 800 with its bars
LEAST_SIZE = (820, 540)


class MainWindow(QMainWindow):
    """Lays out; what there is to know is in `program`'s states."""

    painted = Signal()  # once, after the window is first on the screen

    def __init__(self, theme: Theme, program: Program) -> None:
        super().__init__()
        self._theme, self._program = theme, program
        self._was_painted = False
        self.setWindowTitle("Tandem")
        self.setObjectName("window")
        self._pages: dict[str, QWidget] = {}
        self._stack = QStackedWidget()
        FocusKeeper(self._stack)
        self._body = QWidget()
        self._row = QHBoxLayout(self._body)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._row.addWidget(self._stack, 1)
        self.setCentralWidget(self._body)
        self._furnish()
        self.commands = Commands(table(self, program))
        self.commands.install(self)
        self._restore()
        program.settings.zoom_changed.connect(self._zoomed)

    def _furnish(self) -> None:
        """What stands around the pages, at the size in use."""
        theme = self._theme
        self.rail = Rail(theme, [RailItem(e.id, titles()[e.id], e.icon, e.group, bool(e.coming)) for e in PAGES])
        self.rail.chosen.connect(self.show_page)
        self._row.insertWidget(0, self.rail)
        providers = (self._offered_commands, self._offered_models, self._offered_conversations)
        self.finder = Palette(theme, self._body, providers)
        room = self.screen().availableSize()
        least = (min(theme.px(side), most) for side, most in zip(LEAST_SIZE, room.toTuple(), strict=True))
        self.setMinimumSize(*least)

    def _zoomed(self) -> None:
        QTimer.singleShot(0, self, self._rescale)  # a button of a page that goes may have asked

    # --- pages --------------------------------------------------------------------------

    def show_page(self, page: str) -> None:
        """Bring a page to the front, building it the first time."""
        found = entry(page)
        if found is None:
            return
        if found.id not in self._pages:
            made = self._build(found)
            self._pages[found.id] = made
            self._stack.addWidget(made)
        walking = self.rail.focusWidget() is not None and self.rail.focusWidget().hasFocus()
        self._stack.setCurrentWidget(self._pages[found.id])
        self.rail.set_current(found.id)
        if not walking:  # else Qt gives the focus of the page that hides to the rail's first button
            self._pages[found.id].setFocus(Qt.FocusReason.OtherFocusReason)
        if not found.coming:
            self._program.kept.set("window.page", found.id)

    def page(self, page: str) -> QWidget:
        """A page's widget, built if need be."""
        self.show_page(page)
        return self._pages[page]

    @property
    def chat(self) -> ChatPage:
        """The Chat page."""
        return cast("ChatPage", self._pages.get("chat") or self.page("chat"))

    def _build(self, page: Entry) -> QWidget:
        if page.coming:
            coming = ComingPage(self._theme, page.id, titles()[page.id], sentences()[page.id])
            coming.go.connect(self.show_page)
            return coming
        module = importlib.import_module(page.module)
        made = module.build(self._theme, self._program, self.commands)
        assert isinstance(made, QWidget)
        return made

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        if not self._was_painted:
            self._was_painted = True
            QTimer.singleShot(0, self.painted.emit)

    # --- what commands do ---------------------------------------------------------------

    def shows(self, page: str) -> bool:
        """True while `page` is in front."""
        return self._stack.currentWidget() is self._pages.get(page)

    def has_sides(self) -> bool:
        """True while the page in front has sides to fold."""
        return hasattr(self._stack.currentWidget(), "bones")

    def fold(self, side: str) -> None:
        """Fold or unfold "left" or "inspector" of the page in front."""
        bones = getattr(self._stack.currentWidget(), "bones", None)
        if bones is not None:
            bones.toggle(side)

    def toggle_full_screen(self) -> None:
        """All of the screen, or the window as it was before."""
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    # --- the palette --------------------------------------------------------------------

    def _offered_commands(self) -> list[Offer]:
        return [
            Offer(c.title, c.trigger, "", keys_in_words(c.shortcut), always=True)
            for c in self.commands.possible()
            if c.id != "window.palette"
        ]

    def _offered_models(self) -> list[Offer]:
        model = self._program.model
        return [
            Offer(tr("Use {model}", model=pick.title), partial(model.choose_model, pick.id), tr("model"))
            for pick in model.models
            if pick.id != model.model_id
        ]

    def _offered_conversations(self) -> list[Offer]:
        chat = self._program.chat
        return [
            Offer(found.title, partial(self._open, found.id), tr("conversation"))
            for found in chat.conversations()
            if found.title
        ]

    def _open(self, conversation: str) -> None:
        self.show_page("chat")
        self._program.chat.open(conversation)
        self.chat.focus_composer()

    # --- zoom ---------------------------------------------------------------------------

    def _rescale(self) -> None:
        """Every page is made anew from its state, in the size that was chosen; what runs goes on."""
        focused, active = self.focusWidget(), self.isActiveWindow()
        name = focused.objectName() if focused is not None else ""
        if focused is not None:
            focused.clearFocus()  # what is being typed is taken over
        page = self.rail.current()
        for widget in (*self._pages.values(), self.rail, self.finder):
            _end(widget)
        self._pages.clear()
        self._theme.set_scale(self._program.settings.zoom / 100)
        self._furnish()
        if page:
            self.show_page(page)
            again = self._pages[page].findChild(QWidget, name) if name else None
            if again is not None:
                again.setFocus(Qt.FocusReason.OtherFocusReason)
        if active:
            self.activateWindow()

    # --- the window itself --------------------------------------------------------------

    def come_forward(self) -> None:
        """Another start asked for this window."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        geometry = base64.b64encode(self.saveGeometry().data()).decode()
        self._program.kept.set("window.geometry", geometry)
        super().closeEvent(event)

    def _restore(self) -> None:
        self.resize(self._theme.px(START_SIZE[0]), self._theme.px(START_SIZE[1]))
        kept = self._program.kept.get("window.geometry", "")
        if kept:
            self.restoreGeometry(QByteArray(base64.b64decode(kept)))


def _end(widget: QWidget) -> None:
    """Gone now: its state must not reach it any more."""
    widget.hide()
    widget.deleteLater()
    QCoreApplication.sendPostedEvents(widget, QEvent.Type.DeferredDelete)
