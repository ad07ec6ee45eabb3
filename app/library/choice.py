"""Which variant a name means, and which one an engine should get."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import TandemError
from app.library.catalogue import Starter
from app.library.variant import ORIGINAL, Variant
from engines.spec import EngineSpec


def named(ref: str, variants: Sequence[Variant], starters: dict[str, Starter]) -> list[Variant]:
    """The variants that `ref` ("id" or "id:variant") can mean, best first.

    Raises TandemError `unknown_model` or `unknown_variant`.
    """
    model_id, _, wanted = ref.strip().lower().partition(":")
    mine = [v for v in variants if v.id == model_id]
    if not mine:
        raise unknown_model(model_id, variants, starters)
    if not wanted:
        return sorted(mine, key=_rank)
    exact = [v for v in mine if v.variant == wanted]
    alike = [v for v in mine if v.precision == wanted and v.variant != wanted]
    if not exact and not alike:
        have = ", ".join(v.variant for v in mine)
        hint = f"There are: {have}. Make it with: tandem models convert {model_id} --to {wanted}"
        raise TandemError("unknown_variant", f"{model_id} has no variant “{wanted}”.", hint)
    return exact + alike


def for_engine(ref: str, candidates: Sequence[Variant], spec: EngineSpec | None) -> Variant | None:
    """The first candidate that `spec`'s engine can load now, or None if its format is not among them.

    Raises TandemError `wrong_task`, or `missing_files` if the only one has lost its files.
    """
    if spec is not None:
        if all(v.task != spec.task for v in candidates):
            does = f"{candidates[0].id} is a model for “{candidates[0].task}”, {spec.title} does “{spec.task.value}”"
            raise TandemError("wrong_task", f"{does}.", "Choose another model or engine.")
        candidates = [v for v in candidates if v.format in spec.formats]
    whole = [v for v in candidates if not v.problem]
    if candidates and not whole:
        raise missing_files(candidates[0])
    return whole[0] if whole else None


def no_variant(ref: str, candidates: Sequence[Variant], spec: EngineSpec, way_out: str) -> TandemError:
    """There are files, but none in a format that the engine loads."""
    model_id = candidates[0].id
    have = ", ".join(f"{v.variant} ({v.format})" for v in candidates)
    message = f"{spec.title} loads {' or '.join(spec.formats)}; of {model_id} there is {have}."
    return TandemError("no_variant", message, way_out or "Choose another engine or another model.")


def missing_files(variant: Variant) -> TandemError:
    """The variant is in the library, its files are not what they were."""
    if variant.origin.kind == "place":
        hint = "Connect the drive or put the file back; if it changed, look again with: tandem models scan"
    elif variant.outside:
        hint = f"Put it back, add it again, or forget it with: tandem models remove {variant.ref}"
    else:
        hint = f"Get or make it again: tandem models remove {variant.ref}"
    return TandemError("missing_files", f"{variant.ref} cannot be used: {variant.problem}", hint)


def unknown_model(model_id: str, variants: Sequence[Variant], starters: dict[str, Starter]) -> TandemError:
    """No variant has that id; a starter's name leads to getting it."""
    if model_id in starters:
        return TandemError(
            "unknown_model", f"{model_id} is not here yet.", f"Get it with: tandem models get {model_id}"
        )
    known = ", ".join(sorted({v.id for v in variants})) or "none; get some with: tandem models get starter"
    return TandemError("unknown_model", f"There is no model “{model_id[:80]}”.", f"Models: {known}")


def _rank(variant: Variant) -> tuple[bool, float]:
    """Originals first, then the most precise."""
    return (variant.lineage.kind != ORIGINAL, -(variant.bits_per_weight or 0.0))
