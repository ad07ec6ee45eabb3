"""Whether an offer would fit this machine, in words, and which of a repository's offers to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from app.ui.language import tr
from app.ui.state import words

if TYPE_CHECKING:
    from app.library.hub import Offer

Verdict = Literal["waiting", "fits", "tight", "no", "unknown"]

MORE_THAN_SOURCE = ("f32", "fp32", "float32")
"""Twice the bytes of the 16 bits that models are published in, and no better."""


@dataclass(frozen=True, slots=True)
class FitLine:
    """word: on the chip. detail: the figures, or why there are none. bits: per weight, None where not known."""

    verdict: Verdict
    word: str
    detail: str = ""
    engine: str = ""
    bits: float | None = None


def waiting() -> FitLine:
    """Before its header was read."""
    return FitLine("waiting", tr("estimating…"))


def unknown(why: str) -> FitLine:
    """There is no estimate; `why` is the reason, a sentence."""
    return FitLine("unknown", tr("not known"), why)


def line(need: int, free: int, verdict: str, engine: str = "", bits: float | None = None) -> FitLine:
    """An estimate in words: "needs 6.1 GB, 3.9 GB free"."""
    detail = tr("needs {need}, {free} free", need=words.size(need), free=words.size(free))
    if verdict == "fits":
        return FitLine("fits", tr("fits"), detail, engine, bits)
    if verdict == "tight":
        return FitLine("tight", tr("tight"), detail, engine, bits)
    return FitLine("no", tr("too large"), detail, engine, bits)


def recommended(offers: Sequence[Offer], fits: Sequence[FitLine]) -> int:
    """The place of the offer to take: the largest that fits, no larger than 16 bits if there is such a one; else -1."""
    good = [i for i, (offer, fit) in enumerate(zip(offers, fits, strict=True)) if _usable(offer, fit)]
    lean = [i for i in good if not offers[i].name.lower().startswith(MORE_THAN_SOURCE)]
    return max(lean or good, key=lambda i: offers[i].bytes, default=-1)


def _usable(offer: Offer, fit: FitLine) -> bool:
    return not offer.why_not and fit.verdict == "fits"
