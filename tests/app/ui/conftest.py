"""Fake services, the states over them, and a way to let the bridge deliver at once."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from app.ui.program import Program
from tests.fakes import OTHER, SPEC, FakeServices


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The offscreen platform says this of every window with a least size."""
    for item in items:
        item.add_marker(pytest.mark.qt_log_ignore("does not support propagateSizeHints", extend=True))


COLLECT_EVERY = 10  # tests
_TESTS = count(1)


@pytest.fixture(scope="module", autouse=True)
def _collected_here() -> Iterator[None]:
    """As in the program: Python's collector runs in the GUI thread alone. In another thread it would end a QObject while this
    thread waits for Qt's lock with the interpreter's in hand: neither goes on."""
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        gc.enable()


@pytest.fixture(autouse=True)
def _collected_now_and_then() -> Iterator[None]:
    yield
    if next(_TESTS) % COLLECT_EVERY == 0:
        gc.collect()


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
