"""`run`, `test`, `check` and `setup`: what the person typed, from the first step to the last line."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from tandem_setup import checks, machine
from tandem_setup.environment import Environment
from tandem_setup.errors import SetupError
from tandem_setup.lock import one_at_a_time
from tandem_setup.progress import Progress, clock
from tandem_setup.steps import check_room, do, steps_for

ROOT = Path(__file__).resolve().parents[2]
USAGE = """usage: bootstrap.py run|test|check|setup
  run    set up what is missing, get the starter models, open the window (without a display: hold one chat)
  test   set up what is missing and run every check
  check  only the checks that read code: ruff, mypy, lint-imports
  setup  set up what is missing, nothing more"""
COMMANDS = ("run", "test", "check", "setup")
QUESTION = "Explain photosynthesis in one sentence."
ENGINES = (("llama-cpp", "llama-cpp"), ("transformers", "transformers"))  # requirement group, engine id


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(USAGE, file=sys.stderr)
        return 2
    _speak_utf8()
    try:
        with _termination_is_an_interrupt():
            return _command(arguments[0], Environment(ROOT))
    except SetupError as error:
        print(f"\n{error.message}", file=sys.stderr)
        if error.hint:
            print(f"\nWhat to do: {error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on from here.", file=sys.stderr)
        return 130


def _command(command: str, env: Environment) -> int:
    if command == "test":
        checks.forget_last(env)
    troubles = set_up(command, env)
    if command == "test":
        return checks.run_all(env)
    if command == "check":
        return checks.run_reading(env)
    if command == "run":
        return start(env)
    return 1 if troubles else 0


def set_up(command: str, env: Environment) -> list[SetupError]:
    """Does the steps that are missing, with numbers and times. Returns what failed and could be left out."""
    with one_at_a_time(env.root / ".cache" / "setup.lock", print):
        steps = steps_for(command, env)
        if not env.usable:
            check_room(env)
        progress = Progress(sys.stdout, len(steps))
        troubles = do(steps, progress)
        progress.say(f"Set up in {clock(progress.elapsed_s)}.")
    return troubles


def start(env: Environment) -> int:
    """The window; without a display one real chat, so that a person sees that everything works."""
    tandem = str(env.script("tandem"))
    if machine.has_display(os.environ):
        print("Opening the window. Next time: make run, or " + os.path.relpath(tandem), flush=True)
        return _become([tandem], env)
    engine = next((engine for group, engine in ENGINES if env.installed(group)), None)
    if engine is None:
        raise SetupError("No engine could be installed.", "The messages above say why; then: make run")
    chat = ["run", "chat", QUESTION, "--model", "smollm2-135m", "--engine", engine]
    print(f"There is no display here, so no window. One chat instead:\n$ tandem {_shown(chat)}", flush=True)
    return _become([tandem, *chat], env)


def _become(command: list[str], env: Environment) -> int:
    if os.name == "posix":
        os.execve(command[0], command, env.variables())
    return subprocess.call(command, env=env.variables())


def _shown(words: list[str]) -> str:
    return " ".join(f'"{word}"' if " " in word else word for word in words)


def _speak_utf8() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


@contextlib.contextmanager
def _termination_is_an_interrupt() -> Iterator[None]:
    """SIGTERM and a closed terminal end what we started, as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    kinds = [signal.SIGTERM] if sys.platform == "win32" else [signal.SIGTERM, signal.SIGHUP]
    heard = [kind for kind in kinds if signal.getsignal(kind) is not signal.SIG_IGN]  # nohup ignores it on purpose
    before = {kind: signal.signal(kind, interrupt) for kind in heard}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
