"""What Tandem removes goes to the system's trash; where there is none, to a folder in TANDEM_HOME that says when and what."""

from __future__ import annotations

import errno
import importlib
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.errors import TandemError

Mover = Callable[[Path], None]


def system_trash(
    env: Mapping[str, str] = os.environ, home: Path | None = None, system: str = sys.platform
) -> Mover | None:
    """Moves a file or folder to the system's trash; None where a person would never find it there.

    On Linux and its like a trash is there with a desktop, or where one has been used before.
    """
    if system not in ("darwin", "win32"):
        data = Path(env.get("XDG_DATA_HOME") or (home or Path.home()) / ".local" / "share")
        desktop = any(env.get(name) for name in ("XDG_CURRENT_DESKTOP", "DESKTOP_SESSION"))
        if not desktop and not (data / "Trash").is_dir():
            return None
    try:
        library: Any = importlib.import_module("send2trash")
    except ImportError:
        return None
    return lambda path: library.send2trash(str(path))


class Trash:
    """folder: our own, used where the system has none. system: looked for at each use unless given."""

    def __init__(self, folder: Path, system: Callable[[], Mover | None] = system_trash) -> None:
        self.folder, self._system = folder, system

    def put(self, path: Path) -> str:
        """Move it. Returns where it is now, for a person. Raises TandemError("not_removed"); it stays where it was then."""
        mover = self._system()
        if mover is not None:
            try:
                mover(path)
            except Exception:  # noqa: BLE001 - another disk, no rights, no service: our own folder then
                mover = None
            if not path.exists():
                return "in the trash"
        return f"in {self._own(path)}"

    def bytes(self) -> int:
        """What our own folder holds."""
        return sum(p.lstat().st_size for p in self.folder.rglob("*") if p.is_file() and not p.is_symlink())

    def empty(self) -> int:
        """Delete what our own folder holds for good; returns its bytes."""
        size = self.bytes()
        shutil.rmtree(self.folder, ignore_errors=True)
        return size

    def _own(self, path: Path) -> Path:
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.name)[:80]
        target = self.folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            number = 2
            while target.exists():
                target = target.with_name(f"{target.name}-{number}")
                number += 1
            _move(path, target)
        except OSError as error:
            raise TandemError(
                "not_removed",
                f"{path.name} cannot be moved away: {error.strerror or error}.",
                "Check the disk and its rights, then try again.",
            ) from error
        return target


def _move(path: Path, target: Path) -> None:
    """By name, or as a copy where the library lies on another disk than its home. Raises OSError, and all is as it was."""
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        try:
            if path.is_dir():
                shutil.copytree(path, target, symlinks=True)
            else:
                shutil.copy2(path, target)
        except OSError as failed:  # shutil.Error is one, with a list in place of a reason
            _drop(target)
            raise OSError(
                failed.errno or errno.EIO, failed.strerror or "it cannot be copied to another disk"
            ) from failed
        _drop(path)


def _drop(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
