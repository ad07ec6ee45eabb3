"""The Hugging Face cache: models--ORG--NAME/{refs,snapshots/COMMIT/…,blobs/}, snapshots being links to blobs."""

from __future__ import annotations

import os
import re
from typing import Any

from app.library.finder import Finder, Where, trouble
from app.library.refusal import Reason
from app.library.seen import Look, below, can_be_kept, look, shown

REPO = re.compile(r"^models--([A-Za-z0-9._-]{1,96})--([A-Za-z0-9._-]{1,96})$|^models--([A-Za-z0-9._-]{1,96})$")
COMMIT = re.compile(r"^[0-9a-f]{7,64}$")
MAX_SNAPSHOTS = 50


def hub_layout(finder: Finder, path: str, here: Look) -> bool:
    """Takes one repository's folder of the cache. True if it is one."""
    name = os.path.basename(path)
    if name.startswith(("datasets--", "spaces--")):
        return True
    if not name.startswith("models--") or "snapshots" not in here.folders:
        return False
    repo = _repo(name)
    if not can_be_kept(path) or repo is None:
        finder.items.append(trouble(path, 0, Reason.NAME, "its name is not that of a repository"))
        return True
    inside = os.path.realpath(os.path.dirname(path))
    done: set[tuple[int, int]] = set()
    for commit in _snapshots(path):
        folder = os.path.join(path, "snapshots", commit)
        marks = {s.ident for s in below(folder)}
        if marks and marks <= done:
            continue
        done |= marks
        finder.folder(folder, Where(repo=repo, revision=commit, name=repo.rpartition("/")[2], inside=inside))
    _unfinished(finder, path, repo)
    return True


def _repo(name: str) -> str | None:
    found = REPO.match(name)
    if found is None:
        return None
    return f"{found[1]}/{found[2]}" if found[1] else found[3]


def _snapshots(path: str) -> list[str]:
    """The commits that lie here, that of `main` first, then the newest."""
    root = os.path.join(path, "snapshots")
    try:
        names = [n for n in look(root).folders if COMMIT.match(n)]
    except OSError:
        return []
    main = _ref(os.path.join(path, "refs", "main"))
    return sorted(names, key=lambda n: (n != main, -_time(os.path.join(root, n))))[:MAX_SNAPSHOTS]


def _ref(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(100).decode("ascii", "replace").strip()
    except OSError:
        return ""


def _time(path: str) -> float:
    try:
        return os.path.getmtime(path)
    except OSError:
        return 0.0


def _unfinished(finder: Finder, path: str, repo: str) -> None:
    blobs = os.path.join(path, "blobs")
    try:
        found: Any = [s for s in look(blobs).files.values() if s.name.endswith(".incomplete")]
    except OSError:
        return
    if found:
        size = sum(s.bytes for s in found)
        finder.items.append(trouble(path, size, Reason.INCOMPLETE, f"the download of {shown(repo)} is not finished"))
