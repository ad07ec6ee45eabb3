"""Text as a person may see it: whole characters only, and nothing that may yet become a stop text."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class Assembler:
    """Collects pieces and gives back what is safe to show.

    `text` is all that was given back, `length` its characters. `stopped` turns True when a stop text is met; it and all after it are cut.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self.stops = [s for s in stop if s]
        self.stopped = False
        self.length = 0
        self._shown: list[str] = []
        self._held = ""
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def text(self) -> str:
        return "".join(self._shown)

    def push(self, piece: bytes | str) -> str:
        """Add a piece (bytes may split a character); returns the new text to show."""
        if self.stopped:
            return ""
        self._held += self._utf8.decode(piece) if isinstance(piece, bytes) else piece
        found = [(at + len(s), at) for s in self.stops if (at := self._held.find(s)) >= 0]
        if found:  # the one that is whole first, so that the text does not depend on how it was cut into pieces
            self.stopped = True
            return self._release(min(found)[1])
        return self._release(len(self._held) - self._may_begin_a_stop())

    def finish(self) -> str:
        """The rest: what was held back turned out to be text."""
        if self.stopped:
            return ""
        self._held += self._utf8.decode(b"", True)
        return self._release(len(self._held))

    def _release(self, n: int) -> str:
        delta, self._held = self._held[:n], self._held[n:]
        if delta:
            self._shown.append(delta)
            self.length += len(delta)
        return delta

    def _may_begin_a_stop(self) -> int:
        """Length of the longest end of the held text that is a proper beginning of a stop text."""
        longest = max(map(len, self.stops), default=1) - 1
        for n in range(min(longest, len(self._held)), 0, -1):
            if any(s.startswith(self._held[-n:]) for s in self.stops):
                return n
        return 0
