"""`tandem engines`: what can run here, what cannot and why, what it was built for, and every knob."""

from __future__ import annotations

from typing import Any

import click

from app.cli.program import Program, Ticker, json_option, pass_program, show_json
from app.lab.services import Services
from engines import registry
from engines.knobs import Kind, Knob, KnobState, show
from engines.protocol import Described
from engines.spec import EngineSpec


@click.command()
@click.argument("engine", required=False)
@json_option
@pass_program
def engines(program: Program, engine: str | None, as_json: bool) -> None:
    """Engines and their knobs; asks each engine once (up to a minute), then remembers."""
    ticker = Ticker()
    with program.services() as services:
        wanted = [s for s in registry.visible() if engine in (None, s.id)]
        try:
            found = [(spec, ask(services, spec, ticker)) for spec in wanted]
        finally:
            ticker.done()
    if as_json:
        show_json({"engines": [shape(spec, known) for spec, known in found]})
    else:
        for spec, known in found:
            show_engine(spec, known, whole=engine is not None)


def ask(services: Services, spec: EngineSpec, ticker: Ticker) -> Described:
    ticker(f"asking {spec.title} what works here")
    return services.descriptions.ask(spec, lambda text: ticker(f"{spec.title}: {text}"))


def shape(spec: EngineSpec, known: Described) -> dict[str, Any]:
    """CLI.md's shape of one engine."""
    return {
        "id": spec.id, "task": str(spec.task), "version": known.version or None, "build": known.build or None,
        "available": known.available, "reason": known.reason or None,
        "knobs": [knob_shape(k, known.knobs.get(k.name, KnobState())) for k in spec.knobs],
        "devices": list(known.devices), "notes": list(known.notes),
    }  # fmt: skip


def knob_shape(knob: Knob, state: KnobState) -> dict[str, Any]:
    values = state.values or knob.values
    return {
        "name": knob.name, "scope": str(knob.scope), "type": str(knob.kind), "default": knob.default,
        "values": list(values) if knob.kind is Kind.CHOICE else None,
        "range": [knob.minimum, knob.maximum] if knob.minimum is not None or knob.maximum is not None else None,
        "unit": knob.unit or None, "effect": str(knob.effect), "auto": knob.auto, "help": knob.help,
        "why_off": state.off or None, "values_off": state.values_off,
    }  # fmt: skip


def show_engine(spec: EngineSpec, known: Described, whole: bool) -> None:
    """One engine for a person: a summary, and with `whole` every knob."""
    word = "ready" if known.available else "not available"
    click.echo(f"{spec.id}  {word}  {spec.title} {known.version}".rstrip())
    for line in (known.reason, known.build and f"built for: {known.build}", *known.notes):
        if line:
            click.echo(f"    {line}")
    off = {name: state for name, state in known.knobs.items() if state.off or state.values_off}
    if not whole:
        click.echo(f"    {len(spec.knobs)} knobs, {len(off)} of them limited here: tandem engines {spec.id}")
        return
    for knob in spec.knobs:
        show_knob(knob, known.knobs.get(knob.name, KnobState()))


def show_knob(knob: Knob, state: KnobState) -> None:
    values = ", ".join(state.values or knob.values) if knob.kind is Kind.CHOICE else str(knob.kind)
    click.echo(f"    {knob.name} ({knob.scope}; {values}; default {show(knob, knob.default)}): {knob.help}")
    if state.off:
        click.echo(f"        off: {state.off}")
    for value, reason in state.values_off.items():
        click.echo(f"        not {value}: {reason}")
