"""Numbers for a person: units, digits grouped by commas, “–” where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def size(value: float | None) -> str:
    """Bytes in decimal units: "98 MB"."""
    if value is None:
        return "–"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= factor:
            number = value / factor
            return f"{number:,.1f} {unit}" if number < 10 else f"{number:,.0f} {unit}"
    return f"{value:,.0f} bytes"


def duration(value: float | None) -> str:
    """Seconds as "41 ms", "1.6 s", "2:05 min"."""
    if value is None:
        return "–"
    if value < 1:
        return f"{value * 1000:,.0f} ms"
    if value < 100:
        return f"{value:,.1f} s"
    return f"{int(value // 60)}:{int(value % 60):02d} min"


def rate(value: float | None, unit: str = "tok/s") -> str:
    if value is None:
        return "–"
    return f"{value:,.0f} {unit}" if value >= 1000 else f"{value:,.1f} {unit}"


def number(value: float | None) -> str:
    """A count; a dash for one that nobody knows."""
    return "–" if value is None else f"{value:,.0f}"


def chat_line(metrics: Mapping[str, Any], memory: Mapping[str, Any]) -> str:
    """One line of figures after a chat."""
    n_in, n_cached = metrics.get("n_in"), metrics.get("n_cached")
    new = None if n_in is None or n_cached is None else n_in - n_cached
    parts = [
        f"decode {rate(metrics.get('decode_tok_s'))}",
        f"first token {duration(metrics.get('ttft_s'))}",
        f"prefill {rate(metrics.get('prefill_tok_s'))}",
        f"{number(n_in)} in ({number(new)} new), {number(metrics.get('n_out'))} out",
        f"end to end {duration(metrics.get('e2e_s'))}",
        f"load {duration(metrics.get('load_s'))}",
        f"model {size(memory.get('model_bytes'))}",
    ]
    return " · ".join(parts)
