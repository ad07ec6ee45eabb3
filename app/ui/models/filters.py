"""Above the models: what was found and where, and below it the filters and the sort."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.ui.language import tr
from app.ui.state.models import ModelsState
from app.ui.state.models_rows import format_words, task_words
from app.ui.theme import Theme
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.flow import Flow
from app.ui.widgets.label import Label


class Summary(QWidget):
    """ "Found 23 models, 212 GB, in 4 places", "Look again", "Cannot be used (7)". `unusable_wanted()`."""

    unusable_wanted = Signal()

    def __init__(self, theme: Theme, state: ModelsState) -> None:
        super().__init__()
        self._state = state
        self.sentence = ElidedLabel(theme, "", "figure", weight="semibold")
        self.sentence.setObjectName("models.sentence")
        self.step = ElidedLabel(theme, "", "dim", "dim", mode=Qt.TextElideMode.ElideMiddle)
        self.step.setObjectName("models.step")
        self.bad = _quiet("models.unusable", "", tr("What was found and cannot be used, with the reasons"))
        self.look = _plain("models.look", tr("Look again"), tr("Look through every place again"))
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(tr("How far the look is"))
        self.bad.clicked.connect(self.unusable_wanted)
        self.look.clicked.connect(self._look)
        row = QHBoxLayout()
        row.setSpacing(theme.px(8))
        row.addWidget(self.sentence, 1)
        row.addWidget(self.bad)
        row.addWidget(self.look)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.px(8), 0, theme.px(8), 0)
        column.setSpacing(theme.px(2))
        column.addLayout(row)
        column.addWidget(self.step)
        column.addWidget(self.bar)
        state.changed.connect(self.refresh)
        state.doing.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """What the state says."""
        state, doing = self._state, self._state.doing
        looking = state.looking
        self.sentence.setText(tr("Looking for models…") if looking else state.sentence)
        count = len(state.unusable)
        self.bad.setText(tr("Cannot be used ({n})", n=f"{count:,}"))
        self.bad.setAccessibleName(self.bad.text())
        self.bad.setVisible(count > 0)
        mine = looking and doing.busy
        self.look.setText(tr("Stop") if mine else tr("Look again") if state.scan is not None else tr("Look"))
        self.look.setAccessibleName(self.look.text())
        self.look.setEnabled(mine or not (doing.busy or looking))
        self.step.setText(doing.message if mine else "")
        self.step.setVisible(mine and bool(doing.message))
        self.bar.setVisible(looking)
        fraction = doing.fraction if mine else None
        self.bar.setRange(0, 0 if fraction is None else 1000)
        if fraction is not None:
            self.bar.setValue(round(fraction * 1000))

    def _look(self) -> None:
        if self._state.doing.busy:
            self._state.doing.cancel()
        else:
            self._state.doing.look()


class Filters(QWidget):
    """Task, format, fits here, can be loaded, the place that was chosen at the left; at the right how many, and the sort."""

    def __init__(self, theme: Theme, state: ModelsState) -> None:
        super().__init__()
        self._theme, self._state = theme, state
        self.task = self._combo("models.task", tr("Task"))
        self.format = self._combo("models.format", tr("Format"))
        self.sort = self._combo("models.sort", tr("Sort"))
        self.fits = _pill("models.fits", tr("Fits here"), tr("Only what fits the memory of this machine"))
        self.loads = _pill("models.loads", tr("Can be loaded"), tr("Only what an engine here can load"))
        self.place = _pill("models.place", "", tr("Show every place again"))
        self.clear = _quiet("models.clear", tr("Clear"), tr("Take every filter and the search away"))
        self.count = Label(theme, "", "dim", "dim")
        self.count.setObjectName("models.count")
        self._fill_sort()
        self.task.activated.connect(lambda _i: state.want(task=self.task.currentData()))
        self.format.activated.connect(lambda _i: state.want(format=self.format.currentData()))
        self.sort.activated.connect(lambda _i: state.sort_by(self.sort.currentData()))
        self.fits.toggled.connect(lambda on: state.want(fits=on))
        self.loads.toggled.connect(lambda on: state.want(loads=on))
        self.place.clicked.connect(lambda: state.want(place=""))
        self.clear.clicked.connect(state.clear_filters)
        self._lay_out()
        state.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """What there is to choose from, and what is chosen."""
        state, wanted = self._state, self._state.wanted
        tasks = [("", tr("Any task")), *((t, task_words(t)) for t in state.tasks())]
        _fill(self.task, tasks, wanted.task)
        _fill(self.format, [("", tr("Any format")), *((f, format_words(f)) for f in state.formats())], wanted.format)
        self.sort.setCurrentIndex(max(0, self.sort.findData(wanted.sort)))
        for button, on in ((self.fits, wanted.fits), (self.loads, wanted.loads)):
            button.blockSignals(True)
            button.setChecked(on)
            button.blockSignals(False)
        where = next((line.title for line in state.places if line.id and line.id == wanted.place), "")
        self.place.setText(f"{where}  ×")
        self.place.setAccessibleName(tr("Only {place}: show every place again", place=where))
        self.place.setChecked(True)
        self.place.setVisible(bool(where))
        self.clear.setVisible(wanted.narrowed)
        shown, whole = len(state.table.rows), len(state.rows)
        few = tr("{n} of {whole}", n=f"{shown:,}", whole=f"{whole:,}")
        self.count.setText(few if wanted.narrowed else tr("{n} variants", n=f"{whole:,}"))

    def _fill_sort(self) -> None:
        kinds = (("name", tr("By name")), ("size", tr("By size")), ("params", tr("By weights")),
                 ("bits", tr("By bits")), ("fit", tr("By memory")), ("added", tr("Newest first")))  # fmt: skip
        for key, title in kinds:
            self.sort.addItem(title, key)

    def _combo(self, name: str, title: str) -> QComboBox:
        box = QComboBox()
        box.setObjectName(name)
        box.setAccessibleName(title)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        box.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        return box

    def _lay_out(self) -> None:
        px = self._theme.px
        wraps = QWidget()
        flow = Flow(px(6), wraps)
        tall = self.sort.sizeHint().height()
        for widget in (self.task, self.format):
            flow.addWidget(widget)
        for button in (self.fits, self.loads, self.place, self.clear):
            flow.addWidget(_centred(button, tall))
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        wraps.setSizePolicy(policy)
        row = QHBoxLayout(self)
        row.setContentsMargins(px(8), 0, px(8), 0)
        row.setSpacing(px(6))
        row.addWidget(wraps, 1)
        row.addWidget(self.count, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.sort, 0, Qt.AlignmentFlag.AlignTop)
        self.count.setFixedHeight(tall)


def _fill(box: QComboBox, choices: Sequence[tuple[str, str]], now: str) -> None:
    """Fill it anew only where the choices differ."""
    if [box.itemData(i) for i in range(box.count())] != [key for key, _ in choices]:
        box.clear()
        for key, title in choices:
            box.addItem(title, key)
    box.setCurrentIndex(max(0, box.findData(now)))


def _centred(button: QPushButton, tall: int) -> QWidget:
    """The button in the middle of a line so high: it is lower than a combo box."""
    box = QWidget()
    box.setFixedHeight(tall)
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
    return box


def _plain(name: str, text: str, says: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setAccessibleName(text)
    button.setToolTip(says)
    button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    return button


def _quiet(name: str, text: str, says: str) -> QPushButton:
    button = _plain(name, text, says)
    button.setProperty("kind", "quiet")
    return button


def _pill(name: str, text: str, says: str) -> QPushButton:
    button = _plain(name, text, says)
    button.setProperty("kind", "pill")
    button.setCheckable(True)
    return button
