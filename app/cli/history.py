"""`tandem history`: finished runs, newest first."""

from __future__ import annotations

import time
from typing import Any

import click
import msgspec

from app.cli.figures import duration, rate, size
from app.cli.program import Program, json_option, pass_program, show_json
from app.lab.compare.result import Result
from app.lab.report import json_of
from app.store import ExperimentRecord, RunRecord


@click.command()
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many at most.")
@json_option
@pass_program
def history(program: Program, limit: int, as_json: bool) -> None:
    """Runs and experiments."""
    with program.services() as services:
        runs = services.store.runs(limit=limit)
        experiments = services.store.experiments(limit=limit)
    if as_json:
        show_json({"runs": [shape(run) for run in runs], "experiments": [e for e in map(compared, experiments) if e]})
        return
    if not runs:
        click.echo("No runs yet. Try: tandem run chat “Hello” --model smollm2-135m")
    for experiment in experiments:
        click.echo(experiment_line(experiment))
    for run in runs:
        click.echo(line(run))


def shape(run: RunRecord) -> dict[str, Any]:
    """CLI.md's `run`, with its id and time."""
    return {
        "id": run.id, "created": run.created, "task": run.task, "model": run.model, "variant": run.variant, "engine": run.engine,
        "reason": run.reason, "text": run.text, "output": None, "segments": None, "knobs": run.knobs, "metrics": run.metrics,
        "memory": run.memory, "runs": run.runs, "notes": run.notes,
    }  # fmt: skip


def compared(experiment: ExperimentRecord) -> dict[str, Any] | None:
    """CLI.md's `compare`; None for one whose result cannot be read any more."""
    try:
        return json_of(msgspec.convert(experiment.result, Result)) | {"created": experiment.created}
    except msgspec.ValidationError:
        return None


def experiment_line(experiment: ExperimentRecord) -> str:
    """When, its id, what was compared, how it ended."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(experiment.created))
    return f"{when}  compare {experiment.id[:8]}  {experiment.title}  {experiment.status}"


def line(run: RunRecord) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
    figures = f"{rate(run.metrics.get('decode_tok_s')):>14}  {duration(run.metrics.get('ttft_s')):>7}  {size(run.memory.get('model_bytes')):>8}"
    words = " ".join(run.text.split())
    return f"{when}  {run.model + ':' + run.variant:<22} {run.engine:<13} {figures}  {run.reason:<9}  {words[:60]}"
