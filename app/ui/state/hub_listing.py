"""One repository's offers with their fit verdicts: read in a thread, estimated one after the other in another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.library.starter import SPARE, free_bytes
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state import hub_fit, hub_words
from app.ui.state.background import Report
from app.ui.state.cards import Problem
from app.ui.state.hub_address import Address
from app.ui.state.hub_downloads import HubDownloads, free_words
from app.ui.state.hub_fit import Estimates, FitLine
from app.ui.state.hub_newest import Newest
from app.ui.state.ports import Services
from engines.errors import EngineError

if TYPE_CHECKING:
    from app.library.hub import HubListing, Offer


@dataclass(frozen=True, slots=True)
class OfferLine:
    """One offer. state: "" | a download's state | "here". room: why the disk is too small, or "". best: take this one.

    wanted: the pasted address points to it. model, variant: in the library, where it is here.
    """

    name: str
    format: str
    task: str
    bytes: int
    n_files: int
    why_not: str
    fit: FitLine
    state: str = ""
    room: str = ""
    best: bool = False
    wanted: bool = False
    model: str = ""
    variant: str = ""


class HubListingState(QObject):
    """`changed` whenever there is something else to show."""

    changed = Signal()

    def __init__(
        self, services: Services, bridge: Bridge, downloads: HubDownloads, estimates: Estimates,
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._services, self._bridge, self._downloads, self._estimates = services, bridge, downloads, estimates
        self.address = Address()
        self.listing: HubListing | None = None
        self.offers: tuple[Offer, ...] = ()
        self.problem: Problem | None = None
        self.refused: Problem | None = None  # a download that could not be started
        self._fits: dict[str, FitLine] = {}
        self._here: dict[frozenset[str], tuple[str, str]] = {}
        self._reading = Newest("hub files", bridge, self)
        self._reading.answered.connect(self._read)
        self._reading.failed.connect(self._broken)
        self._reading.changed.connect(self.changed)
        self._pricing = Newest("hub estimates", bridge, self)
        self._pricing.changed.connect(self._take)
        self._pricing.changed.connect(self.changed)
        self._priced = _Priced(bridge.notify)
        bridge.add(self._take)

    @property
    def opened(self) -> bool:
        """True if a repository or a file is shown, read or failed."""
        return bool(self.address.repo or self.address.url)

    @property
    def busy(self) -> bool:
        """True while the list of files is read."""
        return self._reading.busy

    @property
    def estimating(self) -> bool:
        """True while headers are read."""
        return self._pricing.busy

    @property
    def lines(self) -> tuple[OfferLine, ...]:
        """The offers in the hub's order."""
        fits = [self._fits.get(offer.name) or _first_fit(offer, self.estimating) for offer in self.offers]
        best = hub_fit.recommended(self.offers, fits)
        free = free_bytes(self._services.paths.home) - self._downloads.missing_bytes
        wanted = self.address.wanted
        return tuple(
            self._line(offer, fit, place == best, _points_to(wanted, offer), free)
            for place, (offer, fit) in enumerate(zip(self.offers, fits, strict=True))
        )

    def open(self, address: Address) -> None:
        """Read what is there."""
        self._end_pricing()
        self.address, self.listing, self.offers, self._fits = address, None, (), {}
        self.problem = self.refused = None
        services = self._services

        def work(_report: Report, _cancelled: Callable[[], bool]) -> object:
            if address.url:
                return services.hub.offer_of_url(address.url)
            return services.hub.offers(address.repo, address.revision)

        self._reading.ask(work)

    def retry(self) -> None:
        """The same again."""
        if self.opened:
            self.open(self.address)

    def leave(self) -> None:
        """Show none."""
        self._end_pricing()
        self._reading.drop()
        self.address, self.listing, self.offers = Address(), None, ()
        self.problem = self.refused = None
        self.changed.emit()

    def get(self, name: str) -> None:
        """Download the offer of that name."""
        offer = next((each for each in self.offers if each.name == name), None)
        if offer is None or offer.why_not:
            return
        self.refused = None
        try:
            self._services.downloads.start(offer)
        except TandemError as error:
            self.refused = hub_words.problem(error, tr("The download cannot begin"))
        self._downloads.look()
        self.changed.emit()

    def refresh(self) -> None:
        """See anew what of it is here."""
        self._here = {}
        for variant in self._services.library.variants():
            sums = frozenset(file.sha256 for file in variant.files if file.sha256)
            if sums:
                self._here[sums] = (variant.id, variant.variant)
        self.changed.emit()

    def close(self) -> None:
        """At shutdown."""
        self._bridge.remove(self._take)
        self._reading.close()
        self._pricing.close()

    # --- inside -------------------------------------------------------------------------

    def _read(self, found: object) -> None:
        offers = getattr(found, "offers", None)
        if offers is None:
            self.offers = (found,)  # type: ignore[assignment]
        else:
            self.listing, self.offers = found, offers  # type: ignore[assignment]
        self.refresh()
        self._price()

    def _broken(self, error: object) -> None:
        if isinstance(error, TandemError | EngineError):
            self.problem = hub_words.problem(error, tr("{name} cannot be shown", name=self.address.shown))

    def _price(self) -> None:
        """Estimate all that could be loaded, one after the other."""
        wanted = [offer for offer in self.offers if not offer.why_not]
        if not wanted:
            return
        priced, estimates = _Priced(self._bridge.notify), self._estimates

        def work(_report: Report, cancelled: Callable[[], bool]) -> object:
            for name, fit in estimates(wanted):
                if cancelled():
                    break
                priced.put(name, fit)
            return None

        self._priced = priced
        self._pricing.ask(work)

    def _take(self) -> None:
        """A frame of the bridge: what the estimating thread has found since the last."""
        if self._priced.news.is_set():
            self._priced.news.clear()
            self._fits = dict(self._priced.fits)
            self.changed.emit()

    def _end_pricing(self) -> None:
        self._pricing.drop()
        self._priced = _Priced(self._bridge.notify)

    def _line(self, offer: Offer, fit: FitLine, best: bool, wanted: bool, free: int) -> OfferLine:
        sums = frozenset(file.sha256 for file in offer.files if file.sha256)
        here = next((ref for held, ref in self._here.items() if sums and sums <= held), None)
        state = "here" if here is not None else self._downloads.state_of(offer.repo, offer.name)
        room = "" if state or offer.why_not else free_words(free, int(offer.bytes * SPARE))
        model, variant = here or ("", "")
        return OfferLine(
            offer.name, offer.format, offer.task, offer.bytes, len(offer.files), hub_words.plain(offer.why_not, 240),
            fit, state, room, best, wanted, model, variant,
        )  # fmt: skip


class _Priced:
    """What the estimating thread has found so far: it adds, the window's thread copies. Nothing of Qt."""

    def __init__(self, notify: Callable[[], None]) -> None:
        self.fits: dict[str, FitLine] = {}
        self.news = threading.Event()
        self._notify = notify

    def put(self, name: str, fit: FitLine) -> None:
        self.fits[name] = fit
        self.news.set()
        self._notify()


def _first_fit(offer: Offer, estimating: bool) -> FitLine:
    if offer.why_not:
        return hub_fit.unknown(hub_words.plain(offer.why_not, 240))
    return hub_fit.waiting() if estimating else hub_fit.unknown(tr("It could not be estimated."))


def _points_to(wanted: str, offer: Offer) -> bool:
    """True if the address named this variant, or one of its files."""
    return bool(wanted) and (wanted.lower() == offer.name.lower() or any(f.path == wanted for f in offer.files))
