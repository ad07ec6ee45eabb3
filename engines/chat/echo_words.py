"""The words of the test engine: how it cuts a text, what it has said, and the probabilities that it makes up."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engines.chat.text import Assembler

WORDS = re.compile(r"\s+|\S+\s*")  # white space alone only where a text begins with it
OTHERS = (
    "s",
    "d",
    "r",
    "ly",
    "ing",
    "ed",
    "er",
    "est",
    "al",
    "y",
    "n",
    "t",
    "en",
    "ish",
    "le",
    "ty",
    "or",
    "ic",
    "ous",
    "ful",
)


@dataclass(slots=True)
class Said:
    """An answer so far. starts[i]: where the text of token i begins."""

    text: Assembler
    ids: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    length: int = 0

    def push(self, token: int, word: str) -> str:
        """Take in a token; the text that may be shown now."""
        self.ids.append(token)
        self.starts.append(self.length)
        self.length += len(word)
        delta = self.text.push(word)
        self.offsets.append(self.text.length)
        return delta

    @property
    def n_shown(self) -> int:
        """Tokens whose text, or its beginning, is in the answer."""
        return sum(start < self.text.length for start in self.starts) if self.text.stopped else len(self.ids)


def pieces_of(text: str) -> list[str]:
    """A text cut into words with the white space after them; the last gets a blank where it has none, so that
    it is the same word wherever it stands."""
    found = WORDS.findall(text)
    return [*found[:-1], found[-1] if found[-1][-1].isspace() else found[-1] + " "] if found else []


def token_of(piece: str) -> int:
    """A word's id, below 50,000; a single blank after it does not count."""
    return zlib.crc32(piece.removesuffix(" ").encode("utf-8", "replace")) % 50_000


def shared(read: Sequence[int], ids: Sequence[int]) -> int:
    """How many of `ids` need not be read again: all but one at most, as in every engine."""
    n = 0
    for mine, asked in zip(read, ids[:-1], strict=False):
        if mine != asked:
            break
        n += 1
    return n


def probabilities(ids: Sequence[int], words: Mapping[int, str], n: int) -> tuple[list[float], list[dict[str, float]]]:
    """(log-probability of each id, the `n` likeliest words of each position), made from the ids alone.

    Every seventh id is the second likeliest. All words of a position together stay below 1.
    """
    if not n:
        return [], []
    rows = [_likely(token, words.get(token, f"<{token}> ")) for token in ids]
    return [row[0] for row in rows], [dict(row[1][:n]) for row in rows]


def _likely(token: int, word: str) -> tuple[float, list[tuple[str, float]]]:
    share = 0.35 + 0.6 * (token * 2_654_435_761 % 2**32) / 2**32
    shares = [share, *((1 - share) / 2 ** (i + 1) for i in range(len(OTHERS)))]
    own, space = word.rstrip(), word[len(word.rstrip()) :]
    names = [word, *(own + ending + space for ending in OTHERS)]
    if token % 7 == 0:
        names[:2] = names[1], names[0]
    return math.log(shares[names.index(word)]), [(name, math.log(s)) for name, s in zip(names, shares, strict=True)]
