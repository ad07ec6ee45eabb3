"""The steps of set-up as data, and the one loop that does those that are not done yet."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tandem_setup import machine, pins, piplog
from tandem_setup.environment import Environment, install_line
from tandem_setup.errors import SetupError
from tandem_setup.progress import Progress, run_logged, size

NEED_BYTES = {"cpu": 4_000_000_000, "cuda": 10_000_000_000}
EDITION_LINUX = "the default index offers torch for CUDA on Linux, about 3 GB more"


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


CORE = Group("core", "click, jinja2, msgspec, numpy, platformdirs, portalocker, psutil", "core libraries, about 80 MB")
WINDOW = Group("window", "PySide6.QtWidgets", "window (PySide6), about 300 MB")
DEV = Group("dev", "pytest, mypy, ruff, importlinter", "tools for the checks, about 120 MB")
TRANSFORMERS = Group("transformers", "torch", "transformers 5.23.0 and torch 2.13.0, about 1 GB", needed=False)


def llama_cpp(cores: int) -> Group:
    """llama-cpp-python compiles: about 9 core-minutes, seen as 4 to 6 minutes on 2 cores."""
    low, high = max(1, round(8 / cores)), max(2, round(12 / cores))
    about = f"llama-cpp-python 0.3.36: compiles C++ once, {low}–{high} minutes on {cores} core{'s' * (cores > 1)}"
    return Group("llama-cpp", "llama_cpp, gguf", about, needed=False)


def groups_for(command: str) -> list[Group]:
    """Which requirement files a command needs; `check` reads code only."""
    if command == "check":
        return [CORE, WINDOW, DEV]
    engines = [llama_cpp(machine.cores()), TRANSFORMERS]
    return [CORE, WINDOW, *engines, *([DEV] if command == "test" else [])]


def steps_for(command: str, env: Environment) -> list[Step]:
    """All steps of a command, done or not, in order."""
    steps = [_system_step(command), Step("Python environment .venv", lambda: env.usable, env.make)]
    steps += [_group_step(env, group, needed=group.needed or command == "test") for group in groups_for(command)]
    steps.insert(-1 if command == "check" else 4, _tandem_step(env))
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
            progress.failed("Going on without it.")
            troubles.append(error)
    return troubles


def check_room(env: Environment, needed: int = NEED_BYTES["cpu"]) -> None:
    """Raises SetupError when a first set-up cannot fit the disk. What .venv already holds counts as room."""
    room = machine.free_bytes(env.root) + machine.folder_bytes(env.folder)
    if room < needed:
        raise SetupError(
            f"Not enough disk space: set-up needs about {size(needed)} and {size(room)} is free at {env.root}.",
            "Make room, or clone the project on a larger disk.",
        )


def _system_step(command: str) -> Step:
    def missing() -> list[str]:
        if command == "check" or sys.platform != "linux" or not machine.is_debian():
            return []
        wanted = machine.wanted_packages(
            window=True,
            tests=command == "test",
            compiler=machine.has_compiler(dict(**_environ())),
            venv=machine.has_venv(),
        )
        return machine.missing_packages(wanted)

    def work(progress: Progress) -> None:
        install_system_packages(missing(), progress)

    return Step("system packages", lambda: not missing(), work, needed=False)
