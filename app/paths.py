"""Where a person's data lies: one home folder, from `TANDEM_HOME` or the system's own place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import platformdirs

from app.errors import TandemError


def private_folder(folder: Path) -> Path:
    """`folder`, made with mode 0700 if it is missing. Raises TandemError("no_folder")."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise TandemError(
            "no_folder",
            f"The folder {folder} cannot be made: {error.strerror or error}.",
            "Free space or rights there, or set TANDEM_HOME to a folder that can be written.",
        ) from error
    return folder


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders below one home; each is made, readable by its owner alone, when first asked for."""

    home: Path

    resources: ClassVar[Path] = Path(__file__).resolve().parents[1] / "resources"  # ships with the program

    @classmethod
    def default(cls) -> Paths:
        """`TANDEM_HOME` if it is set and not empty, else the system's folder for a program's data."""
        wanted = os.environ.get("TANDEM_HOME")
        if wanted:
            return cls(Path(wanted).expanduser().absolute())
        return cls(platformdirs.user_data_path("tandem", appauthor=False))

    @property
    def models(self) -> Path:
        return self._folder("models")

    @property
    def cache(self) -> Path:
        return self._folder("cache")

    @property
    def run(self) -> Path:
        """Files of running sessions; swept at start."""
        return self._folder("run")

    @property
    def lock(self) -> Path:
        return self._folder("lock")

    @property
    def logs(self) -> Path:
        return self._folder("logs")

    @property
    def backups(self) -> Path:
        """Copies of the database: daily, and from before a migration."""
        return self._folder("backups")

    @property
    def database(self) -> Path:
        """The database file; it may not exist yet, its folder does."""
        return private_folder(self.home) / "tandem.sqlite3"

    def _folder(self, name: str) -> Path:
        return private_folder(private_folder(self.home) / name)
