"""`tandem`: the window without a command, the headless commands with one."""

from __future__ import annotations

import os
import sys

import click

from app.cli import doctor, engines, history, models, program, run, shot
from app.cli.program import Program, not_built, pass_program
from app.errors import TandemError

HEADLESS = "Without a screen there are: tandem run, models, engines, doctor, history, shot (see tandem --help)."


@click.group(
    invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.option("--theme", type=click.Choice(["light", "dark", "system"]), help="The window's look, this time only.")
@click.version_option(package_name="tandem", prog_name="tandem")
@click.pass_context
def tandem(context: click.Context, theme: str | None) -> None:
    """A playground for local generative AI that measures honestly. Without a command it opens the window."""
    if context.invoked_subcommand is None:
        if not has_display():
            raise TandemError("no_display", "There is no display to open a window on.", HEADLESS)
        context.exit(context.find_object(Program).window(theme))  # type: ignore[union-attr]


@tandem.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("rest", nargs=-1, type=click.UNPROCESSED)
@pass_program
def compare(program: Program, rest: tuple[str, ...]) -> None:
    """Settings side by side, measured (coming)."""
    not_built("Compare")


def has_display() -> bool:
    """True where a window can be opened: always on Windows and macOS, with a display server on Linux."""
    if sys.platform in ("win32", "darwin"):
        return True
    if os.environ.get("QT_QPA_PLATFORM", "").split(":")[0] in ("offscreen", "minimal", "vnc"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def main(parts: Program, argv: list[str]) -> int:
    return program.run(tandem, parts, argv)


for command in (run.run, models.models, engines.engines, doctor.doctor, history.history, shot.shot):
    tandem.add_command(command)
