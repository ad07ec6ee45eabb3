"""Takes a verified folder into the library by renames: looked at first where it lies, so that a refusal moves nothing."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from app.errors import TandemError
from app.library.building import from_facts, model_id_of
from app.library.checksum import sha256_of, sync_file
from app.library.entries import Entries, Name
from app.library.facts import Facts, plain, slug
from app.library.inspection import inspect
from app.library.variant import File, Origin, Variant


def take_in(
    entries: Entries, folder: Path, path: Path, title: str, origin: Origin, sums: dict[str, str], licence: str = "",
    others: Sequence[Variant] = (),
) -> list[Variant]:  # fmt: skip
    """Make `folder` a variant of the library; it is gone from its place afterwards.

    path: what is loaded, the folder itself or a file in it. title: the model's name there. sums: file, relative to the
    folder → its SHA-256 as it was checked; one that is missing is hashed now. others: whose names are taken too.
    Raises TandemError `refused_…`, `in_use`, `disk`; the folder stays then.
    """
    facts = inspect(path)
    files = _files(folder, sums)
    known = entries.all()
    twin = twin_of(known, [f.sha256 for f in files])
    if twin is not None:
        shutil.rmtree(folder, ignore_errors=True)
        return [twin]
    wanted = model_id_of(path) if path != folder else slug(title)
    names = {(v.id, v.variant) for v in others}
    making = entries.reserve(lambda taken: _free(wanted, facts.precision, taken | names))
    model_id, name = making.id, making.variant
    try:
        shutil.move(folder, making.content)
        variant = _variant(facts, model_id, name, files, folder, making.content)
        called = title if path == folder else facts.title or title  # a folder's own name is ours, not the model's
        whose = {"title": plain(called), "licence": plain(facts.licence or licence), "origin": origin}
        return [entries.publish(making, msgspec.structs.replace(variant, **whose))]
    except BaseException as error:
        if making.content.exists() and not folder.exists():
            with contextlib.suppress(OSError):
                making.content.rename(folder)
        entries.discard(making)
        if isinstance(error, OSError):
            why = error.strerror or type(error).__name__
            raise TandemError(
                "disk", f"{title} cannot be moved into the library: {why}.", "Check the disk, then retry."
            ) from error
        raise


def twin_of(known: list[Variant], sums: list[str]) -> Variant | None:
    """The variant that consists of the same files already."""
    wanted = sorted(sums)
    return next((v for v in known if v.files and not v.problem and sorted(f.sha256 for f in v.files) == wanted), None)


def _files(folder: Path, sums: dict[str, str]) -> tuple[File, ...]:
    """Every file of the folder, pushed to the disk."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        sync_file(path)
        inside, stat = path.relative_to(folder).as_posix(), path.stat()
        found.append(File(str(path), stat.st_size, sums.get(inside) or sha256_of(path), stat.st_mtime_ns))
    return tuple(found)


def _variant(facts: Facts, model_id: str, name: str, files: tuple[File, ...], old: Path, new: Path) -> Variant:
    """The entry with the paths that the files have after the move."""
    moved = tuple(msgspec.structs.replace(f, path=str(new / Path(f.path).relative_to(old))) for f in files)
    variant = from_facts(facts, model_id, name, moved, outside=False)
    return msgspec.structs.replace(variant, path=str(new / facts.path.relative_to(old)))


def _free(model_id: str, precision: str, taken: set[Name]) -> Name:
    """An id and variant that nothing else has."""
    for base in (model_id, *(f"{model_id[:76]}-{n}" for n in range(2, 1000))):
        if (base, precision) not in taken:
            return base, precision
    raise TandemError("bad_name", f"There are too many models called {model_id}.", "Remove some of them.")
