"""From a lane as described to one that can be loaded, and what is known of it before and after its first load."""

from __future__ import annotations

from typing import Any

import msgspec

from app.errors import TandemError
from app.lab.compare.events import Moment, Watcher
from app.lab.compare.lane import Lane, letter
from app.lab.compare.result import LaneResult, Problem
from app.lab.compare.seat import LaneFailed, Ready, Seat, Stopped
from app.lab.convert import convert
from app.lab.describe import Descriptions, refused
from app.lab.errors import translated
from app.lab.launch import Launcher
from app.library import ConversionPlan, Library, Variant
from app.library.conversion import makers
from app.store import RunRecord
from engines import registry
from engines.knobs import AUTO, Settings
from engines.spec import EngineSpec


def ready(launcher: Launcher, descriptions: Descriptions, index: int, lane: Lane, watcher: Watcher) -> Ready:
    """The lane with its engine, its variant (made first where the library has none) and complete settings.

    Raises LaneFailed with the fix for whatever is in the way, Stopped if the person stops a conversion.
    """
    try:
        with translated():
            spec = registry.spec(lane.engine)
            load, _ = lane.split()
        refuse(descriptions, spec, lane.knobs)
        variant, seconds = variant_of(launcher, lane, spec, index, watcher)
        launcher.library.files(variant)
    except TandemError as error:
        if error.code == "cancelled":
            raise Stopped from error
        raise LaneFailed(Problem(error.code, error.message, error.hint)) from error
    run = {k.name: lane.knobs[k.name] for k in spec.run if k.name in lane.knobs}
    return Ready(index, lane, spec, variant, load, run, seconds)


def refuse(descriptions: Descriptions, spec: EngineSpec, knobs: Settings) -> None:
    """What `Describe` found, if it was asked before. Raises TandemError `engine_unavailable`, `knob_off`."""
    known = descriptions.get(spec)
    if known is None:
        return
    if refused(spec, known, knobs):
        raise TandemError(
            "engine_unavailable", f"{spec.title} cannot run here: {known.reason}", "See `tandem engines`."
        )
    for name, value in knobs.items():
        state = known.knobs.get(name)
        reason = "" if state is None else state.off or state.values_off.get(str(value), "")
        if reason:
            raise TandemError("knob_off", f"{name}={value} cannot be used here: {reason}", "Choose another value.")


def variant_of(
    launcher: Launcher, lane: Lane, spec: EngineSpec, index: int, watcher: Watcher
) -> tuple[Variant, float | None]:
    """(the variant to load, seconds that making it took, None where it was there). Raises TandemError."""
    try:
        return launcher.library.get(lane.ref, spec), None
    except TandemError as error:
        if error.code not in ("no_variant", "unknown_variant"):
            raise
        way = conversion(launcher.library, lane, spec)
        if way is None:
            raise
    plan, maker = way

    def progress(fraction: float | None, message: str) -> None:
        words = f"making {plan.variant} for lane {letter(index)}, about {plan.bytes / 1e6:,.0f} MB {message}".rstrip()
        watcher.event(Moment("preparing", words, lane=index, fraction=fraction))

    progress(None, "")
    return convert(launcher, maker, plan, progress, watcher.cancelled)


def conversion(library: Library, lane: Lane, spec: EngineSpec) -> tuple[ConversionPlan, EngineSpec] | None:
    """(the conversion that gives the lane its variant, the engine that makes it); None if there is none."""
    if not lane.variant:
        plan = library.conversion_for(lane.model, spec)
        return None if plan is None else (plan, registry.spec(plan.engine))
    source = library.get(lane.model)
    for maker in makers(spec):
        if lane.variant in library.conversion_targets(source, maker):
            return library.plan_conversion(source, maker, lane.variant), maker
    return None


def described(lane: LaneResult, ready: Ready) -> LaneResult:
    """The lane with what is known before its first load."""
    variant = ready.variant
    return msgspec.structs.replace(
        lane, title=variant.title, variant=variant.variant, bits=variant.bits_per_weight, bytes=variant.bytes,
        lineage=lineage(variant), files=tuple(f.sha256 for f in variant.files if f.sha256), convert_s=ready.convert_s,
    )  # fmt: skip


def lineage(variant: Variant) -> str:
    """ "as published", or what it was made from (METRICS "Comparing" 7)."""
    text = variant.lineage.text
    return f"made from {variant.lineage.source}: {text}" if variant.lineage.source and "from" not in text else text


def as_it_ran(seat: Seat, records: list[RunRecord]) -> dict[str, Any]:
    """The fields of a `LaneResult` that its load and first run tell."""
    loaded = seat.session.loaded
    if loaded is None:
        return {}
    notes = [note for record in records for note in record.notes]
    effective = loaded.effective | (records[-1].knobs.get("effective", {}) if records else {})
    return {
        "engine_version": loaded.version, "build": loaded.build, "device": loaded.device, "n_ctx": loaded.n_ctx,
        "effective": effective, "why": loaded.why,
        "notes": tuple(dict.fromkeys([*not_engaged(seat.ready.lane, effective, loaded.why), *loaded.notes, *notes])),
    }  # fmt: skip


def not_engaged(lane: Lane, effective: Settings, why: dict[str, str]) -> list[str]:
    """Settings that were asked for and did not take, with the engine's reason (METRICS "Comparing" 9)."""
    return [
        f"{name} did not engage: {effective[name]}, not {asked} ({why.get(name, 'the engine gives no reason')})"
        for name, asked in lane.knobs.items()
        if name in effective and asked != AUTO and effective[name] != asked
    ]
