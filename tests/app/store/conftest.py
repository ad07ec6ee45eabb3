"""A home and an open store for each test; what it needs to act in another process."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.paths import Paths
from app.store import Store

ROOT = Path(__file__).resolve().parents[3]

PRELUDE = """
import sys
from pathlib import Path
from app.paths import Paths
from app.store import Store, StoreSettings
paths = Paths(Path(sys.argv[1]))
def say(text):
    sys.stdout.write(text + chr(10))
    sys.stdout.flush()
"""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "home")


@pytest.fixture
def store(paths: Paths) -> Iterator[Store]:
    with_store = Store.open(paths)
    yield with_store
    with_store.close()


@pytest.fixture
def process(paths: Paths) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`process(code)` runs code in another process on the same home; it is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: str) -> subprocess.Popen[str]:
        program = PRELUDE + textwrap.dedent(code)
        command = [sys.executable, "-c", program, str(paths.home), *arguments]
        started.append(subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, stderr=-1, text=True))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()
