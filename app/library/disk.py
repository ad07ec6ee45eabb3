"""Where the disk's space goes: models by where they came from, downloads, the trash, the cache and the database."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from app.library.library import Library
from app.library.scan import PLACE
from app.library.variant import MADE, SERVED, Variant
from app.paths import Paths


class DiskPart(msgspec.Struct, frozen=True):
    """id: fetched, made, own, elsewhere, downloads, trash, cache or data. bytes: each file once."""

    id: str
    title: str
    bytes: int


class DiskUse(msgspec.Struct, frozen=True):
    """free_bytes, total_bytes: of the disk with Tandem's folder. own_bytes: what lies in that folder."""

    parts: tuple[DiskPart, ...]
    free_bytes: int
    total_bytes: int

    @property
    def own_bytes(self) -> int:
        return sum(p.bytes for p in self.parts if p.id not in ("own", "elsewhere"))


def disk_use(library: Library, paths: Paths) -> DiskUse:
    """The parts that are not empty. Blocks: it looks at every file in Tandem's folder."""
    models: dict[str, int] = {"fetched": 0, "made": 0, "own": 0, "elsewhere": 0}
    for variant in library.variants():
        if variant.format != SERVED and not variant.problem:
            models[_whose(variant)] += variant.bytes
    home = paths.home
    data = [home / "backups", home / "logs", *home.glob("tandem.sqlite3*"), *home.glob("*.json")]
    parts = (
        DiskPart("fetched", "Models fetched", models["fetched"]),
        DiskPart("made", "Models made here", models["made"]),
        DiskPart("own", "Your own files, where they lie", models["own"]),
        DiskPart("elsewhere", "Models of other programs", models["elsewhere"]),
        DiskPart("downloads", "Downloads under way", _size([home / "downloads", home / "cache" / "downloads"])),
        DiskPart("trash", "Tandem's trash", _size([library.trash.folder])),
        DiskPart("cache", "Cache", _size([home / "cache"]) - _size([home / "cache" / "downloads"])),
        DiskPart("data", "Conversations and runs", _size([*data, home / "files"])),
    )
    there = home if home.exists() else home.parent
    disk = shutil.disk_usage(there)
    return DiskUse(tuple(p for p in parts if p.bytes > 0), disk.free, disk.total)


def _whose(variant: Variant) -> str:
    if variant.origin.kind == PLACE:
        return "elsewhere"
    if variant.outside:
        return "own"
    return "made" if variant.lineage.kind == MADE else "fetched"


def _size(paths: Iterable[Path]) -> int:
    """Bytes of files and of all below folders; links are not followed, what cannot be read counts nothing."""
    total = 0
    for path in paths:
        if path.is_file():
            total += path.lstat().st_size
            continue
        for folder, _, files in os.walk(path):
            for name in files:
                try:
                    total += os.lstat(os.path.join(folder, name)).st_size
                except OSError:
                    continue
    return total
