"""What a lane's finished answers say: marked words, their curve, their words for the line of status."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from PySide6.QtGui import QColor, QTextCharFormat

from app.lab.compare.replay import LaneMoment, Timeline
from app.lab.compare.result import Divergence, Flip, Track
from app.ui.language import tr
from app.ui.state import words
from app.ui.widgets.aligned_text import Stretch, differing
from app.ui.widgets.lane_text import Piece

CURVE = 90
"""Points of a finished answer's curve."""

TINT = (0.14, 0.42)
"""Opacity of the tint at a KL of 0.01 nats and at 3: text on the strongest still has 4.5:1."""


@dataclass(frozen=True)
class Outputs:
    """The answers of a lane and of the reference, one a step; `step` is the one that is shown."""

    tracks: tuple[Track, ...] = ()
    reference: tuple[Track, ...] = ()
    divergence: tuple[Divergence, ...] = ()
    step: int = 0

    def at(self, step: int) -> Outputs:
        """The same with another step shown."""
        return replace(self, step=step)

    @property
    def track(self) -> Track | None:
        """The answer that is shown."""
        return self.tracks[self.step] if self.step < len(self.tracks) else None

    @property
    def text(self) -> str:
        """Its text."""
        return self.track.text if self.track else ""

    @cached_property
    def stretches(self) -> tuple[Stretch, ...]:
        """Where it differs from the reference's answer."""
        if self.step >= len(self.reference):
            return ()
        return differing(self.text, self.reference[self.step].text)

    def words(self) -> tuple[str, str]:
        """(how it stands to the reference, how long it is)."""
        track = self.track
        if track is None:
            return "", ""
        count = sum(track.counts) or len(track.times_s)
        length = tr("{count:,} token{value}", count=count, value="" if count == 1 else "s")
        return self._against(track), tr("{length}, cut", length=length) if track.reason == "length" else length

    def _against(self, track: Track) -> str:
        found = next((d for d in self.divergence if d.step == track.step), None)
        if found is None:
            return ""
        if found.comparable and found.token is not None:
            return tr("differs from token {token:,} on", token=found.token)
        if found.comparable:
            return tr("the same answer, token by token")
        return tr("{same_words:.0%} of the reference's words", same_words=found.same_words).replace("%", " %")


def moment_words(moment: LaneMoment) -> tuple[str, str]:
    """(what the lane does, its figures) at one time of a replay."""
    step = f"{moment.name} · " if moment.name else ""
    rate = tr("{rate} tok/s", rate=words.rate(moment.rate)) if moment.rate is not None else ""
    match moment.phase:
        case "prefill":
            return tr("{step}reading the prompt…", step=step), tr("{elapsed_s:.1f} s", elapsed_s=moment.elapsed_s)
        case "decode":
            return tr("{step}{n_out:,} tokens", step=step, n_out=moment.n_out), rate
        case "done":
            return tr("{step}done, {n_out:,} tokens", step=step, n_out=moment.n_out), tr(
                "{elapsed_s:.1f} s", elapsed_s=moment.elapsed_s
            )
    return tr("nothing was recorded"), ""


def curve(track: Track, until_s: float | None = None, every_s: float = 0.0) -> list[float | None]:
    """The rate over the answer's decode: of all of it at CURVE evenly spaced times, or until `until_s`, every `every_s`."""
    if len(track.times_s) < 3:
        return []
    line, times = Timeline([[track]]), track.times_s
    first, last = times[min(5, len(times) // 2)], times[-1]  # the first few outputs make no rate yet
    if until_s is None:
        return [line.at(first + (last - first) * i / (CURVE - 1))[0].rate for i in range(CURVE)]
    count = int(max(0.0, min(until_s, last) - first) / every_s)
    return [line.at(first + i * every_s)[0].rate for i in range(count)]


def marked(text: str, room: Stretch, stretches: Sequence[Stretch], shape: QTextCharFormat) -> list[Piece]:
    """The pieces of `text` inside `room`, differing stretches in `shape`, with dots where something is left out."""
    pieces: list[Piece] = [("… ", None)] if room.start > 0 else []
    at = room.start
    for stretch in stretches:
        start, end = max(stretch.start, at), min(stretch.end, room.end)
        if start >= end:
            continue
        pieces += [(text[at:start], None), (text[start:end], shape)]
        at = end
    pieces.append((text[at : room.end].rstrip() if room.end < len(text) else text[at:], None))
    if room.end < len(text):
        pieces.append((" …", None))
    return [piece for piece in pieces if piece[0]]


def choice(flip: Flip, colour: QColor) -> list[Piece]:
    """A token, tinted where another would have been chosen; the space before it stays plain."""
    if flip.same:
        return [(flip.text, None)]
    word = flip.text.lstrip()
    space = flip.text[: len(flip.text) - len(word)]
    return [(space, None), (word, tinted(colour, flip.kl))]


def tinted(colour: QColor, kl: float) -> QTextCharFormat:
    """A ground of `colour`, the stronger the larger the divergence (nats), on a log scale."""
    low, high = TINT
    level = (math.log10(max(kl, 0.01)) + 2) / (math.log10(3) + 2)
    ground = QColor(colour)
    ground.setAlphaF(low + (high - low) * min(1.0, level))
    shape = QTextCharFormat()
    shape.setBackground(ground)
    return shape
