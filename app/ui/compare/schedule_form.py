"""How a comparison is carried out, in a small popover: depth, length, blocks, time limit, quality."""

from __future__ import annotations

from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.lab.compare.plan import Plan, QualityPlan
from app.ui.language import tr
from app.ui.state import compare_plan as plans
from app.ui.theme import Theme, set_property
from app.ui.widgets.label import Label

LABEL = 92
LIMITS = {"tokens": (1, 4096), "blocks": (2, 60), "minutes": (1, 1440)}


class ScheduleForm(QFrame):
    """`planned(Plan)`: the plan as it was changed."""

    planned = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self._theme = theme
        self._plan: Plan | None = None
        self.setProperty("card", "true")
        self.setObjectName("compare.schedule_form")
        self.depths = {depth: self._depth(depth) for depth in plans.DEPTHS}
        self.natural = self._check("natural", tr("natural stop"), tr("Answers end by themselves"))
        self.natural.toggled.connect(self._length_changed)
        self.tokens = self._number("tokens", tr("Tokens of a speed run"), self._length_changed)
        self.least = self._number("blocks_least", tr("Blocks at least"), self._blocks_changed)
        self.most = self._number("blocks_most", tr("Blocks at most"), self._blocks_changed)
        self.minutes = self._number("minutes", tr("Time limit, minutes"), self._limit_changed)
        self.minutes.setPlaceholderText(tr("none"))
        self.quality = self._check("quality", tr("KL, top-1, perplexity"), tr("Score quality beside speed"))
        self.quality.toggled.connect(self._quality_changed)
        self.note = Label(theme, "", "caption", "dim", wrap=True)
        self._lay_out()

    def show_plan(self, plan: Plan) -> None:
        """Show what the plan says; not announced."""
        self._plan = plan
        there, schedule = plans.depths(plan), plan.schedule
        parts: list[QWidget] = [*self.depths.values(), self.natural, self.tokens, self.least, self.most]
        parts += [self.minutes, self.quality]
        for part in parts:
            part.blockSignals(True)
        for depth, box in self.depths.items():
            box.setChecked(depth in there)
            box.setEnabled(plans.can_deepen(plan))
        self.natural.setChecked(schedule.n_out is None)
        self.tokens.setText(f"{schedule.n_out or 64}")
        self.tokens.setEnabled(schedule.n_out is not None)
        self.least.setText(f"{schedule.min_blocks}")
        self.most.setText(f"{schedule.max_blocks}")
        self.minutes.setText("" if schedule.minutes is None else f"{schedule.minutes:g}")
        self.quality.setChecked(plan.quality is not None)
        for part in parts:
            part.blockSignals(False)
        self.note.setText("" if plans.can_deepen(plan) else tr("The steps of this comparison set their own depth."))
        self.note.setVisible(bool(self.note.text()))

    def pop(self, below: QWidget) -> None:
        """Open under a button, its right edge at the button's."""
        self.adjustSize()
        corner = below.mapToGlobal(QPoint(below.width() - self.width(), below.height() + self._theme.px(4)))
        self.move(corner)
        self.show()
        self.tokens.setFocus(Qt.FocusReason.PopupFocusReason)

    def _depth_changed(self) -> None:
        if self._plan is not None:
            self._put(plans.with_depths(self._plan, [d for d, box in self.depths.items() if box.isChecked()]))

    def _length_changed(self, *_: object) -> None:
        count = None if self.natural.isChecked() else self._read(self.tokens, "tokens")
        if self._plan is not None and (count is not None or self.natural.isChecked()):
            self._put(plans.with_schedule(self._plan, n_out=count))

    def _blocks_changed(self) -> None:
        least, most = self._read(self.least, "blocks"), self._read(self.most, "blocks")
        if self._plan is not None and least is not None and most is not None:
            self._put(plans.with_schedule(self._plan, min_blocks=least, max_blocks=max(least, most)))

    def _limit_changed(self) -> None:
        if self._plan is None:
            return
        if not self.minutes.text().strip():
            self._put(plans.with_schedule(self._plan, minutes=None))
        elif (found := self._read(self.minutes, "minutes")) is not None:
            self._put(plans.with_schedule(self._plan, minutes=float(found)))

    def _quality_changed(self, on: bool) -> None:
        if self._plan is not None:
            self._put(replace(self._plan, quality=QualityPlan() if on else None))

    def _put(self, plan: Plan) -> None:
        if plan != self._plan:
            self._plan = plan
            self.planned.emit(plan)

    def _read(self, field: QLineEdit, kind: str) -> int | None:
        """The number in a field; None, and the field marked, where it is none or out of range."""
        low, high = LIMITS[kind]
        text = field.text().replace(",", "").strip()
        value = int(text) if text.isdigit() else None
        good = value is not None and low <= value <= high
        set_property(field, "wrong", "" if good else "true")
        field.setToolTip("" if good else tr("A whole number from {low:,} to {high:,}.", low=low, high=high))
        return value if good else None

    def _lay_out(self) -> None:
        px = self._theme.px
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(14), px(16), px(14))
        column.setSpacing(px(8))
        column.setSizeConstraint(QLayout.SizeConstraint.SetFixedSize)
        column.addLayout(self._line(tr("Depth"), *self.depths.values(), tail=tr("of the context filled first")))
        column.addLayout(self._line(tr("Length"), self.tokens, self.natural, tail="", between=tr("tokens, or")))
        column.addLayout(self._line(tr("Blocks"), self.least, self.most, between=tr("to"), tail=tr("of fresh loads")))
        column.addLayout(self._line(tr("Time limit"), self.minutes, tail=tr("minutes")))
        column.addLayout(self._line(tr("Quality"), self.quality))
        column.addWidget(self.note)

    def _line(self, title: str, *parts: QWidget, between: str = "", tail: str = "") -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(self._theme.px(8))
        label = Label(self._theme, title)
        label.setFixedWidth(self._theme.px(LABEL))
        row.addWidget(label)
        for index, part in enumerate(parts):
            if index and between:
                row.addWidget(Label(self._theme, between, "dim", "dim"))
            row.addWidget(part)
        if tail:
            row.addWidget(Label(self._theme, tail, "dim", "dim"))
        row.addStretch(1)
        return row

    def _depth(self, depth: float) -> QPushButton:
        box = QPushButton(plans.percent(depth))
        box.setCheckable(True)
        box.setProperty("kind", "pill")
        box.setObjectName(f"compare.depth_{depth * 100:.0f}")
        box.setAccessibleName(tr("Fill {value:.0f} per cent of the context first", value=depth * 100))
        box.clicked.connect(lambda _: self._depth_changed())
        return box

    def _check(self, role: str, words: str, says: str) -> QCheckBox:
        box = QCheckBox(words)
        box.setObjectName(f"compare.{role}")
        box.setAccessibleName(says)
        return box

    def _number(self, role: str, says: str, changed: object) -> QLineEdit:
        field = QLineEdit()
        field.setObjectName(f"compare.{role}")
        field.setAccessibleName(says)
        field.setFixedWidth(self._theme.px(56))
        field.setAlignment(Qt.AlignmentFlag.AlignRight)
        field.editingFinished.connect(changed)
        return field
