"""Finds the models of other programs and of named folders, in place: headers only, nothing copied, nothing written there."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.library.building import model_id_of
from app.library.checksum import Cancelled, Progress, stop_if
from app.library.facts import plain
from app.library.finder import Candidate, Finder, Trouble
from app.library.hf_cache import hub_layout
from app.library.naming import Names
from app.library.ollama import ollama_layout
from app.library.places import Place
from app.library.recognise import Known, Recogniser
from app.library.seen import see
from app.library.variant import File, Lineage, Origin, Variant

PLACE = "place"


class Found(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model file or folder. variant None: it cannot be used, `code`, `reason` and `hint` say why and what to do."""

    place: str
    path: str
    bytes: int
    variant: Variant | None = None
    code: str = ""
    reason: str = ""
    hint: str = ""


class PlaceSummary(msgspec.Struct, frozen=True):
    """models, bytes: what can be used of it. present: False if the drive or folder is not there now."""

    place: Place
    present: bool
    models: int
    bytes: int
    unusable: int


class Scan(msgspec.Struct, frozen=True):
    """seconds: how long it took. at: when (Unix)."""

    places: tuple[PlaceSummary, ...]
    found: tuple[Found, ...]
    seconds: float
    at: float

    @property
    def models(self) -> int:
        """That can be used, in places that are there."""
        return sum(s.models for s in self.places if s.present)

    @property
    def bytes(self) -> int:
        return sum(s.bytes for s in self.places if s.present)

    @property
    def unusable(self) -> tuple[Found, ...]:
        return tuple(f for f in self.found if f.variant is None)

    def without(self, place: str) -> Scan:
        """Less one place and what was found in it."""
        places = tuple(s for s in self.places if s.place.id != place)
        return msgspec.structs.replace(self, places=places, found=tuple(f for f in self.found if f.place != place))

    @property
    def sentence(self) -> str:
        """ "Found 23 models, 212 GB, in 4 places" """
        places = sum(1 for s in self.places if s.present and s.models)
        if not places:
            return "Found no models in other places"
        return f"Found {_count(self.models, 'model')}, {_size(self.bytes)}, in {_count(places, 'place')}"


@dataclass(frozen=True, slots=True)
class Mine:
    """What the library has already. idents: (device, inode) of its files; ids, refs: names that are taken."""

    idents: frozenset[tuple[int, int]]
    ids: frozenset[str]
    refs: frozenset[str]


def scan(
    places: Sequence[Place],
    mine: Mine,
    last: Scan | None,
    recogniser: Recogniser,
    progress: Progress,
    cancelled: Cancelled,
    skip: Iterable[str] = (),
) -> Scan:
    """Look at every place. Raises TandemError("cancelled"). skip: folders of our own."""
    began = time.perf_counter()
    names = Names(mine.ids, mine.refs, _names_before(last))
    seen = set(mine.idents)
    found: list[Found] = []
    summaries: list[PlaceSummary] = []
    for place in places:
        stop_if(cancelled)
        progress(f"looking into {place.title}", len(found), 0)
        present = os.path.isdir(place.path)
        here: list[Found] = []
        if present:
            here = list(_scan_place(place, seen, names, recogniser, progress, cancelled, skip))
            present = os.path.isdir(place.path)  # a drive may go meanwhile: half a look is none
        if not present:
            here = [f for f in (last.found if last else ()) if f.place == place.id]
        found += here
        summaries.append(_summary(place, present, here))
    recogniser.save(p.path for p in places if not os.path.isdir(p.path))
    return Scan(tuple(summaries), tuple(found), time.perf_counter() - began, time.time())


def _scan_place(
    place: Place, seen: set[tuple[int, int]], names: Names, recogniser: Recogniser, progress: Progress, cancelled: Cancelled,
    skip: Iterable[str],
) -> Iterable[Found]:  # fmt: skip
    def tick(entries: int) -> None:
        stop_if(cancelled)
        progress(f"looking into {place.title}", entries, 0)

    finder = Finder(skip, tick)
    finder.walk(place.path, (ollama_layout, hub_layout))
    for item in finder.items:
        stop_if(cancelled)
        if isinstance(item, Trouble):
            if item.ident == (0, 0) or item.ident not in seen:
                seen.add(item.ident)
                yield Found(place.id, item.path, item.bytes, None, item.code, item.reason, item.hint)
            continue
        if item.files and item.ident in seen:
            continue
        known = recogniser.known(item)
        seen.update(s.ident for s in item.files if s.bytes == max(f.bytes for f in item.files))
        yield _found(place, item, known, names)


def _found(place: Place, item: Candidate, known: Known, names: Names) -> Found:
    if known.code:
        return Found(place.id, item.path, item.bytes, None, known.code, known.reason, known.hint)
    wanted = model_id_of(Path(item.name or item.path), bool(item.name))
    name = names.give(item.path, place.id, wanted, known.precision)
    return Found(place.id, item.path, item.bytes, _variant(place, item, known, *name))


def _variant(place: Place, item: Candidate, known: Known, id: str, variant: str) -> Variant:
    root = item.path if os.path.isdir(item.path) else os.path.dirname(item.path)
    by_path = {s.path: s for s in item.files}
    files = []
    for name in known.files:
        path = os.path.join(root, name.replace("/", os.sep))
        seen = by_path.get(path) or see(path)
        if seen is not None:
            files.append(File(path, seen.bytes, item.sums.get(path, ""), seen.mtime_ns))
    return Variant(
        id=id, variant=variant, task=known.task, title=plain(item.title or known.title), format=known.format,
        licence=plain(known.licence or item.licence), bytes=sum(f.bytes for f in files), bits_per_weight=known.bits_per_weight,
        lineage=Lineage("original"), mix=known.mix, path=item.path, files=tuple(files), shape=known.shape,
        notes=(*known.notes, *item.notes), outside=True,
        origin=Origin(PLACE, place=place.id, repo=item.repo, revision=item.revision),
    )  # fmt: skip


def _summary(place: Place, present: bool, found: Sequence[Found]) -> PlaceSummary:
    usable = [f for f in found if f.variant is not None]
    return PlaceSummary(place, present, len(usable), sum(f.bytes for f in usable), len(found) - len(usable))


def _names_before(last: Scan | None) -> dict[str, tuple[str, str, str]]:
    """path → (place, id, variant) of what is still there, and of what lies on a drive that is gone."""
    if last is None:
        return {}
    gone = {s.place.id for s in last.places if not os.path.isdir(s.place.path)}
    return {
        f.path: (f.place, f.variant.id, f.variant.variant)
        for f in last.found
        if f.variant is not None and (f.place in gone or os.path.lexists(f.path))
    }


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' * (number != 1)}"


def _size(value: int) -> str:
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if value >= factor:
            number = value / factor
            return f"{number:,.1f} {unit}" if number < 10 else f"{number:,.0f} {unit}"
    return f"{value / 1000:,.0f} kB"
