"""A server's live figures: each with its last two minutes as a line. What it cannot say is “–”."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.ui.state.server_gauges import POINTS, Gauges, gauges, shown
from app.ui.theme import Theme
from app.ui.widgets.figure import Figure, FigureView
from app.ui.widgets.label import explain
from app.ui.widgets.sparkline import Sparkline


class GaugeRow(QWidget):
    """One column a figure."""

    def __init__(self, theme: Theme, glossary: Glossary) -> None:
        super().__init__()
        self.setObjectName("servers.gauges")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.px(20))
        self.figures: dict[str, FigureView] = {}
        self.lines: dict[str, _Shared] = {}
        self._beats = 0
        for column, gauge in enumerate(gauges()):
            figure, line = FigureView(theme), _Shared(theme, gauge.share)
            figure.set(Figure(gauge.key, gauge.title))
            line.setAccessibleName(gauge.title)
            explain(figure, glossary, gauge.key)
            cell = QVBoxLayout()
            cell.setSpacing(theme.px(4))
            cell.addWidget(figure)
            cell.addWidget(line)
            grid.addLayout(cell, 0, column)
            grid.setColumnStretch(column, 1)
            self.figures[gauge.key], self.lines[gauge.key] = figure, line

    def show_gauges(self, state: Gauges) -> None:
        """The newest values and their lines."""
        for gauge in gauges():
            value, unit = shown(gauge, state.now(gauge.key))
            self.figures[gauge.key].set(Figure(gauge.key, gauge.title, value, unit))
            self.lines[gauge.key].show_all(list(state.history[gauge.key]))


class _Shared(Sparkline):
    """share: its top is always 100 %."""

    def __init__(self, theme: Theme, share: bool) -> None:
        super().__init__(theme, POINTS)
        self._share = share

    def show_all(self, values: list[float | None]) -> None:
        """Replace the line."""
        if values != list(self._values):
            self._values.clear()
            self._values.extend(values)
            self.update()

    def _top(self) -> float:
        return 1.04 if self._share else max(1.0, super()._top())
