"""The files of a model's folder by name and size, refused if a program or a pickle is among them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from app.library.refusal import Reason, refused
from app.library.sniff import PICKLE_ENDINGS

MAX_FILES = 2_000
MAX_DEPTH = 6
CODE_ENDINGS = frozenset({".py", ".pyc", ".so", ".dll", ".dylib", ".pyd", ".exe", ".sh", ".bat"})


def plain_files(folder: Path, pickles: Collection[str] = (), skip_pickles: bool = False) -> tuple[str, ...]:
    """Every file, relative to the folder with slashes, hidden ones left out. Raises TandemError `refused_…`.

    pickles: names that may end like a pickle. skip_pickles: leave the others out instead of refusing the folder.
    """
    found: list[str] = []
    for name in _walk(str(folder), "", MAX_DEPTH):
        ending = os.path.splitext(name)[1].lower()
        if ending in CODE_ENDINGS:
            raise refused(Reason.CODE, folder, f"it brings a program of its own ({name})")
        if ending in PICKLE_ENDINGS and name not in pickles:
            if skip_pickles:
                continue
            hint = "Get a copy with .safetensors weights alone."
            raise refused(Reason.PICKLE, folder, f"{name} is a pickle, which can run a stranger's program", hint)
        found.append(name)
        if len(found) > MAX_FILES:
            raise refused(Reason.OVERSIZED, folder, f"it holds more than {MAX_FILES:,} files")
    return tuple(sorted(found))


def _walk(folder: str, inside: str, depth: int) -> Iterator[str]:
    try:
        with os.scandir(os.path.join(folder, inside)) as items:
            entries = sorted((i for i in items if not i.name.startswith(".")), key=lambda i: i.name)
    except OSError as error:
        raise refused(Reason.MISSING, Path(folder), f"it cannot be read ({error.strerror or error})") from error
    for item in entries:
        if not item.is_dir():
            yield inside + item.name
        elif depth:
            yield from _walk(folder, f"{inside}{item.name}/", depth - 1)


def licence_of(folder: Path) -> str:
    """From the first lines of the model card, where it has one."""
    try:
        with (folder / "README.md").open("rb") as file:
            head = file.read(4096).decode("utf-8", "replace")
    except OSError:
        return ""
    found = re.search(r"^license:\s*[\"']?([\w.+-]+)", head, re.MULTILINE)
    return found.group(1) if found else ""
