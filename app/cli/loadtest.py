"""`tandem loadtest`: simulated users on one server, level after level; the same engine room and reports as the window's page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from app.cli.loadtest_text import moment, result_text
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
from app.cli.run import chosen_knobs
from app.errors import TandemError
from app.lab.errors import translated
from app.lab.loadtest.events import LevelDone, LoadEvent, LoadMoment, LoadWatcher
from app.lab.loadtest.outside import open_results, under
from app.lab.loadtest.page import html_of
from app.lab.loadtest.plan import Limits, LoadMode, LoadPlan, plan_of, preset
from app.lab.loadtest.report import csv_of, json_of, json_text, requests_csv_of
from app.lab.loadtest.result import LoadResult
from app.lab.loadtest.run import run_test
from app.lab.services import Services
from app.library import Variant
from app.library.checksum import write_atomic
from engines import registry
from engines.spec import EngineSpec, Verb

EXIT = {"done": DONE, "cancelled": CANCELLED, "failed": FAILED}
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--model", metavar="ID[:VARIANT]", help="A model of the library, or one on a server.")
@click.option("--engine", metavar="ID", help="Which engine; by default the first that serves this model.")
@click.option("--set", "pairs", multiple=True, metavar="KNOB=VALUE", help="Any knob of the engine; several times.")
@click.option("--preset", "preset_name", default="chat", show_default=True, help="The load: chat, rag, code or batch.")
@click.option("--users", metavar="N,N…", help="Closed loop: so many users at a time, 1 to 64 (default 1,2,4,8).")
@click.option("--rate", metavar="R,R…", help="Open loop: requests a second, arriving by chance (Poisson).")
@click.option("--requests", type=click.IntRange(1, 20_000), help="Requests of each level.")
@click.option("--seconds", type=click.FloatRange(0.1), help="No request is sent after so long in a level.")
@click.option("--minutes", type=click.FloatRange(0.1), help="No further level is begun after so long.")
@click.option("--warmup", type=click.IntRange(0, 1000), help="Requests before each level's clock begins (default 2).")
@click.option("--seed", type=int, help="The same seed makes the same lengths, texts and arrival times.")
@click.option("--ttft-limit", type=float, metavar="S", help="Good enough: seconds to the first token.")
@click.option("--itl-limit", type=float, metavar="S", help="Good enough: mean seconds between a request's tokens.")
@click.option("--e2e-limit", type=float, metavar="S", help="Good enough: seconds to the last token.")
@click.option("--natural", is_flag=True, help="Let answers end by themselves instead of at their planned length.")
@click.option("--out", type=FILE, help="Write the whole result as JSON, every request in it.")
@click.option("--html", type=FILE, help="Write the report as one self-contained file.")
@click.option("--csv", type=FILE, help="Write the levels as CSV (and FILE-requests.csv with every request).")
@click.option(
    "--open",
    "opened",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="A result of Tandem, GuideLLM or `vllm bench serve`, to stand beside; without --model to be shown alone.",
)
@json_option
@pass_program
def loadtest(program: Program, /, model: str | None, as_json: bool, opened: tuple[Path, ...], **asked: Any) -> None:
    """Throughput against waiting: simulated users on one server, level after level."""
    beside = open_results(opened)
    if model is None:
        if not beside:
            raise TandemError("usage", "Which model?", "Give --model ID, or --open FILE to look at a result.")
        show(beside, asked, as_json)
        return
    with program.services() as services, Interrupts().watching() as interrupts:
        spec, variant = chosen(services, model, asked["engine"])
        knobs = chosen_knobs(spec, asked["pairs"], {})
        plan = plan_from(services, asked)
        writable([asked["out"], asked["html"], asked["csv"]])
        ticker = Ticker()
        watcher = LoadWatcher(lambda event: tell(ticker, event, as_json), interrupts.asked)
        try:
            result = run_test(services.launcher, variant, spec, plan, watcher, knobs=knobs)
        finally:
            ticker.done()
    if result.limits.any:
        beside = [under(other, result.limits) for other in beside]
    show([result, *beside], asked, as_json)
    click.get_current_context().exit(EXIT[result.status])


def chosen(services: Services, model: str, engine: str | None) -> tuple[EngineSpec, Variant]:
    """The engine asked for, else the first that can be tested and loads a variant of the model. Raises TandemError."""
    with translated():
        if engine is not None:
            spec = registry.spec(engine)
            return spec, services.library.get(model, spec)
    variant = services.library.get(model)
    for spec in registry.visible():
        if Verb.LOAD_TEST in spec.verbs and variant.format in spec.formats:
            return spec, variant
    raise TandemError("no_engine", f"No engine that serves can load {variant.ref} ({variant.format}).",
                      "Add a server, or choose a model that vLLM or llama-server loads.")  # fmt: skip


def plan_from(services: Services, asked: dict[str, Any]) -> LoadPlan:
    """The preset with what was asked. Raises TandemError `usage`, `bad_plan`, `unknown_preset`."""
    if asked["users"] and asked["rate"]:
        raise TandemError(
            "usage", "Users and a rate cannot be tested at once.", "Give --users or --rate, and test twice."
        )
    base = preset(asked["preset_name"], services.paths.resources)
    changes: dict[str, Any] = {
        name: asked[name] for name in ("requests", "seconds", "minutes", "warmup", "seed") if asked[name] is not None
    }
    if levels := asked["rate"] or asked["users"]:
        changes["levels"] = numbers(levels)
    if asked["rate"]:
        changes["mode"] = LoadMode.POISSON
    limits = {f"{name}_s": asked[f"{name}_limit"] for name in ("ttft", "itl", "e2e")}
    if any(value is not None for value in limits.values()):
        changes["limits"] = Limits(**limits)
    return plan_of(base, ignore_eos=not asked["natural"], **changes)


def numbers(text: str) -> tuple[float, ...]:
    """ "1,2,4" as numbers. Raises TandemError `usage`."""
    try:
        return tuple(float(part) for part in text.replace(" ", "").split(",") if part)
    except ValueError as error:
        raise TandemError("usage", f"“{text[:80]}” is no list of numbers.", "Write it like 1,2,4,8.") from error


def writable(files: Sequence[Path | None]) -> None:
    """A place that cannot be written is said before the test. Raises TandemError `cannot_write`."""
    for file in files:
        if file is not None and not file.absolute().parent.is_dir():
            raise TandemError(
                "cannot_write", f"There is no folder {file.absolute().parent}.", "Make it first, or choose another."
            )


def show(results: list[LoadResult], asked: dict[str, Any], as_json: bool) -> None:
    """Write the files that were asked for, and show the results."""
    made: list[tuple[Path | None, Callable[[], str]]] = [
        (asked["out"], lambda: json_text(results[0])),
        (asked["html"], lambda: html_of(results)),
        (asked["csv"], lambda: csv_of(results)),
    ]
    if (csv := asked["csv"]) is not None:
        made.append((csv.with_name(f"{csv.stem}-requests{csv.suffix}"), lambda: requests_csv_of(results)))
    for file, text in made:
        if file is not None:
            write(file, text())
    if as_json:
        show_json(json_of(results[0]) | {"beside": [json_of(other) for other in results[1:]]})
    else:
        for result in results:
            click.echo(result_text(result))


def write(file: Path, text: str) -> None:
    """Raises TandemError `cannot_write`."""
    try:
        write_atomic(file.absolute(), text.encode())
    except OSError as error:
        raise TandemError("cannot_write", f"{file} could not be written: {error}.",
                          "Choose another place; the result is kept in the history.") from error  # fmt: skip


def tell(ticker: Ticker, event: LoadEvent, as_json: bool) -> None:
    """Progress on stderr: the running level's figures, and a line for each that is done."""
    if isinstance(event, LevelDone):
        ticker.done()
        if not as_json:
            level = event.level
            rate = "no answer" if level.out_tok_s is None else f"{level.out_tok_s:,.1f} tokens/s"
            say(f"{event.result.words(level)}: {rate}, {level.n:,} answers, {level.failed:,} failed")
    elif isinstance(event, LoadMoment) and event.phase != "done":
        ticker(moment(event))
