"""`tandem run TASK`: one request on one loaded session, with its figures."""

from __future__ import annotations

import sys
from typing import Any

import click

from app.cli.figures import chat_line
from app.cli.program import (
    CANCELLED,
    DONE,
    Interrupts,
    Program,
    Ticker,
    json_option,
    not_built,
    pass_program,
    say,
    show_json,
)
from app.errors import TandemError
from app.lab.errors import translated
from app.lab.headless import ChatOrder, HeadlessChat, Watcher
from app.lab.services import Services
from engines import registry
from engines.knobs import Settings, parse
from engines.spec import EngineSpec, Task


@click.group()
def run() -> None:
    """Use a model once, headless."""


@run.command()
@click.argument("prompt")
@click.option("--model", required=True, metavar="ID[:VARIANT]", help="A model of the library.")
@click.option("--engine", "engine", metavar="ID", help="Which engine; by default the first that can load the model.")
@click.option("--set", "pairs", multiple=True, metavar="KNOB=VALUE", help="Any knob of the engine; several times.")
@click.option("--system", default="", help="A system prompt.")
@click.option("--max-tokens", type=int, help="The answer's longest length in tokens.")
@click.option("--temperature", type=float, help="0 always takes the likeliest token.")
@click.option("--seed", type=int, help="The same seed gives the same answer.")
@click.option(
    "--repeat", type=click.IntRange(1, 1000), default=1, show_default=True, help="Runs on one loaded session."
)
@json_option
@pass_program
def chat(
    program: Program,
    /,
    prompt: str,
    model: str,
    engine: str | None,
    pairs: tuple[str, ...],
    system: str,
    repeat: int,
    as_json: bool,
    **shared: Any,
) -> None:
    """Answer PROMPT (- reads it from stdin)."""
    text = sys.stdin.read().strip() if prompt == "-" else prompt
    if not text:
        raise TandemError("empty_prompt", "The prompt is empty.", "Write something, or pipe text in with -.")
    with program.services() as services, Interrupts().watching() as interrupts:
        spec = choose_engine(services, model, engine)
        knobs = chosen_knobs(spec, pairs, shared)
        order = ChatOrder(text, model, spec, knobs, system, repeat)
        result = hold(services, order, interrupts, as_json)
    if as_json:
        show_json(result)
    else:
        click.echo()
        click.echo(chat_line(result["metrics"], result["memory"]))
        for note in result["notes"]:
            say(f"note: {note}")
    click.get_current_context().exit(CANCELLED if result["reason"] == "cancelled" else DONE)


def hold(services: Services, order: ChatOrder, interrupts: Interrupts, as_json: bool) -> dict[str, Any]:
    """Run the order, streaming to the person unless JSON is wanted."""
    ticker = Ticker()

    def text(delta: str) -> None:
        ticker.done()
        click.echo(delta, nl=False)

    watcher = Watcher(text=(lambda delta: None) if as_json else text, progress=ticker, cancelled=interrupts.asked)
    try:
        return HeadlessChat(services.launcher, services.descriptions, order, watcher).run()
    finally:
        ticker.done()


def choose_engine(services: Services, model: str, engine: str | None) -> EngineSpec:
    """The engine asked for, else the first that has a usable variant. Raises TandemError."""
    with translated():
        if engine is not None:
            spec = registry.spec(engine)
            if spec.task is not Task.CHAT:
                raise TandemError("wrong_task", f"{spec.title} does not chat.", "See `tandem engines`.")
            return spec
    variant = services.library.get(model)
    for spec in registry.visible(Task.CHAT):
        if variant.format in spec.formats:
            return spec
    raise TandemError("no_engine", f"No engine can load {variant.ref} ({variant.format}).", "See `tandem engines`.")


def chosen_knobs(spec: EngineSpec, pairs: tuple[str, ...], shared: dict[str, Any]) -> Settings:
    """--set pairs and the shared options as checked values. Raises TandemError."""
    knobs: Settings = {}
    with translated():
        for pair in pairs:
            name, sign, word = pair.partition("=")
            if not sign:
                raise TandemError("usage", f"“{pair}” is no setting.", "Write --set knob=value.")
            knob = spec.knob(name.strip())
            if knob is None:
                known = ", ".join(k.name for k in spec.knobs)
                raise TandemError("unknown_knob", f"{spec.title} has no knob “{name}”.", f"Knobs: {known}.")
            knobs[knob.name] = parse(knob, word)
        knobs |= {name: value for name, value in shared.items() if value is not None}
        spec.split(dict(knobs))
    return knobs


def _coming(task: str) -> None:
    @run.command(
        task,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
        help=f"{task.capitalize()} (coming).",
    )
    @click.argument("rest", nargs=-1, type=click.UNPROCESSED)
    @pass_program
    def command(program: Program, rest: tuple[str, ...]) -> None:
        not_built(f"`tandem run {task}`")


for _task in ("transcribe", "speak", "image", "video", "embed"):
    _coming(_task)
