"""The steps of set-up as data, and the one loop that does those that are not done yet."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tandem_setup import machine, piplog
from tandem_setup.environment import Environment, install_line
from tandem_setup.errors import SetupError
from tandem_setup.progress import Progress, run_logged, size

NEED_BYTES = 4_000_000_000  # a CPU set-up takes 1.9 GB and pip unpacks and compiles beside it


@dataclass(frozen=True)
class Step:
    """title: what runs, with its size or time. needed: without it there is no going on."""

    title: str
    ready: Callable[[], bool]
    work: Callable[[Progress], None]
    needed: bool = True


@dataclass(frozen=True)
class Group:
    """A requirement file, the import that proves it, and how much there is to fetch and unpack."""

    name: str
    proof: str
    about: str
    needed: bool = True


CORE = Group(
    "core", "click, jinja2, msgspec, numpy, platformdirs, portalocker, psutil, urllib3", "core libraries, about 80 MB"
)
WINDOW = Group("window", "PySide6.QtWidgets", "window (PySide6), about 300 MB")
HUB = Group("hub", "huggingface_hub, keyring, send2trash, yaml", "model hub, keyring and trash, about 40 MB")
DEV = Group("dev", "pytest, mypy, ruff, importlinter", "tools for the checks, about 120 MB")
TRANSFORMERS = Group("transformers", "torch", "transformers 5.23.0 and torch 2.13.0, about 1 GB", needed=False)


def llama_cpp(cores: int) -> Group:
    """llama-cpp-python compiles 178 files: 8 to 15 core-minutes, depending on how busy the cores are."""
    low, high = max(1, round(8 / cores)), max(2, round(15 / cores))
    about = f"llama-cpp-python 0.3.36: compiles C++ once, {low}–{high} minutes on {cores} core{'s' * (cores > 1)}"
    return Group("llama-cpp", "llama_cpp, gguf", about, needed=False)


def groups_for(command: str) -> list[Group]:
    """Which requirement files a command needs; `check` reads code only."""
    if command == "check":
        return [CORE, WINDOW, HUB, DEV]
    engines = [llama_cpp(machine.cores()), TRANSFORMERS]
    return [CORE, WINDOW, HUB, *engines, *([DEV] if command == "test" else [])]


def steps_for(command: str, env: Environment) -> list[Step]:
    """All steps of a command, done or not, in order."""
    groups = [_group_step(env, group, needed=group.needed or command == "test") for group in groups_for(command)]
    steps = [_system_step(command), Step("Python environment .venv", lambda: env.usable, env.make)]
    steps += [groups[0], Step("Tandem itself", lambda: env.checkout_installed, env.install_checkout), *groups[1:]]
    if command != "check":
        steps.append(_starter_step(command, env))
    return steps


def do(steps: list[Step], progress: Progress) -> list[SetupError]:
    """Does the steps that are not ready; returns what failed of the steps that are not needed."""
    troubles: list[SetupError] = []
    for step in steps:
        if step.ready():
            progress.ready(step.title)
            continue
        progress.begin(step.title)
        try:
            step.work(progress)
        except SetupError as error:
            if step.needed:
                raise
            progress.failed(error.message, error.hint)
            troubles.append(error)
        else:
            progress.done()
    return troubles


def check_room(env: Environment, needed: int = NEED_BYTES) -> None:
    """Raises SetupError when a first set-up cannot fit the disk. What .venv already holds counts as room."""
    room = machine.free_bytes(env.root) + machine.folder_bytes(env.folder)
    if room < needed:
        raise SetupError(
            f"Not enough disk space: set-up needs about {size(needed)} and {size(room)} is free at {env.root}.",
            "Make room, or clone the project on a larger disk.",
        )


def install_system_packages(packages: list[str], progress: Progress, log: Path) -> None:
    """apt-get where we may. Raises SetupError with the one line to type where we may not, or where apt fails."""
    before = machine.administrator()
    if before is None:
        raise SetupError(f"These system packages are missing: {' '.join(packages)}.", install_line(packages))
    apt = [*before, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    variables = dict(os.environ)
    run_logged([*apt, "update"], log.with_name("apt-update.log"), variables, progress, last_line)
    install = [*apt, "install", "-y", "--no-install-recommends", *packages]
    if run_logged(install, log, variables, progress, last_line) != 0:
        end = piplog.tail(log.read_text(encoding="utf-8", errors="replace"))
        raise SetupError(f"apt-get could not install {' '.join(packages)}:\n{end}", install_line(packages))


def last_line(lines: list[str]) -> str:
    """The newest line of a log, for commands whose own words are good enough."""
    return lines[-1].split("\r")[-1].strip()[:60] if lines else ""


def which_starter(lines: list[str]) -> str:
    """`smollm2-135m` out of `smollm2-135m: 12 MB of 98 MB downloading`."""
    return last_line(lines).split(":")[0]


def _system_step(command: str) -> Step:
    missing = [] if command == "check" else _missing_system_packages(tests=command == "test")
    title = f"system packages: {' '.join(missing)}" if missing else "system packages"
    log = Path(__file__).resolve().parents[2] / ".cache" / "logs" / "apt.log"
    return Step(title, lambda: not missing, lambda p: install_system_packages(missing, p, log), needed=False)


def _missing_system_packages(*, tests: bool) -> list[str]:
    if sys.platform != "linux" or not machine.is_debian():
        return []
    compiler, venv = machine.has_compiler(os.environ), machine.has_venv()
    return machine.missing_packages(machine.wanted_packages(window=True, tests=tests, compiler=compiler, venv=venv))


def _group_step(env: Environment, group: Group, *, needed: bool) -> Step:
    return Step(group.about, lambda: env.installed(group.name), lambda p: _install(env, group, p), needed)


def _install(env: Environment, group: Group, progress: Progress) -> None:
    before = machine.folder_bytes(env.folder)
    env.install(group.name, group.proof, progress)
    progress.note(f"{size(max(0, machine.folder_bytes(env.folder) - before))} on disk")


def _starter_step(command: str, env: Environment) -> Step:
    title = "starter models (a chat, a speech-to-text and a voice model), about 240 MB"
    return Step(title, lambda: False, lambda p: get_starters(env, p, throwaway_home=command != "run"), needed=True)


def get_starters(env: Environment, progress: Progress, *, throwaway_home: bool) -> None:
    """Fetches them through Tandem itself, kept in `.cache/starter/`; tests need only those, not the person's home."""
    log = env.logs / "starter.log"
    command = [str(env.python), "-m", "app", "models", "get", "starter"]
    with tempfile.TemporaryDirectory(prefix="tandem-setup-") as home:
        variables = env.variables(**({"TANDEM_HOME": home} if throwaway_home else {}))
        code = run_logged(command, log, variables, progress, which_starter)
    if code != 0:
        end = piplog.tail(log.read_text(encoding="utf-8", errors="replace"))
        raise SetupError(
            f"The starter models did not arrive:\n{end}", "Run the same command again: it goes on from here."
        )
