"""The colours of DESIGN.md as data, and the pairs in which they are used, so that a test can compute every contrast."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tokens:
    """One scheme's colours, "#RRGGBB". `sunken` is the ground of a person's own message."""

    dark: bool
    background: str
    surface: str
    raised: str
    sunken: str
    line: str
    text: str
    dim: str
    faint: str
    accent: str
    accent_soft: str
    on_accent: str
    accent_hover: str
    lane_a: str
    lane_b: str
    lane_c: str
    lane_d: str
    mem_weights: str
    mem_kv: str
    mem_compute: str
    mem_other: str
    good: str
    warning: str
    bad: str

    @property
    def lanes(self) -> tuple[str, str, str, str]:
        """Lane colours A to D."""
        return self.lane_a, self.lane_b, self.lane_c, self.lane_d


LIGHT = Tokens(
    dark=False,
    background="#F6F7F9", surface="#FFFFFF", raised="#FFFFFF", sunken="#ECEEF2", line="#E3E6EB",
    text="#171A21", dim="#667085", faint="#98A2B3",
    accent="#3B5BDB", accent_soft="#E7ECFF", on_accent="#FFFFFF", accent_hover="#3350C4",
    lane_a="#C2410C", lane_b="#6239D1", lane_c="#0A6C7D", lane_d="#A61E6B",
    mem_weights="#495057", mem_kv="#868E96", mem_compute="#ADB5BD", mem_other="#DEE2E6",
    good="#237032", warning="#8A5A00", bad="#C92A2A",
)  # fmt: skip

DARK = Tokens(
    dark=True,
    background="#101318", surface="#171B22", raised="#1D222B", sunken="#1D222B", line="#2A303B",
    text="#E8EBF0", dim="#98A2B3", faint="#667085",
    accent="#7C96FF", accent_soft="#232C4D", on_accent="#101318", accent_hover="#93A9FF",
    lane_a="#FF9F5A", lane_b="#9775FA", lane_c="#3BC9DB", lane_d="#F783C4",
    mem_weights="#CED4DA", mem_kv="#868E96", mem_compute="#5C636A", mem_other="#343A40",
    good="#51CF66", warning="#F0B429", bad="#FF6B6B",
)  # fmt: skip

_GROUNDS = ("background", "surface", "raised")

TEXT_PAIRS: tuple[tuple[str, str], ...] = (
    *((ink, ground) for ink in ("text", "dim", "accent", "good", "warning", "bad") for ground in _GROUNDS),
    *((f"lane_{lane}", ground) for lane in "abcd" for ground in _GROUNDS),
    ("text", "sunken"),
    ("text", "accent_soft"),
    ("accent", "accent_soft"),
    ("on_accent", "accent"),
    ("on_accent", "accent_hover"),
)
"""(ink, ground) of everything that is read: at least 4.5:1."""

MARK_PAIRS: tuple[tuple[str, str], ...] = (
    *((mark, ground) for mark in ("accent", "dim", "text") for ground in _GROUNDS),
    ("dim", "background"),
    ("accent", "accent_soft"),
    ("accent", "line"),
)
"""(mark, ground) of icons, sliders, focus rings and outlines: at least 3:1."""


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two "#RRGGBB" colours, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
