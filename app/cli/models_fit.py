"""`tandem models fit`: what was asked for each engine, and what was found as a table or as CLI.md's shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from app.cli.figures import size
from app.cli.run import chosen_knobs
from app.lab.fit import Fit
from engines import registry
from engines.knobs import Settings
from engines.spec import EngineSpec

HEADINGS = ("variant", "engine", "on disk", "weights", "KV", "compute", "other", "at load", "full", "fits", "up to")


class Wanted:
    """`--set` pairs, handed to the engines that have such a knob. engine: the only one asked for, which must have them."""

    def __init__(self, pairs: Sequence[str], engine: str | None = None) -> None:
        self._pairs, self._engine = tuple(pairs), engine
        self._asked: list[EngineSpec] = []

    def of(self, spec: EngineSpec) -> Settings | None:
        """The engine's complete load settings; None if it lacks one of the knobs. Raises TandemError `bad_knob` …"""
        self._asked.append(spec)
        others = [s for s in registry.visible(spec.task) if s != spec]
        if self._engine is None and self._lacking(spec) and not all(map(self._lacking, others)):
            return None
        return spec.split(chosen_knobs(spec, self._pairs, {}))[0]

    def notes(self) -> list[str]:
        """Which engines were left out, and why."""
        out = [(spec, self._lacking(spec)) for spec in self._asked]
        return [f"{spec.title} is left out: it has no setting {names[0]}" for spec, names in out if names]

    def _lacking(self, spec: EngineSpec) -> list[str]:
        names = [pair.partition("=")[0].strip() for pair in self._pairs]
        return [name for name in names if spec.knob(name) is None]


def shape(fit: Fit) -> dict[str, Any]:
    """CLI.md's shape of one variant in one engine, and what else is known."""
    found = fit.estimate
    return {
        "engine": fit.engine, "variant": fit.variant, "knobs": fit.knobs, "weights_bytes": found.parts["weights"],
        "kv_bytes": found.parts["kv"], "compute_bytes": found.parts["compute"], "other_bytes": found.parts["other"],
        "total_bytes": found.total_bytes, "at_load_bytes": found.at_load_bytes, "free_bytes": found.free_bytes,
        "verdict": found.verdict, "largest_n_ctx": fit.largest_n_ctx, "file_bytes": fit.file_bytes,
        "to_be_made": bool(fit.made_from), "made_from": fit.made_from or None,
        "known_error": {"loads": fit.loads, "median": fit.error, "worst": fit.worst},
    }  # fmt: skip


def show_fits(model: str, found: list[Fit]) -> None:
    """A table for a person, then what the figures are worth."""
    contexts = sorted({int(str(fit.knobs["n_ctx"])) for fit in found})
    words = " or ".join(f"{n:,}" for n in contexts)
    click.echo(f"{model} with {words} tokens of context; {size(found[0].estimate.free_bytes)} of memory are free.\n")
    rows = [HEADINGS, *(_row(fit) for fit in found)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    for row in rows:
        cells = [
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())
    click.echo()
    for line in _legend(found):
        click.echo(line)


def _row(fit: Fit) -> tuple[str, ...]:
    parts = fit.estimate.parts
    sizes = [fit.file_bytes, *(parts[name] for name in ("weights", "kv", "compute", "other"))]
    most = "–" if fit.largest_n_ctx is None else f"{fit.largest_n_ctx:,}"
    made = " *" if fit.made_from else ""
    return (
        fit.variant + made, fit.engine, *map(size, sizes), size(fit.estimate.at_load_bytes), size(fit.estimate.total_bytes),
        fit.estimate.verdict, most,
    )  # fmt: skip


def _legend(found: list[Fit]) -> list[str]:
    lines = []
    if made := next((fit for fit in found if fit.made_from), None):
        lines.append(f"* to be made from {made.made_from}: tandem models convert ID --to VARIANT")
    lines.append(
        "at load: what it takes once loaded. full: once the context is full. up to: the largest context that fits."
    )
    for engine in dict.fromkeys(fit.engine for fit in found):
        lines.append(f"{registry.spec(engine).title}: {_worth(next(fit for fit in found if fit.engine == engine))}")
    return lines


def _worth(fit: Fit) -> str:
    if fit.error is None or fit.worst is None:
        return "no loads here to compare estimates with yet"
    return f"estimates here were {fit.error:+.0%} off (worst {fit.worst:+.0%}, {fit.loads} load{'s' * (fit.loads > 1)})"
