"""The levels of a load test as a table: one row a level, each column's definition on hover."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QWidget

from app.glossary import Glossary
from app.lab.loadtest.result import Level, LoadResult, Spread
from app.ui.language import tr
from app.ui.state import words
from app.ui.theme import Theme
from app.ui.widgets.label import Label, explain, hint

GIVE_WAY = (6, 3, 2, 7, 5)  # the columns that go where there is little room, in this order
LEAST_WIDTH = 240
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, slots=True)
class Column:
    """concept: the glossary's key. says: the definition that this table uses."""

    title: str
    concept: str
    says: str


def columns() -> tuple[Column, ...]:
    """In the language of now."""
    return (
        Column(tr("tok/s"), "system_tok_s", tr("Output tokens of all whole answers, over the level's whole time.")),
        Column(tr("req/s"), "n_requests", tr("Whole answers a second.")),
        Column(tr("TTFT p50"), "ttft_s", tr("From the sending of a request, or its due time, to its first chunk; half are faster.")),
        Column(tr("TTFT p95"), "ttft_p95_s", tr("The same; 95 of 100 requests are faster.")),
        Column(tr("ITL p95"), "itl_all_p95_s", tr("Gaps between the chunks of all requests together; 95 of 100 are shorter.")),
        Column(tr("TPOT p50"), "tpot", tr("(last chunk − first) ÷ (tokens − 1), one value a request, as vLLM's benchmark has it.")),
        Column(tr("whole p95"), "e2e_s", tr("To the last chunk; 95 of 100 requests are faster.")),
        Column(tr("goodput"), "goodput", tr("Whole answers a second that keep all your limits, and their share of all requests.")),
        Column(tr("failed"), "n_failed", tr("Requests without an answer; the reasons stand below.")),
    )  # fmt: skip


def cells(result: LoadResult, level: Level) -> tuple[str, ...]:
    """A row's texts, in the columns' order."""
    good = words.NONE
    if result.limits.any and level.goodput_req_s is not None:
        share = "" if level.good_share is None else f" · {level.good_share:.0%}".replace("%", " %")
        good = f"{words.rate(level.goodput_req_s)}{share}"
    return (
        words.rate(level.out_tok_s), words.rate(level.req_s), _time(level.ttft, "p50"), _time(level.ttft, "p95"),
        _time(level.itl, "p95"), _time(level.tpot, "p50"), _time(level.e2e, "p95"), good,
        words.number(level.failed) if level.failed else "0",
    )  # fmt: skip


def _time(spread: Spread | None, which: str) -> str:
    return words.NONE if spread is None else words.spoken(getattr(spread, which))


class LoadTable(QWidget):
    """Of one result."""

    def __init__(self, theme: Theme, glossary: Glossary) -> None:
        super().__init__()
        self._theme, self._glossary = theme, glossary
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.px(14))
        self._grid.setVerticalSpacing(theme.px(5))
        self._shown: LoadResult | None = None
        self._columns: dict[int, list[Label]] = {}
        self._fewer = Label(theme, "", "caption", "dim", wrap=True)
        self._fewer.hide()

    def show_result(self, result: LoadResult) -> None:
        """Its levels, in rising order of load."""
        if result is self._shown:
            return
        self._shown = result
        self._columns = {}
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None and widget is not self._fewer:
                widget.hide()
                widget.deleteLater()
        self._head(result)
        order = sorted(range(len(result.levels)), key=lambda i: result.levels[i].load)
        for row, index in enumerate(order):
            self._row(2 + row, result, result.levels[index], index == result.knee)
        self._grid.addWidget(self._fewer, 2 + len(order), 0, 1, len(columns()) + 1)
        self._fit()

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Columns give way, so the table asks for no more than the first ones need."""
        return QSize(self._theme.px(LEAST_WIDTH), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        gap = self._grid.horizontalSpacing()
        widths = {
            place: max(label.sizeHint().width() for label in column) + gap for place, column in self._columns.items()
        }
        gone: set[int] = set()
        for place in GIVE_WAY:
            if sum(width for at, width in widths.items() if at not in gone) <= self.width() + gap:
                break
            gone.add(place)
        for place, column in self._columns.items():
            for label in column:
                label.setVisible(place not in gone)
        self._fewer.setText(tr("{n} more columns stand in the exported table.", n=len(gone)))
        self._fewer.setVisible(bool(gone))

    def _put(self, label: Label, row: int, place: int) -> None:
        self._columns.setdefault(place, []).append(label)
        self._grid.addWidget(label, row, place)

    def _head(self, result: LoadResult) -> None:
        first = Label(self._theme, tr("users") if result.closed else tr("requests/s"), "caption", "dim")
        self._put(first, 0, 0)
        for place, column in enumerate(columns(), 1):
            label = Label(self._theme, column.title, "caption", "dim")
            label.setAlignment(RIGHT)
            explain(label, self._glossary, column.concept, column.says)
            label.setAccessibleDescription(column.says)
            self._put(label, 0, place)
            self._grid.setColumnStretch(place, 1)
        line = QFrame()
        line.setProperty("rule", "h")
        self._grid.addWidget(line, 1, 0, 1, len(columns()) + 1)

    def _row(self, row: int, result: LoadResult, level: Level, knee: bool) -> None:
        name = f"{level.load:,.3g}" + (f"  {tr('knee')}" if knee else "")
        first = Label(self._theme, name, "dim", weight="semibold")
        notes = (*level.notes, *((tr("fewer than 20 answers: p95 says little"),) if level.few else ()))
        first.setToolTip(hint("\n".join(notes)))
        self._put(first, row, 0)
        for place, text in enumerate(cells(result, level), 1):
            bad = place == len(columns()) and level.failed > 0
            label = Label(self._theme, text, "dim", "bad" if bad else "text")
            label.setAlignment(RIGHT)
            label.setAccessibleName(f"{columns()[place - 1].title} {text}")
            self._put(label, row, place)


def errors(result: LoadResult) -> list[str]:
    """What went wrong in which level, in words."""
    return [
        tr("{load}: {error} ({n} times)", load=result.words(level), error=error, n=f"{count:,}")
        for level in result.levels
        for error, count in level.errors.items()
    ]
