"""What a repository's offers would take here: one header of a family is read, its other precisions follow from it.

A GGUF header with its vocabulary has some megabytes, and a repository twenty precisions of one model: reading every one
would cost more than some models are worth.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from app.errors import TandemError
from app.lab.estimates import Estimate
from app.ui.language import tr
from app.ui.state import hub_fit, hub_words
from app.ui.state.hub_fit import Estimates, FitLine
from app.ui.state.ports import Services
from engines import hardware, registry
from engines.errors import EngineError

if TYPE_CHECKING:
    from app.library.hub import Offer

ORDER = ("fits", "tight", "no")


@dataclass(frozen=True, slots=True)
class _Read:
    """What one header said. found: (engine's title, estimate), the best first. n_params: 0 where it does not say."""

    offer: Offer
    found: tuple[tuple[str, Estimate], ...]
    n_params: int = 0
    tensor_bytes: int = 0
    why: str = ""


def of_hub(services: Services) -> Estimates:
    """The estimates of `app.lab.hub_fit` for a repository's offers, over every engine of this machine."""

    def estimates(offers: Sequence[Offer]) -> Iterator[tuple[str, FitLine]]:
        free = hardware.free_memory()
        for family in families(offers):
            first = first_of(family, free)
            try:
                read = _read(services, first)
            except (TandemError, EngineError) as error:
                read = _Read(first, (), why=hub_words.plain(f"{error.message} {error.hint}", 400))
            for offer in (first, *(other for other in family if other is not first)):
                yield offer.name, _line(read, offer)

    return estimates


def families(offers: Sequence[Offer]) -> list[list[Offer]]:
    """Offers that are one model in several precisions: GGUF files whose names differ in their precision alone."""
    found: dict[object, list[Offer]] = {}
    for place, offer in enumerate(offers):
        found.setdefault(_family(offer, place), []).append(offer)
    return list(found.values())


def first_of(family: Sequence[Offer], free: int) -> Offer:
    """The one whose header is read: the largest whose files alone would have room, else the smallest."""
    room = [offer for offer in family if offer.bytes <= free]
    return max(room, key=lambda o: o.bytes) if room else min(family, key=lambda o: o.bytes)


def _family(offer: Offer, place: int) -> object:
    if offer.format != "gguf" or len(offer.files) != 1:
        return place
    name = offer.files[0].path.rpartition("/")[2].lower()
    return name.replace(offer.name.lower(), "") if offer.name.lower() in name else place


class _Noting:
    """The hub, noting the header that an estimate reads: it says how many weights there are, too."""

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        self.asked = False
        self.head: Any = None

    def head_of(self, offer: Offer) -> Any:
        self.asked = True
        self.head = self._hub.head_of(offer)
        return self.head


def _read(services: Services, offer: Offer) -> _Read:
    lab = importlib.import_module("app.lab.hub_fit")
    specs = registry.visible()
    noting = _Noting(services.hub)
    found: tuple[tuple[str, Estimate], ...] = lab.verdicts(noting, offer, services.store, specs)
    titles = {spec.id: spec.title for spec in specs}
    best = sorted(found, key=lambda each: (ORDER.index(each[1].verdict), each[1].total_bytes))
    named = tuple((titles[engine], estimate) for engine, estimate in best)
    if noting.head is not None:
        return _Read(offer, named, noting.head.shape.n_params, noting.head.shape.tensor_bytes)
    if noting.asked:
        return _Read(offer, named, why=tr("Its files do not say what it would take: load it to see."))
    able = [spec.title for spec in specs if offer.format in spec.formats and not spec.remote]
    if able:
        return _Read(
            offer, named, why=tr("{engines} would load it, and is not installed here.", engines=", ".join(able))
        )
    return _Read(offer, named, why=tr("No engine here loads this format yet."))


def _line(read: _Read, offer: Offer) -> FitLine:
    """The verdict on `offer` by what was read of it, or of another precision of the same model."""
    if not read.found:
        return hub_fit.unknown(read.why)
    less = read.offer.bytes - offer.bytes
    found = [(engine, replace(e, total_bytes=max(0, e.total_bytes - less))) for engine, e in read.found]
    said = [hub_fit.needs(e.total_bytes, e.free_bytes, offer is not read.offer) for _, e in found]
    tip = "\n".join(f"{engine}: {words}" for (engine, _), words in zip(found, said, strict=True))
    bits = (read.tensor_bytes - less) * 8 / read.n_params if read.n_params else None
    return hub_fit.FitLine(
        hub_fit.verdict(found[0][1].verdict), hub_fit.word(found[0][1].verdict), said[0], tip, bits
    )  # fmt: skip
