"""Library entries from facts, files and plans."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from app.errors import TandemError
from app.library.catalogue import Starter
from app.library.checksum import Cancelled, Progress, sha256_of
from app.library.conversion import ConversionPlan
from app.library.facts import Facts, plain, slug
from app.library.ggml_types import FILE_TYPES
from app.library.inspection import inspect
from app.library.variant import File, Lineage, Variant

_PRECISION = re.compile(
    r"[-._](" + "|".join(sorted({*FILE_TYPES.values(), "fp16", "fp32"}, key=len, reverse=True)) + r")$", re.IGNORECASE
)


def from_facts(facts: Facts, model_id: str, variant: str, files: tuple[File, ...], outside: bool) -> Variant:
    """An entry as published, named as given."""
    return Variant(
        id=model_id,
        variant=variant,
        task=facts.task,
        title=plain(facts.title),
        format=facts.format,
        licence=plain(facts.licence),
        bytes=sum(f.bytes for f in files),
        bits_per_weight=facts.bits_per_weight,
        lineage=Lineage("original"),
        mix=facts.mix,
        path=str(facts.path),
        files=files,
        shape=facts.shape,
        template=facts.template,
        bos=facts.bos,
        eos=facts.eos,
        notes=facts.notes,
        outside=outside,
    )


def from_starter(starter: Starter, content: Path) -> Variant:
    """An entry for files that have just been checked against the catalogue.

    GGUF and safetensors are read as any other; ctranslate2 and onnx are known by their checksums alone.
    """
    path = content / starter.path if starter.path else content
    files = tuple(_known(content / f.name, f.sha256) for f in starter.files)
    if starter.format in ("gguf", "safetensors"):
        variant = from_facts(inspect(path), starter.id, starter.variant, files, outside=False)
        return msgspec.structs.replace(variant, title=starter.title, licence=starter.licence, task=starter.task)
    return Variant(
        id=starter.id,
        variant=starter.variant,
        task=starter.task,
        title=starter.title,
        format=starter.format,
        licence=starter.licence,
        bytes=starter.bytes,
        bits_per_weight=None,
        lineage=Lineage("original"),
        mix={},
        path=str(path),
        files=files,
    )


def from_conversion(plan: ConversionPlan, temporary: Path, notes: tuple[str, ...]) -> Variant:
    """An entry for what a conversion has made. Raises TandemError `refused_…` or `conversion_failed`.

    Template, BOS and EOS are the source's, so that both give the same prompt.
    """
    facts, source = inspect(temporary), plan.source
    if facts.format != plan.format or not _same_model(facts, source):
        raise TandemError(
            "conversion_failed", f"What was made is not {plan.ref}.", "Try again; if it stays so, report it."
        )
    variant = from_facts(facts, plan.id, plan.variant, hashed(facts), outside=False)
    return msgspec.structs.replace(
        variant,
        task=source.task,
        title=source.title,
        licence=source.licence,
        lineage=plan.lineage,
        template=source.template,
        bos=source.bos,
        eos=source.eos,
        notes=tuple(dict.fromkeys((*plan.notes, *notes))),
    )


def hashed(facts: Facts, progress: Progress | None = None, cancelled: Cancelled | None = None) -> tuple[File, ...]:
    """Every file of the model with its size, time and SHA-256. Raises TandemError("cancelled")."""
    folder = facts.path if facts.path.is_dir() else facts.path.parent
    show, stop = progress or (lambda *_: None), cancelled or (lambda: False)
    return tuple(_known(folder / name, sha256_of(folder / name, show, stop)) for name in facts.files)


def model_id_of(path: Path, whole: bool = False) -> str:
    """The id that a file's or folder's own name suggests, without its precision. whole: the name has no ending."""
    stem = path.name if whole or path.is_dir() else path.stem
    return slug(_PRECISION.sub("", stem))


def _same_model(facts: Facts, source: Variant) -> bool:
    made, was = facts.shape, source.shape
    if made is None or was is None:
        return made is was
    return (made.n_layers, made.n_embd, made.n_vocab) == (was.n_layers, was.n_embd, was.n_vocab)


def _known(path: Path, sha256: str) -> File:
    stat = path.stat()
    return File(str(path), stat.st_size, sha256, stat.st_mtime_ns)
