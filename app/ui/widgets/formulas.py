"""Finds the mathematics in Markdown, in linear time: `$…$`, `$$…$$`, `\\(…\\)` and `\\[…\\]`, never in code, never money."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 2_000
"""Characters of a formula that is drawn; a longer one is shown as its source."""

WINDOW = 8_000  # so far is an end looked for
FIRST_MARK = 0xE000
MARKS = 0xF8FF - FIRST_MARK + 1

_NEXT = re.compile(r"[`~\\$]")
_RUN = re.compile(r"`+|~+")
_BEFORE_FENCE = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*\Z")
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_MONEY = re.compile(r"[\d.,]+(?:[kKmMbB]|bn)?(?:[ –—/-].*[A-Za-z]{2}|[-–—/]$)", re.DOTALL)
_TEX = re.compile(r"[\\^_={}<>]")
_BLANK = re.compile(r"\n[ \t>]*\n")
_BEFORE_DOLLAR = "([{\"'“‘—–-:,;|*_>~=+!?"


@dataclass(frozen=True, slots=True)
class Formula:
    """text[start:end] with its signs; `tex` without them. display: a line of its own is meant."""

    start: int
    end: int
    tex: str
    display: bool


def find(text: str) -> list[Formula]:
    """The formulas of a piece of Markdown, in order."""
    if "$" not in text and "\\(" not in text and "\\[" not in text:
        return []
    return _Walk(text).run()


def marked(text: str, found: list[Formula]) -> str:
    """`text` with formula i replaced by the private character FIRST_MARK + i, which Markdown takes for a letter."""
    parts, at = [], 0
    for number, formula in enumerate(found):
        parts += [text[at : formula.start], chr(FIRST_MARK + number)]
        at = formula.end
    return "".join([*parts, text[at:]])


def usable(text: str) -> list[Formula]:
    """`find`, but nothing where the text has private characters of its own."""
    found = find(text)
    return [] if not found or _PRIVATE.search(text) else found[:MARKS]


class _Walk:
    def __init__(self, text: str) -> None:
        self._text = text
        self._found: list[Formula] = []
        self._lonely: set[str] = set()  # runs of backticks without a partner from here on

    def run(self) -> list[Formula]:
        at = 0
        while (next_ := _NEXT.search(self._text, at)) is not None:
            sign = next_.group()
            step = self._code if sign in "`~" else self._slash if sign == "\\" else self._dollar
            at = step(next_.start())
        return self._found

    def _code(self, at: int) -> int:
        run = _RUN.match(self._text, at)
        signs = run.group() if run is not None else "`"
        if len(signs) >= 3 and self._begins_line(at):
            return self._fence(at, signs)
        after = at + len(signs)
        if signs[0] == "~" or signs in self._lonely:
            return after
        end = re.compile(rf"(?<!`){signs}(?!`)").search(self._text, after)
        if end is None:
            self._lonely.add(signs)
            return after
        return end.end()

    def _fence(self, at: int, signs: str) -> int:
        close = re.compile(rf"^[ \t>]*{signs[0]}{{{len(signs)},}}[ \t]*$", re.MULTILINE)
        end = close.search(self._text, at + len(signs))
        return end.end() if end is not None else len(self._text)

    def _begins_line(self, at: int) -> bool:
        line = self._text.rfind("\n", max(0, at - 200), at) + 1
        return _BEFORE_FENCE.match(self._text[line:at]) is not None

    def _slash(self, at: int) -> int:
        opening = self._text[at : at + 2]
        if opening not in ("\\(", "\\["):
            return at + 2
        return self._take(at, opening, "\\)" if opening == "\\(" else "\\]", opening == "\\[")

    def _dollar(self, at: int) -> int:
        if self._text.startswith("$$", at):
            return self._take(at, "$$", "$$", True)
        before = self._text[at - 1 : at]
        if before and not before.isspace() and before not in _BEFORE_DOLLAR:
            return at + 1
        end = _dollar_end(self._text, at + 1)
        tex = self._text[at + 1 : end] if end > 0 else ""
        if not tex or tex[0].isspace() or (_MONEY.match(tex) and not _TEX.search(tex)):
            return at + 1
        self._found.append(Formula(at, end + 1, tex, False))
        return end + 1

    def _take(self, at: int, opening: str, closing: str, display: bool) -> int:
        begin = at + len(opening)
        end = self._text.find(closing, begin, begin + WINDOW)
        tex = self._text[begin:end]
        if end < 0 or not tex.strip() or _BLANK.search(tex):
            return begin
        self._found.append(Formula(at, end + len(closing), tex.strip(), display))
        return end + len(closing)


def _dollar_end(text: str, at: int) -> int:
    """Where an inline formula that begins at `at` ends: a dollar after no space and before no digit; -1: nowhere."""
    stop = min(len(text), at + WINDOW)
    while (end := text.find("$", at, stop)) >= 0:
        inside, after = text[end - 1 : end], text[end + 1 : end + 2]
        if inside == "\\":
            at = end + 1
            continue
        fits = not inside.isspace() and not after.isdigit() and after != "$"
        return -1 if not fits or "\n\n" in text[at:end] else end
    return -1
