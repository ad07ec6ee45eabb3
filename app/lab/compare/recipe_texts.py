"""The texts that a recipe names in braces: documents that ship with the program, and the person's own.

Only files inside resources/texts are read, and only by name: a recipe from elsewhere cannot reach another file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from app.errors import TandemError

INPUT = "input"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|[{}]")


def is_name(text: str) -> bool:
    """True for a plain name; a path, "..", or an empty text is none."""
    return _NAME.fullmatch(text) is not None


def names(resources: Path) -> dict[str, Path]:
    """Text name → its file in resources/texts or one of its folders. The shallower file wins."""
    root = resources / "texts"
    files = sorted((p for p in root.rglob("*") if p.is_file()), key=lambda p: (len(p.parts), str(p)), reverse=True)
    inside = root.resolve()
    return {p.stem: p for p in files if is_name(p.stem) and p.resolve().is_relative_to(inside)}


def text(name: str, resources: Path) -> str:
    """A shipped text. Raises TandemError `no_text` with the names that there are."""
    if not is_name(name):
        raise TandemError(
            "no_text",
            f"“{name}” is not the name of a text.",
            "Only plain names of shipped texts; for a brace write {{ or }}.",
        )
    known = names(resources)
    if name not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise TandemError("no_text", f"There is no text “{name}”.", f"Texts: {listed}. For a brace write {{{{ or }}}}.")
    return known[name].read_text(encoding="utf-8").rstrip("\n")


def placed(template: str, find: Callable[[str], str]) -> str:
    """`template` with every {name} replaced by find(name); {{ and }} are braces. Raises TandemError `no_text`."""

    def one(match: re.Match[str]) -> str:
        whole = match[0]
        if whole in ("{{", "}}"):
            return whole[0]
        if match[1] is None:
            raise TandemError("no_text", "A brace stands alone.", "For a brace write {{ or }}.")
        return find(match[1])

    return _BRACES.sub(one, template)


def guarded(literal: str) -> str:
    """A text whose braces mean nothing, for `placed`."""
    return literal.replace("{", "{{").replace("}", "}}")


def uses(template: str, name: str) -> bool:
    """True if `template` places the text `name`."""
    return any(match[1] == name for match in _BRACES.finditer(template))


def edited(text_: str, word: int, to: str) -> str:
    """`text_` with its word number `word` (from 1, between white space) replaced. Raises TandemError `no_word`."""
    found = list(re.finditer(r"\S+", text_))
    if not 1 <= word <= len(found):
        raise TandemError("no_word", f"The text has {len(found):,} words, no word {word:,}.", "Give a smaller number.")
    span = found[word - 1]
    return text_[: span.start()] + to + text_[span.end() :]
