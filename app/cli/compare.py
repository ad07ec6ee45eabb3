"""`tandem compare`: settings side by side, measured; the same engine room and the same reports as the window's page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from app.cli import compare_text
from app.cli.program import (
    CANCELLED,
    DONE,
    FAILED,
    Interrupts,
    Program,
    Ticker,
    json_option,
    pass_program,
    say,
    show_json,
)
from app.errors import TandemError
from app.lab.compare import recipes
from app.lab.compare.events import Moment, RoomEvent, Watcher
from app.lab.compare.experiment import continues
from app.lab.compare.plan import Mode, Plan
from app.lab.compare.result import Result, Status
from app.lab.report import csv_of, html_of, json_of, markdown_of
from app.lab.services import Services
from app.library.checksum import write_atomic
from app.locks import FileLock
from engines import hardware

EXIT = {Status.DONE: DONE, Status.CANCELLED: CANCELLED, Status.FAILED: FAILED, Status.RUNNING: FAILED}


@click.command()
@click.argument("what", required=False, metavar="RECIPE|FILE|EXPERIMENT")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="TEXT|FILE",
    help="Your own prompt in the recipe's place; several times.",
)
@click.option("--quick", "mode", flag_value="quick", help="One load × 5 runs: fast, and never a verdict.")
@click.option(
    "--measure",
    "mode",
    flag_value="measure",
    default="measure",
    help="Blocks of fresh loads until it is decided (the default).",
)
@click.option("--blocks", type=click.IntRange(1, 100), help="Exactly so many blocks; below 5 nothing is decided.")
@click.option(
    "--minutes",
    type=click.FloatRange(0.1, 600),
    help="Stop measuring after so many minutes (at least 5 blocks are made).",
)
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write the report as one self-contained file."
)
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path), help="Write the report as Markdown.")
@click.option("--csv", type=click.Path(dir_okay=False, path_type=Path), help="Write the raw runs as CSV.")
@json_option
@pass_program
def compare(
    program: Program, /, what: str | None, inputs: tuple[str, ...], mode: str, as_json: bool, **asked: Any
) -> None:
    """Settings side by side, measured. Without a name: the recipes. With an experiment's id: go on with it, or run it again."""
    with program.services() as services, Interrupts().watching() as interrupts:
        if what is None:
            listed = recipes.all_recipes(services.paths.resources, hardware.usable_cores())
            show_json({"recipes": msgspec.to_builtins(listed)}) if as_json else click.echo(compare_text.recipes(listed))
            return
        plan, before = plan_of(services, what, [text_of(i) for i in inputs])
        plan = limited(plan, asked["blocks"], asked["minutes"])
        writable([asked["html"], asked["markdown"], asked["csv"]])
        ticker = Ticker()
        watcher = Watcher(lambda event: tell(ticker, event), interrupts.asked)
        if not as_json:
            say(compare_text.beforehand(plan))
        unfinished = before if before is not None and resumable(services, before, plan, Mode(mode)) else None
        try:
            result = services.compare(plan, Mode(mode), watcher, unfinished)
        finally:
            ticker.done()
        older = before if unfinished is None else None
        write(result, older, asked)
    show_json(json_of(result)) if as_json else click.echo(compare_text.result(result, older))
    click.get_current_context().exit(EXIT[result.status])


def plan_of(services: Services, what: str, inputs: list[str]) -> tuple[Plan, Result | None]:
    """The plan of a recipe, a recipe's file or an earlier experiment, and that experiment's result. Raises TandemError."""
    resources, cores = services.paths.resources, hardware.usable_cores()
    if (earlier := experiment(services, what)) is not None:
        return recipes.with_inputs(earlier.plan, inputs), earlier
    path = Path(what)
    if path.suffix == ".toml" or path.is_file():
        return recipes.load(path, resources, cores=cores, inputs=inputs), None
    return recipes.load(recipes.recipe_file(what, resources), resources, cores=cores, inputs=inputs), None


def experiment(services: Services, id: str) -> Result | None:
    """A stored experiment by its id or the first 8 letters of it."""
    if len(id) < 8 or not all(c in "0123456789abcdef" for c in id):
        return None
    found = [e for e in services.store.experiments(1000) if e.id.startswith(id)]
    return msgspec.convert(found[0].result, Result) if len(found) == 1 and found[0].result else None


def resumable(services: Services, result: Result, plan: Plan, mode: Mode) -> bool:
    """Was it cut short by a crash, is the same asked for, and is nobody measuring it now?"""
    if result.status is not Status.RUNNING or not continues(result, plan, mode):
        return False
    lock = FileLock(services.paths.lock / f"experiment-{result.id}", timeout_s=0)
    free = lock.try_acquire()
    lock.release()
    return free


def limited(plan: Plan, blocks: int | None, minutes: float | None) -> Plan:
    """The plan with the person's own limits."""
    changes: dict[str, Any] = {}
    if blocks is not None:
        changes |= {"min_blocks": max(blocks, plan.schedule.min_blocks), "max_blocks": blocks}
    if minutes is not None:
        changes["minutes"] = minutes
    return msgspec.structs.replace(plan, schedule=msgspec.structs.replace(plan.schedule, **changes))


def text_of(given: str) -> str:
    """A text, or what is in the file of that name. Raises TandemError `no_input`."""
    path = Path(given)
    try:
        if len(given) < 4096 and "\n" not in given and path.is_file():
            return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise TandemError("no_input", f"{path.name} is no text file.", "Give a text, or a file in UTF-8.") from error
    except (OSError, ValueError) as error:
        if path.is_file():
            raise TandemError(
                "no_input", f"{path.name} cannot be read: {error}.", "Check the file's rights."
            ) from error
    if not given.strip():
        raise TandemError("empty_prompt", "The input is empty.", "Give a text or a file.")
    return given


def writable(files: list[Path | None]) -> None:
    """A place that cannot be written is said before the measuring, not after it. Raises TandemError `cannot_write`."""
    for file in files:
        if file is not None and not file.absolute().parent.is_dir():
            raise TandemError(
                "cannot_write",
                f"There is no folder {file.absolute().parent}.",
                "Make it first, or choose another place.",
            )


def write(result: Result, older: Result | None, asked: dict[str, Any]) -> None:
    """Write the files that were asked for. Raises TandemError `cannot_write`."""
    made: dict[str, Callable[[], str]] = {
        "html": lambda: html_of(result, older),
        "markdown": lambda: markdown_of(result),
        "csv": lambda: csv_of(result),
    }
    for kind, make in made.items():
        if (file := asked[kind]) is not None:
            try:
                write_atomic(file.absolute(), make().encode())
            except OSError as error:
                raise TandemError(
                    "cannot_write", f"{file} could not be written: {error}.", "The result is in `tandem history`."
                ) from error


def tell(ticker: Ticker, event: RoomEvent) -> None:
    """Progress on stderr."""
    if isinstance(event, Moment) and event.phase != "done":
        where = f"block {event.block} of {event.blocks} · " if event.block else ""
        share = "" if event.fraction is None else f" {event.fraction:.0%}".replace("%", " %")
        left = "" if event.left_s is None else f" · {compare_text.clock(event.left_s)} left"
        ticker(f"{where}{event.words}{share}{left}")
