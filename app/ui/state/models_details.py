"""All that can be said of one variant: its header, its tensors, what could be made of it; read in a thread."""

from __future__ import annotations

import contextlib
import importlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import TandemError
from app.library import SERVED, Library, Variant
from app.ui.language import tr
from app.ui.state import picks, words
from app.ui.state.models_assess import Assessment, Assessor
from app.ui.state.models_rows import Row, format_words, lineage_words, params_words, task_words
from engines.spec import EngineSpec, Verb

if TYPE_CHECKING:
    from app.library.details import Details, TensorLine


@dataclass(frozen=True, slots=True)
class Made:
    """A copy that could be made: by which engine, and what is said of it."""

    spec: EngineSpec
    offer: picks.Offer

    @property
    def title(self) -> str:
        """ "Q8_0 · 145 MB"."""
        plan = self.offer.plan
        name = plan.precision.upper() if plan.precision[:1] == "q" else plan.precision
        return f"{name} · {words.size(plan.bytes)}"


@dataclass(frozen=True, slots=True)
class Shown:
    """What was read of one variant. trouble: why its header could not be read, "" else."""

    ref: str
    details: Details | None
    trouble: str
    assessment: Assessment
    offers: tuple[Made, ...]


def read(
    library: Library, variants: Sequence[Variant], variant: Variant, assessor: Assessor, cancelled: Callable[[], bool]
) -> Shown:
    """Header, contexts that fit, copies that could be made. Blocks: its files are read."""
    assessor.look()
    found = assessor.assess([variant], lambda: False)[variant.ref]
    assessment = assessor.with_contexts(variant, found)
    details, trouble = _details(variant)
    offers = () if cancelled() else tuple(_offers(library, variants, variant, assessor.specs, cancelled))
    return Shown(variant.ref, details, trouble, assessment, offers)


def _details(variant: Variant) -> tuple[Details | None, str]:
    if variant.format == SERVED:
        return None, tr("It lies on a server: its files cannot be read from here.")
    if variant.problem:
        return None, variant.problem
    try:
        return importlib.import_module("app.library.details").details(variant), ""
    except TandemError as error:
        return None, f"{error.message} {error.hint}".strip()
    except OSError as error:
        return None, tr("Its files cannot be read: {why}.", why=error.strerror or str(error))


def _offers(
    library: Library,
    variants: Sequence[Variant],
    variant: Variant,
    specs: Sequence[EngineSpec],
    cancelled: Callable[[], bool],
) -> list[Made]:
    found: list[Made] = []
    if variant.problem or variant.format == SERVED:
        return found
    for spec in specs:
        if cancelled() or Verb.CONVERT not in spec.verbs or spec.task != variant.task:
            continue
        with contextlib.suppress(TandemError, OSError):
            found += [Made(spec, offer) for offer in picks.other_precisions(library, variants, variant, spec)]
    return found


# --- in words -------------------------------------------------------------------------------


def facts(row: Row, shown: Shown | None) -> list[tuple[str, str]]:
    """(name, value) of what there is to know, in the order of the inspector; what nobody says is left out."""
    variant, shape = row.variant, row.variant.shape
    details = shown.details if shown is not None else None
    lines = [
        (tr("Task"), task_words(variant.task)),
        (tr("Architecture"), shape.architecture if shape is not None else ""),
        (tr("Weights"), f"{shape.n_params:,}" if shape is not None and shape.n_params else ""),
        (tr("Bits per weight"), words.number(variant.bits_per_weight, 2) if variant.bits_per_weight else ""),
        (tr("Tensors"), variant.mix_text),
        (tr("Size"), _size(variant)),
        (tr("Format"), format_words(variant.format)),
        (tr("Trained context"), tr("{n} tokens", n=f"{shape.n_ctx_train:,}") if shape and shape.n_ctx_train else ""),
        (tr("KV cache"), _kv(details)),
        (tr("Licence"), variant.licence or words.NONE),
        (tr("Lineage"), lineage_words(variant)),
        (tr("Came from"), origin_words(variant)),
    ]
    return [(name, value) for name, value in lines if value]


def short_facts(row: Row) -> str:
    """One line: "Chat · llama · 135 M"."""
    shape = row.variant.shape
    parts = (task_words(row.variant.task), shape.architecture if shape is not None else "",
             params_words(row.params) if row.params else "")  # fmt: skip
    return " · ".join(part for part in parts if part)


def origin_words(variant: Variant) -> str:
    """How it came here."""
    origin = variant.origin
    said = {
        "starter": tr("the starter pack"), "added": tr("added by you"), "made": tr("made here"),
        "server": tr("a server"), "hub": origin.repo or tr("the hub"), "place": tr("found where it lies"),
    }  # fmt: skip
    words_ = said.get(origin.kind, "")
    if origin.kind == "place" and origin.repo:
        words_ = origin.repo
    return f"{words_} @ {origin.revision[:10]}" if words_ and origin.revision else words_


def totals(tensors: Sequence[TensorLine]) -> list[tuple[str, int, int]]:
    """(type, how many, bytes), the most bytes first."""
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for tensor in tensors:
        sums[tensor.type][0] += 1
        sums[tensor.type][1] += tensor.bytes
    return sorted(((kind, n, size) for kind, (n, size) in sums.items()), key=lambda line: -line[2])


def totals_words(tensors: Sequence[TensorLine]) -> str:
    """ "272 tensors, 98 MB: Q4_1 ×210 82 MB · F32 ×61 …"."""
    parts = [f"{kind} ×{count:,} {words.size(size)}" for kind, count, size in totals(tensors)]
    whole = sum(tensor.bytes for tensor in tensors)
    head = tr("{n} tensors, {size}", n=f"{len(tensors):,}", size=words.size(whole))
    return f"{head}: {' · '.join(parts)}" if parts else head


def folder_of(variant: Variant) -> str:
    """The folder to open in a file manager, or "" for what lies on a server."""
    if variant.format == SERVED or not variant.path:
        return ""
    path = Path(variant.path)
    return str(path if path.is_dir() else path.parent)


def _size(variant: Variant) -> str:
    if not variant.bytes:
        return ""
    count = len(variant.files)
    files = tr("1 file") if count == 1 else tr("{n} files", n=f"{count:,}")
    return f"{words.size(variant.bytes)}, {files}" if count else words.size(variant.bytes)


def _kv(details: Details | None) -> str:
    per_token = details.kv_bytes_per_token if details is not None else None
    return tr("{n} bytes per token (f16)", n=f"{per_token:,}") if per_token else ""
