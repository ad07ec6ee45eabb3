"""The strip at the foot of every page: the live rate, the task's next figures, context, memory, device.

Values may come as often as they like; the strip repaints at most five times a second, and at once after a rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.ui.theme import Size, Theme
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.figure import NONE, Figure, FigureView
from app.ui.widgets.label import Hover, explain
from app.ui.widgets.memory_bar import MemoryBar, MemoryParts
from app.ui.widgets.sparkline import Sparkline

__all__ = ["NONE", "Figure", "MemoryParts", "TelemetryStrip"]

HEIGHT = 66
PERIOD_MS = 200


class TelemetryStrip(QFrame):
    """Set what is known; None is shown as "–". Figures are named `telemetry.<key>`, the rate `telemetry.decode`."""

    def __init__(self, theme: Theme, glossary: Glossary, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._glossary = theme, glossary
        self.setProperty("bar", "foot")
        self.setObjectName("telemetry")
        self.setAccessibleName("Measurements")
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

    def set_context(self, used: int | None, total: int | None) -> None:
        """Tokens in the context of those it holds."""
        self._put("context", lambda: self._show_context(used, total))

    def set_memory(self, parts: MemoryParts | None) -> None:
        """The model's memory in parts, of the device's; None where nothing is loaded."""
        self._put("memory", lambda: self._show_memory(parts))

    def set_device(self, label: str, value: str, unit: str = "") -> None:
        """The device's load in its own terms, e.g. ("CPU", "98", "% of 2 cores")."""
        shown = Figure("device", label, value or NONE, unit)
        self._put("device", lambda: self.device.set(shown))

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
        row = QHBoxLayout(self)
        row.setContentsMargins(px(16), px(10), px(16), px(8))
        row.setSpacing(px(20))
        self.rate = self._figure("decode", "large")
        self.sparkline = Sparkline(self._theme)
        self.sparkline.setMaximumWidth(px(180))
        self.sparkline.setAccessibleName("Rate over the last seconds")
        self._middle = QHBoxLayout()
        self._middle.setSpacing(px(24))
        self.context_bar, self.memory_bar = _Fill(self._theme), MemoryBar(self._theme)
        self.context = _Meter(self._theme, "context", "context", self.context_bar)
        explain(self.context, self._glossary, "n_ctx")
        self.memory = _Meter(self._theme, "memory", "memory", self.memory_bar)
        explain(self.memory, self._glossary, "model_bytes")
        self.device = self._figure("device", "figure")
        top = Qt.AlignmentFlag.AlignTop
        row.addWidget(self.rate, 0, top)
        row.addWidget(self.sparkline, 3)
        row.addLayout(self._middle)
        row.addWidget(self.context, 3)
        row.addWidget(self.memory, 4)
        row.addWidget(self.device, 0, top)
        self.set_rate("decode", None, "tok/s")
        self.set_context(None, None)
        self.set_memory(None)
        self.set_device("CPU", NONE)
        self.flush()

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

    def _show_context(self, used: int | None, total: int | None) -> None:
        self.context.say(NONE if total is None else f"{used or 0:,} of {total:,}")
        self.context_bar.set_share((used or 0) / total if total else 0.0)

    def _show_memory(self, parts: MemoryParts | None) -> None:
        self.memory_bar.set_parts(parts or MemoryParts())
        self.memory.say(parts.label if parts else NONE)


class _Fill(QWidget):
    """How full something is."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._share = theme, 0.0
        self.setMinimumWidth(theme.px(60))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def share(self) -> float:
        return self._share

    def set_share(self, share: float) -> None:
        self._share = min(1.0, max(0.0, share))
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
        if self._share:
            width = max(2.0, box.width() * self._share)
            painter.fillRect(QRectF(0, 0, width, box.height()), self._theme.colour("accent"))
        painter.end()


class _Meter(Hover, QWidget):
    """A name, a line of words, and a bar below."""

    def __init__(self, theme: Theme, name: str, title: str, bar: QWidget) -> None:
        super().__init__()
        self.setObjectName(f"telemetry.{name}")
        self._title = title
        self.words = ElidedLabel(theme, "", "caption", "dim")
        bar.setAccessibleName(title)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(10))
        column.addWidget(self.words)
        column.addWidget(bar)
        column.addStretch(1)
        self.setMaximumWidth(theme.px(260))

    def say(self, words: str) -> None:
        self.words.setText(f"{self._title}  {words}")
        self.setAccessibleName(f"{self._title} {words}")


def rate_text(value: float) -> str:
    """A rate with as many digits as it has meaning: 1,204 · 142.6 · 7.31."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
