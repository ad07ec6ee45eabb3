"""What of one model fits this machine: every variant that is here or could be made, in every engine that loads it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from app.errors import TandemError
from app.lab.describe import missing_distributions
from app.lab.errors import translated
from app.lab.estimates import Estimate, price
from app.library import ConversionPlan, Library, Variant
from app.store import LoadRecord, Store
from engines import hardware, memory, registry
from engines.knobs import Settings
from engines.spec import EngineSpec, Verb

CTX_STEP = 256  # the answer to “what context would still fit” is a multiple of it
MOST_CTX = 1 << 20


@dataclass(frozen=True, slots=True)
class Fit:
    """One variant in one engine. knobs: those that memory depends on, without Auto, and all that were asked for.

    made_from: the variant it would be made from, "" for one that is here. largest_n_ctx: the largest context for which
    it fits with 10 % to spare, at most what the model was trained with; None if none does.
    loads, error, worst: how many loads here the estimates of this engine were compared with, and how they did.
    """

    engine: str
    variant: str
    knobs: Settings
    file_bytes: int
    made_from: str
    estimate: Estimate
    largest_n_ctx: int | None

    @property
    def loads(self) -> int:
        return len(self.estimate.errors)

    @property
    def error(self) -> float | None:
        return statistics.median(self.estimate.errors) if self.estimate.errors else None

    @property
    def worst(self) -> float | None:
        return max(self.estimate.errors, key=abs, default=None)


Knobs = Callable[[EngineSpec], Settings | None]
"""The load knobs that a person asked of an engine; None: it has none of that name, leave it out."""


def fits(library: Library, store: Store, ref: str, knobs: Knobs, engine: str | None = None) -> list[Fit]:
    """Every way to load model `ref` ("id" or "id:variant"), those that are here first.

    Raises TandemError `unknown_model`, `unknown_variant`, `no_engine`, `unknown_engine`, `wrong_task`, `no_variant`,
    `no_size`, or what `knobs` raises.
    """
    model_id, _, wanted = ref.strip().lower().partition(":")
    here = _here(library, model_id)
    specs = _specs(here, engine)
    asked = {spec.id: knobs(spec) for spec in specs}
    free = hardware.free_memory()
    found = []
    for spec in specs:
        load = asked[spec.id]
        if load is None:
            continue
        past = store.loads(spec.id)
        for variant, source in _variants(library, here, spec):
            if wanted in ("", variant.variant, variant.precision) and variant.shape is not None:
                found.append(_fit(past, spec, variant, source, load, free))
    if not found:
        _explain(library, ref, here, specs, wanted)
    return sorted(found, key=lambda fit: fit.made_from != "")


def largest_n_ctx(
    past: Sequence[LoadRecord], spec: EngineSpec, variant: Variant, load: Settings, free: int
) -> int | None:
    """The largest context, in steps of 256, that fits with 10 % to spare; at most what the model was trained with."""
    most = (variant.shape.n_ctx_train if variant.shape is not None else 0) or MOST_CTX
    low, high = 0, max(1, most // CTX_STEP)
    while low < high:
        middle = (low + high + 1) // 2
        found = price(past, spec, variant, load | {"n_ctx": middle * CTX_STEP}, free)
        if found is not None and found.verdict == "fits":
            low = middle
        else:
            high = middle - 1
    return low * CTX_STEP or None


def _here(library: Library, model_id: str) -> list[Variant]:
    library.get(model_id)  # raises for a model that is not here
    return [v for v in library.variants() if v.id == model_id and not v.problem]


def _specs(here: list[Variant], engine: str | None) -> list[EngineSpec]:
    """The engines of the model's task, or the one that was asked for. Raises TandemError."""
    task = here[0].task
    if engine is None:
        found = [s for s in registry.visible() if s.task == task and not s.remote and not missing_distributions(s)]
        if not found:
            raise TandemError("no_engine", f"No engine here does “{task}” yet.", "See `tandem engines`.")
        return found
    with translated():
        spec = registry.spec(engine)
    if spec.task != task:
        raise TandemError("wrong_task", f"{here[0].id} is a model for “{task}”, {spec.title} does “{spec.task}”.",
                          "Choose another model or engine.")  # fmt: skip
    if spec.remote:
        raise TandemError("no_size", f"What {spec.title} takes is its own choice, and it is another program.",
                          "Set its share of the memory among its load settings.")  # fmt: skip
    return [spec]


def _variants(library: Library, here: list[Variant], spec: EngineSpec) -> Iterator[tuple[Variant, str]]:
    """(variant that the engine loads, what it would be made from or ""), made ones after those that are here."""
    yield from ((v, "") for v in here if v.format in spec.formats)
    if Verb.CONVERT not in spec.verbs:
        return
    names = {v.variant for v in here}
    for source in here:
        for target in library.conversion_targets(source, spec):
            plan = library.plan_conversion(source, spec, target)
            if not plan.there and plan.variant not in names:
                names.add(plan.variant)
                yield _planned(plan), source.variant


def _planned(plan: ConversionPlan) -> Variant:
    """The variant that a conversion would make, as far as its memory goes."""
    shape = plan.source.shape
    if shape is not None:
        shape = msgspec.structs.replace(shape, tensor_bytes=int(shape.n_params * plan.bits_per_weight / 8))
    return msgspec.structs.replace(
        plan.source, variant=plan.variant, format=plan.format, bytes=plan.bytes, mix=plan.mix, shape=shape, files=(),
        bits_per_weight=plan.bits_per_weight, lineage=plan.lineage,
    )  # fmt: skip


def _fit(past: list[LoadRecord], spec: EngineSpec, variant: Variant, source: str, load: Settings, free: int) -> Fit:
    assert variant.shape is not None
    found = price(past, spec, variant, load, free)
    assert found is not None
    settled = memory.settled(variant.shape, spec.id, load)
    shown = {k.name: (load | settled)[k.name] for k in spec.load if k.name in settled or load[k.name] != k.default}
    return Fit(
        spec.id, variant.variant, shown, variant.bytes, source, found, largest_n_ctx(past, spec, variant, load, free)
    )


def _explain(library: Library, ref: str, here: list[Variant], specs: list[EngineSpec], wanted: str) -> None:
    """Why nothing was found. Raises TandemError."""
    if wanted:
        library.get(ref)  # raises for a variant that is not here
    names = " or ".join(spec.title for spec in specs)
    if all(v.shape is None for v in here):
        raise TandemError("no_size", f"The files of {here[0].id} do not say how large its parts are.",
                          "Load it to see what it takes.")  # fmt: skip
    have = ", ".join(f"{v.variant} ({v.format})" for v in here)
    raise TandemError("no_variant", f"{names} cannot load {ref} with these settings; there is {have}.",
                      "Choose another engine, or leave out settings that it does not have.")  # fmt: skip
