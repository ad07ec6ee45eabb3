"""Where an answer's time went: queue, template, prefill, decode as one bar, and below it every wait between two steps."""

from __future__ import annotations

import html
import statistics

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QHelpEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.ui.language import tr
from app.ui.state import inside, words
from app.ui.state.inside import Part, Stall, Timeline
from app.ui.theme import Theme
from app.ui.widgets.flow import Flow
from app.ui.widgets.label import Hover, Label, explain

BAR, ROOM, GAPS, AXIS = 16, 8, 32, 16  # heights: the bar, the stalls' marks above it, the waits, the scale
STEP = 3  # pixels from one bar of the waits to the next
LEAST = 2.0  # pixels that a part has at least
KEYS = {
    inside.QUEUE: "queue_s",
    inside.TEMPLATE: "prepare_s",
    inside.PREFILL: "prefill_s",
    inside.SAMPLE: "first_sample_s",
    inside.DECODE: "decode",
    inside.NETWORK: "network_s",
    inside.ANSWER: "server_ttft_s",
}
COLOURS = {
    inside.QUEUE: "line",
    inside.TEMPLATE: "mem_other",
    inside.PREFILL: "mem_weights",
    inside.SAMPLE: "mem_compute",
    inside.DECODE: "accent",
    inside.NETWORK: "accent_soft",
    inside.ANSWER: "mem_compute",
}


def name_of(part: str) -> str:
    """A part's name for a person."""
    names = {
        inside.QUEUE: tr("queue"),
        inside.TEMPLATE: tr("template"),
        inside.PREFILL: tr("prefill"),
        inside.SAMPLE: tr("first sample"),
        inside.DECODE: tr("decode"),
        inside.NETWORK: tr("network and HTTP"),
        inside.ANSWER: tr("rest of the server"),
    }
    return names[part]


def fine(seconds: float) -> str:
    """A duration in words, with a tenth below 10 ms: a queue is short."""
    return f"{seconds * 1000:.1f} ms" if seconds < 0.00995 else words.spoken(seconds)


def summary(timeline: Timeline) -> str:
    """ "1.34 s in all · between steps: median 13 ms, longest 120 ms · 2 stalls"."""
    parts = [tr("{time} in all", time=fine(timeline.total_s))]
    if timeline.gaps:
        gaps = [gap.gap_s for gap in timeline.gaps]
        parts.append(
            tr("between steps: median {median}, longest {longest}",
               median=fine(statistics.median(gaps)), longest=fine(max(gaps)))
        )  # fmt: skip
        n = len(timeline.stalls)
        parts.append(tr("no stalls") if not n else tr("1 stall") if n == 1 else tr("{n} stalls", n=n))
    return " · ".join(parts)


class TimelineView(QWidget):
    """A line of words, the bars, and a legend that explains each part on hover."""

    def __init__(self, theme: Theme, glossary: Glossary, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._glossary = theme, glossary
        self.setObjectName("message.timeline")
        self.setAccessibleName(tr("Where the time went"))
        self.words = Label(theme, "", "caption", "dim", wrap=True)
        self.bars = Bars(theme, glossary)
        self._legend = Flow(theme.px(14))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, theme.px(4), 0, theme.px(4))
        column.setSpacing(theme.px(6))
        column.addWidget(self.words)
        column.addWidget(self.bars)
        column.addLayout(self._legend)
        column.addStretch(1)
        self.show_timeline(Timeline())

    def show_timeline(self, timeline: Timeline) -> None:
        """Show another run."""
        known = bool(timeline.parts)
        said = summary(timeline) if known else tr("No times were kept for this answer.")
        self.words.setText(said)
        self.setAccessibleDescription(
            ", ".join([said, *(f"{name_of(part.name)} {fine(part.seconds)}" for part in timeline.parts)])
        )
        self.bars.setVisible(known)
        self.bars.show_timeline(timeline)
        while (item := self._legend.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        for part in timeline.parts:
            self._legend.addWidget(Key(self._theme, self._glossary, part))


class Key(Hover, QWidget):
    """One part in the legend: its pattern, its name and how long it took."""

    def __init__(self, theme: Theme, glossary: Glossary, part: Part) -> None:
        super().__init__()
        self._theme, self._part = theme, part
        self._words = f"{name_of(part.name)} {fine(part.seconds)}"
        self.setObjectName(f"message.timeline_{part.name}")
        self.setAccessibleName(self._words)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        explain(self, glossary, KEYS[part.name])
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        metrics = QFontMetrics(self._theme.font("caption"))
        return QSize(metrics.horizontalAdvance(self._words) + self._theme.px(18), metrics.height() + 2)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        px = self._theme.px
        fill(painter, self._theme, self._part.name, QRectF(0, px(2), px(11), px(11)))
        painter.setFont(self._theme.font("caption"))
        painter.setPen(self._theme.colour("dim"))
        painter.drawText(self.rect().adjusted(px(17), 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self._words)
        painter.end()


class Bars(QWidget):
    """The bar of the parts with the stalls above, the waits between steps, and the scale in seconds."""

    def __init__(self, theme: Theme, glossary: Glossary) -> None:
        super().__init__()
        self._theme, self._glossary = theme, glossary
        self._timeline = Timeline()
        self.setObjectName("message.timeline_bars")
        self.setAccessibleName(tr("Time line"))
        self.setMinimumWidth(theme.px(200))
        self.setFixedHeight(theme.px(ROOM + BAR + 4 + GAPS + AXIS))
        theme.changed.connect(self.update)

    def show_timeline(self, timeline: Timeline) -> None:
        """Show another run."""
        self._timeline = timeline
        self.setAccessibleDescription(
            ", ".join(tr("stall of {time} at {at}", time=fine(s.gap_s), at=fine(s.at_s)) for s in timeline.stalls)
        )
        self.update()

    def rects(self) -> list[tuple[Part, QRectF]]:
        """Where each part is drawn. A very short one is widened, and moves what follows."""
        found: list[tuple[Part, QRectF]] = []
        left = 0.0
        for part in self._timeline.parts:
            left = max(left, self._x(part.start_s))
            width = max(LEAST, self._x(part.start_s + part.seconds) - left)
            found.append((part, QRectF(left, self._theme.px(ROOM), width, self._theme.px(BAR))))
            left += width
        return found

    def columns(self) -> dict[int, Stall]:
        """The longest wait that ended in each column of `STEP` pixels."""
        found: dict[int, Stall] = {}
        for gap in self._timeline.gaps:
            column = int(self._x(gap.at_s) // self._theme.px(STEP))
            if column not in found or found[column].gap_s < gap.gap_s:
                found[column] = gap
        return found

    def tip(self, x: float, y: float) -> str:
        """What is at a point, as rich text; "" where nothing is."""
        px = self._theme.px
        near = [s for s in self._timeline.stalls if abs(self._x(s.at_s) - x) <= px(4)]
        if near and y < px(ROOM + BAR):
            stall = max(near, key=lambda s: s.gap_s)
            said = tr("stall of {time} at {at}", time=fine(stall.gap_s), at=fine(stall.at_s))
            return _tip(self._glossary, "itl_max_s", said)
        if y < px(ROOM + BAR + 2):
            part = next((p for p, rect in self.rects() if rect.left() <= x <= rect.right()), None)
            if part is None:
                return ""
            return _tip(self._glossary, KEYS[part.name], f"{name_of(part.name)} {fine(part.seconds)}")
        gap = self.columns().get(int(x // px(STEP)))
        if gap is None:
            return ""
        return _tip(self._glossary, "itl_p50_s", tr("{time} before this step", time=fine(gap.gap_s)))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.tip(event.pos().x(), event.pos().y()), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        for part, rect in self.rects():
            fill(painter, self._theme, part.name, rect)
            self._name(painter, part, rect)
        self._paint_stalls(painter)
        self._paint_gaps(painter)
        self._paint_scale(painter)
        painter.end()

    def _x(self, seconds: float) -> float:
        total = self._timeline.total_s
        return (self.width() - 1) * seconds / total if total > 0 else 0.0

    def _name(self, painter: QPainter, part: Part, rect: QRectF) -> None:
        """The part's name in its bar, where it fits."""
        painter.setFont(self._theme.font("caption", "semibold"))
        metrics = QFontMetrics(painter.font())
        if part.name in INKS and metrics.horizontalAdvance(name_of(part.name)) + self._theme.px(12) < rect.width():
            painter.setPen(self._theme.colour(INKS[part.name]))
            painter.drawText(
                rect.adjusted(self._theme.px(6), 0, 0, 0),
                Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
                name_of(part.name),
            )

    def _paint_stalls(self, painter: QPainter) -> None:
        """A mark above the bar and a line through it."""
        px = self._theme.px
        colour = self._theme.colour("text")
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for stall in self._timeline.stalls:
            x = self._x(stall.at_s)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            half = px(3)
            mark = [QPointF(x - half, 1), QPointF(x + half, 1), QPointF(x, px(ROOM) - 2)]
            painter.drawPolygon(QPolygonF(mark))
            painter.fillRect(QRectF(x - 1, px(ROOM), 2, px(BAR)), self._theme.colour("surface"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_gaps(self, painter: QPainter) -> None:
        px = self._theme.px
        columns = self.columns()
        longest = max((gap.gap_s for gap in columns.values()), default=0.0)
        floor = px(ROOM + BAR + 4 + GAPS)
        painter.setPen(QPen(self._theme.colour("line"), 0))
        painter.drawLine(0, floor, self.width(), floor)
        stalls = {stall.at_s for stall in self._timeline.stalls}
        for column, gap in columns.items():
            tall = max(1.0, px(GAPS - 2) * gap.gap_s / longest)
            tone = "text" if gap.at_s in stalls else "dim"
            painter.fillRect(QRectF(column * px(STEP), floor - tall, px(STEP) - 1, tall), self._theme.colour(tone))

    def _paint_scale(self, painter: QPainter) -> None:
        painter.setFont(self._theme.font("caption"))
        painter.setPen(self._theme.colour("dim"))
        metrics = QFontMetrics(painter.font())
        foot = self.height() - metrics.descent()
        for share in (0.0, 0.5, 1.0):
            said = fine(self._timeline.total_s * share) if share else "0"
            x = self.width() * share - metrics.horizontalAdvance(said) * share
            painter.drawText(QPointF(x, foot), said)


INKS = {inside.PREFILL: "surface", inside.DECODE: "on_accent"}
"""What is read on a part's ground; the others are too pale or too short for words."""


def fill(painter: QPainter, theme: Theme, part: str, rect: QRectF) -> None:
    """A part's ground with its outline; the template's is dotted, so that colour is not all."""
    painter.fillRect(rect, theme.colour(COLOURS[part]))
    if part == inside.TEMPLATE:
        _dot(painter, theme, rect)
    painter.setPen(QPen(theme.colour("dim"), 0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(rect.adjusted(0, 0, -1, -1))


def _dot(painter: QPainter, theme: Theme, rect: QRectF) -> None:
    colour, step = theme.colour("dim"), theme.px(4)
    for row in range(int(rect.height() // step)):
        for column in range(int(rect.width() // step)):
            painter.fillRect(QRectF(rect.left() + 2 + column * step, rect.top() + 2 + row * step, 1, 1), colour)


def _tip(glossary: Glossary, key: str, said: str) -> str:
    return "<br>".join(part for part in (glossary.tooltip(key), html.escape(said)) if part)
