"""The Report menu: what a result can be written as, and where. The film's codecs are loaded when a film is made."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QMenu, QMessageBox, QWidget

from app.lab import report
from app.lab.compare.recipes import to_toml
from app.lab.compare.result import Result
from app.library.checksum import write_atomic
from app.ui.language import tr
from app.ui.state.compare import CompareState
from app.ui.state.compare_files import Progress
from app.ui.theme import Theme


@dataclass(frozen=True, slots=True)
class Kind:
    """One line of the menu. film: painted in the look of the window."""

    id: str
    title: str
    what: str
    suffix: str
    film: bool = False


def kinds() -> tuple[Kind, ...]:
    """The lines of the menu, in the language of now."""
    return (
        Kind("html", tr("HTML page with plots and replay…"), tr("The report"), ".html"),
        Kind("markdown", tr("Markdown…"), tr("The report"), ".md"),
        Kind("csv", tr("CSV of every run…"), tr("The table"), ".csv"),
        Kind("json", tr("JSON…"), tr("The result"), ".json"),
        Kind("mp4", tr("Film, MP4…"), tr("The film"), ".mp4", film=True),
        Kind("gif", tr("Film, GIF…"), tr("The film"), ".gif", film=True),
        Kind("recipe", tr("Save as recipe…"), tr("The recipe"), ".toml"),
    )


class Reports:
    """Fills the menu; asks for a place; has the state write."""

    def __init__(self, page: QWidget, theme: Theme, state: CompareState, menu: QMenu) -> None:
        self._page, self._theme, self._state = page, theme, state
        for kind in kinds():
            if kind.id in ("csv", "mp4", "recipe"):
                menu.addSeparator()
            action = menu.addAction(kind.title)
            action.setObjectName(f"compare.report_{kind.id}")
            action.triggered.connect(self._asker(kind))

    def write(self, kind: str, path: Path) -> None:
        """Write what stands there as `kind` to `path`."""
        found = next(k for k in kinds() if k.id == kind)
        result = self._state.result
        if result is not None:
            self._state.files.write(found.what, self._writer(found), result, path)

    def _asker(self, kind: Kind) -> Callable[[], None]:
        return lambda: self._ask(kind)

    def _ask(self, kind: Kind) -> None:
        result = self._state.result
        if result is None:
            return
        start = re.sub(r"[^\w-]+", "-", result.plan.title.lower()).strip("-") or "comparison"
        dialog = save_dialog(self._page, kind, start)
        names = dialog.selectedFiles() if dialog.exec() else []
        dialog.deleteLater()
        if names:
            self._write_as(kind, Path(names[0]))

    def _write_as(self, kind: Kind, chosen: Path) -> None:
        """The dialog has asked about the chosen name; about the one with its ending, it is asked here."""
        path = ending(chosen, kind.suffix)
        if path == chosen or not path.exists() or self._replaces(path):
            self.write(kind.id, path)

    def _replaces(self, path: Path) -> bool:
        words = tr("{name} is there already. Replace it?", name=path.name)
        return QMessageBox.question(self._page, tr("Replace the file?"), words) == QMessageBox.StandardButton.Yes

    def _writer(self, kind: Kind) -> Callable[[Result, Path, Progress, Callable[[], bool]], None]:
        dark, older = self._theme.tokens.dark, self._state.older

        def film(result: Result, path: Path, progress: Progress, cancelled: Callable[[], bool]) -> None:
            made = importlib.import_module("app.ui.film")
            made.export(result, path, dark, progress=progress, cancelled=cancelled)

        def text(result: Result, path: Path, _progress: Progress, _cancelled: Callable[[], bool]) -> None:
            write_atomic(path, _text(kind.id, result, older).encode())

        return film if kind.film else text


def save_dialog(page: QWidget, kind: Kind, start: str) -> QFileDialog:
    """It asks for a name, and before a file is replaced. start: the name that is offered, without its ending."""
    dialog = QFileDialog(page, kind.title.rstrip("…"))
    dialog.setObjectName("compare.save")
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilter(f"*{kind.suffix}")
    dialog.setDefaultSuffix(kind.suffix.removeprefix("."))
    dialog.selectFile(start + kind.suffix)
    return dialog


def ending(path: Path, suffix: str) -> Path:
    """`path` with `suffix` at its end: "run 1.2" has none of its own."""
    return path if path.suffix.lower() == suffix else path.with_name(path.name + suffix)


def _text(kind: str, result: Result, older: Result | None) -> str:
    makers: dict[str, Callable[[], str]] = {
        "html": lambda: report.html_of(result, older),
        "markdown": lambda: report.markdown_of(result, older),
        "csv": lambda: report.csv_of(result),
        "json": lambda: report.json_text(result),
        "recipe": lambda: to_toml(result.plan),
    }
    return makers[kind]()
