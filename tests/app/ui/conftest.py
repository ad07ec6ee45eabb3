"""Fake services, the states over them, and a way to let the bridge deliver at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.ui.program import Program
from tests.fakes import OTHER, SPEC, FakeServices


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The offscreen platform says this of every window with a least size."""
    for item in items:
        item.add_marker(pytest.mark.qt_log_ignore("does not support propagateSizeHints", extend=True))


@pytest.fixture
def services(home: Path) -> Iterator[FakeServices]:
    opened = FakeServices.open(home)
    yield opened
    opened.close()


@pytest.fixture
def program(qapp: object, services: FakeServices) -> Iterator[Program]:
    made = Program(services, [SPEC, OTHER])
    yield made
    made.close()


@pytest.fixture
def ready(program: Program, services: FakeServices) -> Program:
    """A program whose model is loaded."""
    program.model.load()
    services.session.become_ready()
    program.model.poll()
    return program


@pytest.fixture
def deliver(program: Program) -> Callable[[], None]:
    """What the bridge does a frame later."""
    return program.model.poll
