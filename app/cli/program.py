"""What the commands are given, and how they end: exit codes and JSON as CLI.md has them."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click
import msgspec

from app.errors import TandemError
from app.lab.services import Services

DONE, BAD_INPUT, FAILED, CANCELLED, UNREACHABLE, INTERRUPTED = 0, 2, 3, 4, 5, 130

CODES = {
    "cancelled": CANCELLED,
    "network": UNREACHABLE, "disk_full": UNREACHABLE, "disk": UNREACHABLE, "locked": UNREACHABLE, "no_folder": UNREACHABLE,
    "store_damaged": UNREACHABLE, "no_space": UNREACHABLE, "in_use": UNREACHABLE, "device_busy": UNREACHABLE,
    "load_failed": FAILED, "engine_error": FAILED, "engine_ended": FAILED, "no_memory": FAILED, "unresponsive": FAILED, "forced": FAILED,
    "no_runtime": FAILED, "bad_template": FAILED, "wrong_protocol": FAILED, "bad_frame": FAILED, "engine_unavailable": FAILED,
    "rate_limited": UNREACHABLE, "not_a_hub": UNREACHABLE, "bad_redirect": UNREACHABLE, "stalled": UNREACHABLE,
    "bad_checksum": FAILED, "changed": FAILED,
    "no_server": UNREACHABLE, "server_silent": UNREACHABLE, "not_a_server": UNREACHABLE, "bad_certificate": UNREACHABLE,
    "server_error": FAILED, "server_ended": FAILED, "cut_off": FAILED, "bad_stream": FAILED, "too_long_line": FAILED,
    "quantize_failed": FAILED, "convert_failed": FAILED, "no_window": BAD_INPUT,
}  # fmt: skip
"""Error code → exit code; any other code is bad input (2)."""


@dataclass(frozen=True, slots=True)
class Program:
    """services: opens the program for the length of a `with`. window, shot: the ways to Qt."""

    services: Callable[[], AbstractContextManager[Services]]
    window: Callable[[str | None], int]
    shot: Callable[[str, Path, tuple[int, int], str, bool], tuple[int, int]]


pass_program = click.make_pass_decorator(Program)

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else there.")


def say(text: str) -> None:
    """A message for the person: stderr, so that stdout stays the result's."""
    click.echo(text, err=True)


def show_json(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def not_built(what: str) -> NoReturn:
    raise TandemError("not_built", f"{what} is not built yet.", "See README, “What is coming”.")


def run(group: click.Command, program: Program, argv: list[str]) -> int:
    """Run a command line; every failure becomes an exit code, and with --json one JSON object."""
    as_json = "--json" in argv
    try:
        code = group.main(args=argv, prog_name="tandem", standalone_mode=False, obj=program)
    except TandemError as error:
        return fail(error, as_json)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return BAD_INPUT
    except click.ClickException as error:
        hint = error.ctx.get_usage() if isinstance(error, click.UsageError) and error.ctx is not None else ""
        return fail(TandemError("usage", error.format_message(), hint), as_json, BAD_INPUT)
    except click.exceptions.Exit as end:
        return end.exit_code
    except (click.Abort, KeyboardInterrupt):
        fail(TandemError("interrupted", "Interrupted."), as_json)
        return INTERRUPTED
    except BrokenPipeError:
        return DONE
    return code if isinstance(code, int) else DONE


def fail(error: TandemError, as_json: bool, code: int | None = None) -> int:
    """Print an error as asked for, and return its exit code."""
    if as_json:
        value: dict[str, object] = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
        if error.text:
            value["text"] = error.text
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    else:
        say(f"tandem: {error.message}" + (f"\n        {error.hint}" if error.hint else ""))
    return CODES.get(error.code, BAD_INPUT) if code is None else code


class Interrupts:
    """First SIGINT or SIGTERM: stop and keep what there is. Second: leave at once."""

    def __init__(self) -> None:
        self.stopped = False

    def asked(self) -> bool:
        return self.stopped

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.stopped:
            raise KeyboardInterrupt
        self.stopped = True
        say("stopping; once more to leave at once")

    @contextmanager
    def watching(self) -> Iterator[Interrupts]:
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Ticker:
    """Progress on stderr: overwrites its line on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = ""

    def __call__(self, text: str) -> None:
        if self._terminal:
            sys.stderr.write(f"\r\033[K{text}")
            sys.stderr.flush()
        elif _kind(text) != _kind(self._last):
            say(text)
        self._last = text

    def done(self) -> None:
        if self._terminal and self._last:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def _kind(text: str) -> str:
    """A progress line without its numbers: a new kind is worth a line of its own in a log."""
    return "".join(c for c in text if not c.isdigit() and c not in ".,%")
