"""`tandem doctor`: what is right, what is not, what to do."""

from __future__ import annotations

import click
import msgspec

from app.cli.program import DONE, FAILED, Program, Ticker, json_option, pass_program, show_json
from app.lab.doctor import FAIL, examine

MARKS = {"ok": "✓", "warn": "!", "fail": "✗"}


@click.command()
@json_option
@pass_program
def doctor(program: Program, as_json: bool) -> None:
    """Check machine, engines, models and folders."""
    ticker = Ticker()
    with program.services() as services:
        try:
            checks = examine(services, ticker)
        finally:
            ticker.done()
    if as_json:
        show_json({"checks": [msgspec.to_builtins(check) for check in checks]})
    else:
        for check in checks:
            click.echo(f"{MARKS[check.status]} {check.message}")
            if check.hint:
                click.echo(f"    → {check.hint}")
    click.get_current_context().exit(FAILED if any(check.status == FAIL for check in checks) else DONE)
