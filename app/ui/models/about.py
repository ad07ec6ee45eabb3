"""What there is to know of one variant: its facts, the engines with their verdicts and reasons, where it lies, its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.library import File
from app.ui.frame.quiet_scroll import QuietScroll
from app.ui.language import tr
from app.ui.models.paint import TONES
from app.ui.state import words
from app.ui.state.models_assess import Assessment, EngineLine, verdict_words
from app.ui.state.models_details import Shown, facts
from app.ui.state.models_removing import Removal
from app.ui.state.models_rows import Row
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.chip import Chip, Role
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.label import Label, explain

MOST_FILES = 6
CHIPS: dict[str, Role] = {"good": "good", "warning": "warning", "bad": "bad"}


class About(QuietScroll):
    """Cards in one column, made anew for each variant."""

    def __init__(self, theme: Theme, glossary: Glossary) -> None:
        super().__init__()
        self._theme, self._glossary = theme, glossary
        self.setObjectName("models.about")
        self.setAccessibleName(tr("About this model"))
        self._key: object = None

    def show_row(self, row: Row, shown: Shown | None, seen: Assessment | None, removal: Removal | None) -> None:
        """Show this variant, with as much as is known by now."""
        key = (row, shown, seen, removal)
        if key == self._key:
            return
        at = self.verticalScrollBar().value() if self._is_same(row) else 0
        self._key = key
        outer = QWidget()
        column = QVBoxLayout(outer)
        column.setContentsMargins(0, 0, self._theme.px(4), self._theme.px(8))
        column.setSpacing(self._theme.px(10))
        assessment = shown.assessment if shown is not None else seen
        if row.variant.problem:
            column.addWidget(self._trouble(row.variant.problem))
        column.addWidget(self._facts(facts(row, shown)))
        if assessment is not None:
            column.addWidget(self._engines(assessment))
        column.addWidget(self._where(row, removal))
        if len(row.variant.files) > 1:
            column.addWidget(self._files(row.variant.files))
        if row.variant.notes:
            column.addWidget(self._notes(row.variant.notes))
        column.addStretch(1)
        self.setWidget(outer)
        self.verticalScrollBar().setValue(at)

    def _is_same(self, row: Row) -> bool:
        return isinstance(self._key, tuple) and isinstance(self._key[0], Row) and self._key[0].ref == row.ref

    def _trouble(self, problem: str) -> Card:
        card = Card(self._theme, kind="bad")
        card.body.addWidget(Label(self._theme, tr("It cannot be used now"), "text", "text", "semibold"))
        card.body.addWidget(Label(self._theme, problem, "dim", "text", wrap=True))
        return card

    def _facts(self, lines: Sequence[tuple[str, str]]) -> Card:
        theme = self._theme
        card = Card(theme)
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.px(10))
        grid.setVerticalSpacing(theme.px(5))
        grid.setColumnStretch(1, 1)
        keys = {tr("Bits per weight"): "bits_per_weight", tr("KV cache"): "kv_cache", tr("Trained context"): "n_ctx"}
        for place, (name, value) in enumerate(lines):
            left = Label(theme, name, "dim", "dim")
            if name in keys:
                explain(left, self._glossary, keys[name])
            right = Label(theme, value, "dim", "text", wrap=True)
            right.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(left, place, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(right, place, 1)
        card.body.addLayout(grid)
        return card

    def _engines(self, assessment: Assessment) -> Card:
        card = Card(self._theme, tr("Engines on this machine"))
        card.setObjectName("models.engines")
        can = [line for line in assessment.engines if line.ok]
        cannot = [line for line in assessment.engines if not line.ok]
        for line in can:
            card.body.addWidget(self._can(line))
        if not can:
            card.body.addWidget(Label(self._theme, tr("No engine here can load it."), "dim", "text", wrap=True))
        for titles, why in _grouped(cannot):
            card.body.addWidget(self._cannot(titles, why))
        return card

    def _can(self, line: EngineLine) -> QWidget:
        theme = self._theme
        chip = Chip(theme, _chip_words(line), CHIPS.get(TONES.get(line.verdict, ""), "dim"))
        block, column = self._block(line.title, chip)
        estimate = line.estimate
        if estimate is not None:
            need, free = words.size(estimate.total_bytes), words.size(estimate.free_bytes)
            said = tr("about {need} of {free} free", need=need, free=free)
            most = line.largest_n_ctx
            said += " · " + tr("fits up to {n} tokens", n=f"{most:,}") if most else ""
            detail = Label(theme, said, "caption", "dim", wrap=True)
            explain(detail, self._glossary, "estimate_bytes")
            column.addWidget(detail)
        return block

    def _cannot(self, titles: str, why: str) -> QWidget:
        block, column = self._block(titles, Chip(self._theme, tr("cannot"), "dim"))
        column.addWidget(Label(self._theme, why, "caption", "dim", wrap=True))
        return block

    def _block(self, title: str, chip: Chip) -> tuple[QWidget, QVBoxLayout]:
        block = QWidget()
        column = QVBoxLayout(block)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(self._theme.px(1))
        row = QHBoxLayout()
        row.addWidget(Label(self._theme, title, "dim", "text", "medium", wrap=True), 1)
        row.addWidget(chip, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(row)
        return block, column

    def _where(self, row: Row, removal: Removal | None) -> Card:
        theme = self._theme
        card = Card(theme, tr("Where it lies"))
        card.body.addWidget(Label(theme, row.where, "dim", "text"))
        path = ElidedLabel(theme, row.variant.path, "caption", "dim", mode=Qt.TextElideMode.ElideMiddle)
        path.setAccessibleName(tr("Path: {path}", path=row.variant.path))
        card.body.addWidget(path)
        if removal is not None and not removal.possible:
            card.body.addWidget(Label(theme, removal.words, "caption", "dim", wrap=True))
        return card

    def _files(self, files: Sequence[File]) -> Card:
        theme = self._theme
        card = Card(theme, tr("Files"))
        for file in sorted(files, key=lambda file: -file.bytes)[:MOST_FILES]:
            row = QHBoxLayout()
            row.addWidget(ElidedLabel(theme, Path(file.path).name, "caption", mode=Qt.TextElideMode.ElideMiddle), 1)
            row.addWidget(Label(theme, words.size(file.bytes), "caption", "dim"))
            card.body.addLayout(row)
        rest = len(files) - MOST_FILES
        if rest > 0:
            card.body.addWidget(Label(theme, tr("and {n} more", n=f"{rest:,}"), "caption", "dim"))
        return card

    def _notes(self, notes: Sequence[str]) -> Card:
        card = Card(self._theme, tr("Notes"))
        for note in notes:
            card.body.addWidget(Label(self._theme, note, "caption", "dim", wrap=True))
        return card


def _grouped(lines: Sequence[EngineLine]) -> list[tuple[str, str]]:
    """(engines, why not): those with one reason stand together, in their order."""
    groups: dict[str, list[str]] = {}
    for line in lines:
        groups.setdefault(line.why, []).append(line.title)
    return [(", ".join(titles), why) for why, titles in groups.items()]


def _chip_words(line: EngineLine) -> str:
    return verdict_words(line.verdict) if line.verdict else tr("can load it")
