"""Names that a stranger chose: a repository's and its files', checked before any of them meets a path or an address."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from app.errors import TandemError

MAX_REPO = 96  # the hub's own limit
MAX_PATH, MAX_PART, MAX_DEPTH = 400, 200, 10
_WORD = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_REPO = re.compile(rf"(?:{_WORD}/)?{_WORD}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]{0,199}")
COMMIT = re.compile(r"[0-9a-f]{40}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?", re.IGNORECASE)
_FORBIDDEN = frozenset('<>:"|?*\\')


def checked_repo(text: str) -> str:
    """A repository's name as the hub allows it. Raises TandemError `bad_name`."""
    name = text.strip()
    fine = len(name) <= MAX_REPO and _REPO.fullmatch(name) and ".." not in name and "--" not in name
    if not fine or name.endswith((".git", ".ipynb")):
        raise TandemError(
            "bad_name",
            f"“{shown(name)}” cannot be the name of a repository.",
            "Write it like ORG/NAME, as on its page.",
        )
    return name


def checked_revision(text: str) -> str:
    """A branch, tag or commit. Raises TandemError `bad_name`."""
    if not _REVISION.fullmatch(text) or ".." in text or "//" in text:
        raise TandemError(
            "bad_name", f"“{shown(text)}” cannot be a branch or a commit.", "Use main, or a commit's number."
        )
    return text


def why_bad_path(path: str) -> str:
    """Why a file of this name is not written to the disk, or ""."""
    if not path or len(path.encode("utf-8", "surrogatepass")) > MAX_PATH:
        return "its name is empty or too long"
    if path.startswith("/") or "\\" in path or re.match(r"[A-Za-z]:", path):
        return "its name leaves the folder"
    parts = path.split("/")
    if len(parts) > MAX_DEPTH:
        return "it lies too many folders deep"
    return next((why for part in parts if (why := _why_bad_part(part))), "")


def collisions(paths: Iterable[str]) -> dict[str, str]:
    """Path → why: names that would meet on a disk that ignores case, or a file that is also a folder."""
    seen: dict[str, str] = {}
    bad: dict[str, str] = {}
    given = list(paths)
    for path in given:
        first = seen.setdefault(folded(path), path)
        if first != path:
            bad[path] = bad[first] = "another file has the same name but for its case"
    for path in given:
        parts = folded(path).split("/")
        for end in range(1, len(parts)):
            file = seen.get("/".join(parts[:end]))
            if file is not None:
                bad[path] = bad[file] = "a file and a folder have the same name"
    return bad


def folded(path: str) -> str:
    """The form in which two names are the same on a disk that ignores case and how accents are written."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def shown(text: str, most: int = 80) -> str:
    """A stranger's name for an error message: printable, one line, bounded."""
    plain = "".join(c if c.isprintable() else "·" for c in text[: most + 1])
    return plain if len(plain) <= most else f"{plain[:most]}…"


def _why_bad_part(part: str) -> str:
    if part in ("", ".", ".."):
        return "its name leaves the folder"
    if len(part.encode("utf-8", "surrogatepass")) > MAX_PART:
        return "its name is empty or too long"
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in part):
        return "its name holds characters that cannot be seen"
    if _FORBIDDEN.intersection(part) or part != part.strip() or part.endswith(".") or part.startswith("~"):
        return "its name cannot be written on every system"
    return "its name is reserved on Windows" if _RESERVED.fullmatch(part) else ""
