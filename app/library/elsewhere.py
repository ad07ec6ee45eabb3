"""The models that lie elsewhere: which places are looked at, what was found there, and the whole check before first use."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from app.errors import TandemError
from app.library.checkpoint import inspect_checkpoint
from app.library.checksum import Cancelled, Progress
from app.library.facts import Facts
from app.library.found import FoundModels
from app.library.inspection import inspect
from app.library.places import NamedPlaces, Place, usual_places
from app.library.recognise import Recogniser
from app.library.refusal import Reason, refused
from app.library.scan import PLACE, Mine, Scan, scan
from app.library.seen import see
from app.library.variant import Variant
from app.locks import FileLock
from app.paths import Paths

CHECKPOINT = "checkpoint"
Usual = Callable[[], list[Place]]
Mark = tuple[tuple[str, int, int, int], ...]


def here() -> list[Place]:
    """The usual places of this system and this person."""
    return usual_places(Path.home(), os.environ)


class Elsewhere:
    """Safe to use from several threads, and beside other processes on the same home."""

    def __init__(self, paths: Paths, usual: Usual = here) -> None:
        self._paths, self._usual = paths, usual
        self._named = NamedPlaces(paths.home / "places.json")
        self._found = FoundModels(paths.home / "found.json")
        self._whole: dict[str, tuple[Mark, Facts]] = {}
        self._guard, self._scanning = threading.Lock(), threading.Lock()

    def places(self) -> tuple[Place, ...]:
        """The usual ones that are there, those that a person named, and those of the last scan that are gone."""
        places = {p.id: p for p in [*self._usual(), *self._named.all()] if not self._named.left_out(p.id)}
        last = self._found.scan()
        for summary in last.places if last else ():
            gone = not os.path.isdir(summary.place.path)
            if summary.models and gone and not summary.place.named and not self._named.left_out(summary.place.id):
                places.setdefault(summary.place.id, summary.place)
        return tuple(places.values())

    def add(self, path: Path) -> Place:
        """Name a folder. Raises TandemError `no_such_folder`, `bad_name`."""
        return self._named.add(path, self._usual())

    def remove(self, id: str) -> None:
        """Take a place off the list, and what was found in it. Raises TandemError `unknown_place`, `disk`."""
        if id not in {p.id for p in self.places()}:
            known = ", ".join(p.id for p in self.places()) or "none"
            raise TandemError("unknown_place", f"There is no place “{id[:80]}”.", f"Places: {known}.")
        self._named.remove(id)
        with self._writing():
            self._found.drop(id)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Alone among processes while the list of what was found is written. Raises TandemError `disk`, `locked`."""
        with FileLock(self._paths.lock / "found.lock"):
            try:
                yield
            except OSError as error:
                raise TandemError(
                    "disk", f"The list of models cannot be written: {error.strerror or error}.", "Check the disk."
                ) from error

    def titles(self) -> dict[str, str]:
        """Place id → what it is called."""
        last = self._found.scan()
        return {s.place.id: s.place.title for s in last.places} if last else {}

    def scanned(self) -> Scan | None:
        """The last scan of any process, or None."""
        return self._found.scan()

    def scan(self, own: Sequence[Variant], ids: Iterable[str], progress: Progress, cancelled: Cancelled) -> Scan:
        """Look at every place now. own: the library's entries; ids: other names that are taken.

        Raises TandemError `cancelled`, `disk`.
        """
        with self._scanning:
            files = [see(file.path) for variant in own for file in variant.files]
            mine = Mine(
                frozenset(s.ident for s in files if s is not None),
                frozenset({*ids, *(v.id for v in own)}),
                frozenset(v.ref for v in own),
            )
            recogniser = Recogniser(self._paths.cache / "scan.json")
            skip = (str(self._paths.home),)
            made = scan(self.places(), mine, self._found.scan(), recogniser, progress, cancelled, skip)
            with self._writing():
                left = {p.id for p in self.places()}  # a place may have been taken off meanwhile
                for gone in {s.place.id for s in made.places} - left:
                    made = made.without(gone)
                self._found.keep(made)
            return made

    def variants(self, fresh: bool = False) -> list[Variant]:
        """What was found, `problem` set where a file or its drive is gone."""
        return self._found.variants(fresh)

    def whole(self, variant: Variant) -> Variant:
        """The variant with template, BOS and EOS, after every check of `inspect`; made once for the same files.

        Raises TandemError `refused_…`.
        """
        if variant.origin.kind != PLACE:
            return variant
        mark = _mark(variant)
        with self._guard:
            known = self._whole.get(variant.path)
        if known is None or known[0] != mark:
            known = (mark, self._inspect(variant))
            with self._guard:
                self._whole[variant.path] = known
        facts = known[1]
        return msgspec.structs.replace(
            variant, template=facts.template, bos=facts.bos, eos=facts.eos, shape=facts.shape or variant.shape
        )

    def _inspect(self, variant: Variant) -> Facts:
        path = Path(variant.path)
        try:
            facts = inspect_checkpoint(path) if variant.format == CHECKPOINT else inspect(path)
        except OSError as error:
            raise refused(Reason.MISSING, path, f"it cannot be read ({error.strerror or error})") from error
        if facts.format != variant.format:
            raise refused(Reason.DAMAGED, path, f"it is {facts.format} now and was {variant.format}", "Scan again.")
        return facts


def _mark(variant: Variant) -> Mark:
    found = (see(file.path) for file in variant.files)
    return tuple((s.path, s.bytes, s.mtime_ns, s.ident[1]) for s in found if s is not None)
