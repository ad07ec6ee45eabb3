"""The lanes' outputs side by side; four of them in a narrow window stand behind tabs instead."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.lab.compare import lane as lanes
from app.lab.compare import verdicts
from app.lab.compare.measures import measures
from app.lab.compare.plan import Plan
from app.lab.compare.replay import LaneMoment
from app.lab.compare.result import LaneResult, Result
from app.ui.language import tr
from app.ui.state import words
from app.ui.theme import Theme
from app.ui.widgets.lane_view import LaneView

COLUMN_LEAST = 300
"""A column narrower than this is no column any more: then there are tabs."""

TEXT_LINES = 3
"""Of an answer, however little room there is."""


class Outputs(QWidget):
    """`duplicate(i)`, `edit(i)`, `remove(i)`: what a person asked for at a lane's head."""

    duplicate = Signal(int)
    edit = Signal(int)
    remove = Signal(int)

    def __init__(self, theme: Theme, glossary: Glossary) -> None:
        super().__init__()
        self._theme, self._glossary = theme, glossary
        self.views: list[LaneView] = []
        self._tab = 0
        self._tabbed = False
        self.tabs = QWidget()
        self._tab_row = QHBoxLayout(self.tabs)
        self._tab_row.setContentsMargins(0, 0, 0, 0)
        self._tab_row.setSpacing(theme.px(4))
        self._tab_row.addStretch(1)
        self._group = QButtonGroup(self)
        self._columns = QHBoxLayout()
        self._columns.setSpacing(theme.px(12))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(6))
        column.addWidget(self.tabs)
        column.addLayout(self._columns, 1)
        self.tabs.hide()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def tabbed(self) -> bool:
        """True while only one lane is in view."""
        return self._tabbed

    def show_lanes(self, plan: Plan | None, result: Result | None, editable: bool) -> None:
        """Heads: names, what differs, badges, problems, and what can be done."""
        count = len(plan.lanes) if plan is not None else 0
        self._resize_to(count)
        if plan is None:
            return
        reference = result.reference if result is not None else 0
        for index, (view, lane) in enumerate(zip(self.views, plan.lanes, strict=True)):
            found = lanes.differences(lane, plan.lanes[reference])
            differs = "" if index == reference else lanes.words(found)
            view.set_lane(lane.name, differs, _badge(result, index), index == reference)
            view.set_actions(editable and not plan.full, editable, editable and count > 1)
            self._group.button(index).setText(f"{lanes.letter(index)}  {lane.name}")
            self._group.button(index).setAccessibleName(
                tr("Lane {letter}: {name}", letter=lanes.letter(index), name=lane.name)
            )
        self._place()

    def show_problems(self, result: Result | None) -> None:
        """The lanes that have none of it, and why."""
        for index, view in enumerate(self.views):
            view.set_problem(result.lanes[index].problem if result is not None else None)

    def begin(self, lane: int) -> None:
        """A lane begins an answer."""
        if lane < len(self.views):
            view = self.views[lane]
            view.set_text("")
            view.spark.clear()
            view.spark.show()
            if self._tabbed:
                self.choose(lane)

    def grow(self, lane: int, text: str, stats: dict[str, float]) -> None:
        """More of a lane's answer, with its figures so far."""
        if lane < len(self.views):
            view, rate = self.views[lane], stats.get("decode_tok_s")
            view.append(text)
            if rate is not None:
                view.push_rate(rate)
                view.set_status(
                    tr("{get:,.0f} tokens", get=stats.get("n_out", 0)), tr("{rate} tok/s", rate=words.rate(rate))
                )

    def show_texts(self, result: Result, step: int) -> None:
        """The finished answers, those of `step` in view."""
        reference: LaneResult = result.lanes[result.reference]
        for index, (view, lane) in enumerate(zip(self.views, result.lanes, strict=True)):
            if lane.problem is not None:
                continue
            mine = index == result.reference
            view.spark.setVisible(bool(lane.tracks))
            view.set_outputs(lane.tracks, () if mine else reference.tracks, lane.divergence, step)
            view.set_flips(lane.flips)
        self._show_around()

    def set_step(self, step: int) -> None:
        """The answers of that step, in all lanes."""
        for view in self.views:
            view.set_step(step)
        self._show_around()

    def show_moments(self, moments: Sequence[LaneMoment]) -> None:
        """All lanes at one time of a replay."""
        for view, moment in zip(self.views, moments, strict=False):
            view.show_moment(moment)

    def clear(self) -> None:
        """Empty outputs."""
        for view in self.views:
            view.set_text("")
            view.set_status("")
            view.set_flips(())
            view.spark.clear()
            view.spark.setVisible(False)

    def choose(self, index: int) -> None:
        """Bring a lane to the front, where there are tabs."""
        if 0 <= index < len(self.views):
            self._tab = index
            self._group.button(index).setChecked(True)
            self._place()

    def _show_around(self) -> None:
        """Lanes that differ nowhere show the place where the others do."""
        places = [at for view in self.views if (at := view.first_difference) is not None]
        for view in self.views:
            view.show_around(min(places, default=None) if view.first_difference is None else None)

    def least_height(self, width: int) -> int:
        """What the lanes need in so many pixels of width: heads, a few lines, and every word of an error."""
        count = 1 if self._tabbed else max(1, len(self.views))
        each = (width - self._theme.px(12) * (count - 1)) // count
        heights = [view.least_height(each) for view in self.views]
        tabs = self.tabs.sizeHint().height() + self._theme.px(6) if self._tabbed else 0
        return max(heights, default=self._theme.px(120)) + tabs

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        gap, least = self._theme.px(12), self._theme.px(COLUMN_LEAST)
        count = len(self.views)
        self._tabbed = count > 1 and (self.width() - gap * (count - 1)) / count < least
        self.tabs.setVisible(self._tabbed)
        for index, view in enumerate(self.views):
            view.setVisible(not self._tabbed or index == self._tab)

    def _resize_to(self, count: int) -> None:
        while len(self.views) > count:
            view = self.views.pop()
            button = self._group.button(len(self.views))
            self._group.removeButton(button)
            for widget in (view, button):
                widget.hide()
                widget.setParent(None)
                widget.deleteLater()
        while len(self.views) < count:
            self._add()
        self._tab = min(self._tab, max(0, count - 1))
        if count:
            self._group.button(self._tab).setChecked(True)

    def _add(self) -> None:
        index = len(self.views)
        view = LaneView(self._theme, self._glossary, index)
        view.duplicate.connect(self.duplicate)
        view.edit.connect(self.edit)
        view.remove.connect(self.remove)
        view.fix.connect(self.edit)
        view.set_steps_shown(False)
        view.text.setPlaceholderText(tr("What lane {letter} answers stands here.", letter=lanes.letter(index)))
        view.text.setMinimumHeight(TEXT_LINES * view.text.fontMetrics().lineSpacing())
        self.views.append(view)
        self._columns.addWidget(view, 1)
        tab = QPushButton()
        tab.setObjectName(f"compare.tab_lane_{lanes.letter(index).lower()}")
        tab.setCheckable(True)
        tab.setProperty("kind", "tab")
        tab.clicked.connect(lambda: self.choose(index))
        self._group.addButton(tab, index)
        self._tab_row.insertWidget(index, tab)


def _badge(result: Result | None, lane: int) -> tuple[str, str] | None:
    """(words, role) of a lane's chip: the best decided gain and the worst decided cost."""
    if result is None:
        return None
    parts = [part for part in verdicts.badge(result, lane, measures(result.plan.task)) if part]
    if parts:
        return (" · ".join(parts), "accent")
    judged = any(cell.lane == lane and cell.word is not None for cell in result.cells)
    return (tr("nothing decided"), "plain") if judged else None
