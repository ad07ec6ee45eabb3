"""Whether an offer would fit this machine, in words, and which of a repository's offers to take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from app.errors import TandemError
from app.ui.language import tr
from app.ui.state import hub_words, words
from engines.errors import EngineError

if TYPE_CHECKING:
    from app.library.hub import Offer

Verdict = Literal["waiting", "fits", "tight", "no", "unknown"]

MORE_THAN_SOURCE = ("f32", "fp32", "float32")
"""Twice the bytes of the 16 bits that models are published in, and no better."""


@dataclass(frozen=True, slots=True)
class FitLine:
    """word: on the chip. detail: the figures, or why there are none. tip: a line an engine. bits: per weight, if known."""

    verdict: Verdict
    word: str
    detail: str = ""
    tip: str = ""
    bits: float | None = None


Estimates = Callable[[Sequence["Offer"]], Iterator[tuple[str, FitLine]]]
"""Offers → (name, its line), one after the other as they are known; reads over the network."""


def waiting() -> FitLine:
    """Before its header was read."""
    return FitLine("waiting", tr("estimating…"))


def unknown(why: str) -> FitLine:
    """There is no estimate; `why` is the reason, a sentence."""
    return FitLine("unknown", tr("not known"), why)


def verdict(found: str) -> Verdict:
    """An estimate's verdict as ours."""
    return "fits" if found == "fits" else "tight" if found == "tight" else "no"


def word(found: str) -> str:
    """What the chip says of it."""
    return {"fits": tr("fits"), "tight": tr("tight")}.get(found, tr("too large"))


def needs(need: int, free: int, about: bool = False) -> str:
    """ "needs 6.1 GB, 3.9 GB free"."""
    if about:
        return tr("needs about {need}, {free} free", need=words.size(need), free=words.size(free))
    return tr("needs {need}, {free} free", need=words.size(need), free=words.size(free))


def each(estimate: Callable[[Offer], FitLine]) -> Estimates:
    """Every offer by itself; one that cannot be estimated says why."""

    def estimates(offers: Sequence[Offer]) -> Iterator[tuple[str, FitLine]]:
        for offer in offers:
            try:
                yield offer.name, estimate(offer)
            except (TandemError, EngineError) as error:
                yield offer.name, unknown(hub_words.plain(f"{error.message} {error.hint}", 400))

    return estimates


def recommended(offers: Sequence[Offer], fits: Sequence[FitLine]) -> int:
    """The place of the offer to take: the largest that fits, no larger than 16 bits if there is such a one; else -1."""
    good = [i for i, (offer, fit) in enumerate(zip(offers, fits, strict=True)) if _usable(offer, fit)]
    lean = [i for i in good if not offers[i].name.lower().startswith(MORE_THAN_SOURCE)]
    return max(lean or good, key=lambda i: offers[i].bytes, default=-1)


def _usable(offer: Offer, fit: FitLine) -> bool:
    return not offer.why_not and fit.verdict == "fits"
