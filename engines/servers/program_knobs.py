"""The knobs that every program which Tandem starts has, and how such a knob is made.

Its name is the program's own; nothing is said to the program for what stands at its default, so that default is the
program's. Where the program decides by itself the knob is None, "left to the server", or "auto" for on and off.
"""

from __future__ import annotations

import shlex
from typing import Any

from engines.errors import EngineError
from engines.knobs import AUTO, Effect, Kind, Knob, Scope, Settings, Value

LEFT = "left to the server"
OURS = frozenset({
    "--host", "--port", "-p", "--api-key", "--api-key-file", "--admin-api-key", "--served-model-name", "--alias", "-a", "--model", "-m",
    "--model-path", "--uds", "--root-path", "--ssl-keyfile", "--ssl-certfile", "--ssl-key-file", "--ssl-cert-file", "--api-prefix",
    "--headless", "--config", "--reuse-port", "--path", "--fastapi-root-path", "--grpc-mode", "--model-url", "-mu", "--hf-repo", "-hf", "-hfr",
    "--docker-repo", "-dr", "--models-dir", "--models-preset", "--tools", "--agent", "-ag", "--mcp-servers-config", "--mcp-servers-json",
    "--allowed-origins", "--cors-origins", "--trust-remote-code",
})  # fmt: skip


def load(
    name: str, title: str, kind: Kind, default: Value, help: str, concept: str, flag: str = "", **more: Any
) -> Knob:
    """A load knob; without a default of its own it may be left to the server."""
    fields: dict[str, Any] = {"advanced": True, "essential": False} | more
    if fields["essential"]:
        fields["advanced"] = False
    if default is None:
        fields |= {"nullable": True, "null_label": LEFT}
    if default == AUTO:
        fields |= {"auto": True, "null_label": LEFT}  # what it chose may stay unknown
    return Knob(
        name=name, title=title, kind=kind, scope=Scope.LOAD, default=default, help=help, concept=concept, flag=flag, **fields
    )  # fmt: skip


def executable(title: str, variable: str) -> Knob:
    return load("executable", "Program", Kind.TEXT, AUTO,
                f"Path of the {title} command, or of the environment that it is installed in. Auto: {variable}, the search path, "
                "then the usual places.", "server_program", advanced=False)  # fmt: skip


def extra_args(title: str) -> Knob:
    return load("extra_args", "More arguments", Kind.TEXTS, [],
                f"Arguments handed to {title} as they are, after all others, like “--block-size 32”. Address, key and model are set here.",
                "server_program", effect=Effect.NUMERIC)  # fmt: skip


def added(settings: Settings) -> tuple[str, ...]:
    """What a person added to the command, in words. Raises EngineError `bad_knob` for what is set here, shortened too."""
    given = settings.get("extra_args")
    try:
        words = tuple(word for text in (given if isinstance(given, list) else []) for word in shlex.split(text))
    except ValueError as error:
        raise EngineError("bad_knob", f"extra_args cannot be read: {error}.", "Close every quotation mark.") from error
    for word in words:
        name = word.partition("=")[0].replace("_", "-")
        if name in OURS or (len(name) > 3 and name.startswith("--") and any(o.startswith(name) for o in OURS)):
            raise EngineError("bad_knob", f"extra_args cannot set {name}: Tandem sets it, or does not allow it.",
                              "Remove it from extra_args.")  # fmt: skip
    return words
