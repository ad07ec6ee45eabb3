"""The steps of the window's size, in percent of the 13 px design."""

from __future__ import annotations

USUAL = 100
STEPS = (75, 90, 100, 110, 125, 150, 175, 200)


def nearest(percent: int) -> int:
    """The step that is closest: what was kept may be of another version."""
    return min(STEPS, key=lambda step: abs(step - percent))


def step(percent: int, by: int) -> int:
    """`by` steps larger or smaller; the last one stays."""
    place = STEPS.index(nearest(percent)) + by
    return STEPS[max(0, min(len(STEPS) - 1, place))]
