"""The hub in the window: a search, one repository's offers, the starter pack, the token, and what is downloaded."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state import hub_pricing, hub_words
from app.ui.state.cards import Problem
from app.ui.state.hub_address import Address
from app.ui.state.hub_downloads import HubDownloads
from app.ui.state.hub_fit import Estimates
from app.ui.state.hub_listing import HubListingState
from app.ui.state.hub_search import HubSearch
from app.ui.state.hub_starters import HubStarters, StarterLine
from app.ui.state.hub_token import HubToken
from app.ui.state.ports import Services


class HubState(QObject):
    """Its parts say when they change. `library_changed`: something new lies in the library. `chosen_changed`: another
    repository or starter is shown."""

    library_changed = Signal()
    chosen_changed = Signal()
    problem_changed = Signal()

    def __init__(
        self, services: Services, bridge: Bridge, estimates: Estimates | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._services = services
        self.search = HubSearch(services, bridge, self)
        self.downloads = HubDownloads(services, bridge, self)
        self.listing = HubListingState(
            services, bridge, self.downloads, estimates or hub_pricing.of_hub(services), self
        )
        self.starters = HubStarters(services, bridge, self)
        self.token = HubToken(services, bridge, self)
        self.starter = ""  # the starter that is shown instead of a repository
        self.problem: Problem | None = None  # a download that could not be paused, resumed …
        self.downloads.changed.connect(self.listing.changed)
        self.downloads.arrived.connect(self._arrived)
        self.starters.arrived.connect(self._arrived)

    @property
    def shown_starter(self) -> StarterLine | None:
        """The starter at the right, if one is chosen."""
        return self.starters.line(self.starter) if self.starter else None

    def open_repo(self, repo: str) -> None:
        """Show a repository's offers."""
        self.open_address(Address(repo))

    def open_address(self, address: Address | None = None) -> None:
        """Show what an address points to; without one, that which stands in the search."""
        address = address or self.search.address
        if address is not None:
            self.starter = ""
            self.listing.open(address)
            self.chosen_changed.emit()

    def open_starter(self, id: str) -> None:
        """Show a starter."""
        self.listing.leave()
        self.starter = id
        self.chosen_changed.emit()

    def enter(self) -> None:
        """What Enter does in the search: opens an address, else searches at once."""
        if self.search.address is not None:
            self.open_address()
        else:
            self.search.run()

    def page_of(self, repo: str) -> str:
        """Where a person reads about a repository."""
        return f"{self._services.hub.endpoint.rstrip('/')}/{repo}"

    def download(self, verb: str, id: str) -> None:
        """pause, resume, cancel, retry or clear one of the downloads."""
        self._set_problem(None)
        try:
            self.downloads.act(verb, id)
        except TandemError as error:
            made = hub_words.problem(error, tr("This download cannot do that now"))
            self._set_problem(Problem(made.title, made.message, made.hint, (("dismiss", tr("Close")),)))

    def dismiss(self) -> None:
        """The person has read what went wrong."""
        self._set_problem(None)

    def refresh(self) -> None:
        """The library has changed elsewhere."""
        self.starters.refresh()
        self.listing.refresh()

    def close(self) -> None:
        """At shutdown; the downloads are not cancelled: `services.downloads` pauses them until the next start."""
        for part in (self.search, self.listing, self.starters, self.token, self.downloads):
            part.close()

    def _arrived(self, _ref: str) -> None:
        self.refresh()
        self.library_changed.emit()

    def _set_problem(self, problem: Problem | None) -> None:
        if problem != self.problem:
            self.problem = problem
            self.problem_changed.emit()
