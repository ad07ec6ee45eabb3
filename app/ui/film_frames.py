"""The pictures of a film: one moment of a replay, painted. Runs in a thread: images and painters only, no widget, no pixmap."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen, QPolygonF

from app.lab.compare import lane as lanes
from app.lab.compare import replay
from app.lab.compare.replay import LaneMoment, Timeline
from app.lab.compare.result import LaneResult, Result
from app.ui.film_text import Row, Word, draw_words, rows, words
from app.ui.state.words import rate as rate_words
from app.ui.theme import TEXT_FAMILY
from app.ui.theme_tokens import DARK, LIGHT, Tokens
from app.ui.widgets.lane_spark import PATTERNS

HEIGHT = 720
"""Lengths below are for a picture of so many pixels in height; others scale."""

EDGE, GAP, TOP, FOOT, VERDICT = 28, 14, 92, 44, 78
CURVE = 140
PROMPT = 600
"""Characters of a prompt that are looked at for its two lines."""

FIGURES_S = 0.2
"""Rates change at most so often: digits that flicker cannot be read."""


class FilmPainter:
    """Paints a result's replay at any time. size: pixels. speed: how many recorded seconds go by in one of the film."""

    def __init__(self, result: Result, dark: bool, size: tuple[int, int], speed: float = 1.0) -> None:
        self._result, self._size, self._speed = result, size, speed
        self._tokens: Tokens = DARK if dark else LIGHT
        self._unit = size[1] / HEIGHT
        self._line: Timeline = replay.timeline(result)
        self._words = replay.words(result)
        self._boxes = self._columns()
        self._rows: dict[tuple[int, int], tuple[Row, ...]] = {}
        self._curves = self._curve_points()
        self._top_rate = max((y for curve in self._curves for y in curve if y is not None), default=0.0) * 1.08

    @property
    def length_s(self) -> float:
        """Recorded seconds."""
        return self._line.length_s

    def paint(self, t: float, ended: bool = False) -> QImage:
        """The moment `t` (recorded seconds). ended: with the verdict."""
        image = QImage(*self._size, QImage.Format.Format_RGB888)
        image.fill(self._colour("background"))
        painter = QPainter(image)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        self._paint_head(painter)
        figures = self._line.at(t if ended else t // FIGURES_S * FIGURES_S)
        moments = self._line.at(t)
        for index, moment in enumerate(moments):
            self._paint_lane(painter, index, moment, figures[index].rate, t)
        self._paint_below(painter, next((m.prompt for m in moments if m.prompt), ""), ended)
        self._paint_foot(painter, t)
        painter.end()
        return image

    # --- head and foot ------------------------------------------------------------------

    def _paint_head(self, painter: QPainter) -> None:
        px = self._px
        name = self._font(16, QFont.Weight.DemiBold)
        width = QFontMetricsF(name).horizontalAdvance("Tandem")
        self._text(painter, self._size[0] - px(EDGE) - width, px(50), "Tandem", name, "accent")
        room = self._size[0] - 2 * px(EDGE) - width - px(24)
        plan = self._result.plan
        self._text(painter, px(EDGE), px(50), plan.title, self._font(24, QFont.Weight.DemiBold), "text", room)
        if plan.question:
            self._text(painter, px(EDGE), px(74), plan.question, self._font(15), "dim", room)

    def _paint_foot(self, painter: QPainter, t: float) -> None:
        px = self._px
        left, right = px(EDGE), self._size[0] - px(EDGE)
        y = self._size[1] - px(FOOT)
        share = min(1.0, t / self.length_s) if self.length_s else 1.0
        bar = QRectF(left, y, right - left, px(4))
        painter.setPen(Qt.PenStyle.NoPen)
        for width, role in ((bar.width(), "line"), (bar.width() * share, "accent")):
            painter.setBrush(self._colour(role))
            painter.drawRoundedRect(QRectF(bar.left(), bar.top(), width, bar.height()), px(2), px(2))
        small = self._font(13)
        speed = f" · {self._speed:.3g}× speed" if self._speed != 1 else ""
        time = f"{min(t, self.length_s):,.1f} of {self.length_s:,.1f} s{speed}"
        self._text(painter, left, y + px(26), time, self._font(13, QFont.Weight.DemiBold), "text")
        self._text(
            painter, right - QFontMetricsF(small).horizontalAdvance(self._words), y + px(26), self._words, small, "dim"
        )

    def _paint_below(self, painter: QPainter, prompt: str, ended: bool) -> None:
        """Below the lanes: what was asked, and at the end what came of it."""
        px = self._px
        box = QRectF(px(EDGE), self._size[1] - px(FOOT + VERDICT), self._size[0] - 2 * px(EDGE), px(VERDICT - 14))
        sentence, before = list[Word](), " "
        for phrase in self._result.sentence if ended else ():
            sentence += words(phrase.text, self._colour(phrase.tone or "text"), bool(phrase.tone), before)
            before = phrase.text or before
        if sentence:
            draw_words(painter, box, sentence, self._font(16), self._font(16, QFont.Weight.DemiBold), 3)
        else:
            asked = words(prompt[:PROMPT], self._colour("dim"))
            draw_words(painter, box, asked, self._font(14), self._font(14), 2)

    # --- a lane -------------------------------------------------------------------------

    def _paint_lane(self, painter: QPainter, index: int, moment: LaneMoment, rate: float | None, t: float) -> None:
        px, box = self._px, self._boxes[index]
        painter.setPen(QPen(self._colour("line"), px(1)))
        painter.setBrush(self._colour("surface"))
        painter.drawRoundedRect(box, px(10), px(10))
        inner = box.adjusted(px(14), px(12), -px(14), -px(12))
        self._paint_names(painter, inner, index, rate)
        self._paint_curve(painter, QRectF(inner.left(), inner.top() + px(46), inner.width(), px(38)), index, t)
        self._paint_status(painter, inner, index, moment)
        body = QRectF(inner.left(), inner.top() + px(116), inner.width(), inner.height() - px(116))
        self._paint_text(painter, body, index, moment)

    def _paint_names(self, painter: QPainter, inner: QRectF, index: int, rate: float | None) -> None:
        px, lane = self._px, self._result.lanes[index]
        badge = QRectF(inner.left(), inner.top() + px(2), px(30), px(30))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._tokens.lanes[index]))
        painter.drawEllipse(badge)
        painter.setPen(self._colour("surface"))
        painter.setFont(self._font(15, QFont.Weight.Bold))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, lanes.letter(index))
        large, unit = self._font(20, QFont.Weight.DemiBold), self._font(12)
        figure, word = (rate_words(rate), " tok/s") if rate is not None else ("", "")
        widths = [QFontMetricsF(f).horizontalAdvance(s) for f, s in ((large, figure), (unit, word))]
        right = inner.right() - sum(widths)
        self._text(painter, right, inner.top() + px(20), figure, large, "text")
        self._text(painter, right + widths[0], inner.top() + px(20), word, unit, "dim")
        left = badge.right() + px(10)
        name = self._font(17, QFont.Weight.DemiBold)
        self._text(painter, left, inner.top() + px(16), lane.lane.name, name, "text", inner.right() - px(112) - left)
        self._text(painter, left, inner.top() + px(34), self._differs(index), unit, "dim", inner.right() - left)

    def _differs(self, index: int) -> str:
        found: LaneResult = self._result.lanes[index]
        if found.problem is not None:
            return "did not run"
        return "reference" if index == self._result.reference else lanes.words(found.differs)

    def _paint_curve(self, painter: QPainter, box: QRectF, index: int, t: float) -> None:
        painter.setPen(QPen(self._colour("line"), self._px(1)))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        if not self._top_rate or not self.length_s:
            return
        points: list[QPointF] = []
        for i, value in enumerate(self._curves[index]):
            if value is not None and i / (CURVE - 1) * self.length_s <= t:
                y = box.bottom() - box.height() * value / self._top_rate
                points.append(QPointF(box.left() + box.width() * i / (CURVE - 1), y))
        if len(points) < 2:
            return
        colour = QColor(self._tokens.lanes[index])
        tint = QColor(colour)
        tint.setAlphaF(0.14)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tint)
        ends = QPointF(points[0].x(), box.bottom()), QPointF(points[-1].x(), box.bottom())
        painter.drawPolygon(QPolygonF([ends[0], *points, ends[1]]))
        painter.setPen(QPen(colour, self._px(1.6), PATTERNS[index]))
        painter.drawPolyline(QPolygonF(points))

    def _paint_status(self, painter: QPainter, inner: QRectF, index: int, moment: LaneMoment) -> None:
        small, y = self._font(13), inner.top() + self._px(104)
        clock = f"{moment.elapsed_s:,.1f} s" if moment.phase != "waiting" else ""
        width = QFontMetricsF(small).horizontalAdvance(clock)
        self._text(painter, inner.right() - width, y, clock, small, "dim")
        problem = self._result.lanes[index].problem
        step = f"{moment.name} · " if moment.name else ""
        said = {
            "waiting": problem.message if problem else "nothing was recorded",
            "prefill": f"{step}reading the prompt…",
            "decode": f"{step}{moment.n_out:,} tokens",
            "done": f"{step}done, {moment.n_out:,} tokens",
        }[moment.phase]
        self._text(painter, inner.left(), y, said, small, "dim", inner.width() - width - self._px(8))

    def _paint_text(self, painter: QPainter, body: QRectF, index: int, moment: LaneMoment) -> None:
        font = self._text_font()
        metrics = QFontMetricsF(font)
        height = metrics.lineSpacing() * 1.08
        key = (index, moment.step)
        if key not in self._rows:
            self._rows[key] = rows(moment.text, font, body.width())
        begun = [row for row in self._rows[key] if row.start < moment.shown]
        fitting = begun[-max(1, int(body.height() // height)) :]
        painter.setFont(font)
        painter.setPen(self._colour("text"))
        for number, row in enumerate(fitting):
            y = body.top() + metrics.ascent() + number * height
            painter.drawText(QPointF(body.left(), y), moment.text[row.start : min(row.end, moment.shown)])

    # --- measures -----------------------------------------------------------------------

    def _columns(self) -> tuple[QRectF, ...]:
        px, n = self._px, max(1, len(self._result.lanes))
        width = (self._size[0] - 2 * px(EDGE) - (n - 1) * px(GAP)) / n
        height = self._size[1] - px(TOP + VERDICT + FOOT + 12)
        return tuple(QRectF(px(EDGE) + i * (width + px(GAP)), px(TOP), width, height) for i in range(n))

    def _curve_points(self) -> list[list[float | None]]:
        moments = [self._line.at(self.length_s * i / (CURVE - 1)) for i in range(CURVE)]
        found: list[list[float | None]] = [[m[index].rate for m in moments] for index in range(len(self._result.lanes))]
        for index, curve in enumerate(found):  # a lane's curve ends with its answer
            for i, (before, now) in enumerate(pairwise(moments)):
                if before[index].phase == now[index].phase == "done":
                    curve[i + 1] = None
        return found

    def _px(self, length: float) -> float:
        return length * self._unit

    def _font(self, pixels: float, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
        font = QFont(TEXT_FAMILY)
        font.setPixelSize(max(1, round(pixels * self._unit)))
        font.setWeight(weight)
        font.setFeature(QFont.Tag("tnum"), 1)
        return font

    def _text_font(self) -> QFont:
        return self._font(15 if len(self._result.lanes) < 4 else 14)

    def _colour(self, role: str) -> QColor:
        return QColor(getattr(self._tokens, role))

    def _text(
        self, painter: QPainter, x: float, y: float, text: str, font: QFont, role: str, room: float | None = None
    ) -> None:
        """One line on the base line y; elided to `room`."""
        if room is not None:
            text = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, max(0.0, room))
        painter.setFont(font)
        painter.setPen(self._colour(role))
        painter.drawText(QPointF(x, y), text)
