"""Removing variants: what is ours goes to the trash, a person's own files stay, and other programs' models are refused."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from app.errors import TandemError
from app.library.entries import Entries
from app.library.places import FOLDER
from app.library.scan import PLACE
from app.library.trash import Trash
from app.library.variant import SERVED, Removed, Variant


def removable(found: Sequence[Variant], titles: dict[str, str]) -> list[Variant]:
    """Those of `found` that may go. titles: of places, by id. Raises TandemError `not_ours` if there is none."""
    mine = [v for v in found if v.origin.kind != PLACE and v.format != SERVED]
    if mine:
        return mine
    first = found[0]
    if first.format == SERVED:
        message = f"{first.ref} lies on the server {first.origin.server}."
        raise TandemError("not_ours", message, f"Forget the server: tandem servers remove {first.origin.server}")
    place = first.origin.place
    own = place.startswith(f"{FOLDER}-")
    whose = "you" if own else titles.get(place, "another program")
    way = "Delete the file yourself" if own else f"Delete it in {whose}"
    raise TandemError(
        "not_ours",
        f"{first.ref} belongs to {whose}, and Tandem removes only what it made or fetched: {first.path}",
        f"{way}, or take the whole place off the list: tandem models scan --forget {place}",
    )


def remove(entries: Entries, trash: Trash, found: Sequence[Variant]) -> Removed:
    """All of them or none: every lock is asked for first. Raises TandemError `in_use`, `not_removed`."""
    with contextlib.ExitStack() as held:
        for variant in found:
            _probe(entries, variant, held)
    paths: list[str] = []
    notes: list[str] = []
    freed = 0
    for variant in found:
        gone, size, said = _look(entries, variant)
        where = entries.remove(variant, None if variant.outside else trash)
        paths += gone
        freed += size
        notes += said + ([f"{variant.ref} is {where}."] if where else [])
    return Removed(tuple(paths), freed, tuple(notes))


def _probe(entries: Entries, variant: Variant, held: contextlib.ExitStack) -> None:
    lock = entries.item_lock(variant, shared=False)
    if not lock.try_acquire():
        raise TandemError("in_use", f"{variant.ref} is in use just now.", "Unload it, then try again.")
    held.callback(lock.release)


def _look(entries: Entries, variant: Variant) -> tuple[list[str], int, list[str]]:
    """(what goes, bytes that leave the library, what to say of it)."""
    if variant.outside:
        return [str(entries.folder(variant.id, variant.variant))], 0, [f"Your own files stay: {variant.path}"]
    paths, size, notes = [], 0, []
    for path in (Path(file.path) for file in variant.files):
        if not path.is_file():
            continue
        stat = path.stat()
        paths.append(str(path))
        if stat.st_nlink > 1:
            notes.append(f"{path.name} has another name on this disk, which stays.")
        else:
            size += stat.st_size
    return paths, size, notes
