"""A variant of the library as CLI.md's shape, as a page of text and as a line of a table."""

from __future__ import annotations

from typing import Any

import click

from app.cli.figures import size
from app.cli.program import show_json
from app.library import Variant
from app.library.facts import plain
from app.library.variant import MADE, SERVED
from engines import registry

PATH = 4096  # letters of a path or a sentence with one


def describe(variant: Variant) -> dict[str, Any]:
    """CLI.md's shape of one variant."""
    return {
        "id": variant.id, "variant": variant.variant, "task": variant.task, "title": variant.title, "format": variant.format,
        "licence": variant.licence, "bytes": variant.bytes, "bits_per_weight": variant.bits_per_weight,
        "lineage": variant.lineage.text, "engines": engines_for(variant),
        "files": [{"path": f.path, "bytes": f.bytes, "sha256": f.sha256 or None} for f in variant.files],
    }  # fmt: skip


def engines_for(variant: Variant) -> list[str]:
    return [s.id for s in registry.visible() if s.task == variant.task and variant.format in s.formats]


def show_one(variant: Variant, as_json: bool) -> None:
    if as_json:
        show_json(describe(variant))
        return
    for name, value in describe(variant).items():
        if name == "files":
            for file in value:
                click.echo(
                    f"{'file':>16}  {plain(file['path'], PATH)}  {size(file['bytes'])}  {file['sha256'] or 'SHA-256 not known'}"
                )
        else:
            click.echo(f"{name:>16}  {_word(name, value)}")


def show_variants(found: list[Variant], as_json: bool) -> None:
    if as_json:
        show_json({"models": [describe(v) for v in found]})
        return
    if not found:
        click.echo("No models yet. `tandem models get starter` gets the starter pack.")
    for v in found:
        bits = f"{v.bits_per_weight:.2f} bits" if v.bits_per_weight else ""
        click.echo(
            f"{v.ref:<32} {v.task:<11} {size(v.bytes):>8}  {bits:<10}  {', '.join(engines_for(v)) or 'no engine yet'}  {v.title}  "
            f"{where(v)}"
        )
        if v.problem:
            click.echo(f"{'':<32} {plain(v.problem, PATH)}")


def _word(name: str, value: Any) -> str:
    if name == "bytes":
        return size(value)
    if isinstance(value, list):
        return ", ".join(value) or "none yet"
    return f"{value:.2f}" if isinstance(value, float) else "–" if value is None else str(value)


def where(variant: Variant) -> str:
    """Where it lies, in a word or as a path."""
    if variant.format == SERVED or variant.outside:
        return plain(variant.path, PATH)
    return "made here" if variant.lineage.kind == MADE else "in the library"
