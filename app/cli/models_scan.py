"""`tandem models scan` and `places`: the models of other programs and of named folders, used where they lie."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from app.cli.figures import size
from app.cli.models_shape import PATH, describe
from app.cli.program import Interrupts, Program, Ticker, json_option, pass_program, say, show_json
from app.library.facts import plain
from app.library.scan import Found, PlaceSummary, Scan

MANY = 40  # lines of what cannot be used, unless --all


@click.command()
@click.argument("folders", nargs=-1, metavar="[FOLDER]…", type=click.Path(path_type=Path))
@click.option(
    "--forget", "forget", multiple=True, metavar="PLACE", help="Take a place off the list, by its id or path."
)
@click.option("--all", "everything", is_flag=True, help="Every file that cannot be used, parts of models too.")
@json_option
@pass_program
def scan(program: Program, folders: tuple[Path, ...], forget: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Find the models of other programs, and of each FOLDER, without copying them."""
    ticker = Ticker()
    with program.services() as services, Interrupts().watching() as interrupts:
        library = services.library
        for text in forget:
            library.remove_place(_place_id(library.places(), text))
        for folder in folders:
            library.add_place(folder)
        try:
            found = library.scan(lambda step, done, total: ticker(f"{step}: {done:,}"), interrupts.asked)
        finally:
            ticker.done()
        if as_json:
            show_json(shape(found))
        else:
            show(found, everything)


def shape(found: Scan) -> dict[str, Any]:
    """CLI.md's shape of the models, the places, and what cannot be used."""
    return {
        "models": [describe(f.variant) for f in found.found if f.variant is not None],
        "places": [
            {"id": s.place.id, "kind": s.place.kind, "title": s.place.title, "path": s.place.path, "named": s.place.named,
             "present": s.present, "models": s.models, "bytes": s.bytes, "unusable": s.unusable} for s in found.places
        ],
        "unusable": [
            {"path": f.path, "bytes": f.bytes, "code": f.code, "reason": f.reason, "hint": f.hint} for f in found.unusable
        ],
        "seconds": found.seconds,
    }  # fmt: skip


def show(found: Scan, everything: bool) -> None:
    """The sentence, a table of the places, then what cannot be used and why."""
    click.echo(f"{found.sentence} ({found.seconds:.1f} s).")
    width = max((len(s.place.title) for s in found.places), default=0)
    for summary in found.places:
        click.echo(
            f"  {plain(summary.place.title):<{width}}  {_contents(summary):<28}  {plain(summary.place.path, PATH)}"
        )
    broken = [f for f in found.unusable if everything or f.code != "part"]
    parts = len(found.unusable) - len(broken)
    if broken:
        click.echo("\nCannot be used:")
    shown = broken if everything else broken[:MANY]
    for line in shown:
        _show_one(line)
    if len(broken) > len(shown):
        click.echo(f"  … and {len(broken) - len(shown):,} more (--all)")
    if parts:
        click.echo(
            f"\n{parts:,} more {'is a part' if parts == 1 else 'are parts'} of other models: LoRAs, VAEs and the like (--all)."
        )
    if not found.places:
        say("No folder of another program is here. Name one: tandem models scan FOLDER")


def _show_one(line: Found) -> None:
    click.echo(f"  {plain(line.path, PATH)}\n      {plain(f'{line.reason} {line.hint}', PATH)}")


def _contents(summary: PlaceSummary) -> str:
    if not summary.present:
        return "not there now"
    models = (
        f"{summary.models:,} model{'s' * (summary.models != 1)}, {size(summary.bytes)}"
        if summary.models
        else "no models"
    )
    return models + (f", {summary.unusable:,} not" if summary.unusable else "")


def _place_id(places: Any, text: str) -> str:
    path = os.path.abspath(os.path.expanduser(text))
    return next((p.id for p in places if text == p.id or path == p.path), text)
