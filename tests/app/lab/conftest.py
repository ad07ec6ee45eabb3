"""A whole program on a temporary home, with a tiny model that the test engines take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app import compose
from app.lab.services import Services
from app.lab.session import ModelSession
from app.library import Variant
from app.paths import Paths


@pytest.fixture
def services(home: Path) -> Iterator[Services]:
    with compose.services(Paths(home)) as parts:
        yield parts


@pytest.fixture
def tiny(services: Services, tiny_gguf: Path) -> Variant:
    """The tiny model in the library."""
    (variant,) = services.library.add(tiny_gguf)
    return variant


@pytest.fixture
def session(services: Services) -> Iterator[ModelSession]:
    made = services.new_session()
    yield made
    made.close()
