"""One look into a folder: its files with what tells them apart, links resolved, nothing opened."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Iterable
from typing import NamedTuple

HEX_64 = re.compile(r"^[0-9a-f]{64}$")
MAX_NAMES = 20_000  # in one folder
NEEDS_STAT = os.name == "nt"  # there scandir knows no inode


class Seen(NamedTuple):
    """A file. path: as it was reached. ident: (device, inode), the same for every name of one file. link: a symbolic link."""

    name: str
    path: str
    bytes: int
    mtime_ns: int
    ident: tuple[int, int]
    link: bool = False

    @property
    def real(self) -> str:
        """Where the bytes lie; the path itself where the link is gone meanwhile."""
        with contextlib.suppress(OSError):
            return os.path.realpath(self.path) if self.link else self.path
        return self.path

    @property
    def sha256(self) -> str:
        """Of a link to a blob that is named by its SHA-256, as in the Hugging Face cache; else ""."""
        name = os.path.basename(self.real) if self.link else ""
        return name if HEX_64.match(name) else ""


class Look(NamedTuple):
    """files: by name. folders: names. broken: links that lead nowhere. cut: there is more than can be looked at."""

    files: dict[str, Seen]
    folders: list[str]
    broken: list[str]
    cut: bool = False


def look(folder: str) -> Look:
    """What lies in `folder`. Raises OSError if it may not be read."""
    files: dict[str, Seen] = {}
    folders: list[str] = []
    broken: list[str] = []
    with os.scandir(folder) as items:
        for number, item in enumerate(items):
            if number >= MAX_NAMES:
                return Look(files, sorted(folders), broken, True)
            link = item.is_symlink()
            try:
                found = os.stat(item.path) if link or NEEDS_STAT else item.stat()
            except OSError:
                broken.append(item.name)
                continue
            if stat.S_ISDIR(found.st_mode):
                folders.append(item.name)
            elif stat.S_ISREG(found.st_mode):
                ident = (found.st_dev, found.st_ino)
                files[item.name] = Seen(item.name, item.path, found.st_size, found.st_mtime_ns, ident, link)
    return Look(files, sorted(folders), sorted(broken))


def see(path: str) -> Seen | None:
    """One file, or None if it is not there or is no file."""
    try:
        link = os.path.islink(path)
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return Seen(os.path.basename(path), path, found.st_size, found.st_mtime_ns, (found.st_dev, found.st_ino), link)


def below(folder: str, depth: int = 3) -> list[Seen]:
    """Every file in a folder and below it, hidden ones left out; what cannot be read is left out too."""
    try:
        here = look(folder)
    except OSError:
        return []
    found = [s for name, s in sorted(here.files.items()) if not name.startswith(".")]
    if depth:
        for name in here.folders:
            if not name.startswith("."):
                found += below(os.path.join(folder, name), depth - 1)
    return found


def stamp(files: Iterable[Seen]) -> str:
    """A word that changes when one of the files does."""
    marks = "\n".join(f"{s.path}\0{s.bytes}\0{s.mtime_ns}\0{s.ident[1]}" for s in files)
    return hashlib.sha256(marks.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def can_be_kept(path: str) -> bool:
    """False for a name that is no valid text, which no list can remember."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(path: str) -> str:
    """The path as text, whatever bytes it has."""
    return os.fsencode(path).decode("utf-8", "replace")
