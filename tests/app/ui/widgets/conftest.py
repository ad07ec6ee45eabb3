"""The look and the words that every widget is given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from app.glossary import Glossary
from app.ui import theme as look


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[look.Theme]:
    made = look.install(qapp, "light")
    yield made
    made.deleteLater()


@pytest.fixture
def glossary() -> Glossary:
    return Glossary.load(look.resources())
