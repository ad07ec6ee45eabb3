"""The library on disk: TANDEM_HOME/models/<id>/<variant>/entry.json and, for files of ours, model/ beside it.

A variant appears by one rename and vanishes by one; what a killed process leaves behind has a name that
begins with a dot and a lock that nobody holds any more, and is swept.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.errors import TandemError
from app.library.checksum import sync_folder, write_atomic
from app.library.facts import SAFE_ID
from app.library.trash import Trash
from app.library.variant import File, Variant
from app.locks import FileLock
from app.paths import Paths

ENTRY, CONTENT = "entry.json", "model"
NEW, OLD = ".new-", ".old-"
Key = tuple[int, int, int]
Name = tuple[str, str]
"""(id, variant)."""


@dataclass(frozen=True, slots=True)
class Making:
    """A variant that is being made: its temporary folder and the lock that says it is alive."""

    id: str
    variant: str
    folder: Path
    lock: FileLock

    @property
    def content(self) -> Path:
        """Where its files go: a folder (not made yet) or the folder of the one file."""
        return self.folder / CONTENT


class Entries:
    """Reads, adds and removes variants. Safe for several threads and several processes."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._cache: dict[Path, tuple[Key, Variant | str]] = {}
        self._guard = threading.Lock()

    def all(self) -> list[Variant]:
        """Every variant whose entry can be read, ordered by id, originals first; `problem` says what is amiss."""
        with self._guard:
            found = [self._read(folder) for folder in self._folders()]
        variants = [_checked(v) for v in found if isinstance(v, Variant)]
        return sorted(variants, key=lambda v: (v.id, v.lineage.kind != "original", v.variant))

    def broken(self) -> list[str]:
        """One sentence for each entry that cannot be read."""
        with self._guard:
            return [v for folder in self._folders() for v in [self._read(folder)] if isinstance(v, str)]

    def folder(self, model_id: str, variant: str) -> Path:
        """Where a variant lies. Raises TandemError("bad_name") for what could leave the library."""
        for word in (model_id, variant):
            if not SAFE_ID.fullmatch(word):
                hint = "Use small letters, digits, dot, dash and underscore."
                raise TandemError("bad_name", f"“{word[:80]}” cannot be the name of a model.", hint)
        return self._paths.models / model_id / variant

    def item_lock(self, variant: Variant, shared: bool) -> FileLock:
        """The lock that everyone who reads this variant's files holds shared. Asks once, without waiting."""
        return FileLock(self._paths.lock / f"model-{variant.id}-{variant.variant}.lock", shared, timeout_s=0.0)

    def begin(self, model_id: str, variant: str) -> Making:
        """A temporary folder, alive as long as its lock is held. Sweeps what others left behind."""
        self.sweep()
        parent = self.folder(model_id, variant).parent
        name = f"{NEW}{variant}-{os.getpid()}-{secrets.token_hex(4)}"
        lock = self._making_lock(model_id, name)
        lock.acquire()
        folder = parent / name
        _make(folder)
        return Making(model_id, variant, folder, lock)

    def reserve(self, choose: Callable[[set[Name]], Name]) -> Making:
        """Begin under the name that `choose` picks, given those that are taken, also by what is being made elsewhere."""
        with FileLock(self._paths.lock / "names.lock"):
            self.sweep()
            taken = {(v.id, v.variant) for v in self.all()}
            for folder in _hidden(self._paths.models):
                if folder.name.startswith(NEW):
                    taken.add((folder.parent.name, folder.name.removeprefix(NEW).rsplit("-", 2)[0]))
            return self.begin(*choose(taken))

    def publish(self, making: Making, variant: Variant) -> Variant:
        """Write the entry and rename the folder to its place; an older variant of that name gives way.

        Raises TandemError("in_use") if that one is in use.
        """
        target = self.folder(variant.id, variant.variant)
        write_atomic(making.folder / ENTRY, msgspec.json.format(msgspec.json.encode(_relative(variant, making.folder))))
        with self._alone(variant):
            if target.exists():
                self._throw_away(target)
            making.folder.rename(target)
            sync_folder(target.parent)
            made = self._one(target)  # read before another process may remove it
        self._end(making)
        return made

    def discard(self, making: Making) -> None:
        """Delete what was begun."""
        shutil.rmtree(making.folder, ignore_errors=True)
        self._end(making)
        with contextlib.suppress(OSError):
            making.folder.parent.rmdir()

    def remove(self, variant: Variant, trash: Trash | None = None) -> str:
        """Take the variant's folder out of the library, never a file outside. Returns where it is now, "" if deleted.

        trash: where it goes; None deletes it. Raises TandemError `in_use`, `not_removed`; it is whole and in its place then.
        """
        folder, where = self.folder(variant.id, variant.variant), ""
        with self._alone(variant):
            if trash is None:
                self._throw_away(folder)
            else:
                where = self._to_trash(folder, trash)
        with contextlib.suppress(OSError):
            folder.parent.rmdir()
        return where

    def _to_trash(self, folder: Path, trash: Trash) -> str:
        """By a name that a person knows in the trash; held by a lock, so that no sweep takes it for a leftover."""
        making = self.begin(folder.parent.name, folder.name)
        known = making.folder / f"{folder.parent.name} {folder.name}"
        try:
            _move(folder, known)
            try:
                return trash.put(known)
            except BaseException:
                _move(known, folder)
                raise
        finally:
            self.discard(making)

    def sweep(self) -> None:
        """Delete temporary folders whose process is gone."""
        for folder in _hidden(self._paths.models):
            if folder.name.startswith(OLD):
                shutil.rmtree(folder, ignore_errors=True)
            elif folder.name.startswith(NEW):
                lock = self._making_lock(folder.parent.name, folder.name)
                if lock.try_acquire():
                    shutil.rmtree(folder, ignore_errors=True)
                    self._drop(lock)

    def _making_lock(self, model_id: str, name: str) -> FileLock:
        return FileLock(self._paths.lock / f"new-{model_id}-{name[1:]}.lock", timeout_s=0.0)

    def _end(self, making: Making) -> None:
        self._drop(making.lock)

    def _drop(self, lock: FileLock) -> None:
        """The name is used once, so its lock file may go."""
        lock.release()
        with contextlib.suppress(OSError):
            lock.path.unlink()

    @contextlib.contextmanager
    def _alone(self, variant: Variant) -> Iterator[None]:
        lock = self.item_lock(variant, shared=False)
        if not lock.try_acquire():
            raise TandemError(
                "in_use", f"{variant.ref} is loaded or being read just now.", "Unload it, then try again."
            )
        try:
            yield
        finally:
            lock.release()

    def _throw_away(self, folder: Path) -> None:
        old = folder.with_name(f"{OLD}{folder.name}-{secrets.token_hex(4)}")
        _move(folder, old)
        shutil.rmtree(old, ignore_errors=True)

    def _folders(self) -> Iterator[Path]:
        for model in _children(self._paths.models):
            yield from _children(model)

    def _one(self, folder: Path) -> Variant:
        with self._guard:
            found = self._read(folder)
        if isinstance(found, str):
            raise TandemError("broken_entry", found, "Remove the model and add it again.")
        return _checked(found)

    def _read(self, folder: Path) -> Variant | str:
        """The variant, or why its entry cannot be read. The file is parsed again only when it has changed."""
        path = folder / ENTRY
        try:
            stat = path.stat()
            key = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            cached = self._cache.get(folder)
            if cached is None or cached[0] != key:
                cached = (key, _decode(folder, path.read_bytes()))
                self._cache[folder] = cached
        except OSError as error:
            return f"{folder.parent.name}:{folder.name} has no readable {ENTRY} ({error.strerror or error})."
        return cached[1]


def _decode(folder: Path, data: bytes) -> Variant | str:
    try:
        variant = msgspec.json.decode(data, type=Variant)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return f"{folder.parent.name}:{folder.name} has a damaged {ENTRY} ({str(error)[:100]})."
    if (variant.id, variant.variant) != (folder.parent.name, folder.name):
        return f"{folder.parent.name}:{folder.name} has the {ENTRY} of {variant.ref}."
    files = tuple(msgspec.structs.replace(f, path=str(folder / f.path)) for f in variant.files)
    return msgspec.structs.replace(variant, path=str(folder / variant.path), files=files, problem="")


def _relative(variant: Variant, folder: Path) -> Variant:
    """Paths inside `folder` without it, so that a home can be moved; a person's own stay absolute."""

    def short(path: str) -> str:
        return Path(path).relative_to(folder).as_posix() if Path(path).is_relative_to(folder) else path

    files = tuple(msgspec.structs.replace(f, path=short(f.path)) for f in variant.files)
    return msgspec.structs.replace(variant, path=short(variant.path), files=files)


def _checked(variant: Variant) -> Variant:
    """With `problem` set if a file is gone or is not the one that was checked."""
    problem = next((p for f in variant.files if (p := _amiss(f, variant.outside))), "")
    return msgspec.structs.replace(variant, problem=problem) if problem else variant


def _amiss(file: File, outside: bool) -> str:
    name = Path(file.path).name
    try:
        stat = Path(file.path).stat()
    except OSError:
        return f"{file.path} is missing." if outside else f"{name} is missing."
    if stat.st_size != file.bytes:
        return f"{name} has {stat.st_size:,} bytes instead of {file.bytes:,}."
    if outside and stat.st_mtime_ns != file.mtime_ns:
        return f"{file.path} was changed after it was added: add it again."
    return ""


def _move(old: Path, new: Path) -> None:
    """Raises TandemError("in_use")."""
    try:
        old.rename(new)
    except OSError as error:
        why = f"{old.parent.name}:{old.name} cannot be removed: {error.strerror or error}."
        raise TandemError("in_use", why, "Try again.") from error


def _make(folder: Path) -> None:
    """With its parent, which another process may take away, being empty, just when it was made."""
    for _ in range(20):
        with contextlib.suppress(FileNotFoundError):
            folder.mkdir(mode=0o700, parents=True)
            return
    folder.mkdir(mode=0o700, parents=True)


def _hidden(models: Path) -> list[Path]:
    """What in the models' folders begins with a dot. A folder that goes meanwhile has none."""
    found: list[Path] = []
    for model in _children(models):
        with contextlib.suppress(OSError):
            found += [model / name for name in os.listdir(model) if name.startswith(".")]
    return found


def _children(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as items:
            names = [i.name for i in items if not i.name.startswith(".") and i.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [folder / name for name in sorted(names)]
