"""Sets Tandem up in a checkout and starts or checks it: `python packaging/bootstrap.py run|test|check|setup`.

Standard library only, and readable by any Python 3: on a Python that Tandem does not support this file looks for
one that it does, and says what to do when there is none. `make run` and `make test` are short for it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

SUPPORTED = ((3, 11), (3, 12), (3, 13))


def supported(version: tuple[int, ...]) -> bool:
    return version[:2] in SUPPORTED


def another_python() -> str | None:
    """A supported interpreter on the PATH that really starts, the oldest first (it has the most built wheels)."""
    for major, minor in SUPPORTED:
        found = shutil.which(f"python{major}.{minor}")
        if found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0:
            return found
    return None


def too_old_or_new(version: tuple[int, ...]) -> str:
    return (
        f"Tandem needs Python 3.11, 3.12 or 3.13; this is {version[0]}.{version[1]} and no other was found.\n"
        "Install one of them (Debian, Ubuntu: sudo apt-get install python3; macOS: brew install python@3.13; "
        "Windows: winget install Python.Python.3.13), then name it: make run PYTHON=python3.13"
    )


def main(arguments: list[str]) -> int:
    if supported(sys.version_info[:2]):
        from tandem_setup.commands import main as commands  # noqa: PLC0415  (older Pythons cannot read it)

        return commands(arguments)
    other = another_python()
    if other is None:
        print(too_old_or_new(sys.version_info[:2]), file=sys.stderr)
        return 2
    print(f"Using {other}: this Python is {sys.version_info[0]}.{sys.version_info[1]}.", flush=True)
    return subprocess.call([other, os.path.abspath(__file__), *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
