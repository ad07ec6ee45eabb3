"""What Tandem and the models take on the disk: one stacked bar, and a legend that tells the parts by pattern and by words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from app.ui.language import tr
from app.ui.state import words
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.label import Label

if TYPE_CHECKING:
    from app.library.disk import DiskUse

RAMP = ("mem_weights", "mem_kv", "mem_compute", "mem_other")


class DiskCard(Card):
    """Parts without bytes are left out; the largest comes first."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, tr("Disk"))
        self._theme = theme
        self.setObjectName("models.disk")
        self.bar = PartsBar(theme)
        self.bar.setAccessibleName(tr("Use of the disk"))
        self._legend = QGridLayout()
        self._legend.setHorizontalSpacing(theme.px(6))
        self._legend.setVerticalSpacing(theme.px(3))
        self._legend.setColumnStretch(1, 1)
        self.free = Label(theme, "", "caption", "dim", wrap=True)
        self.body.setSpacing(theme.px(6))
        self.body.addWidget(self.bar)
        self.body.addLayout(self._legend)
        self.body.addWidget(self.free)
        self.hide()

    def show_use(self, use: DiskUse) -> None:
        """Show another measurement."""
        names = part_names()
        parts = sorted(
            ((names.get(p.id, p.title), p.bytes) for p in use.parts if p.bytes > 0), key=lambda part: -part[1]
        )
        while self._legend.count():
            item = self._legend.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for row, (title, size) in enumerate(parts):
            self._legend.addWidget(Swatch(self._theme, row), row, 0)
            self._legend.addWidget(ElidedLabel(self._theme, title, "caption", "text"), row, 1)
            right = Label(self._theme, words.size(size), "caption", "dim")
            self._legend.addWidget(right, row, 2, Qt.AlignmentFlag.AlignRight)
        self.bar.set_parts([size for _, size in parts], use.total_bytes)
        said = " · ".join(f"{title} {words.size(size)}" for title, size in parts)
        self.bar.setToolTip(said)
        self.bar.setAccessibleDescription(said)
        self.free.setText(tr("{free} of {total} free", free=words.size(use.free_bytes),
                             total=words.size(use.total_bytes)))  # fmt: skip
        self.show()


def part_names() -> dict[str, str]:
    """What each part is called, shortly."""
    return {
        "fetched": tr("Fetched"), "made": tr("Made here"), "own": tr("Added by you"), "elsewhere": tr("Other programs"),
        "downloads": tr("Downloads"), "trash": tr("Tandem’s trash"), "cache": tr("Cache"), "data": tr("Your history"),
    }  # fmt: skip


class PartsBar(QWidget):
    """Parts side by side; where they are a sliver of the disk, the bar shows them against each other instead."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._parts: list[int] = []
        self._whole = 1
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def set_parts(self, parts: Sequence[int], total: int) -> None:
        """parts, total: bytes."""
        used = sum(parts)
        self._parts, self._whole = list(parts), max(1, total if used * 20 >= total else used)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(120), self._theme.px(10))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        box = QRectF(self.rect())
        clip = QPainterPath()
        clip.addRoundedRect(box, box.height() / 2, box.height() / 2)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipPath(clip)
        painter.fillRect(box, self._theme.colour("line"))
        left = box.left()
        for number, size in enumerate(self._parts):
            width = max(2.0, box.width() * size / self._whole)
            fill(painter, self._theme, QRectF(left, box.top(), width, box.height()), number)
            left += width
        painter.end()


class Swatch(QWidget):
    """The sample of one part."""

    def __init__(self, theme: Theme, number: int) -> None:
        super().__init__()
        self._theme, self._number = theme, number
        self.setFixedSize(theme.px(10), theme.px(10))
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        fill(painter, self._theme, QRectF(self.rect()), self._number)
        painter.end()


def fill(painter: QPainter, theme: Theme, part: QRectF, number: int) -> None:
    """The slate ramp; every second part is hatched, so that neighbours differ by more than a shade, and in its second round
    the other ones are: no two of eight parts look alike. Outlined in dim."""
    painter.save()
    painter.setClipRect(part, Qt.ClipOperation.IntersectClip)
    painter.fillRect(part, theme.colour(RAMP[number % len(RAMP)]))
    if (number + number // len(RAMP)) % 2:
        colour = theme.colour("surface")
        colour.setAlpha(150)
        painter.setPen(QPen(colour, 0))
        left = part.left() - part.height()
        while left < part.right():
            painter.drawLine(QPointF(left, part.bottom()), QPointF(left + part.height(), part.top()))
            left += theme.px(4)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(QPen(theme.colour("dim"), 0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(part.adjusted(0, 0, -1, -1))
    painter.restore()
