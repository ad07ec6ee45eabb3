"""`tandem models`: the library of models on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from app.cli.figures import size
from app.cli.models_fit import Wanted, shape, show_fits
from app.cli.models_hub import PREFIX, add_url, get_from_hub, search
from app.cli.models_scan import scan
from app.cli.models_shape import show_one, show_variants
from app.cli.program import Interrupts, Program, Ticker, json_option, pass_program, say, show_json
from app.errors import TandemError
from app.lab.convert import convert as make_variant
from app.lab.fit import fits
from app.library import Variant
from engines import registry
from engines.spec import EngineSpec, Verb


@click.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List, find, get, add, convert and remove models."""
    if context.invoked_subcommand is None:
        raise click.UsageError("Say what to do: list, info, scan, search, get, add, fit, convert, remove.", context)


@models.command("list")
@json_option
@pass_program
def list_models(program: Program, as_json: bool) -> None:
    """All variants in the library."""
    with program.services() as services:
        found = services.library.variants()
    show_variants(found, as_json)


@models.command()
@click.argument("model", metavar="ID[:VARIANT]")
@json_option
@pass_program
def info(program: Program, model: str, as_json: bool) -> None:
    """One variant; without VARIANT the original one."""
    with program.services() as services:
        found = services.library.get(model)
    show_one(found, as_json)


@models.command()
@click.argument("model", metavar="ID|starter|hf:ORG/NAME[:VARIANT]")
@json_option
@pass_program
def get(program: Program, model: str, as_json: bool) -> None:
    """Download a starter model, the whole starter pack, or a model from the hub."""
    if model.startswith(PREFIX):
        get_from_hub(program, model.removeprefix(PREFIX), as_json)
        return
    ticker = Ticker()
    with program.services() as services, Interrupts().watching() as interrupts:
        wanted = [s.id for s in services.library.starters() if s.in_pack] if model == "starter" else [model]
        found: list[Variant] = []
        try:
            for starter in wanted:
                found += services.library.install(starter, _progress(ticker, starter), interrupts.asked)
        finally:
            ticker.done()
    if model == "starter" or len(found) != 1:
        show_variants(found, as_json)
    else:
        show_one(found[0], as_json)


@models.command()
@click.argument("path", metavar="PATH|URL")
@json_option
@pass_program
def add(program: Program, path: str, as_json: bool) -> None:
    """Use a model file or folder of your own where it lies, or download one from an address."""
    if "://" in path:
        add_url(program, path, as_json)
        return
    with program.services() as services:
        found = services.library.add(Path(path))
    if len(found) == 1:
        show_one(found[0], as_json)
    else:
        show_variants(found, as_json)


@models.command()
@click.argument("model", metavar="ID[:VARIANT]")
@click.option("--to", "target", required=True, metavar="VARIANT", help="A precision: bf16 f16 q8_0 q4_0 …")
@json_option
@pass_program
def convert(program: Program, model: str, target: str, as_json: bool) -> None:
    """Make another variant of a model; what it costs in quality is said."""
    ticker = Ticker()
    with program.services() as services, Interrupts().watching() as interrupts:
        source = services.library.get(model)
        plan = services.library.plan_conversion(source, converter(source, target), target)
        click.echo(f"{plan.ref}: about {size(plan.bytes)}, {plan.bits_per_weight:.2f} bits per weight", err=True)
        for note in plan.notes:
            click.echo(f"note: {note}", err=True)

        def progress(fraction: float | None, message: str) -> None:
            ticker(f"converting{'' if fraction is None else f' {fraction:.0%}'} {message}".rstrip())

        try:
            made, _ = make_variant(services.launcher, registry.spec(plan.engine), plan, progress, interrupts.asked)
        finally:
            ticker.done()
    show_one(made, as_json)


@models.command()
@click.argument("model", metavar="ID[:VARIANT]")
@json_option
@pass_program
def remove(program: Program, model: str, as_json: bool) -> None:
    """Move a model or one variant to the trash; a file of your own outside the library is left where it is."""
    with program.services() as services:
        gone = services.library.remove(model)
    if as_json:
        show_json({"removed": [str(p) for p in gone.removed], "freed_bytes": gone.freed_bytes})
    else:
        click.echo(f"Removed {model}: {size(gone.freed_bytes)}.")
        for note in gone.notes:
            say(f"note: {note}")


@models.command()
@click.argument("model", metavar="ID[:VARIANT]")
@click.option("--engine", metavar="ID", help="One engine; by default every engine that can load the model.")
@click.option("--set", "pairs", multiple=True, metavar="KNOB=VALUE", help="A load setting; several times.")
@json_option
@pass_program
def fit(program: Program, model: str, engine: str | None, pairs: tuple[str, ...], as_json: bool) -> None:
    """What of a model fits this machine's memory, in parts, before anything is loaded."""
    wanted = Wanted(pairs, engine)
    with program.services() as services:
        found = fits(services.library, services.store, model, wanted.of, engine)
    for note in wanted.notes():
        say(f"note: {note}")
    if as_json:
        show_json({"variants": [shape(each) for each in found]})
    else:
        show_fits(model, found)


models.add_command(scan)
models.add_command(search)


def converter(source: Variant, target: str) -> EngineSpec:
    """The engine that can make `target` out of this format. Raises TandemError."""
    offers = [s for s in registry.visible() if Verb.CONVERT in s.verbs and source.format in s.converts]
    preferred = [s for s in offers if target in s.converts[source.format]]
    if preferred:
        return preferred[0]
    known = sorted({t for s in offers for t in s.converts[source.format]})
    hint = f"From {source.format} there are: {', '.join(known)}." if known else "No engine converts this format."
    raise TandemError("no_conversion", f"{source.ref} cannot be made into “{target}”.", hint)


def _progress(ticker: Ticker, starter: str) -> Any:
    def progress(step: str, done: int, total: int) -> None:
        share = f" {size(done)} of {size(total)}" if total else ""
        ticker(f"{starter}: {step}{share}")

    return progress
