"""Real workers for the tests of the engine side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from engines.client import Patience, Session, checkout
from tests import programs
from tests.engines.talk import Talk

settings.register_profile("tandem", deadline=None, max_examples=50, database=None)
settings.load_profile("tandem")


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Callable[..., Talk]]:
    """Makes talks; ends their workers afterwards."""
    made: list[Talk] = []

    def make(patience: Patience | None = None, notify: Callable[[], None] = lambda: None) -> Talk:
        made.append(Talk(Session(checkout(), tmp_path / "run", notify, patience)))
        return made[-1]

    yield make
    for one in made:
        one.session.close()


@pytest.fixture(autouse=True)
def stand_ins(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines that are programs find stand-ins for them, never what this machine happens to have."""
    for variable, command in programs.write_all(tmp_path_factory.mktemp("programs")).items():
        monkeypatch.setenv(variable, command)
