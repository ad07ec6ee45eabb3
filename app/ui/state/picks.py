"""Which model, variant and engine are chosen, and what is in the way of using them together."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from app.errors import TandemError
from app.library import SERVED, ConversionPlan, Library, Variant
from app.library.conversion import makers
from app.ui.language import tr
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


@dataclass(frozen=True, slots=True)
class PickerModel:
    """One model of the searching picker. chip: its precision; detail: size and whether it fits; off: why the engine
    cannot load it as it is, or ""."""

    id: str
    title: str
    chip: str = ""
    detail: str = ""
    off: str = ""


class OpenedModel(Protocol):
    """A loaded model, as `app.ui.state.model.Opened` has it."""

    @property
    def key(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def current(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class PickerLine:
    """kind: "loaded" (id: the session's key) or "model" (id: the library's)."""

    kind: Literal["loaded", "model"]
    id: str
    title: str
    chip: str = ""
    detail: str = ""
    off: str = ""
    current: bool = False


@dataclass(frozen=True, slots=True)
class PickerSection:
    """A heading and its lines."""

    title: str
    lines: tuple[PickerLine, ...]


def picker_models(
    variants: Sequence[Variant],
    spec: EngineSpec | None,
    free_bytes: int,
    chosen: Variant | None = None,
    specs: Sequence[EngineSpec] = (),
) -> list[PickerModel]:
    """One a model, in the library's order. free_bytes: what a load could take, for "fits" (weights and a tenth). specs:
    the engines that are changed to where `spec` does not load a model."""
    groups: dict[str, list[Variant]] = {}
    for variant in variants:
        groups.setdefault(variant.id, []).append(variant)
    return [_picker_model(group, spec, free_bytes, chosen, specs) for group in groups.values()]


def _picker_model(
    group: Sequence[Variant],
    spec: EngineSpec | None,
    free_bytes: int,
    chosen: Variant | None,
    specs: Sequence[EngineSpec],
) -> PickerModel:
    usable = [v for v in group if not v.problem and (spec is None or v.format in spec.formats)]
    shown = chosen if chosen in group and chosen is not None else (usable or group)[0]
    if shown.format == SERVED:
        return PickerModel(
            shown.id, shown.title, label(shown), shown.lineage.text, "" if usable else _why_off(group, spec, specs)
        )
    fits = tr("fits") if shown.bytes * 1.1 <= free_bytes else tr("larger than what is free")
    others = tr("{n} precisions", n=len(usable)) if len(usable) > 1 else ""
    detail = " · ".join(part for part in (words.size(shown.bytes), fits, others) if part)
    return PickerModel(shown.id, shown.title, label(shown), detail, "" if usable else _why_off(group, spec, specs))


def _why_off(group: Sequence[Variant], spec: EngineSpec | None, specs: Sequence[EngineSpec]) -> str:
    problem = next((v.problem for v in group if v.problem), "")
    if spec is None or any(v.format in spec.formats for v in group):
        return problem
    here = ", ".join(dict.fromkeys(v.format for v in group))
    if any(maker.converts.get(v.format) for v in group for maker in makers(spec)):
        return tr("{engine} needs a copy of it: it is {format}", engine=spec.title, format=here)
    if (found := suiting(specs, group)) is not None:
        return tr("opens in {engine}", engine=found.title)
    return tr("{engine} cannot load {format}", engine=spec.title, format=here)


def picker_sections(
    models: Sequence[PickerModel],
    recent: Sequence[str],
    opened: Sequence[OpenedModel],
    query: str = "",
    current: str = "",
) -> list[PickerSection]:
    """Loaded, Recent, All: what has every word of `query` in its title, id or precision; a model stands only once below
    Loaded. recent: ids, newest first. current: the chosen model's id."""
    asked = query.lower().split()
    known = {model.id: model for model in models}
    found = [model for model in models if _matches(asked, model.title, model.id, chip=model.chip)]
    ids = {model.id for model in found}
    lately = [known[one] for one in dict.fromkeys(recent) if one in ids]
    earlier = {model.id for model in lately}
    rest = [model for model in found if model.id not in earlier]
    loaded = tuple(
        PickerLine("loaded", one.key, one.title, "", one.detail, "", one.current)
        for one in opened
        if _matches(asked, one.title, one.detail)
    )
    sections = [
        PickerSection(tr("Loaded"), loaded),
        PickerSection(tr("Recent"), tuple(_line(model, current) for model in lately)),
        PickerSection(tr("All models"), tuple(_line(model, current) for model in rest)),
    ]
    return [section for section in sections if section.lines]


def _line(model: PickerModel, current: str) -> PickerLine:
    return PickerLine("model", model.id, model.title, model.chip, model.detail, model.off, model.id == current)


def _matches(asked: Sequence[str], *texts: str, chip: str = "") -> bool:
    """A precision is found by its beginning: "4" is no search for Q4_K."""
    here, precision = " ".join(texts).lower(), chip.lower()
    return all(word in here or precision.startswith(word) for word in asked)


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
    for variant, maker in itertools.product(mine, makers(spec)):
        for target in library.conversion_targets(variant, maker):
            plan = library.plan_conversion(variant, maker, target)
            return Offer(plan, variant, make_words(plan, target), lineage_words(variant, plan))
    return None


def make_words(plan: ConversionPlan, target: str) -> str:
    """The button's words: "Make bf16 copy, 269 MB, about 17 s"."""
    seconds = plan.bytes / CONVERT_BYTES_A_SECOND
    return tr(
        "Make {target} copy, {size}, {time}", target=target, size=words.size(plan.bytes), time=words.about(seconds)
    )


def lineage_words(variant: Variant, plan: ConversionPlan) -> str:
    """What the copy is worth, next to its source."""
    notes = " ".join([*plan.notes, *(f"{fallback.text}." for fallback in plan.fallbacks)])
    return notes or tr("Made from {source}; it cannot be better than its source.", source=label(variant))


def other_precisions(library: Library, variants: Sequence[Variant], chosen: Variant, spec: EngineSpec) -> list[Offer]:
    """The copies at other precisions that could be made of the chosen model for this engine.

    Reads the source's header once a copy (about 50 ms each for a small GGUF): not for the window's thread.
    """
    source = _source(variants, chosen)
    targets = dict.fromkeys(t for maker in makers(spec) for t in library.conversion_targets(source, maker))
    found = [offer_of(library, variants, chosen, spec, name) for name in targets]
    return [offer for offer in found if offer is not None]


def offer_of(
    library: Library, variants: Sequence[Variant], chosen: Variant, spec: EngineSpec, precision: str
) -> Offer | None:
    """One of `other_precisions`, or None where it is there already or cannot be made."""
    source = _source(variants, chosen)
    maker = next((m for m in makers(spec) if precision in library.conversion_targets(source, m)), None)
    if maker is None:
        return None
    try:
        plan = library.plan_conversion(source, maker, precision)
    except TandemError:  # needs an importance matrix, or the file is gone
        return None
    if plan.there or plan.variant in {v.variant for v in variants if v.id == chosen.id}:
        return None
    return Offer(plan, source, make_words(plan, precision), lineage_words(source, plan))


def _source(variants: Sequence[Variant], chosen: Variant) -> Variant:
    mine = [v for v in variants if v.id == chosen.id]
    return next((v for v in mine if v.lineage.kind == "original"), chosen)


def sentence(text: str) -> str:
    """With a capital at its start and a stop at its end."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def chip(variant: Variant) -> str:
    """The quantization chip: "Q4_1 · 5.74 bits · 98 MB"."""
    bits = "" if variant.bits_per_weight is None else tr("{bits} bits", bits=f"{variant.bits_per_weight:.2f}")
    return " · ".join(part for part in (label(variant), bits, size(variant)) if part)


def size(variant: Variant) -> str:
    """How large its files are; "" for a model on a server, whose files nobody here sees."""
    return "" if variant.format == SERVED else words.size(variant.bytes)


def label(variant: Variant) -> str:
    """A precision as people write it: Q4_1, but bf16."""
    return variant.variant.upper() if variant.variant[:1] == "q" else variant.variant


def mix(variant: Variant) -> str:
    """What is inside: "Q4_1 ×210, F32 ×61 · 5.74 bits per weight · 98 MB"."""
    inside = ", ".join(f"{kind} ×{count:,}" for kind, count in sorted(variant.mix.items(), key=lambda item: -item[1]))
    return " · ".join(part for part in (inside, bits_words(variant.bits_per_weight), size(variant)) if part)


def bits_words(bits: float | None) -> str:
    """ "5.74 bits per weight", or "" where it is not known."""
    return "" if bits is None else tr("{bits} bits per weight", bits=f"{bits:.2f}")


def suiting(specs: Sequence[EngineSpec], variants: Sequence[Variant]) -> EngineSpec | None:
    """The first engine that loads one of the variants as it is: `openai-server` for a model on a server."""
    formats = {v.format for v in variants if not v.problem}
    return next((spec for spec in specs if formats.intersection(spec.formats)), None)
