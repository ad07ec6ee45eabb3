"""Every check of the project, all of them run even when one fails, with a table of results and times at the end.

pytest comes last and its closing line closes the output: runners read it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tandem_setup.environment import Environment
from tandem_setup.progress import clock

CLOSING = re.compile(
    r"\d+ (?:passed|failed|errors?|skipped|deselected|warnings?|xfailed|xpassed)\b.* in [\d.]+s|no tests ran"
)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Result:
    name: str
    code: int
    seconds: float


def reading_checks(env: Environment) -> dict[str, list[str]]:
    """The checks that only read code: name → command."""
    python = str(env.python)
    return {
        "ruff check": [python, "-m", "ruff", "check"],
        "ruff format": [python, "-m", "ruff", "format", "--check"],
        "mypy": [python, "-m", "mypy"],
        "lint-imports": [str(env.script("lint-imports"))],
    }


def run_reading(env: Environment) -> int:
    results = [_run(name, command, env) for name, command in reading_checks(env).items()]
    print(table(results), flush=True)
    return worst(results)


def run_all(env: Environment) -> int:
    """All checks, pytest last. Returns 0 only if each of them passed."""
    results = [_run(name, command, env) for name, command in reading_checks(env).items()]
    print("── pytest", flush=True)
    began = time.monotonic()
    code, closing = _pytest(env)
    results.append(Result("pytest", code, time.monotonic() - began))
    print(table(results))
    print(closing, flush=True)
    (env.logs / "pytest-closing.txt").write_text(COLOURS.sub("", closing) + "\n", encoding="utf-8")
    return worst(results)


def forget_last(env: Environment) -> None:
    """So that nothing takes an earlier run's closing line for this one's."""
    (env.logs / "pytest-closing.txt").unlink(missing_ok=True)


def table(results: Iterable[Result]) -> str:
    rows = [f"  {r.name:<14}{'passed' if r.code == 0 else 'FAILED':<8}{clock(r.seconds):>8}" for r in results]
    return "\n".join(["", "Checks", *rows, ""])


def worst(results: Iterable[Result]) -> int:
    return 1 if any(r.code != 0 for r in results) else 0


def hold_back_closing(lines: Iterable[str], show: Callable[[str], None]) -> str:
    """Passes lines on, except pytest's closing line, which it returns ("" if there is none)."""
    closing = ""
    for line in lines:
        if CLOSING.search(COLOURS.sub("", line)):
            if closing:
                show(closing)
            closing = line.rstrip("\n")
        else:
            show(line.rstrip("\n"))
    return closing


def _run(name: str, command: list[str], env: Environment) -> Result:
    print(f"── {name}", flush=True)
    began = time.monotonic()
    code = subprocess.call(command, cwd=env.root, env=env.variables())
    return Result(name, code, time.monotonic() - began)


def _pytest(env: Environment) -> tuple[int, str]:
    colour = "yes" if sys.stdout.isatty() else "no"
    command = [str(env.python), "-m", "pytest", f"--color={colour}"]
    variables = env.variables(QT_QPA_PLATFORM="offscreen", PYTHONUNBUFFERED="1")
    with subprocess.Popen(
        command,
        cwd=env.root,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as child:
        assert child.stdout is not None
        closing = hold_back_closing(child.stdout, lambda line: print(line, flush=True))
    return child.returncode, closing or f"pytest ended with exit code {child.returncode} and no summary"
