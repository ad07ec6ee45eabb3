"""`tandem servers`: the OpenAI-compatible servers that a person named."""

from __future__ import annotations

import os
from typing import Any

import click
import msgspec

from app.cli.program import Program, json_option, pass_program, say, show_json
from app.errors import TandemError
from app.library.facts import plain
from app.library.server_probe import Probe
from app.library.server_probe import ask as ask_server
from app.library.servers import KEY_VARIABLE, PRESETS, Server, Servers

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
    """Remember a server and ask it for its models; one that does not answer now is remembered too."""
    key = os.environ.get(KEY_VARIABLE, "")
    if ask_key:
        key = click.prompt("Key", hide_input=True, err=True, default="", show_default=False)
    path = os.path.abspath(os.path.expanduser(ca_file)) if ca_file else ""
    with program.services() as services:
        known = services.library.servers
        made = known.add(url, title, kind or "", key.strip(), path, not no_verify)
        kept = services.library.secrets.kept if key else True
        found, trouble = _asked(known, made)
    if as_json:
        show_json(_answer(made, found) | {"problem": _problem(trouble)})
    elif found is not None:
        _show_answer(found)
    if trouble is not None and not as_json:
        click.echo(f"{made.title} ({made.id}): remembered, {made.url}")
        say(f"note: its models are not known yet. {trouble.message}\n      {trouble.hint}")
        say(f"      Then ask it again: tandem servers ask {made.id}")
    if not kept:
        say(f"note: there is no keyring here, so the key is gone with this command. Set {KEY_VARIABLE}.")


def _asked(known: Servers, server: Server) -> tuple[Probe | None, TandemError | None]:
    """What it said, or why it did not."""
    try:
        return ask_server(known, server), None
    except TandemError as error:
        return None, error


def _problem(error: TandemError | None) -> dict[str, str] | None:
    return None if error is None else {"code": error.code, "message": error.message, "hint": error.hint}


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
        show_json(_answer(found.server, found))
    else:
        _show_answer(found)


def _answer(server: Server, found: Probe | None) -> dict[str, Any]:
    """The server's shape with what it answered; null where it did not."""
    said: dict[str, Any] = {"version": None, "served": [], "answer_s": None}
    if found is not None:
        models = [msgspec.to_builtins(m) for m in found.models]
        server, said = found.server, {"version": found.version, "served": models, "answer_s": found.seconds}
    return describe(server) | said


def _show_answer(found: Probe) -> None:
    words = plain(f"{found.server.kind or 'unknown kind'} {found.version}")
    many = f"{len(found.models):,} model{'s' * (len(found.models) != 1)}"
    click.echo(f"{found.server.title} ({found.server.id}): {words}, {many}, answered in {found.seconds * 1000:,.0f} ms")
    for model in found.models:
        click.echo(f"  {plain(model.id)}" + (f"  (context {model.n_ctx:,})" if model.n_ctx else ""))
    if not found.models:
        click.echo("  It serves no model now. Load one there, then: tandem servers ask " + found.server.id)


def describe(server: Server) -> dict[str, Any]:
    """CLI.md's shape of a server; of its key only whether there is one."""
    return dict(msgspec.to_builtins(server))


def _line(server: Server) -> str:
    many = f"{len(server.models):,} model{'s' * (len(server.models) != 1)}"
    models = many if server.asked else "no answer yet"
    return f"{server.id:<20} {server.kind or '–':<13} {server.url:<36} {models:<14} {server.title}"
