"""The strip at the foot of every page: the live rate, the task's next figures, context, memory, device.

Values may come as often as they like; the strip repaints at most five times a second, and at once after a rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.ui.language import tr
from app.ui.theme import Size, Theme
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.figure import NONE, Figure, FigureView
from app.ui.widgets.label import Hover, explain
from app.ui.widgets.memory_bar import MemoryBar, MemoryParts, paint_ghost
from app.ui.widgets.sparkline import Sparkline

__all__ = ["NONE", "Figure", "MemoryParts", "TelemetryStrip"]

HEIGHT = 66
EXTRA = 18  # for the line of diagnostics
PERIOD_MS = 200


class TelemetryStrip(QFrame):
    """Set what is known; None is shown as "–". Figures are named `telemetry.<key>`, the rate `telemetry.decode`."""

    def __init__(self, theme: Theme, glossary: Glossary, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._glossary = theme, glossary
        self.setProperty("bar", "foot")
        self.setObjectName("telemetry")
        self.setAccessibleName(tr("Measurements"))
        self.setFixedHeight(theme.px(HEIGHT))
        self._pending: dict[str, Callable[[], None]] = {}
        self._pushed: list[float | None] = []
        self._clock = QTimer(self)
        self._clock.setSingleShot(True)
        self._clock.setInterval(PERIOD_MS)
        self._clock.timeout.connect(self._tick)
        self._figures: dict[str, FigureView] = {}
        self._build()

    def set_rate(self, label: str, value: float | None, unit: str, ghost: str = "") -> None:
        """The one large figure, e.g. ("decode", 142.6, "tok/s")."""
        shown = Figure("decode_tok_s", label, NONE if value is None else rate_text(value), unit, ghost)
        self._put("rate", lambda: self._show_rate(shown))

    def push_rate(self, value: float | None) -> None:
        """One more point of the sparkline. All points are kept; drawing is throttled."""
        self._pushed.append(value)
        self._wake()

    def set_rate_ghost(self, value: float | None) -> None:
        """The previous setting's rate, as a dashed level in the sparkline."""
        self._put("spark_ghost", lambda: self.sparkline.set_ghost(value))

    def clear_rate(self) -> None:
        """Empty the sparkline, for another model or page."""
        self._pushed.clear()
        self.sparkline.clear()

    def set_figures(self, figures: Sequence[Figure]) -> None:
        """The task's next figures, left to right."""
        wanted = tuple(figures)
        self._put("figures", lambda: self._show_figures(wanted))

    def set_context(
        self, used: int | None, total: int | None, draft: int | None = None, before: int | None = None
    ) -> None:
        """Tokens in the context of those it holds. draft: what is being typed. before: what the last settings held."""
        self._put("context", lambda: self._show_context(used, total, draft or 0, before))

    def set_memory(self, parts: MemoryParts | None) -> None:
        """The model's memory in parts, of the device's; None where nothing is loaded."""
        self._put("memory", lambda: self._show_memory(parts))

    def set_device(self, label: str, value: str, unit: str = "") -> None:
        """The device's load in its own terms, e.g. ("CPU", "98", "% of 2 cores")."""
        shown = Figure("device", label, value or NONE, unit)
        self._put("device", lambda: self.device.set(shown))

    def show_diagnostics(self, on: bool) -> None:
        """The hidden line below the figures: what the engine makes against what the window paints."""
        self.diagnostics.setVisible(on)
        self.setFixedHeight(self._theme.px(HEIGHT + (EXTRA if on else 0)))

    def set_tight(self, tight: bool) -> None:
        """In a narrow window the sparkline gives way first, then the room between the figures."""
        self.sparkline.setVisible(not tight)
        self._row.setSpacing(self._theme.px(12 if tight else 20))
        self._middle.setSpacing(self._theme.px(14 if tight else 24))

    def set_diagnostics(self, words: str) -> None:
        """E.g. "engine 143.2, painted 143.2 tok/s"."""
        self._put("diagnostics", lambda: self.diagnostics.setText(words))

    def flush(self) -> None:
        """Show everything now (for pictures and tests)."""
        self._clock.stop()
        self._apply()

    def _put(self, name: str, show: Callable[[], None]) -> None:
        """The newest of each kind is shown; what it replaces never was."""
        self._pending[name] = show
        self._wake()

    def _wake(self) -> None:
        if not self._clock.isActive():
            self._apply()
            self._clock.start()

    def _tick(self) -> None:
        if self._pending or self._pushed:
            self._apply()
            self._clock.start()

    def _apply(self) -> None:
        pending, self._pending = self._pending, {}
        pushed, self._pushed = self._pushed, []
        for value in pushed:
            self.sparkline.push(value)
        for show in pending.values():
            show()

    def _build(self) -> None:
        px = self._theme.px
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(10), px(16), px(8))
        column.setSpacing(px(2))
        row = self._row = QHBoxLayout()
        row.setSpacing(px(20))
        column.addLayout(row, 1)
        column.addWidget(self._diagnostics())
        self.rate = self._figure("decode", "large")
        self.sparkline = Sparkline(self._theme)
        self.sparkline.setMaximumWidth(px(180))
        self.sparkline.setAccessibleName(tr("Rate over the last seconds"))
        self._middle = QHBoxLayout()
        self._middle.setSpacing(px(24))
        self.context_bar, self.memory_bar = _Fill(self._theme), MemoryBar(self._theme)
        self.context = _Meter(self._theme, "context", tr("context"), self.context_bar)
        self._context_hint = explain(self.context, self._glossary, "n_ctx")
        self.memory = _Meter(self._theme, "memory", tr("memory"), self.memory_bar)
        explain(self.memory, self._glossary, "model_bytes")
        self.device = self._figure("device", "figure")
        self.device.hover = self._device_hint
        top = Qt.AlignmentFlag.AlignTop
        row.addWidget(self.rate, 0, top)
        row.addWidget(self.sparkline, 2)
        row.addLayout(self._middle)
        row.addWidget(self.context, 4)
        row.addWidget(self.memory, 5)
        row.addWidget(self.device, 0, top)
        self.set_rate(tr("decode"), None, "tok/s")
        self.set_context(None, None)
        self.set_memory(None)
        self.set_device("CPU", NONE)
        self.flush()

    def _diagnostics(self) -> ElidedLabel:
        """There only while it is asked for."""
        self.diagnostics = ElidedLabel(self._theme, "", "caption", "dim")
        self.diagnostics.setObjectName("telemetry.diagnostics")
        explain(self.diagnostics, self._glossary, "paint_lag")
        self.diagnostics.hide()
        return self.diagnostics

    def _device_hint(self) -> str:
        """The device's load, the graphics card's and the power in the glossary's words."""
        found = [self._glossary.tooltip(key) for key in ("cpu_percent", "gpu_percent", "power_w")]
        return "<br>".join(tip for tip in found if tip)

    def _figure(self, name: str, size: Size) -> FigureView:
        view = FigureView(self._theme, size)
        view.setObjectName(f"telemetry.{name}")
        return view

    def _show_rate(self, figure: Figure) -> None:
        if not self.rate.figure().key:
            explain(self.rate, self._glossary, figure.key)
        self.rate.set(figure)

    def _show_figures(self, figures: Sequence[Figure]) -> None:
        for key in [key for key in self._figures if key not in {f.key for f in figures}]:
            self._figures.pop(key).deleteLater()
        for index, figure in enumerate(figures):
            view = self._figures.get(figure.key)
            if view is None:
                view = self._figures[figure.key] = self._figure(figure.key, "figure")
                explain(view, self._glossary, figure.key)
            view.set(figure)
            if self._middle.indexOf(view) != index:
                self._middle.insertWidget(index, view, 0, Qt.AlignmentFlag.AlignTop)

    def _show_context(self, used: int | None, total: int | None, draft: int, before: int | None) -> None:
        inside = used or 0
        said = NONE if total is None else context_text(inside, draft, total)
        self.context.say(said, said)
        self.context.words.set_tone("warning" if total is not None and inside + draft > total else "dim")
        self.context_bar.set_share(inside / total if total else 0.0)
        self.context_bar.set_more(draft / total if total else 0.0)
        changed = before is not None and total is not None and before != total
        self.context_bar.set_ghost(before / total if changed and before and total else None)
        self._context_hint.more = tr("before: {value}", value=f"{before:,}") if changed else ""

    def _show_memory(self, parts: MemoryParts | None) -> None:
        self.memory_bar.set_parts(parts or MemoryParts())
        said = parts.label if parts else NONE
        self.memory.say(said, said.split(" · ", maxsplit=1)[0])


class _Fill(QWidget):
    """How full something is, what is about to be added (lighter), and a tick at what it held before."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._share, self._more = theme, 0.0, 0.0
        self._ghost: float | None = None
        self.setMinimumWidth(theme.px(60))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def share(self) -> float:
        return self._share

    def more(self) -> float:
        return self._more

    def set_share(self, share: float) -> None:
        self._share = min(1.0, max(0.0, share))
        self.update()

    def set_more(self, share: float) -> None:
        """What is about to be added, drawn as far as there is room."""
        self._more = max(0.0, share)
        self.update()

    def set_ghost(self, share: float | None) -> None:
        self._ghost = share
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(150), self._theme.px(8))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect())
        clip = QPainterPath()
        clip.addRoundedRect(box, box.height() / 2, box.height() / 2)
        painter.setClipPath(clip)
        painter.fillRect(box, self._theme.colour("line"))
        width = max(2.0, box.width() * self._share) if self._share else 0.0
        painter.fillRect(QRectF(0, 0, width, box.height()), self._theme.colour("accent"))
        if self._more:
            self._paint_more(painter, QRectF(width, 0, max(2.0, box.width() * self._more), box.height()))
        if self._ghost is not None:
            paint_ghost(painter, self._theme, box, self._ghost)
        painter.end()

    def _paint_more(self, painter: QPainter, part: QRectF) -> None:
        """Lighter, with an outline that carries the contrast."""
        painter.fillRect(part, self._theme.colour("accent_soft"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(QPen(self._theme.colour("accent"), 0))
        painter.drawRect(part.intersected(QRectF(self.rect())).adjusted(0, 0, -1, -1))


class _Meter(Hover, QWidget):
    """A name, a line of words, and a bar below."""

    def __init__(self, theme: Theme, name: str, title: str, bar: QWidget) -> None:
        super().__init__()
        self.setObjectName(f"telemetry.{name}")
        self._theme, self._title = theme, title
        self._variants = ("", "", "")
        self.words = ElidedLabel(theme, "", "caption", "dim")
        bar.setAccessibleName(title)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(10))
        column.addWidget(self.words)
        column.addWidget(bar)
        column.addStretch(1)
        self.setMaximumWidth(theme.px(260))

    def say(self, words: str, short: str) -> None:
        """words: beside the name; short: what stands there alone where the window is too narrow for both."""
        self.setAccessibleName(f"{self._title} {words}")
        self._variants = (f"{self._title}  {words}", f"{self._title}  {short}", short)
        self.setMinimumWidth(max(self._theme.px(60), self._needs(short)))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        """The longest words that fit; all of them on hover."""
        whole, least = self._variants[0], self._variants[-1]
        fits = (words for words in self._variants if self._needs(words) <= self.width())
        self.words.setText(next(fits, least) if self.isVisible() else whole)
        self.words.set_tip("" if self.words.text() == whole else whole)

    def _needs(self, words: str) -> int:
        return self.words.fontMetrics().horizontalAdvance(words) + 1


def rate_text(value: float) -> str:
    """A rate with as many digits as it has meaning: 1,204 · 142.6 · 7.31."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def context_text(used: int, draft: int, total: int) -> str:
    """ "412 of 4,096", while something is being typed "412 + 38 of 4,096"."""
    if draft:
        return tr("{used} + {draft} of {total}", used=f"{used:,}", draft=f"{draft:,}", total=f"{total:,}")
    return tr("{used} of {total}", used=f"{used:,}", total=f"{total:,}")
