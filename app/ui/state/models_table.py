"""The variants as Qt's views want them: a line each, its columns as words and as values that painters read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.ui.language import tr
from app.ui.state import words
from app.ui.state.models_assess import Assessment, verdict_words
from app.ui.state.models_rows import (
    Row,
    bits_words,
    format_words,
    lineage_words,
    params_words,
    task_words,
)  # fmt: skip

Index = QModelIndex | QPersistentModelIndex
ROW_ROLE = Qt.ItemDataRole.UserRole + 1
SEEN_ROLE = Qt.ItemDataRole.UserRole + 2
FIRST_ROLE = Qt.ItemDataRole.UserRole + 3


@dataclass(frozen=True, slots=True)
class Column:
    """width: in pixels of the design. rank: columns of a high rank go first where there is little room. The first one
    takes what is left."""

    id: str
    title: str
    width: int
    rank: int
    number: bool = False


def columns() -> tuple[Column, ...]:
    """In their order, in the language of now."""
    return (
        Column("name", tr("Model"), 200, 0),
        Column("precision", tr("Precision"), 122, 0),
        Column("fit", tr("Fits here"), 84, 0),
        Column("size", tr("Size"), 70, 0, number=True),
        Column("params", tr("Weights"), 70, 1, number=True),
        Column("bits", tr("Bits"), 54, 2, number=True),
        Column("task", tr("Task"), 86, 3),
        Column("loads", tr("Loads in"), 168, 6),
        Column("architecture", tr("Architecture"), 104, 5),
        Column("where", tr("Where"), 138, 4),
        Column("licence", tr("Licence"), 112, 7),
        Column("lineage", tr("Lineage"), 130, 8),
    )


class VariantTable(QAbstractTableModel):
    """The lines that are shown, in their order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = columns()
        self.rows: list[Row] = []
        self._seen: Mapping[str, Assessment] = {}
        self._line: dict[str, int] = {}

    def set_rows(self, rows: Sequence[Row], seen: Mapping[str, Assessment]) -> bool:
        """Show these; False where the same are shown, with what is known of them painted anew."""
        same = [r.ref for r in rows] == [r.ref for r in self.rows]
        if same:
            self.rows, self._seen = list(rows), seen
            if rows:
                self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(self.columns) - 1))
            return False
        self.beginResetModel()
        self.rows, self._seen = list(rows), seen
        self._line = {row.ref: line for line, row in enumerate(rows)}
        self.endResetModel()
        return True

    def line_of(self, ref: str) -> int:
        """Where a variant stands, or -1."""
        return self._line.get(ref, -1)

    def row(self, index: Index) -> Row | None:
        """The variant of a line."""
        return self.rows[index.row()] if index.isValid() and index.row() < len(self.rows) else None

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  Qt's name and default
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  Qt's name and default
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802  Qt's name
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.row(index)
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(row, self.columns[index.column()].id)
        if role == ROW_ROLE:
            return row
        if role == SEEN_ROLE:
            return self._seen.get(row.ref)
        if role == FIRST_ROLE:
            return self.is_first(index.row())
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.variant.problem or self._tip(row, self.columns[index.column()].id)
        return self.spoken(row) if role == Qt.ItemDataRole.AccessibleTextRole and index.column() == 0 else None

    def is_first(self, line: int) -> bool:
        """True for the first variant of its model."""
        return line == 0 or self.rows[line - 1].variant.id != self.rows[line].variant.id

    def text(self, row: Row, column: str) -> str:
        """A cell in words."""
        variant, seen = row.variant, self._seen.get(row.ref)
        if column == "fit":
            return tr("unusable") if variant.problem else verdict_words(seen.verdict if seen else "")
        table = {
            "name": variant.title, "precision": row.precision, "size": words.size(variant.bytes or None),
            "params": params_words(row.params), "bits": bits_words(variant.bits_per_weight),
            "task": task_words(variant.task), "loads": seen.loads_words if seen else "",
            "architecture": variant.shape.architecture if variant.shape is not None else "", "where": row.where,
            "licence": variant.licence, "lineage": lineage_words(variant),
        }  # fmt: skip
        return table[column] or words.NONE

    def spoken(self, row: Row) -> str:
        """A line for a screen reader."""
        parts = (self.text(row, name) for name in ("name", "precision", "size", "task", "fit", "where"))
        return ", ".join((*parts, format_words(row.variant.format)))

    def _tip(self, row: Row, column: str) -> str:
        if column in ("fit", "loads"):
            return engine_words(self._seen.get(row.ref))
        if column == "name":
            return f"{row.variant.title}\n{row.variant.path}"
        return row.variant.path if column == "where" else self.text(row, column)


def engine_words(seen: Assessment | None) -> str:
    """Every engine on a line of its own: what it would take, or why it cannot."""
    if seen is None:
        return ""
    return "\n".join(f"{line.title}: {_engine_word(line)}" for line in seen.engines)


def _engine_word(line: Any) -> str:
    if not line.ok:
        return str(line.why)
    if line.estimate is None:
        return tr("can load it; how much memory it takes is not known")
    need, free = words.size(line.estimate.total_bytes), words.size(line.estimate.free_bytes)
    return tr("{verdict}: about {need} of {free} free", verdict=verdict_words(line.verdict), need=need, free=free)
