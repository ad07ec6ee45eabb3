"""The verdicts' words: resources/verdicts.toml as a value, templates filled with phrases, numbers for a sentence."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

from app.lab.compare.result import Phrase
from app.paths import Paths

Words = tuple[Phrase, ...]
Filling = str | Phrase | Sequence[Phrase]
_PLACE = re.compile(r"\{(\w+)\}")


class Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words for a mean KL (nats) below a bound."""

    below: float
    words: str


class QualityWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said of an answer and of predictions. levels: by rising bound, the last one without."""

    same_words: str
    parts: str
    other_tokens: str
    exact: str
    level: str
    score: str
    lineage: str
    quantized: str
    levels: tuple[Level, ...]


class ExpectWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said of an expectation: in the verdict, and by itself (…_text)."""

    agrees: str
    disagrees: str
    likely: str
    agrees_text: str
    several_text: str
    disagrees_text: str
    likely_text: str
    open_text: str
    titles: dict[str, str]


class BadgeWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The chip at a lane's head."""

    share: str
    times: str
    titles: dict[str, str]


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file; its comments say what is what."""

    order: tuple[str, ...]
    most_claims: int
    most_open: int
    times_from: float
    absolute: tuple[str, ...]
    plain_lineage: tuple[str, ...]
    names: dict[str, str]
    opening: dict[str, str]
    lane: dict[str, str]
    expect: ExpectWords
    quality: QualityWords
    closing: dict[str, str]
    badge: BadgeWords


@cache
def rules(resources: Path = Paths.resources) -> Rules:
    """resources/verdicts.toml. It ships with the program, so what is wrong in it is a bug and shows as one."""
    return msgspec.convert(tomllib.loads((resources / "verdicts.toml").read_text(encoding="utf-8")), Rules)


# --- templates ----------------------------------------------------------------------------------


def fill(template: str, **parts: Filling) -> Words:
    """The template as phrases: text for its own words, each {place} replaced by its part. Raises KeyError for a place
    without one."""
    pieces = _PLACE.split(template)
    found: list[Phrase] = []
    for index, piece in enumerate(pieces):
        found.extend(phrases(parts[piece]) if index % 2 else phrases(piece))
    return merged(found)


def phrases(part: Filling) -> Words:
    """A part as phrases; empty text is none."""
    if isinstance(part, str):
        return (Phrase(part),) if part else ()
    return (part,) if isinstance(part, Phrase) else tuple(part)


def merged(found: Sequence[Phrase]) -> Words:
    """Neighbouring plain texts as one."""
    made: list[Phrase] = []
    for phrase in found:
        if made and made[-1] == Phrase(made[-1].text) and phrase == Phrase(phrase.text):
            made[-1] = Phrase(made[-1].text + phrase.text)
        else:
            made.append(phrase)
    return tuple(made)


def listed(parts: Sequence[Words], last: str = " and ") -> Words:
    """ "a, b and c"."""
    found: list[Phrase] = []
    for index, part in enumerate(parts):
        if index:
            found.append(Phrase(last if index == len(parts) - 1 else ", "))
        found.extend(part)
    return merged(found)


def capital(found: Words) -> Words:
    """The same with a capital first letter."""
    if not found or not found[0].text:
        return found
    first = found[0]
    return (Phrase(first.text[0].upper() + first.text[1:], first.cell, first.tone), *found[1:])


def lowered(text: str) -> str:
    """A title inside a sentence: "Memory" → "memory", but "KL" and "RTFx" stay."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def clause(text: str) -> str:
    """A person's clause without its full stop, so that the template's own stands alone."""
    return text.strip().rstrip(".")


# --- numbers ------------------------------------------------------------------------------------


def percent(share: float) -> str:
    """A share with two digits: 0.0513 → "5.1 %", 0.05 → "5 %", 0.312 → "31 %"."""
    value = abs(share) * 100
    return f"{value:,.0f} %" if value >= 9.95 else f"{value:.1f}".removesuffix(".0") + " %"


def within(share: float) -> str:
    """A bound, rounded up: 0.0121 → "1.3 %"."""
    return percent(math.ceil(share * 1000 - 1e-6) / 1000)


def share(value: float) -> str:
    """A share of a whole, rounded down, so that only all is 100 %: 0.9996 → "99.9 %"."""
    return f"{math.floor(value * 1000 + 1e-9) / 10:.1f} %"


def about(seconds: float) -> str:
    """ "about 40 s", "about 3 min"."""
    if seconds < 90:
        return f"about {max(1, round(seconds / 5) * 5)} s"
    return f"about {round(seconds / 60)} min"


def times(ratio: float) -> str:
    """A factor with two digits: "2.1×", "14×"."""
    return f"{ratio:,.0f}×" if ratio >= 9.95 else f"{ratio:.1f}×"


def figure(value: float, form: str, unit: str) -> str:
    """A value as the table writes it: forms rate, seconds, bytes, share, number."""
    if form == "bytes":
        return _bytes(value)
    if form == "seconds":
        return f"{value * 1000:,.0f} ms" if value < 1 else f"{value:,.1f} s"
    if form == "share":
        return share(value)
    digits = f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:,.1f}"
    return f"{digits} {unit}".rstrip()


def _bytes(value: float) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= factor:
            number = value / factor
            return f"{number:,.1f} {unit}" if number < 10 else f"{number:,.0f} {unit}"
    return f"{value:,.0f} bytes"


def nats(value: float) -> str:
    """A KL with two digits: "0.0041", "0.23"; a tiny one "below 0.0001"."""
    if value < 0.0001:
        return "below 0.0001"
    return f"{value:.{max(2, 1 - math.floor(math.log10(value)))}f}"
