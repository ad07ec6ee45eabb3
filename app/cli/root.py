"""`tandem`: the window without a command, the headless commands with one."""

from __future__ import annotations

import importlib
import os
import sys

import click

from app.cli import program
from app.cli.program import Program
from app.errors import TandemError

HEADLESS = "Without a screen there are: tandem run, compare, models, servers, loadtest, deploy, engines, doctor, history, shot (see tandem --help)."


COMMANDS = {
    "run": "app.cli.run:run",
    "compare": "app.cli.compare:compare",
    "models": "app.cli.models:models",
    "engines": "app.cli.engines:engines",
    "doctor": "app.cli.doctor:doctor",
    "history": "app.cli.history:history",
    "shot": "app.cli.shot:shot",
    "deploy": "app.cli.deploy:deploy",
    "servers": "app.cli.servers:servers",
    "loadtest": "app.cli.loadtest:loadtest",
}


class LazyGroup(click.Group):
    """Imports a command's file when it is asked for, so that the window does not wait for any of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, name = COMMANDS[cmd_name].split(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
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


def has_display() -> bool:
    """True where a window can be opened: always on Windows and macOS, with a display server on Linux."""
    if sys.platform in ("win32", "darwin"):
        return True
    if os.environ.get("QT_QPA_PLATFORM", "").split(":")[0] in ("offscreen", "minimal", "vnc"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def main(parts: Program, argv: list[str]) -> int:
    return program.run(tandem, parts, argv)
