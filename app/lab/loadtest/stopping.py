"""When further levels would tell nothing: the server fails, or it is so full that more users only wait longer."""

from __future__ import annotations

from collections.abc import Sequence

from app.lab.loadtest.result import Level

MOST_FAILED = 0.5
FULL_TTFT_S = 10.0


def hopeless(levels: Sequence[Level]) -> str:
    """Why no further level is begun, or ""."""
    if not levels:
        return ""
    last = levels[-1]
    if failing(last):
        return f"No further level: {last.failed:,} of {last.n + last.failed:,} requests failed."
    waited = last.ttft.p95 if last.ttft is not None else None
    if len(levels) >= 3 and _falls(levels[-3:]) and waited is not None and waited > FULL_TTFT_S:
        return "No further level: throughput fell twice in a row, and answers start after more than 10 s."
    return ""


def failing(level: Level) -> bool:
    """Did more than half of its requests fail?"""
    return level.failed > MOST_FAILED * (level.n + level.failed)


def _falls(three: Sequence[Level]) -> bool:
    rates = [level.out_tok_s or 0.0 for level in three]
    return rates[0] > rates[1] > rates[2]
