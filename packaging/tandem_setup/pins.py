"""The requirement files, one a group, and the stamps that say which of them are installed."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
import sys
import tomllib
from pathlib import Path

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)\s*(?:;.*)?$")


def pinned(file: Path) -> dict[str, str]:
    """Name → version in one requirement file, without what it includes. ValueError for a line that is no exact pin.

    A package pinned twice under different markers keeps the last version.
    """
    found: dict[str, str] = {}
    for line in _lines(file):
        if line.startswith("-r "):
            continue
        match = PIN.match(line)
        if match is None:
            raise ValueError(f"{file.name}: “{line}” is no exact pin")
        found[match[1].lower()] = match[2]
    return found


def included(file: Path) -> list[Path]:
    """The files that `file` pulls in with -r."""
    return [file.parent / line[3:].strip() for line in _lines(file) if line.startswith("-r ")]


def digest(file: Path) -> str:
    """Changes with any pin of the group, with the Python version and with the kind of machine."""
    return _digest(_lines(file) + [line for other in included(file) for line in _lines(other)])


def project_digest(pyproject: Path) -> str:
    """Changes with what the editable install is made from (not with the tools' settings), and with its place."""
    table = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    parts = [table["build-system"], table["project"], table["tool"]["setuptools"], str(pyproject.resolve())]
    return _digest([json.dumps(part, sort_keys=True) for part in parts])


def _digest(lines: list[str]) -> str:
    lines = [*lines, f"{sys.version_info[0]}.{sys.version_info[1]}", sys.platform, platform.machine()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def is_stamped(stamps: Path, name: str, value: str) -> bool:
    file = stamps / name
    return file.is_file() and file.read_text(encoding="ascii") == value


def stamp(stamps: Path, name: str, value: str) -> None:
    stamps.mkdir(parents=True, exist_ok=True)
    temporary = stamps / f"{name}.new"
    temporary.write_text(value, encoding="ascii")
    temporary.replace(stamps / name)


def unstamp(stamps: Path, name: str) -> None:
    (stamps / name).unlink(missing_ok=True)


def sweep_half_installed(site_packages: Path) -> list[str]:
    """Removes what an interrupted pip left, so that pip installs it again; returns the names.

    pip writes RECORD last: a dist-info without one is half a package that pip would take for a whole one. Folders
    that begin with "~" are those that pip was about to delete.
    """
    if not site_packages.is_dir():
        return []
    left = [f for f in site_packages.glob("*.dist-info") if not (f / "RECORD").is_file()]
    left += site_packages.glob("~*")
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
    return sorted(folder.name for folder in left)


def _lines(file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in text if line.strip() and not line.lstrip().startswith("#")]
