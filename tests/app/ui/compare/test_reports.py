"""Files that are written from the Compare page."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from app.ui.compare.reports import ending, kinds, save_dialog
from app.ui.pages.compare import ComparePage
from tests import comparisons
from tests.app.ui.compare.pages import put, settle
from tests.fakes import FakeServices


def test_reports_are_written_from_the_menu(page: ComparePage, services: FakeServices, qtbot: QtBot, tmp_path) -> None:  # type: ignore[no-untyped-def]
    put(page, services, comparisons.result())
    names = [action.objectName() for action in page.bar.report_menu.actions() if not action.isSeparator()]
    assert names == [f"compare.report_{k}" for k in ("html", "markdown", "csv", "json", "mp4", "gif", "recipe")]
    for kind, name in (
        ("html", "a.html"),
        ("markdown", "a.md"),
        ("csv", "a.csv"),
        ("json", "a.json"),
        ("recipe", "a.toml"),
    ):
        page.reports.write(kind, tmp_path / name)
        qtbot.waitUntil(lambda: not page.state.files.busy)
        assert (tmp_path / name).stat().st_size > 100, kind
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.html", "a.json", "a.md", "a.toml"]
    settle()
    assert page.notices.isVisible()


def test_a_report_is_saved_with_its_ending_and_asks_before_it_replaces(  # type: ignore[no-untyped-def]
    page: ComparePage, services: FakeServices, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    put(page, services, comparisons.result())
    (tmp_path / "run 1.2.md").write_text("mine")
    asked: list[str] = []

    def question(_parent: QWidget, _title: str, words: str) -> QMessageBox.StandardButton:
        asked.append(words)
        return QMessageBox.StandardButton.No

    monkeypatch.setattr(QMessageBox, "question", question)
    markdown = next(kind for kind in kinds() if kind.id == "markdown")
    page.reports._write_as(markdown, tmp_path / "run 1.2")
    assert asked == ["run 1.2.md is there already. Replace it?"]
    assert (tmp_path / "run 1.2.md").read_text() == "mine"
    page.reports._write_as(markdown, tmp_path / "run 1.3")
    qtbot.waitUntil(lambda: not page.state.files.busy)
    assert (tmp_path / "run 1.3.md").stat().st_size > 100
    assert ending(tmp_path / "A.MD", ".md") == tmp_path / "A.MD"


def test_the_dialog_that_saves_asks_about_the_real_name(page: ComparePage, qtbot: QtBot) -> None:
    dialog = save_dialog(page, kinds()[0], "k-cache")
    qtbot.addWidget(dialog)
    assert dialog.acceptMode() == QFileDialog.AcceptMode.AcceptSave
    assert dialog.defaultSuffix() == "html"
    assert not dialog.testOption(QFileDialog.Option.DontConfirmOverwrite)
