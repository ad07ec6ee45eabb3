"""`tandem deploy`: a lane as command, compose file or Kubernetes manifest for a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from app.cli.program import Program, json_option, pass_program, say, show_json
from app.errors import TandemError
from app.lab.deploy import DeploySource, Exported, Speculation, export, source_of, targets
from app.lab.deploy.export import FORMS
from app.lab.errors import translated
from engines import registry
from engines.knobs import Value, parse
from engines.spec import EngineSpec

NAMES = tuple(t.id for t in targets())
COUNTS = {
    "tp": ("tensor_parallel", "Tensor parallel size."), "pp": ("pipeline_parallel", "Pipeline parallel size."),
    "dp": ("data_parallel", "Data parallel size."), "port": ("port", "Where it listens."),
    "prefill": ("prefill_workers", "Prefill workers of a disaggregated deployment."),
    "decode": ("decode_workers", "Decode workers of a disaggregated deployment."),
}  # fmt: skip


def _counts(command: Any) -> Any:
    for flag, (_, words) in COUNTS.items():
        command = click.option(f"--{flag}", type=int, default=None, metavar="N", help=words)(command)
    return command


@click.command()
@click.argument("target", type=click.Choice(NAMES))
@click.option("--model", required=True, metavar="ID[:VARIANT]")
@click.option("--engine", required=True, metavar="ID", help="The lane's engine, whose settings are taken over.")
@click.option("--set", "pairs", multiple=True, metavar="KNOB=VALUE", help="A setting of the lane; several times.")
@click.option("--as", "form", type=click.Choice(FORMS), default="command", show_default=True)
@click.option("--expert-parallel", is_flag=True, help="Spread a mixture's experts over the GPUs.")
@click.option(
    "--prefix-caching/--no-prefix-caching",
    default=None,
    help="Keep prompts' beginnings; without it the server decides.",
)
@click.option("--disaggregated", is_flag=True, help="Prefill and decode in servers of their own.")
@click.option("--speculate", metavar="METHOD[:MODEL]", help="ngram, mtp, draft_model:MODEL, eagle:MODEL, eagle3:MODEL")
@click.option("--speculate-tokens", type=int, default=5, show_default=True, metavar="N")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@_counts
@json_option
@pass_program
def deploy(
    program: Program, /, target: str, model: str, engine: str, pairs: tuple[str, ...], form: str, as_json: bool, out: Path | None,
    **more: Any,
) -> None:  # fmt: skip
    """Write the lane down for vllm, sglang, tensorrt-llm or dynamo, and say what that leaves out."""
    with translated():
        spec = registry.spec(engine)
        load, run = spec.split(_settings(spec, pairs))
    with program.services() as services:
        source = _with(source_of(services.library.get(model, spec), spec, load, run), more)
    made = export(target, form, source)
    if out is not None:
        _write(out, made.text)
    _show(made, out, as_json)


def _write(out: Path, text: str) -> None:
    """Raises TandemError `disk`."""
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        words = f"{out} cannot be written: {error.strerror or error}."
        raise TandemError("disk", words, "Name a file in a folder that is there and can be written.") from error


def _show(made: Exported, out: Path | None, as_json: bool) -> None:
    if as_json:
        show_json(msgspec.to_builtins(made) | {"path": str(out.absolute()) if out is not None else None})
        return
    if out is None:
        click.echo(made.text, nl=False)
    else:
        say(f"Written to {out}.")
    for word in made.cannot:
        say(f"not expressed: {word}")
    for word in made.notes:
        say(f"note: {word}")


def _settings(spec: EngineSpec, pairs: tuple[str, ...]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        knob = spec.knob(name.strip())
        if not sign:
            raise click.UsageError(f"“{pair}” is no KNOB=VALUE.")
        if knob is None:
            raise click.UsageError(f"{spec.title} has no knob “{name}”.")
        found[knob.name] = parse(knob, text)
    return found


def _with(source: DeploySource, more: dict[str, Any]) -> DeploySource:
    changes: dict[str, Any] = {name: more[flag] for flag, (name, _) in COUNTS.items() if more[flag] is not None}
    for name in ("expert_parallel", "disaggregated"):
        changes |= {name: True} if more[name] else {}
    if more["prefix_caching"] is not None:
        changes["prefix_caching"] = more["prefix_caching"]
    if more["speculate"]:
        method, _, draft = more["speculate"].partition(":")
        changes["speculation"] = Speculation(method=method, model=draft, tokens=more["speculate_tokens"])
    return msgspec.structs.replace(source, options=msgspec.structs.replace(source.options, **changes))
