"""What the tests of the Compare page do with it."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.lab.compare.result import Result
from app.store import ExperimentRecord
from app.ui.pages.compare import ComparePage
from tests.fakes import FakeServices


def settle() -> None:
    for _ in range(3):
        QApplication.processEvents()


def put(page: ComparePage, services: FakeServices, result: Result) -> None:
    """A stored comparison, opened from the list."""
    services.store.save_experiment(
        ExperimentRecord(id=result.id, title=result.plan.title, status=result.status.value, created=result.created,
                         plan=msgspec.to_builtins(result.plan), result=msgspec.to_builtins(result))
    )  # fmt: skip
    page.state.items_changed.emit()
    page.state.open(f"own:{result.id}")
    settle()


def shown(root: QWidget, name: str) -> QWidget:
    found = [w for w in root.findChildren(QWidget, name) if w.isVisible()]
    assert len(found) == 1, f"{name}: {len(found)} visible"
    return found[0]


def there(root: QWidget, name: str) -> bool:
    return any(w.isVisible() for w in root.findChildren(QWidget, name))


def click(qtbot: QtBot, root: QWidget, name: str) -> None:
    qtbot.mouseClick(shown(root, name), Qt.MouseButton.LeftButton)
    settle()
