"""The shape that STYLE and ARCHITECTURE ask for, where no other tool looks."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {"__pycache__", "build", "dist"}
HIDDEN_BUT_OURS = {".ci", ".gitignore"}
CODE = ("app", "engines", "packaging", "tests")
ENGINES_FOR_APP = {"errors", "protocol", "knobs", "spec", "registry", "client", "hardware", "metrics", "memory"}
PROGRAMS_FOR_APP = {"engines.servers", "engines.servers.programs"}  # where a server's command is: no engine's own part
LONGEST = 500

# Built from pieces: this file is searched too.
PLACES = re.compile(
    "|".join(
        [
            "/" + r"root/\w",
            "/" + r"home/\w+/",
            "/" + r"Users/\w+/",
            "/" + r"work/(main|shared)",
            "/" + "tmp/w/",
            "/" + r"opt/(pypi|wheels)",
            r"pypi\." + "org",
            r"files\.python" + "hosted",
            r"download\.py" + r"torch\.org",
            "--(extra-)?index" + "-url",
        ]
    )
)


def walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in SKIPPED or path.suffix == ".egg-info":
            continue
        if path.name.startswith(".") and path.name not in HIDDEN_BUT_OURS:
            continue
        if path.is_dir():
            yield from walk(path)
        else:
            yield path


@cache
def text_of(path: Path) -> str:
    """ "" for a file that is no text."""
    data = path.read_bytes()
    return "" if b"\0" in data[:8000] else data.decode("utf-8", "replace")


def python_files(*folders: str) -> list[Path]:
    return [p for folder in folders for p in walk(ROOT / folder) if p.suffix == ".py"]


def imported(path: Path) -> set[str]:
    """Every module that a file names in an import, also inside functions; `from a import b` gives `a` and `a.b`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text_of(path), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def below(names: set[str], package: str) -> set[str]:
    """The first part below `package` of each name: `engines.chat.echo` → `chat`."""
    return {name.split(".")[1] for name in names if name.startswith(f"{package}.")}


def test_no_python_file_is_longer_than_a_concept():
    lengths = {p.relative_to(ROOT): text_of(p).count("\n") for p in python_files(*CODE)}
    assert lengths
    assert {p: n for p, n in lengths.items() if n > LONGEST} == {}


def test_no_module_has_an_empty_name():
    stems = {p.stem for p in python_files(*CODE)}
    assert not stems & {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def test_every_module_says_why_it_exists():
    silent = [p for p in python_files("app", "engines", "packaging") if not ast.get_docstring(ast.parse(text_of(p)))]
    assert [str(p.relative_to(ROOT)) for p in silent if text_of(p).strip()] == []


def test_no_file_names_a_machine_or_a_registry():
    named = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in walk(ROOT)
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if (match := PLACES.search(line))
    ]
    assert named == []


@pytest.mark.parametrize("text", ["see /" + "root/x", "https://pypi." + "org/simple", "/" + "home/anna/models"])
def test_a_named_place_would_be_found(text):
    assert PLACES.search(text)


def test_app_imports_from_engines_only_what_is_its_own_to_use():
    wrong = {}
    for path in python_files("app"):
        names = imported(path)
        names -= PROGRAMS_FOR_APP if "engines.servers.programs" in names else set()
        wrong[str(path.relative_to(ROOT))] = sorted(below(names, "engines") - ENGINES_FOR_APP)
    assert {path: names for path, names in wrong.items() if names} == {}


def test_state_uses_of_qt_only_the_core():
    wrong = {p.name: sorted(below(imported(p), "PySide6") - {"QtCore"}) for p in python_files("app/ui/state")}
    assert wrong
    assert {name: parts for name, parts in wrong.items() if parts} == {}


def test_no_adapter_uses_another_adapters_parts():
    """Files of an adapter are named after it: `llama_*`, `transformers*`, `echo*`, `chaos*`."""
    owners = ("llama", "transformers", "echo", "chaos")
    for path in python_files("engines/chat"):
        owner = next((o for o in owners if path.stem.startswith(o)), None)
        used = {name.split(".")[2] for name in imported(path) if name.startswith("engines.chat.")}
        foreign = {name for name in used for o in owners if name.startswith(o) and o != owner}
        assert not foreign, f"{path.name} uses {sorted(foreign)}"


def test_packaging_stays_a_plain_folder():
    """An `__init__.py` would hide the library `packaging` from everything that runs in the root."""
    assert not (ROOT / "packaging" / "__init__.py").exists()
