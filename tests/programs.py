"""Stand-in programs for tests: commands that a worker finds by their variables, as it finds the real ones."""

from __future__ import annotations

import sys
from pathlib import Path

from engines.servers.programs import PROGRAMS

SCRIPT = Path(__file__).with_name("stand_in_program.py")


def write(folder: Path, program: str) -> Path:
    """A command of that name in `folder`/bin."""
    path = folder / "bin" / program
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{SCRIPT}" {program} "$@"\n')
    path.chmod(0o755)
    return path


def write_all(folder: Path) -> dict[str, str]:
    """Variable → command, for every program that Tandem starts."""
    return {one.variable: str(write(folder, name)) for name, one in PROGRAMS.items()}
