"""The search of the hub: what is asked, what came, and why nothing did. Nothing is asked before a person wants it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from app.errors import TandemError
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state import hub_address, hub_words
from app.ui.state.background import Report
from app.ui.state.cards import Problem
from app.ui.state.hub_newest import Newest
from app.ui.state.ports import Services
from engines.errors import EngineError

if TYPE_CHECKING:
    from app.library.hub import HubModel

WAIT_MS = 350
PAGE = 30
MOST = 300

TASKS = ("", "chat", "transcribe", "speak", "image", "embed")
SORTS = ("downloads", "likes", "trending", "updated")
"""The hub's own words for orders."""


class HubSearch(QObject):
    """`changed` whenever there is something else to show. A newer search drops the older one's answer."""

    changed = Signal()

    def __init__(self, services: Services, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self.query, self.task, self.sort, self.limit = "", "", SORTS[0], PAGE
        self.results: tuple[HubModel, ...] = ()
        self.answered = False  # the results are an answer to something, maybe an empty one
        self.problem: Problem | None = None
        self.code = ""
        self._newest = Newest("hub search", bridge, self)
        self._newest.answered.connect(self._answered)
        self._newest.failed.connect(self._failed)
        self._newest.changed.connect(self.changed)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT_MS)
        self._timer.timeout.connect(self.run)

    @property
    def busy(self) -> bool:
        """True while an answer is awaited or about to be asked for."""
        return self._newest.busy or self._timer.isActive()

    @property
    def offline(self) -> bool:
        """True if the hub could not be reached at the last try."""
        return self.code in hub_words.OFFLINE

    @property
    def address(self) -> hub_address.Address | None:
        """The address that stands in the search instead of words, if one does."""
        return hub_address.read(self.query, hub_address.hosts(self._services.hub.endpoint))

    @property
    def more(self) -> bool:
        """True if there may be more than what is shown."""
        return self.limit < MOST and len(self.results) >= self.limit

    def set_query(self, text: str) -> None:
        """The words changed: they are searched for when the typing pauses. An address is not sent as words."""
        text = text.strip()
        if text == self.query:
            return
        self.query, self.limit = text, PAGE
        address = self.address
        if not text or (address is not None and address.url) or "://" in text:
            self._timer.stop()
            self._newest.drop()
            self._clear()
        else:
            self._timer.start()
        self.changed.emit()

    def set_task(self, task: str) -> None:
        """Only models for `task`; "" is all. Asked at once, if anything was asked before."""
        self._choose(task, self.sort)

    def set_sort(self, sort: str) -> None:
        """Which come first: one of SORTS."""
        self._choose(self.task, sort)

    def show_more(self) -> None:
        """A page more of the same."""
        self.limit = min(MOST, self.limit + PAGE)
        self.run()

    def run(self) -> None:
        """Ask now, also for no words at all: what is first in its order."""
        self._timer.stop()
        hub, task, sort, limit, address = self._services.hub, self.task, self.sort, self.limit, self.address
        query = address.repo if address is not None else self.query

        def work(_report: Report, _cancelled: Callable[[], bool]) -> object:
            return hub.search(query, task, sort, limit)

        self._newest.ask(work)

    def close(self) -> None:
        """At shutdown."""
        self._timer.stop()
        self._newest.close()

    def _choose(self, task: str, sort: str) -> None:
        if (task, sort) == (self.task, self.sort):
            return
        self.task, self.sort, self.limit = task, sort, PAGE
        if self.answered or self.problem is not None or self.busy:
            self.run()
        self.changed.emit()

    def _clear(self) -> None:
        self.results, self.answered, self.problem, self.code = (), False, None, ""

    def _answered(self, found: object) -> None:
        self._clear()
        self.answered = True
        if isinstance(found, tuple):
            self.results = found

    def _failed(self, error: object) -> None:
        self._clear()
        if isinstance(error, TandemError | EngineError):
            self.code = error.code
            self.problem = hub_words.problem(error, tr("The search brought nothing"))
