"""What a model of the hub would take here, from the first bytes of its files: before anybody downloads it."""

from __future__ import annotations

from collections.abc import Iterable

from app.lab.describe import missing_distributions
from app.lab.estimates import Estimate, price
from app.library import Lineage, Variant
from app.library.hub import Hub, Offer
from app.library.hub.heads import Head
from app.store import Store
from engines import hardware
from engines.spec import EngineSpec


def verdicts(hub: Hub, offer: Offer, store: Store, specs: Iterable[EngineSpec]) -> tuple[tuple[str, Estimate], ...]:
    """(engine id, estimate with that engine's own settings) of every engine of `specs` that loads the offer's format.

    Empty where the format's header says nothing of memory. Blocks: it reads from the hub. Raises TandemError.
    """
    able = [s for s in specs if offer.format in s.formats and not s.remote and not missing_distributions(s)]
    head = hub.head_of(offer) if able else None
    if head is None:
        return ()
    variant, free = _variant(offer, head), hardware.free_memory()
    found = [(s.id, price(store.loads(s.id), s, variant, s.split({})[0], free)) for s in able]
    return tuple((engine, estimate) for engine, estimate in found if estimate is not None)


def _variant(offer: Offer, head: Head) -> Variant:
    """The variant that the download would make, as far as its memory goes."""
    bits = head.shape.tensor_bytes * 8 / head.shape.n_params if head.shape.n_params else None
    return Variant(
        id="", variant=offer.name, task=offer.task, title=offer.title, format=offer.format, licence=offer.licence, bytes=offer.bytes,
        bits_per_weight=bits, lineage=Lineage("original"), mix=head.mix, path="", files=(), shape=head.shape,
    )  # fmt: skip
