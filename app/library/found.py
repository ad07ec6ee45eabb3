"""What the last scan found, in TANDEM_HOME/found.json, as variants of the library: looked at again before each use."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from app.library.checksum import write_atomic
from app.library.scan import Scan
from app.library.variant import Variant

FRESH_S = 1.0  # so long a look at the files is good enough for a list
Key = tuple[int, int, int]


class FoundModels:
    """Safe to use from several threads; other processes may write the file."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._clock = file, clock
        self._guard = threading.Lock()
        self._key: Key | None = None
        self._scan: Scan | None = None
        self._checked: tuple[float, Key | None, list[Variant]] = (-1e9, None, [])

    def scan(self) -> Scan | None:
        """The last one, or None."""
        with self._guard:
            return self._read()

    def keep(self, scan: Scan) -> None:
        """Remember it. Raises OSError."""
        with self._guard:
            write_atomic(self._file, msgspec.json.encode(scan))
            self._key = None

    def drop(self, place: str) -> None:
        """Forget what was found in a place. Raises OSError."""
        last = self.scan()
        if last is not None:
            self.keep(last.without(place))

    def variants(self, fresh: bool = False) -> list[Variant]:
        """Every model that can be used, `problem` set where it is gone. fresh: look at the files now."""
        with self._guard:
            scan, now = self._read(), self._clock()
            when, key, variants = self._checked
            if fresh or key != self._key or now - when > FRESH_S:
                variants = _check(scan) if scan else []
                self._checked = (now, self._key, variants)
            return list(variants)

    def _read(self) -> Scan | None:
        try:
            stat = self._file.stat()
        except OSError:
            self._key, self._scan = None, None
            return None
        key = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if key != self._key:
            with contextlib.suppress(OSError):
                try:
                    self._scan = msgspec.json.decode(self._file.read_bytes(), type=Scan)
                except (msgspec.MsgspecError, ValueError, RecursionError):
                    self._scan = None  # the next scan writes it anew
                self._key = key
        return self._scan


def _check(scan: Scan) -> list[Variant]:
    gone = {s.place.id: s.place for s in scan.places if not os.path.isdir(s.place.path)}
    variants: list[Variant] = []
    for found in scan.found:
        variant = found.variant
        if variant is None:
            continue
        place = gone.get(found.place)
        problem = f"The drive or folder “{place.path}” is not there now." if place else problem_of(variant)
        variants.append(msgspec.structs.replace(variant, problem=problem) if problem else variant)
    return variants


def problem_of(variant: Variant) -> str:
    """Why its files are not those that were seen, or ""."""
    for file in variant.files:
        try:
            stat = os.stat(file.path)
        except OSError:
            return f"{file.path} is missing."
        if stat.st_size != file.bytes or stat.st_mtime_ns != file.mtime_ns:
            return f"{file.path} was changed since it was found: scan again."
    return ""


def without(variants: Sequence[Variant], taken: Sequence[Variant]) -> list[Variant]:
    """`variants` less those that the library has as entries of its own: by path, also another to the same, or by name."""
    paths, refs = {v.path for v in taken}, {v.ref for v in taken}
    sizes = {v.bytes for v in variants}
    own = [v for v in taken if v.outside and not v.problem and v.bytes in sizes]
    idents, sizes = {ident(v.path) for v in own}, {v.bytes for v in own}
    rest = [v for v in variants if v.path not in paths and v.ref not in refs]
    return [v for v in rest if v.bytes not in sizes or v.problem or ident(v.path) not in idents]


def ident(path: str) -> tuple[int, int]:
    """(device, inode), the same for every way to a file or folder; (0, 0) if it is not there."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        return 0, 0
    return stat.st_dev, stat.st_ino
