"""The main window: the rail and the pages, each built when it is first shown."""

from __future__ import annotations

import base64
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QByteArray, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QWidget

from app.ui.commands import Command, Commands
from app.ui.pages.coming import ComingPage
from app.ui.pages.table import PAGES, Entry, entry
from app.ui.program import Program
from app.ui.theme import Theme
from app.ui.widgets.rail import Rail, RailItem

if TYPE_CHECKING:
    from app.ui.pages.chat import ChatPage  # a page is imported when it is first shown
    from app.ui.pages.compare import ComparePage

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
        self.rail = Rail(theme, [RailItem(e.id, e.title, e.icon, e.group, bool(e.coming)) for e in PAGES])
        self.rail.chosen.connect(self.show_page)
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addWidget(self._stack, 1)
        self.setCentralWidget(body)
        self.setMinimumSize(theme.px(LEAST_SIZE[0]), theme.px(LEAST_SIZE[1]))
        self.commands = Commands(self._table())
        self.commands.install(self)
        self._restore()

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
            coming = ComingPage(self._theme, page.id, page.title, page.coming)
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

    # --- commands -----------------------------------------------------------------------

    def _table(self) -> list[Command]:
        chat = self._program.chat
        return [
            Command("chat.new", "New conversation", self._new_conversation, "Ctrl+N"),
            Command("chat.load", "Load the model", chat.model.load, "Ctrl+L", lambda: chat.model.variant is not None),
            Command(
                "chat.unload",
                "Unload the model",
                chat.model.unload,
                "Ctrl+Shift+L",
                lambda: chat.model.loaded is not None,
            ),
            Command("chat.stop", "Stop the answer", self._stop, "Escape", self._can_stop),
            Command("chat.again", "Answer again", chat.again, "Ctrl+R", lambda: chat.can_ask_again),
            Command("chat.focus", "Write a message", self._focus_composer, "Ctrl+M"),
            Command("fold.left", "Show or hide the list", lambda: self._fold("left"), "Ctrl+B", self._has_sides),
            Command(
                "fold.inspector",
                "Show or hide the settings",
                lambda: self._fold("inspector"),
                "Ctrl+I",
                self._has_sides,
            ),
            *self._compare_table(),
            Command("page.chat", "Go to Chat", lambda: self.show_page("chat"), "Ctrl+1"),
            Command("page.compare", "Go to Compare", lambda: self.show_page("compare"), "Ctrl+2"),
            Command("page.settings", "Settings", lambda: self.show_page("settings"), "Ctrl+,"),
            Command("page.help", "Help", lambda: self.show_page("help"), "F1"),
            Command("window.close", "Close the window", self.close, "Ctrl+Q"),
        ]

    def _compare_table(self) -> list[Command]:
        """What can be done while the Compare page is shown: what the buttons of its bar do."""
        can, act = self._on_compare, self._act
        return [
            Command("compare.measure", "Measure the comparison", act("measure"), "Ctrl+Shift+M", can("can_measure")),
            Command("compare.quick", "Compare quickly, within one load", act("quick"), "", can("can_measure")),
            Command("compare.race", "Race all lanes, a show", act("race"), "", can("can_measure")),
            Command("compare.stop", "Stop the comparison", act("stop"), "", can("busy")),
            Command("compare.replay", "Replay the comparison", act("replay"), "Ctrl+Shift+R", can("can_replay")),
            Command("compare.add_lane", "Add a lane", act("add_lane"), "Ctrl+Shift+A", can("can_edit")),
        ]

    def _act(self, verb: str) -> Callable[[], None]:
        """A verb of the Compare page, which first takes what is still being typed."""
        return lambda: cast("ComparePage", self._pages["compare"]).act(verb)

    def _on_compare(self, what: str) -> Callable[[], bool]:
        """True while the Compare page is shown and its state says that it can."""
        return lambda: self._shows("compare") and bool(getattr(self._program.compare, what))

    def _shows(self, page: str) -> bool:
        return self._stack.currentWidget() is self._pages.get(page)

    def _stop(self) -> None:
        """Escape: what runs on the page that is shown."""
        if self._shows("compare"):
            self._act("stop")()
        else:
            self._program.chat.stop()

    def _can_stop(self) -> bool:
        chat = self._program.chat
        return self._program.compare.busy if self._shows("compare") else chat.running or chat.waiting_for_load

    def _has_sides(self) -> bool:
        return hasattr(self._stack.currentWidget(), "bones")

    def _fold(self, side: str) -> None:
        bones = getattr(self._stack.currentWidget(), "bones", None)
        if bones is not None:
            bones.toggle(side)

    def _new_conversation(self) -> None:
        self.show_page("chat")
        self._program.chat.new()
        self.chat.focus_composer()

    def _focus_composer(self) -> None:
        self.show_page("chat")
        self.chat.focus_composer()

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
