"""The view “Load test”: the form and earlier tests at the left; how far it is, the curves, the table and the words at the right."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from app.glossary import Glossary
from app.lab.loadtest.result import DEFINITIONS, LoadResult, Spread
from app.lab.report import figures
from app.library.served import telling_name
from app.ui.frame.notices import Notices
from app.ui.language import tr
from app.ui.servers.load_chart import ChartsCard, LoadChart, curves, rate_form, time_form
from app.ui.servers.load_form import LoadForm
from app.ui.servers.load_list import TestList
from app.ui.servers.load_table import LoadTable, errors
from app.ui.servers.parts import beside, button, column_page, heading, lesson, option_column, row
from app.ui.state import words
from app.ui.state.load_test import LoadTestState
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.figure import Figure, FigureView
from app.ui.widgets.label import Label, hint

WIDE = 1080


class LoadView(QWidget):
    """Bound to its state."""

    def __init__(self, theme: Theme, glossary: Glossary, state: LoadTestState) -> None:
        super().__init__()
        self._theme, self.state = theme, state
        self.form = LoadForm(theme, state)
        self.earlier = TestList(theme)
        self.notices = Notices(theme, "servers")
        self.title = ElidedLabel(theme, "", "large", weight="semibold")
        self.facts = Label(theme, "", "dim", "dim", wrap=True)
        self.sentence = Label(theme, "", "title", wrap=True)
        self.sentence.setObjectName("servers.load_sentence")
        self.progress = _Progress(theme)
        self.throughput = LoadChart(theme, tr("Throughput, output tokens/s"), rate_form, 230, named=True)
        self.ttft = LoadChart(theme, tr("Time to first token, p95"), time_form, 170)
        self.itl = LoadChart(theme, tr("Between tokens, p95"), time_form, 170)
        self.table, self.other_table = LoadTable(theme, glossary), LoadTable(theme, glossary)
        self.trouble = Label(theme, "", "dim", "bad", wrap=True)
        self.notes = Label(theme, "", "dim", "dim", wrap=True)
        self.export = button(
            "load_export", tr("Export"), self._pop, says=tr("Write the result as a page, a table or JSON")
        )
        self.shut = button(
            "load_close_other", tr("Close"), state.close_file, says=tr("Close the other program's results")
        )
        self._menu = QMenu(self.export)
        self._seen: object = None
        self._lay_out()
        self._bind()
        self.refresh()

    # --- what the state says ------------------------------------------------------------------

    def refresh(self) -> None:
        """Everything."""
        state = self.state
        self.form.refresh()
        current = state.result.id if state.result is not None else ""
        self.earlier.show_tests(state.tests(), current)
        self.notices.show_problem(state.problem)
        self.notices.show_words(state.notice, "dismiss", tr("Close"))
        self.notices.setVisible(state.problem is not None or bool(state.notice))
        shown = state.result or state.other
        self._stack.setCurrentIndex(1 if shown is not None or state.running else 0)
        if shown is not None:
            self._show_result(shown)
        self._result.setVisible(shown is not None and bool(shown.levels))
        self.export.setVisible(state.result is not None and bool(state.result.levels) and not state.running)
        self.show_progress()

    def show_progress(self) -> None:
        """How far the test is."""
        self.progress.setVisible(self.state.running)
        if self.state.moment is not None:
            self.progress.show_moment(self.state.moment, self.state.stopping)
        if self.state.running and self.state.result is None:
            target = self.state.chosen
            self.title.setText(target.title if target is not None else "")
            self.facts.setText("")
            self.sentence.hide()

    def _show_result(self, result: LoadResult) -> None:
        state = self.state
        name = result.served.title
        self.title.setText(telling_name(name) if name.startswith("/") else name or result.plan.title)
        self.title.setToolTip(hint(name))
        self.facts.setText(_facts(result))
        self.sentence.setText(result.sentence)
        self.sentence.setVisible(bool(result.sentence))
        ours, other = state.result, state.other
        limits = result.limits
        self.throughput.show_curves(curves(ours, other, lambda level: level.out_tok_s), result.closed)
        self.ttft.show_curves(curves(ours, other, lambda level: _p95(level.ttft)), result.closed, limits.ttft_s)
        self.itl.show_curves(curves(ours, other, lambda level: _p95(level.itl)), result.closed, limits.itl_s)
        self._ours.setVisible(ours is not None)
        if ours is not None:
            self.table.show_result(ours)
        self._theirs.setVisible(other is not None)
        if other is not self._seen and other is not None and ours is not None:
            QTimer.singleShot(0, self, self._bring_theirs)  # below ours: who opened a file sees it
        self._seen = other
        if other is not None:
            self.other_table.show_result(other)
            self._theirs.title.setText(_other_title(other, ours))
        wrong = errors(result)
        self.trouble.setText("\n".join(wrong))
        self.trouble.setVisible(bool(wrong))
        said = _notes(ours, other)
        self.notes.setText("\n".join(said))
        self.notes.setVisible(bool(said))
        self._definitions.setText("\n".join(other.definitions if ours is None and other is not None else DEFINITIONS))

    def _bring_theirs(self) -> None:
        self._page.ensureWidgetVisible(self._theirs)

    # --- what a person does ---------------------------------------------------------------------

    def _pop(self) -> None:
        self._menu.popup(self.export.mapToGlobal(self.export.rect().bottomLeft()))

    def export_to(self, kind: str, path: Path) -> None:
        """Write what is shown: "html", "csv" or "json"."""
        results = [r for r in (self.state.result, self.state.other) if r is not None]
        if results:
            self.state.write(path, _text(kind, results))

    def _export(self, kind: str) -> None:
        if self.state.result is None:
            return
        start = f"load-test-{self.state.result.served.model or 'result'}.{kind}"
        path, _ = QFileDialog.getSaveFileName(self, tr("Export the load test"), start, f"*.{kind}")
        if path:
            self.export_to(kind, Path(path))

    # --- layout and wiring ----------------------------------------------------------------------

    def _bind(self) -> None:
        state = self.state
        state.changed.connect(self.refresh)
        state.moved.connect(self.show_progress)
        self.form.started.connect(state.start)
        self.form.stopped.connect(state.stop)
        self.form.stopped.connect(self.form.refresh)
        self.earlier.chosen.connect(state.open_test)
        self.earlier.deleted.connect(state.remove_test)
        self.notices.action.connect(lambda _id: state.dismiss())
        for kind, title in (("html", tr("HTML page…")), ("csv", tr("CSV, a line a level…")), ("json", tr("JSON…"))):
            action = self._menu.addAction(title)
            action.setObjectName(f"servers.export_{kind}")
            action.triggered.connect(lambda _=False, kind=kind: self._export(kind))

    def _lay_out(self) -> None:
        px = self._theme.px
        self._stack = QStackedWidget()
        self._stack.addWidget(_lesson(self._theme))
        self._stack.addWidget(self._right())
        side = QWidget()
        right = QVBoxLayout(side)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        margin = QVBoxLayout()
        margin.setContentsMargins(px(24), px(12), px(24), 0)
        margin.addWidget(self.notices)
        right.addLayout(margin)
        right.addWidget(self._stack, 1)
        beside(self, option_column(self._theme, self.form, self.earlier)[0], side)

    def _right(self) -> QWidget:
        theme, px = self._theme, self._theme.px
        page, body = column_page(theme, WIDE)
        self._page = page
        top = heading(theme, self.title, self.export)
        top.addWidget(self.facts)
        body.addLayout(top)
        body.addWidget(self.progress)
        body.addWidget(self.sentence)
        self._result = QWidget()
        result = QVBoxLayout(self._result)
        result.setContentsMargins(0, 0, 0, 0)
        result.setSpacing(px(16))
        result.addWidget(ChartsCard(theme, self.throughput, self.ttft, self.itl))
        self._ours = Card(theme, tr("Each level"))
        self._ours.body.addWidget(self.table)
        self._theirs = Card(theme, tr("Opened"))
        self._theirs.head.addWidget(self.shut)
        self._theirs.body.addWidget(self.other_table)
        result.addWidget(self._ours)
        result.addWidget(self._theirs)
        result.addWidget(self.trouble)
        result.addWidget(self.notes)
        result.addLayout(self._what_it_means())
        body.addWidget(self._result)
        body.addStretch(1)
        return page

    def _what_it_means(self) -> QVBoxLayout:
        self._definitions = Label(self._theme, "", "caption", "dim", wrap=True)
        self._definitions.hide()
        fold = button("load_definitions", tr("What the figures mean"), lambda: None, "quiet")
        fold.setCheckable(True)
        fold.toggled.connect(self._definitions.setVisible)
        column = QVBoxLayout()
        column.addLayout(row(self._theme, fold))
        column.addWidget(self._definitions)
        return column


class _Progress(Card):
    """Level 3 of 6, 41 of 64 requests, and the rate now."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.words = Label(theme, "", weight="semibold", wrap=True)
        self.words.setObjectName("servers.load_progress")
        self.detail = Label(theme, "", "dim", "dim", wrap=True)
        self.rate = FigureView(theme, "large")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(tr("Progress of this level"))
        text = QVBoxLayout()
        text.addWidget(self.words)
        text.addWidget(self.detail)
        line = QHBoxLayout()
        line.addLayout(text, 1)
        line.addWidget(self.rate)
        self.body.addLayout(line)
        self.body.addWidget(self.bar)

    def show_moment(self, moment: Any, stopping: bool) -> None:
        """A `LoadMoment`."""
        stats: dict[str, float] = moment.stats
        self.words.setText(_stage(moment))
        parts = []
        if stats.get("total"):
            done = stats.get("done", 0.0) + stats.get("failed", 0.0)
            parts.append(tr("{n} of {total} requests", n=f"{done:,.0f}", total=f"{stats['total']:,.0f}"))
        if stats.get("failed"):
            parts.append(tr("{n} failed", n=f"{stats['failed']:,.0f}"))
        if "running" in stats:
            parts.append(tr("{n} under way", n=f"{stats['running']:,.0f}"))
        if "server_waiting" in stats:
            parts.append(tr("{n} waiting on the server", n=f"{stats['server_waiting']:,.0f}"))
        if stopping:
            parts.append(tr("stopping"))
        self.detail.setText(" · ".join(parts) or moment.words)
        self.rate.set(Figure("system_tok_s", tr("now"), words.rate(stats.get("system_tok_s")), "tok/s"))
        self.bar.setRange(0, 0 if moment.fraction is None else 1000)
        self.bar.setValue(round(1000 * (moment.fraction or 0.0)))


def _stage(moment: Any) -> str:
    if moment.phase == "loading":
        return tr("Connecting to the server")
    if moment.phase == "preparing":
        return tr("Writing the prompts")
    if moment.phase == "done":
        return tr("Done")
    level = tr("Level {n} of {all}: {load}", n=moment.level, all=moment.levels, load=moment.words)
    return tr("{level}, warming up", level=level) if moment.phase == "warm-up" else level


def _lesson(theme: Theme) -> QWidget:
    said = tr(
        "A load test lets 1, 2, 4 … simulated users ask at once, each with prompts and answers of a real use. More users make a server "
        "busier, so its throughput grows; from some number on only waiting grows. That knee is marked, and how many requests kept "
        "your limits is counted as goodput."
    )  # fmt: skip
    more = tr(
        "Choose what is tested at the left and press Start. The definitions are those of vLLM's own benchmark; its results and "
        "GuideLLM's can be opened beside ours."
    )  # fmt: skip
    return lesson(theme, tr("How many people can it serve?"), said, more)


def _p95(spread: Spread | None) -> float | None:
    return None if spread is None else spread.p95


def _facts(result: LoadResult) -> str:
    served = result.served
    parts = [
        result.source if result.source != "Tandem" else "",
        served.engine_title,
        _version(served.version),
        served.url,
        result.plan.title,
    ]
    if result.created:
        parts.append(words.day(result.created))
    if result.seconds:
        parts.append(tr("{time} in all", time=" ".join(figures.duration(result.seconds))))
    if result.status in ("cancelled", "failed"):
        parts.append(tr("stopped early") if result.status == "cancelled" else tr("not finished"))
    return "  ·  ".join(part for part in parts if part)


def _version(text: str) -> str:
    """A server's version and build, once where the build says the version too: "vLLM 0.32.0"."""
    version, _, build = text.partition(" ")
    return build if version in build.split() else text


def _other_title(other: LoadResult, ours: LoadResult | None) -> str:
    name = " ".join(part for part in (other.source, other.version) if part)
    if ours is not None and ours.levels and ours.closed != other.closed:
        return tr("{name}: its levels vary something else, so they are not in the curves", name=name)
    return name


def _notes(ours: LoadResult | None, other: LoadResult | None) -> Sequence[str]:
    notes = list(ours.notes) if ours is not None else []
    busy = max((level.foreign_cpu or 0.0 for level in ours.levels), default=0.0) if ours is not None else 0.0
    if busy > 0.1:
        share = f"{busy:.0%}".replace("%", " %")
        notes.append(tr("Other programs used up to {share} of this machine meanwhile.", share=share))
    theirs = [f"{other.source}: {note}" for note in other.notes] if other is not None else []
    return [*notes, *theirs]


def _text(kind: str, results: list[LoadResult]) -> str:
    """What is written: the report's own functions."""
    report: Any = importlib.import_module("app.lab.loadtest.report")
    if kind == "html":
        return str(importlib.import_module("app.lab.loadtest.page").html_of(results))
    return str(report.csv_of(results) if kind == "csv" else report.json_text(results[0]))
