"""Which model, variant and engine are chosen, and what is in the way of using them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.errors import TandemError
from app.library import ConversionPlan, Library, Variant
from app.ui.state import words
from engines.protocol import Described
from engines.spec import EngineSpec

CONVERT_BYTES_A_SECOND = 16e6  # seen on two cores: 269 MB in 17 s; only for "about 20 s"


@dataclass(frozen=True, slots=True)
class Pick:
    """One line of a picker. off: why it cannot be used here, or ""."""

    id: str
    title: str
    off: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """A variant that could be made so that the chosen engine can load the chosen model."""

    plan: ConversionPlan
    source: Variant
    words: str
    detail: str


def model_picks(variants: Sequence[Variant]) -> list[Pick]:
    """One line a model, in the library's order."""
    titles: dict[str, str] = {}
    for variant in variants:
        titles.setdefault(variant.id, variant.title)
    return [Pick(model, title) for model, title in titles.items()]


def engine_picks(specs: Sequence[EngineSpec], known: Mapping[str, Described]) -> list[Pick]:
    """One line an engine; an engine that has not been asked yet counts as usable."""
    picks = []
    for spec in specs:
        described = known.get(spec.id)
        off = described.reason if described is not None and not described.available else ""
        picks.append(Pick(spec.id, spec.title, off))
    return picks


def choose(
    library: Library, variants: Sequence[Variant], model: str, spec: EngineSpec, preferred: str
) -> tuple[Variant | None, str]:
    """(the variant to load, "") or (None, why not). preferred: a variant's name that the person chose."""
    for variant in variants:
        if (
            variant.id == model
            and variant.variant == preferred
            and not variant.problem
            and variant.format in spec.formats
        ):
            return variant, ""
    try:
        return library.get(model, spec), ""
    except TandemError as error:
        return None, " ".join(part for part in (error.message, error.hint) if part)


def offer(library: Library, variants: Sequence[Variant], model: str, spec: EngineSpec) -> Offer | None:
    """The conversion that would help, if there is one."""
    mine = sorted((v for v in variants if v.id == model), key=lambda v: v.lineage.kind != "original")
    for variant in mine:
        for target in library.conversion_targets(variant, spec):
            plan = library.plan_conversion(variant, spec, target)
            return Offer(plan, variant, make_words(plan, target), lineage_words(variant, plan))
    return None


def make_words(plan: ConversionPlan, target: str) -> str:
    """The button's words: "Make bf16 copy, 269 MB, about 17 s"."""
    seconds = plan.bytes / CONVERT_BYTES_A_SECOND
    return f"Make {target} copy, {words.size(plan.bytes)}, {words.about(seconds)}"


def lineage_words(variant: Variant, plan: ConversionPlan) -> str:
    """What the copy is worth, next to its source."""
    notes = " ".join([*plan.notes, *(f"{fallback.text}." for fallback in plan.fallbacks)])
    return notes or f"Made from {label(variant)}; it cannot be better than its source."


def other_precisions(library: Library, variants: Sequence[Variant], chosen: Variant, spec: EngineSpec) -> list[Offer]:
    """The copies at other precisions that could be made of the chosen model for this engine."""
    there = {v.variant for v in variants if v.id == chosen.id}
    source = next((v for v in variants if v.id == chosen.id and v.lineage.kind == "original"), chosen)
    offers = []
    for target in library.conversion_targets(source, spec):
        plan = library.plan_conversion(source, spec, target)
        if not plan.there and plan.variant not in there:
            offers.append(Offer(plan, source, make_words(plan, target), lineage_words(source, plan)))
    return offers


def sentence(text: str) -> str:
    """With a capital at its start and a stop at its end."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def chip(variant: Variant) -> str:
    """The quantization chip: "Q4_1 · 5.74 bits · 98 MB"."""
    bits = "" if variant.bits_per_weight is None else f"{variant.bits_per_weight:.2f} bits"
    return " · ".join(part for part in (label(variant), bits, words.size(variant.bytes)) if part)


def label(variant: Variant) -> str:
    """A precision as people write it: Q4_1, but bf16."""
    return variant.variant.upper() if variant.variant[:1] == "q" else variant.variant


def mix(variant: Variant) -> str:
    """What is inside: "Q4_1 ×210, F32 ×61 · 5.74 bits per weight · 98 MB"."""
    inside = ", ".join(f"{kind} ×{count:,}" for kind, count in sorted(variant.mix.items(), key=lambda item: -item[1]))
    bits = "" if variant.bits_per_weight is None else f"{variant.bits_per_weight:.2f} bits per weight"
    return " · ".join(part for part in (inside, bits, words.size(variant.bytes)) if part)
