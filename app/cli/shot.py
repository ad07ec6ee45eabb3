"""`tandem shot`: the real window, drawn offscreen into a PNG."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import click

from app.cli.program import Program, json_option, not_built, pass_program, show_json
from app.errors import TandemError

PAGES = (
    "chat",
    "transcribe",
    "speak",
    "image",
    "video",
    "compare",
    "models",
    "servers",
    "hardware",
    "history",
    "settings",
)
BUILT = ("chat", "compare", "models", "servers", "settings")


@click.command()
@click.argument("page", type=click.Choice(PAGES))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The PNG to write.")
@click.option("--size", default="1280x800", show_default=True, metavar="WxH", help="Pixels.")
@click.option("--theme", type=click.Choice(["light", "dark"]), default="light", show_default=True)
@click.option("--demo", is_flag=True, help="Fill the page from runs that were recorded and ship with Tandem.")
@json_option
@pass_program
def shot(program: Program, page: str, out: Path, size: str, theme: str, demo: bool, as_json: bool) -> None:
    """Draw PAGE of the real window into a PNG."""
    if page not in BUILT:
        not_built(f"The page “{page}”")
    if importlib.util.find_spec("PySide6") is None:
        raise TandemError("no_window", "PySide6 is not installed.", "pip install 'tandem[window]'")
    found = re.fullmatch(r"(\d{3,5})x(\d{3,5})", size)
    if found is None:
        raise TandemError("usage", f"“{size}” is no size.", "Write it like 1280x800.")
    width, height = program.shot(page, out, (int(found[1]), int(found[2])), theme, demo)
    if as_json:
        show_json({"path": str(out.absolute()), "width": width, "height": height})
    else:
        click.echo(f"{out}  {width}×{height}")
