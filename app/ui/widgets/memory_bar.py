"""Memory as one stacked bar. The parts differ by pattern, not by colour alone; a 1 px outline carries the contrast."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.language import tr
from app.ui.theme import Theme

PARTS = ("weights", "kv", "compute", "other")
"""In drawing order."""


@dataclass(frozen=True, slots=True)
class MemoryParts:
    """Bytes of each part and of the whole that they share; `label` is the line of words above the bar.

    ghost: bytes of all parts under the settings before these, 0 if there were none.
    """

    weights: int = 0
    kv: int = 0
    compute: int = 0
    other: int = 0
    total: int = 0
    label: str = ""
    ghost: int = 0

    def shares(self) -> list[tuple[str, float]]:
        """(part, share of the whole), in drawing order, parts without bytes left out; never over 1 in sum."""
        parts = [(name, getattr(self, name)) for name in PARTS]
        whole = self.whole
        return [(name, size / whole) for name, size in parts if size > 0] if whole else []

    @property
    def whole(self) -> int:
        """Bytes that the bar's full width stands for."""
        return max(self.total, self.weights + self.kv + self.compute + self.other)


def bytes_text(count: float) -> str:
    """Bytes for a person, decimal units as files are sold: 98 MB, 1.2 GB."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            number = count / size
            return f"{number:.1f} {unit}" if number < 10 and unit == "GB" else f"{number:,.0f} {unit}"
    return f"{count:,.0f} B"


class MemoryBar(QWidget):
    """Weights solid, KV hatched, compute solid, other dotted; the rest of the track is free."""

    def __init__(self, theme: Theme, height: int = 8, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._height = theme, height
        self._parts = MemoryParts()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(theme.px(60))
        theme.changed.connect(self.update)

    def set_parts(self, parts: MemoryParts) -> None:
        """Show other sizes."""
        self._parts = parts
        said = self.describe()
        self.setToolTip(said)
        self.setAccessibleDescription(said)
        self.update()

    def parts(self) -> MemoryParts:
        """What is shown."""
        return self._parts

    def describe(self) -> str:
        """The parts in words: "weights 98 MB · KV cache 94 MB · of 23 GB · before: 240 MB"."""
        parts = self._parts
        sizes = [
            f"{word} {bytes_text(getattr(parts, name))}" for name, word in names().items() if getattr(parts, name) > 0
        ]
        whole = [tr("of {size}", size=bytes_text(parts.total))] if parts.total and sizes else []
        before = [tr("before: {value}", value=bytes_text(parts.ghost))] if parts.ghost and sizes else []
        return " · ".join(sizes + whole + before)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(200), self._theme.px(self._height))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        box = QRectF(self.rect())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        clip = QPainterPath()
        clip.addRoundedRect(box, box.height() / 2, box.height() / 2)
        painter.setClipPath(clip)
        painter.fillRect(box, self._theme.colour("line"))
        self._paint_parts(painter, box)
        if self._parts.ghost and self._parts.whole:
            paint_ghost(painter, self._theme, box, self._parts.ghost / self._parts.whole)
        painter.end()

    def _paint_parts(self, painter: QPainter, box: QRectF) -> None:
        left = box.left()
        outline = QPen(self._theme.colour("dim"), 0)
        for name, share in self._parts.shares():
            width = max(2.0, share * box.width())
            part = QRectF(left, box.top(), width, box.height())
            self._fill(painter, name, part)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setPen(outline)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(part.adjusted(0, 0, -1, -1))
            left += width

    def _fill(self, painter: QPainter, name: str, part: QRectF) -> None:
        painter.fillRect(part, self._theme.colour(f"mem_{name}"))
        painter.save()
        painter.setClipRect(part, Qt.ClipOperation.IntersectClip)
        if name == "kv":
            self._hatch(painter, part)
        elif name == "other":
            self._dot(painter, part)
        painter.restore()

    def _hatch(self, painter: QPainter, part: QRectF) -> None:
        colour = self._theme.colour("surface")
        colour.setAlpha(150)
        painter.setPen(QPen(colour, 0))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left, step = part.left() - part.height(), self._theme.px(5)
        while left < part.right():
            painter.drawLine(QPointF(left, part.bottom()), QPointF(left + part.height(), part.top()))
            left += step

    def _dot(self, painter: QPainter, part: QRectF) -> None:
        colour = self._theme.colour("dim")
        side, step = self._theme.px(1), self._theme.px(4)
        top, row = part.top() + side + 1, 0
        while top < part.bottom():
            left = part.left() + side + (step / 2 if row % 2 else 0)
            while left < part.right():
                painter.fillRect(QRectF(left, top, side, side), colour)
                left += step
            top, row = top + step / 2, row + 1


def names() -> dict[str, str]:
    """What each part is called."""
    return {"weights": tr("weights"), "kv": tr("KV cache"), "compute": tr("compute"), "other": tr("other")}


def paint_ghost(painter: QPainter, theme: Theme, box: QRectF, share: float) -> None:
    """A tick at the value of the settings before these; none where it lies beyond the bar. It has a rim of ground."""
    if not 0 < share <= 1:
        return
    tick = theme.px(2)
    x = min(box.right() - tick, box.left() + box.width() * share)
    painter.fillRect(QRectF(x - 1, box.top(), tick + 2, box.height()), theme.colour("surface"))
    painter.fillRect(QRectF(x, box.top(), tick, box.height()), theme.colour("text"))
