"""`tandem servers`: the OpenAI-compatible servers that a person named."""

from __future__ import annotations

import os
from typing import Any

import click
import msgspec

from app.cli.program import Program, json_option, pass_program, show_json
from app.library.server_probe import ask as ask_server
from app.library.servers import KEY_VARIABLE, PRESETS, Server

KINDS = [preset.kind for preset in PRESETS if preset.kind]


@click.group(invoke_without_command=True)
@click.pass_context
def servers(context: click.Context) -> None:
    """List, add, remove and ask servers that models are served on."""
    if context.invoked_subcommand is None:
        raise click.UsageError("Say what to do: list, add, remove, ask.", context)


@servers.command("list")
@json_option
@pass_program
def list_servers(program: Program, as_json: bool) -> None:
    """Every server, and what it served when it was asked last."""
    with program.services() as services:
        found = services.library.servers.all()
    if as_json:
        show_json({"servers": [describe(s) for s in found]})
        return
    if not found:
        click.echo("No servers yet. `tandem servers add http://127.0.0.1:8000/v1` adds one.")
    for server in found:
        click.echo(_line(server))


@servers.command()
@click.argument("url", metavar="URL")
@click.option("--title", default="", help="What it is called in lists.")
@click.option("--kind", type=click.Choice(KINDS), help="Which server it is; by default it is asked.")
@click.option("--ca-file", default="", metavar="FILE", help="A certificate (PEM) to trust besides the system's.")
@click.option("--no-verify", is_flag=True, help="Do not check this server's certificate.")
@click.option("--ask-key", is_flag=True, help=f"Ask for its key, hidden; else {KEY_VARIABLE} is kept where it is set.")
@json_option
@pass_program
def add(
    program: Program,
    url: str,
    title: str,
    kind: str | None,
    ca_file: str,
    no_verify: bool,
    ask_key: bool,
    as_json: bool,
) -> None:
    """Remember a server; it is not asked yet (`tandem servers ask`)."""
    key = os.environ.get(KEY_VARIABLE, "")
    if ask_key:
        key = click.prompt("Key", hide_input=True, err=True, default="", show_default=False)
    path = os.path.abspath(os.path.expanduser(ca_file)) if ca_file else ""
    with program.services() as services:
        made = services.library.servers.add(url, title, kind or "", key.strip(), path, not no_verify)
        kept = services.library.secrets.kept if key else True
    if as_json:
        show_json(describe(made))
        return
    click.echo(_line(made))
    if not kept:
        click.echo(
            f"note: there is no keyring here, so the key is gone with this command. Set {KEY_VARIABLE}.", err=True
        )


@servers.command()
@click.argument("id", metavar="ID")
@json_option
@pass_program
def remove(program: Program, id: str, as_json: bool) -> None:
    """Forget a server and its key; the server itself is left alone."""
    with program.services() as services:
        services.library.servers.remove(id)
    if as_json:
        show_json({"removed": id})
    else:
        click.echo(f"Removed {id}.")


@servers.command("ask")
@click.argument("id", metavar="ID")
@json_option
@pass_program
def ask(program: Program, id: str, as_json: bool) -> None:
    """Ask a server what it is and which models it serves."""
    with program.services() as services:
        found = ask_server(services.library.servers, services.library.servers.get(id))
    if as_json:
        models = [msgspec.to_builtins(m) for m in found.models]
        show_json(describe(found.server) | {"version": found.version, "served": models, "answer_s": found.seconds})
        return
    words = f"{found.server.kind or 'unknown kind'} {found.version}".strip()
    click.echo(
        f"{found.server.title}: {words}, {len(found.models):,} models, answered in {found.seconds * 1000:,.0f} ms"
    )
    for model in found.models:
        click.echo(f"  {model.id}" + (f"  (context {model.n_ctx:,})" if model.n_ctx else ""))


def describe(server: Server) -> dict[str, Any]:
    """CLI.md's shape of a server; of its key only whether there is one."""
    return dict(msgspec.to_builtins(server))


def _line(server: Server) -> str:
    models = f"{len(server.models):,} models" if server.asked else "not asked yet"
    return f"{server.id:<20} {server.kind or '–':<13} {server.url:<36} {models:<14} {server.title}"
