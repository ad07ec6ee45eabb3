"""One lane of a comparison as a card: who it is, how fast it goes, and what it made, from the first words to the marked text."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont, QTextCharFormat
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.lab.compare.lane import letter
from app.lab.compare.replay import LaneMoment
from app.lab.compare.result import Divergence, Flip, Problem, Track
from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.aligned_text import Stretch, excerpt
from app.ui.widgets.card import ErrorCard
from app.ui.widgets.label import Label, explain
from app.ui.widgets.lane_header import LaneHeader
from app.ui.widgets.lane_outputs import Outputs, choice, curve, marked, moment_words
from app.ui.widgets.lane_spark import LaneSparkline, LaneStatus, lane_colour
from app.ui.widgets.lane_text import LaneText

LINES = 2
"""Shown before and after the line of the first difference, at least; more where there is room."""

JUMP_S = 1.0
"""A moment so much later than the last one was jumped to."""

FIGURES_S = 0.1
"""Figures of a replay change at most so often: digits that flicker cannot be read."""


class LaneView(QFrame):
    """Signals carry the lane's index. Live text comes by `append` or `show_moment`, finished text by `set_outputs`."""

    duplicate = Signal(int)
    edit = Signal(int)
    remove = Signal(int)
    fix = Signal(int)
    step_chosen = Signal(int)

    def __init__(self, theme: Theme, glossary: Glossary, index: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._glossary, self.index = theme, glossary, index
        self._outputs = Outputs()
        self._flips: tuple[Flip, ...] = ()
        self._tick: tuple[int, str, float] = (-1, "", -1.0)
        self._pushed = 0.0
        self._problem: Problem | None = None
        self._card: ErrorCard | None = None
        self._around: int | None = None
        self._steps_shown = True
        self.setProperty("card", "true")
        self.setObjectName(self._name("card"))
        self._build()
        self._lay_out()
        theme.changed.connect(self._redraw)

    # --- who it is ----------------------------------------------------------------------

    def set_lane(self, name: str, differs_words: str, badge: tuple[str, str] | None, reference: bool) -> None:
        """differs_words: what is different from the reference lane. badge: (best gain and worst cost, "accent" or "plain")."""
        chip, role = ("reference", "accent") if reference else badge or ("", "accent")
        differs = differs_words or (tr("the others are compared with it") if reference else "")
        self.header.show_lane(name, differs, chip, "plain" if role == "plain" else "accent")
        self.setAccessibleName(
            tr(
                "Lane {letter}: {name}. {differs}. {chip}",
                letter=letter(self.index),
                name=name,
                differs=differs,
                chip=chip,
            )
        )

    def least_height(self, width: int) -> int:
        """What it needs in so many pixels of width, an error's words included."""
        if self._card is None:
            return self.minimumSizeHint().height()
        edges = self._body.contentsMargins()
        inner = width - edges.left() - edges.right() - 2
        words = self._card.heightForWidth(inner)
        return edges.top() + edges.bottom() + self.header.sizeHint().height() + self._body.spacing() * 2 + words

    def set_actions(self, duplicate: bool = True, edit: bool = True, remove: bool = True) -> None:
        """Which of the buttons are there."""
        self.header.set_actions(duplicate, edit, remove)

    def set_problem(self, problem: Problem | None, button: str = "") -> None:
        """Why the lane has no figures, in the place of its output, with the button that mends it; None takes it away."""
        if problem == self._problem:
            return
        self._problem = problem
        if self._card is not None:
            self._body.removeWidget(self._card)
            self._card.hide()
            self._card.deleteLater()
            self._card = None
        if problem is not None:
            title = tr("Lane {letter} did not run", letter=letter(self.index))
            self._card = ErrorCard(
                self._theme, title, problem.message, problem.hint, (("fix", button or tr("Change this lane")),)
            )
            self._card.action.connect(lambda _: self.fix.emit(self.index))
            self._body.insertWidget(self._body.indexOf(self.text), self._card, 1, Qt.AlignmentFlag.AlignTop)
        for widget in (self.spark, self._line, self.text):
            widget.setVisible(problem is None)
        if problem is None:
            self._redraw()
        else:
            self.set_status("")
            self._tools.hide()
            self.legend.hide()

    # --- while it works -----------------------------------------------------------------

    def set_status(self, status: str, figures: str = "") -> None:
        """One line: "reading the prompt…", "3rd of 5 runs"; figures stand at its right."""
        self.status.say(status, figures)
        self.status.setVisible(bool(status or figures))

    def set_text(self, text: str) -> None:
        """Replace the output by plain text."""
        self._go_live()
        self.text.set_text(text)

    def append(self, delta: str) -> None:
        """Add plain text at the end."""
        self._go_live()
        self.text.append(delta)

    def push_rate(self, value: float | None) -> None:
        """The newest rate, tokens a second; None is a gap. What comes sooner than FIGURES_S after the last is left out."""
        now = time.perf_counter()
        if now - self._pushed >= FIGURES_S:
            self._pushed = now
            self.spark.push(value)

    def show_moment(self, moment: LaneMoment) -> None:
        """The lane at one time of the replay."""
        self._go_live()
        self.text.show_prefix(moment.text, moment.shown)
        step, phase, elapsed = self._tick
        if (step, phase) == (moment.step, moment.phase) and 0 <= moment.elapsed_s - elapsed < FIGURES_S:
            return
        self._tick = (moment.step, moment.phase, moment.elapsed_s)
        if step != moment.step or not 0 <= moment.elapsed_s - elapsed < JUMP_S:
            self.spark.show_all(self._curve_until(moment))
        self.spark.push(moment.rate)
        self.set_status(*moment_words(moment))

    def _curve_until(self, moment: LaneMoment) -> list[float | None]:
        """What the curve would be at `moment` if the replay had come there by itself."""
        tracks = self._outputs.tracks
        track = tracks[moment.step] if moment.step < len(tracks) else None
        return curve(track, moment.elapsed_s, FIGURES_S) if track is not None else []

    # --- when it has finished -----------------------------------------------------------

    def set_outputs(
        self,
        tracks: Sequence[Track],
        reference_tracks: Sequence[Track],
        divergence: Sequence[Divergence],
        step: int | None = None,
    ) -> None:
        """The finished answers, one a step, against the reference lane's: collapsed to the first difference.

        step: the one in view; None leaves it.
        """
        step = self._outputs.step if step is None else step
        step = min(max(0, step), max(0, len(tracks) - 1))
        outputs = Outputs(tuple(tracks), tuple(reference_tracks), tuple(divergence), step)
        if outputs == self._outputs and not self._live:
            return  # what stands there, with its selection and place, stays
        self._outputs = outputs
        self._tick = (-1, "", -1.0)
        self.steps.blockSignals(True)
        self.steps.clear()
        self.steps.addItems([track.step or tr("Step {value}", value=i + 1) for i, track in enumerate(tracks)])
        self.steps.setCurrentIndex(step)
        self.steps.blockSignals(False)
        self.show_outputs()

    @property
    def first_difference(self) -> int | None:
        """The character at which the shown answer first differs from the reference's; None: nowhere."""
        stretches = self._outputs.stretches
        return stretches[0].start if stretches else None

    def show_around(self, at: int | None) -> None:
        """For the lane that differs nowhere: collapse around character `at`, where the others differ from it."""
        if at != self._around:
            self._around = at
            self._redraw()

    def set_flips(self, flips: Sequence[Flip]) -> None:
        """The reference's answer as this lane sees it, token by token; () is none."""
        if tuple(flips) == self._flips:
            return
        self._flips = tuple(flips)
        if not flips:
            self.choices.setChecked(False)
        self._redraw()

    def set_steps_shown(self, shown: bool) -> None:
        """Whether the lane has a picker of its own for the steps; a page may have one for all lanes."""
        self._steps_shown = shown

    def set_step(self, step: int) -> None:
        """Show the answer of another step; no signal."""
        if 0 <= step < self.steps.count():
            self.steps.blockSignals(True)
            self.steps.setCurrentIndex(step)
            self.steps.blockSignals(False)
            self._outputs = self._outputs.at(step)
            self._redraw()

    def show_outputs(self) -> None:
        """Go back from a replay to the finished answers."""
        outputs = self._outputs
        if outputs.track is None or self._card is not None:
            return
        self._live = False
        self.steps.setVisible(self._steps_shown and len(outputs.tracks) > 1)
        self.choices.setVisible(bool(self._flips))
        self.spark.show_all(curve(outputs.track))
        if self.choices.isChecked():
            self._show_flips()
        else:
            self._show_answer()
        self._tools.setVisible(any(not w.isHidden() for w in (self.steps, self.whole, self.choices)))

    def _show_answer(self) -> None:
        outputs = self._outputs
        text, stretches = outputs.text, outputs.stretches
        room = Stretch(0, len(text))
        short = self._excerpt(text, stretches)
        folds = (short.end - short.start) < len(text)
        if folds and not self.whole.isChecked():
            room = short
        self.whole.setVisible(folds)
        self.whole.setText(self._other_view(bool(stretches)))
        self.whole.setAccessibleName(self.whole.text())
        self.legend.hide()
        self.set_status(*outputs.words())
        self.text.show_pieces(marked(text, room, stretches, self._mark()))

    def _excerpt(self, text: str, stretches: Sequence[Stretch]) -> Stretch:
        width = self.text.viewport().width() // max(1, self.text.fontMetrics().averageCharWidth())
        at = stretches[0].start if stretches else self._around
        fitting = (self.text.height() // max(1, self.text.fontMetrics().lineSpacing()) - 1) // 2
        lines = max(LINES, fitting)
        return excerpt(text, 0, width, 2 * lines) if at is None else excerpt(text, at, width, lines)

    def _other_view(self, differs: bool) -> str:
        if not self.whole.isChecked():
            return tr("Whole text")
        return tr("First difference") if differs or self._around is not None else tr("Beginning")

    def _show_flips(self) -> None:
        off = sum(not flip.same for flip in self._flips)
        self.whole.hide()
        self.legend.setText(
            tr(
                "The reference's answer. Tinted: {off:,} of {n:,} tokens where lane {letter} would have chosen another; the stronger, the further off (KL).",
                off=off,
                n=len(self._flips),
                letter=letter(self.index),
            )
        )
        self.legend.show()
        self.set_status(*self._outputs.words())
        tint = lane_colour(self._theme, self.index)
        self.text.show_pieces([piece for flip in self._flips for piece in choice(flip, tint)])

    def _mark(self) -> QTextCharFormat:
        shape = QTextCharFormat()
        shape.setForeground(lane_colour(self._theme, self.index))
        shape.setFontWeight(QFont.Weight.DemiBold)
        return shape

    # --- parts --------------------------------------------------------------------------

    def _go_live(self) -> None:
        if self._live:
            return
        self._live = True
        self.text.set_text("")
        self.spark.clear()
        self._tools.hide()
        self.legend.hide()

    def _redraw(self) -> None:
        if not self._live and self._card is None:
            self.show_outputs()

    def _choose_step(self, step: int) -> None:
        self._outputs = self._outputs.at(step)
        self._redraw()
        self.step_chosen.emit(step)

    def _ask(self, action: str) -> None:
        {"duplicate": self.duplicate, "edit": self.edit, "remove": self.remove}[action].emit(self.index)

    def _name(self, part: str) -> str:
        return f"compare.lane_{letter(self.index).lower()}_{part}"

    def _build(self) -> None:
        which = letter(self.index)
        self._live = True
        self.header = LaneHeader(self._theme, self.index)
        self.header.asked.connect(self._ask)
        self.spark = LaneSparkline(self._theme, self.index)
        self.spark.setFixedHeight(self._theme.px(38))
        explain(self.spark, self._glossary, "decode_tok_s")
        self.status = LaneStatus(self._theme)
        self.status.setObjectName(self._name("status"))
        self.status.hide()
        self.text = LaneText(self._theme, self._name("text"), tr("Output of lane {which}", which=which))
        self.text.resized.connect(self._redraw)
        self.legend = Label(self._theme, "", "caption", "dim", wrap=True)
        self.legend.hide()
        self.whole = self._toggle("whole", tr("Whole text"))
        self.choices = self._toggle("choices", tr("Choices"))
        self.choices.setToolTip(tr("Colour the tokens where lane {which} would have chosen another", which=which))
        self.steps = QComboBox()
        self.steps.setObjectName(self._name("step"))
        self.steps.setAccessibleName(tr("Step of lane {which}", which=which))
        self.steps.currentIndexChanged.connect(self._choose_step)

    def _toggle(self, part: str, label: str) -> QPushButton:
        button = QPushButton(label)
        button.setProperty("kind", "pill")
        button.setFont(self._theme.font("dim"))
        button.setCheckable(True)
        button.setObjectName(self._name(part))
        button.setAccessibleName(label)
        button.toggled.connect(self._redraw)
        return button

    def _lay_out(self) -> None:
        px = self._theme.px
        self._tools = QWidget()
        tools = QHBoxLayout(self._tools)
        tools.setContentsMargins(0, 0, 0, 0)
        tools.setSpacing(px(6))
        tools.addWidget(self.steps)
        tools.addWidget(self.choices)
        tools.addWidget(self.whole)
        self._tools.hide()
        self._body = QVBoxLayout(self)
        self._body.setContentsMargins(px(14), px(12), px(14), px(12))
        self._body.setSpacing(px(8))
        self._body.addWidget(self.header)
        self._body.addWidget(self.spark)
        self._line = QWidget()
        self._line.setFixedHeight(px(24))  # as tall with and without the tools, so that the text keeps its place
        line = QHBoxLayout(self._line)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(px(8))
        line.addWidget(self.status, 1)
        line.addWidget(self._tools)
        self._body.addWidget(self._line)
        self._body.addWidget(self.text, 1)
        self._body.addWidget(self.legend)
        self.setMinimumWidth(px(220))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
