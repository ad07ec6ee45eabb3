"""The 256 colours of a GIF, made from the theme: what a picture holds is inks on grounds, and the steps between them."""

from __future__ import annotations

from itertools import islice

import numpy as np
from numpy.typing import NDArray

from app.ui.theme_tokens import Tokens

GROUNDS = ("surface", "background")
INKS = ("text", "dim", "line", "accent", "lane_a", "lane_b", "lane_c", "lane_d", "good", "bad")
STEPS = 12
BITS = 5
"""A colour is looked up by so many bits of each channel."""


class Palette:
    """`indices` maps pictures to entries of `argb`, (256, 4) bytes, by the nearest colour."""

    def __init__(self, tokens: Tokens) -> None:
        colours = np.array(list(islice(_ramps(tokens), 256)), np.float32)
        filled = np.zeros((256, 3), np.float32)
        filled[: len(colours)] = colours
        self.argb = np.empty((256, 4), np.uint8)
        self.argb[:, 0] = 255
        self.argb[:, 1:] = filled.round()
        self._table = _nearest(colours)
        for entry in range(len(GROUNDS)):  # most of a picture: exactly these, whatever is nearest to their bin's middle
            self._table[_bins(self.argb[entry, 1:])] = entry

    def indices(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(height, width, 3) red first → (height, width)."""
        found: NDArray[np.uint8] = self._table[_bins(pixels)]
        return found


def _bins(pixels: NDArray[np.uint8]) -> NDArray[np.intp]:
    high = pixels.astype(np.intp) >> (8 - BITS)
    return (high[..., 0] << 2 * BITS) | (high[..., 1] << BITS) | high[..., 2]


def _ramps(tokens: Tokens) -> list[NDArray[np.float32]]:
    """The grounds themselves, then each ink on each ground in even steps."""
    grounds = [_rgb(getattr(tokens, role)) for role in GROUNDS]
    found = list(grounds)
    for ink in (_rgb(getattr(tokens, role)) for role in INKS):
        for ground in grounds:
            found += [ground + (ink - ground) * np.float32(step / STEPS) for step in range(1, STEPS + 1)]
    return found


def _rgb(colour: str) -> NDArray[np.float32]:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32)


def _nearest(colours: NDArray[np.float32]) -> NDArray[np.uint8]:
    """For each colour of BITS a channel the entry that is nearest to its middle."""
    side = 1 << BITS
    half = 1 << (7 - BITS)
    levels = np.arange(side, dtype=np.float32) * (256 // side) + half
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    best = np.empty(len(cube), np.uint8)
    for start in range(0, len(cube), 4096):
        part = cube[start : start + 4096, None, :] - colours[None]
        best[start : start + 4096] = (part**2).sum(axis=-1).argmin(axis=-1)
    return best
