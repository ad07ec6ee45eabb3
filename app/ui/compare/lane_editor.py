"""The editor of one lane: its name, what it runs in which engine, and its knobs. It knows no state: it shows and asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.lab.compare.lane import MOST, Lane
from app.ui.frame.model_bar import Picker
from app.ui.frame.quiet_scroll import QuietScroll
from app.ui.language import tr
from app.ui.state.picks import Pick
from app.ui.theme import Theme
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.knob_form import KnobForm
from app.ui.widgets.label import Label, hint
from app.ui.widgets.lane_spark import LaneBadge
from engines.knobs import KnobState, Scope, Settings
from engines.spec import EngineSpec


def tabs() -> tuple[tuple[str, str, Scope | None], ...]:
    """(id, title, scope) of every tab, in the language of now."""
    return (
    ("all", tr("All"), None), ("load", tr("Load"), Scope.LOAD), ("run", tr("Run"), Scope.RUN),
)  # fmt: skip


class LaneEditor(QWidget):
    """`renamed(name)`, `model_chosen(id)`, `variant_chosen(name)`, `engine_chosen(id)`, `knob_changed(name, value)`,
    `closed()`."""

    renamed = Signal(str)
    model_chosen = Signal(str)
    variant_chosen = Signal(str)
    engine_chosen = Signal(str)
    knob_changed = Signal(str, object)
    closed = Signal()

    def __init__(self, theme: Theme, glossary: Glossary, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: tuple[int, str] = (-1, "")
        self._spec: EngineSpec | None = None
        self._scope: Scope | None = None
        self._badges: list[LaneBadge] = []
        self._settings: Settings = {}
        self._states: Mapping[str, KnobState] = {}
        self.name = QLineEdit()
        self.name.setObjectName("compare.lane_name")
        self.name.setAccessibleName(tr("Name of the lane"))
        self.name.editingFinished.connect(lambda: self.renamed.emit(self.name.text().strip()))
        self.model = self._picker("model", tr("Model"))
        self.variant = self._picker("variant", tr("Variant"))
        self.engine = self._picker("engine", tr("Engine"))
        self.model.activated.connect(lambda i: self.model_chosen.emit(self.model.itemData(i)))
        self.variant.activated.connect(lambda i: self.variant_chosen.emit(self.variant.itemData(i)))
        self.engine.activated.connect(lambda i: self.engine_chosen.emit(self.engine.itemData(i)))
        self.differs = Label(theme, "", "dim", "dim", wrap=True)
        self.form = KnobForm(theme, glossary)
        self.form.changed.connect(self.knob_changed)
        self.tabs = QButtonGroup(self)
        self._lay_out()

    def show_lane(
        self,
        index: int,
        lane: Lane,
        differs: str,
        spec: EngineSpec | None,
        settings: Settings,
        states: Mapping[str, KnobState],
    ) -> None:
        """The lane `index` as it is now; what a person types in is left alone where nothing changed."""
        for number, badge in enumerate(self._badges):
            badge.setVisible(number == index)
        self.name.setText(lane.name)
        self.differs.setText(differs)
        self.differs.setVisible(bool(differs))
        self._settings, self._states = settings, states
        if self._shown != (index, lane.engine):
            self._shown, self._spec = (index, lane.engine), spec
            self._show_knobs()
            return
        for name, value in settings.items():
            if name in self.form.settings() and self.form.settings()[name] != value:
                self.form.set_value(name, value)

    def show_picks(
        self, models: Sequence[Pick], variants: Sequence[Pick], engines: Sequence[Pick], chosen: tuple[str, str, str]
    ) -> None:
        """The pickers' lines and what is chosen: (model, variant, engine)."""
        for box, lines, current in zip(
            (self.model, self.variant, self.engine), (models, variants, engines), chosen, strict=True
        ):
            _fill(box, lines, current)

    def search(self) -> None:
        """All knobs open, the cursor in their search."""
        self._choose("all")
        self.form.expand()
        field = self.form.findChild(QLineEdit, "knobs.search")
        if isinstance(field, QLineEdit):
            field.setFocus(Qt.FocusReason.OtherFocusReason)
            field.selectAll()

    def _show_knobs(self) -> None:
        spec = self._spec
        if spec is not None:
            knobs = [k for k in spec.knobs if self._scope in (None, k.scope)]
            self.form.set_knobs(knobs, self._settings, self._states, spec.conflicts)

    def _choose(self, tab: str) -> None:
        index = next(i for i, entry in enumerate(tabs()) if entry[0] == tab)
        self.tabs.button(index).setChecked(True)
        if self._scope is not tabs()[index][2]:
            self._scope = tabs()[index][2]
            self._show_knobs()

    def _lay_out(self) -> None:
        px = self._theme.px
        column = QWidget()
        body = QVBoxLayout(column)
        body.setContentsMargins(px(12), px(4), px(4), px(12))
        body.setSpacing(px(8))
        for title, box in ((tr("Model"), self.model), (tr("Variant"), self.variant), (tr("Engine"), self.engine)):
            row = QHBoxLayout()
            label = ElidedLabel(self._theme, title)
            label.setFixedWidth(px(64))
            row.addWidget(label)
            row.addWidget(box, 1)
            body.addLayout(row)
        body.addLayout(self._tab_row())
        body.addWidget(self.form)
        body.addStretch(1)
        scroll = QuietScroll()
        scroll.setObjectName("compare.editor")
        scroll.setAccessibleName(tr("Settings of the lane"))
        scroll.setWidget(column)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(px(6))
        outer.addLayout(self._head())
        outer.addWidget(scroll, 1)

    def _head(self) -> QVBoxLayout:
        px = self._theme.px
        row = QHBoxLayout()
        row.setSpacing(px(8))
        for index in range(MOST):
            badge = LaneBadge(self._theme, index)
            if index:
                badge.hide()
            self._badges.append(badge)
            row.addWidget(badge)
        row.addWidget(self.name, 1)
        done = QPushButton(tr("Done"))
        done.setObjectName("compare.editor_done")
        done.setAccessibleName(tr("Close the settings of the lane"))
        done.clicked.connect(self.closed)
        row.addWidget(done)
        head = QVBoxLayout()
        head.setContentsMargins(px(12), px(12), px(14), 0)
        head.setSpacing(px(6))
        head.addLayout(row)
        head.addWidget(self.differs)
        return head

    def _tab_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(self._theme.px(4))
        row.setContentsMargins(0, self._theme.px(6), 0, 0)
        for index, (name, title, _scope) in enumerate(tabs()):
            tab = QPushButton(title)
            tab.setObjectName(f"compare.tab_{name}")
            tab.setAccessibleName(tr("{title} settings of the lane", title=title))
            tab.setCheckable(True)
            tab.setChecked(index == 0)
            tab.setProperty("kind", "tab")
            tab.clicked.connect(lambda _=False, name=name: self._choose(name))
            self.tabs.addButton(tab, index)
            row.addWidget(tab)
        row.addStretch(1)
        return row

    def _picker(self, role: str, words: str) -> QComboBox:
        box = Picker()
        box.setObjectName(f"compare.lane_{role}")
        box.setAccessibleName(tr("{words} of the lane", words=words))
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(6)
        return box


def _fill(box: QComboBox, lines: Sequence[Pick], current: str) -> None:
    """The lines; one that cannot be used is off, with the reason as its tooltip."""
    if [(box.itemData(i), box.itemText(i)) for i in range(box.count())] != [(line.id, line.title) for line in lines]:
        box.clear()
        for line in lines:
            box.addItem(line.title, line.id)
    rows = box.model()
    for index, line in enumerate(lines):
        box.setItemData(index, hint(line.off), Qt.ItemDataRole.ToolTipRole)
        if isinstance(rows, QStandardItemModel):
            rows.item(index).setEnabled(not line.off)
    box.setCurrentIndex(box.findData(current))
    box.setToolTip(hint(box.currentText()))
