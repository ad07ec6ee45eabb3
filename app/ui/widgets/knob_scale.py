"""Where a value stands on its slider: straight for shares, logarithmic for sizes, snapped to round numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engines.knobs import Kind, Knob, Value

STEPS = 1000
WIDE = 500
"""A span of whole numbers from here on is logarithmic even if the knob does not say so: 0 to 1,000 crowds at the left."""
LONGEST = 2.0**31
"""A wider range (a seed's) means nothing on a slider."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Slider steps 0 to STEPS ↔ values low to high (inclusive, the knob's unit)."""

    low: float
    high: float
    whole: bool
    log: bool

    def step(self, value: Value) -> int:
        """The slider's place for `value`; what is outside stands at the end."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return 0
        inside = min(self.high, max(self.low, float(value)))
        if self.log:
            share = math.log1p(inside - self.low) / math.log1p(self.high - self.low)
        else:
            share = (inside - self.low) / (self.high - self.low)
        return round(share * STEPS)

    def value(self, step: int) -> int | float:
        """The round value nearest to a place on the slider; the ends are exact."""
        if step <= 0 or step >= STEPS:
            exact = self.low if step <= 0 else self.high
            return int(exact) if self.whole else exact
        share = step / STEPS
        if self.log:
            raw = self.low + math.expm1(share * math.log1p(self.high - self.low))
            snapped = _octave(raw)
        else:
            raw = self.low + share * (self.high - self.low)
            unit = 1.0 if self.whole else _nice((self.high - self.low) / 100)
            snapped = round(raw / unit) * unit
        inside = min(self.high, max(self.low, snapped))
        return round(inside) if self.whole else round(inside, 6)


def scale(knob: Knob) -> Scale | None:
    """The knob's slider, or None where a slider makes no sense."""
    low, high = knob.minimum, knob.maximum
    if knob.kind not in (Kind.INT, Kind.FLOAT) or low is None or high is None or not low < high < LONGEST:
        return None
    whole = knob.kind is Kind.INT
    return Scale(low, high, whole, knob.log or (whole and high - low >= WIDE))


def number_text(knob: Knob, value: Value) -> str:
    """A number as it stands in its field: 4,096 · 0.70 · 300 (a whole hundred needs no digits behind the point)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    if abs(value) >= 100 and value == int(value):
        return f"{int(value):,}"
    short = f"{value:.2f}"
    return short if math.isclose(float(short), value, rel_tol=1e-9, abs_tol=1e-12) else f"{value:g}"


def _octave(value: float) -> float:
    """Four round numbers an octave: 4,096 · 5,120 · 6,144 · 7,168 · 8,192."""
    if value < 8:
        return float(round(value))
    quarter = 2.0 ** (math.floor(math.log2(value)) - 2)
    return round(value / quarter) * quarter


def _nice(size: float) -> float:
    power = 10.0 ** math.floor(math.log10(size))
    return next(power * factor for factor in (1, 2, 5, 10) if size <= power * factor * 1.0001)
