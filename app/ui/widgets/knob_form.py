"""The form of an engine's knobs: eight essentials, the rest behind “All n settings” with a search; made from data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.ui import icons
from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.knob_line import LABEL_WIDTH, KnobLine
from app.ui.widgets.label import Label
from engines.knobs import Conflict, Knob, KnobState, Settings, Value, defaults

ESSENTIALS = 8


class KnobForm(QWidget):
    """`changed(name, value)` for what a person does; values set from outside are not announced.

    A typed value that cannot be taken stays in its field with the reason below; `changed` then carries the value that
    still holds, and `errors()` names it, so that a page can refuse to go on.
    """

    changed = Signal(str, object)

    def __init__(
        self, theme: Theme, glossary: Glossary, parent: QWidget | None = None, label_width: int = LABEL_WIDTH
    ) -> None:
        """label_width: in pixels of the design."""
        super().__init__(parent)
        self._theme, self._glossary, self._label_width = theme, glossary, label_width
        self._knobs: list[Knob] = []
        self._conflicts: list[Conflict] = []
        self._states: Mapping[str, KnobState] = {}
        self._values: Settings = {}
        self._context: Mapping[str, Value] = {}
        self._why: dict[str, str] = {}
        self._lines: dict[str, KnobLine] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.px(4))
        self._essentials, self._rest = QVBoxLayout(), QVBoxLayout()
        for part in (self._essentials, self._rest):
            part.setSpacing(theme.px(4))
        self.expander = self._make_expander()
        self.only_changed = self._make_only_changed()
        self.filter = _Filter(theme)
        self.filter.changed.connect(self._filter_changed)
        self._nothing = Label(theme, tr("No setting like that."), "dim", "dim")
        self._column.addWidget(self.filter)  # above all lines: it stays in its place while they come and go
        self._column.addLayout(self._essentials)
        self._column.addLayout(self._head())
        self._column.addLayout(self._rest)
        self._column.addWidget(self._nothing)
        self._column.addStretch(1)
        self.filter.hide()
        self.only_changed.hide()
        self._nothing.hide()
        self.expander.hide()

    def set_knobs(
        self,
        knobs: Sequence[Knob],
        settings: Mapping[str, Value],
        states: Mapping[str, KnobState] | None = None,
        conflicts: Sequence[Conflict] = (),
    ) -> None:
        """Show these knobs with these values. states: what cannot be used here; conflicts: what clashes."""
        self._clear()
        self._knobs, self._states, self._conflicts = list(knobs), states or {}, list(conflicts)
        self._values = defaults(knobs) | {k.name: settings[k.name] for k in knobs if k.name in settings}
        self._context = dict(settings)
        for knob in self._shown_first():
            self._add(knob, self._essentials)
        more = len(self._knobs) > len(self._lines)
        self.expander.setText(tr("All {n} settings", n=len(self._knobs)))
        self.expander.setVisible(more)
        if more and self.expander.isChecked():
            self._expand(True)
        self._show_conflicts()
        self._count_changed()
        if self.filter.only_changed():
            self._filter_changed()

    def settings(self) -> Settings:
        """Every knob's last valid value."""
        return dict(self._values)

    def errors(self) -> dict[str, str]:
        """Knob name → why what is typed there cannot be taken."""
        return {name: line.error for name, line in self._lines.items() if line.error}

    def conflicts(self) -> list[Conflict]:
        """The conflicts that hold now."""
        values = {**self._context, **self._values}
        return [conflict for conflict in self._conflicts if conflict.applies(values)]

    def changed_names(self) -> list[str]:
        """The knobs that are not at their default."""
        return [knob.name for knob in self._knobs if self._values[knob.name] != knob.default]

    def set_value(self, name: str, value: Value) -> None:
        """Show another value; not announced. Raises KeyError for an unknown knob."""
        if name not in self._values:
            raise KeyError(name)
        self._values[name] = value
        if name in self._lines:
            self._lines[name].show_value(value)
        self._show_conflicts()
        self._count_changed()

    def set_context(self, settings: Mapping[str, Value]) -> None:
        """Values of knobs that stand in another form but take part in conflicts."""
        self._context = dict(settings)
        self._show_conflicts()

    def set_explanations(self, reasons: Mapping[str, str]) -> None:
        """Knob name → what the engine made of it and why."""
        self._why = dict(reasons)
        for name, line in self._lines.items():
            line.set_why(self._why.get(name, ""))

    def reset_all(self) -> None:
        """Every knob back to its default; announced one by one."""
        for knob in self._knobs:
            if knob.name in self._lines:
                self._lines[knob.name].reset()
            elif self._values[knob.name] != knob.default:
                self._line_changed(knob.name, knob.default)

    def expand(self, on: bool = True) -> None:
        """Open or close “All”."""
        self.expander.setChecked(on)

    def line(self, name: str) -> KnobLine:
        """A knob's line. Raises KeyError while it is behind “All”."""
        return self._lines[name]

    def _make_expander(self) -> QPushButton:
        button = QPushButton(tr("All settings"))
        button.setProperty("kind", "quiet")
        button.setObjectName("knobs.all")
        button.setAccessibleName(tr("Show all settings"))
        button.setFont(self._theme.font("dim"))
        button.setCheckable(True)
        button.setProperty("fold", True)
        icons.bind(button, self._theme, "chevron-right", "dim", 14)
        button.toggled.connect(self._expand)
        button.clicked.connect(lambda on: self.filter.take_focus() if on else None)
        return button

    def _make_only_changed(self) -> QPushButton:
        button = QPushButton()
        button.setProperty("kind", "pill")
        button.setObjectName("knobs.only_changed")
        button.setToolTip(tr("Show only the settings that are not at their default"))
        button.setAccessibleName(button.toolTip())
        button.setFont(self._theme.font("caption"))
        button.setCheckable(True)
        button.toggled.connect(lambda on: self.filter.set_only_changed(on))
        return button

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(self._theme.px(8))
        row.addWidget(self.expander)
        row.addStretch(1)
        row.addWidget(self.only_changed)
        return row

    def _shown_first(self) -> list[Knob]:
        essentials = [knob for knob in self._knobs if knob.essential and not knob.advanced][:ESSENTIALS]
        return essentials or self._knobs[:ESSENTIALS]

    def _add(self, knob: Knob, where: QVBoxLayout) -> None:
        line = KnobLine(
            self._theme, self._glossary, knob, self._values[knob.name], self._states.get(knob.name, KnobState()),
            self._label_width,
        )  # fmt: skip
        line.changed.connect(self._line_changed)
        line.set_why(self._why.get(knob.name, ""))
        self._lines[knob.name] = line
        where.addWidget(line)

    def _expand(self, on: bool) -> None:
        """The rest is built when it is first looked at: most people never do."""
        if on:
            self._build([knob for knob in self._knobs if knob.name not in self._lines])
        self.expander.setIcon(icons.icon(self._theme, "chevron-down" if on else "chevron-right", "dim", 14))
        self.filter.setVisible(on)
        self._apply_filter()

    def _build(self, knobs: Sequence[Knob]) -> None:
        for knob in knobs:
            self._add(knob, self._rest)
        if knobs:
            self._show_conflicts()

    def _filter_changed(self) -> None:
        """What is changed is shown by itself also while “All” is closed."""
        only = self.filter.only_changed()
        if only != self.only_changed.isChecked():
            self.only_changed.setChecked(only)
        if only:
            changed = set(self.changed_names())
            self._build([knob for knob in self._knobs if knob.name in changed and knob.name not in self._lines])
        self._apply_filter()

    def _apply_filter(self) -> None:
        """A line that is set back to its default stays until something else is searched for: nothing jumps away."""
        on, only = self.expander.isChecked(), self.filter.only_changed()
        words = self.filter.words() if on else ""
        first = {knob.name for knob in self._shown_first()}
        changed = set(self.changed_names())
        for name, line in self._lines.items():
            wanted = (name in changed if only else on or name in first) and line.matches(words)
            if wanted == line.isHidden():
                line.setVisible(wanted)
        self._nothing.setVisible((on or only) and all(line.isHidden() for line in self._lines.values()))

    def _count_changed(self) -> None:
        count = len(self.changed_names())
        words = tr("{n} changed", n=count)
        if words != self.only_changed.text():
            self.only_changed.setText(words)
            self.only_changed.setAccessibleName(tr("{n} changed: show only these", n=count))
        self.only_changed.setVisible(count > 0 or self.only_changed.isChecked())

    def _line_changed(self, name: str, value: Value) -> None:
        self._values[name] = value
        self._why.pop(name, None)  # what the engine made of the value before says nothing about this one
        self._show_conflicts()
        self._count_changed()
        self.changed.emit(name, value)

    def _show_conflicts(self) -> None:
        reasons: dict[str, list[str]] = {}
        for conflict in self.conflicts():
            for name in conflict.when:
                reasons.setdefault(name, []).append(conflict.reason)
        for name, line in self._lines.items():
            line.set_conflict(" ".join(dict.fromkeys(reasons.get(name, []))))

    def _clear(self) -> None:
        for line in self._lines.values():
            line.hide()
            line.setParent(None)
            line.deleteLater()
        self._lines = {}
        self._why = {}


class _Filter(QWidget):
    """A search and “changed only”."""

    changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._search = QLineEdit()
        self._search.setObjectName("knobs.search")
        self._search.setAccessibleName(tr("Search settings"))
        self._search.setPlaceholderText(tr("Search"))
        self._search.setClearButtonEnabled(False)
        self._only = QCheckBox(tr("changed only"))
        self._only.setObjectName("knobs.changed_only")
        self._only.setAccessibleName(tr("Only settings that are not at their default"))
        self._only.setFont(theme.font("dim"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.px(8))
        row.addWidget(self._search, 1)
        row.addWidget(self._only)
        self._search.textChanged.connect(self._say)
        self._only.toggled.connect(self._say)

    def words(self) -> str:
        return self._search.text()

    def only_changed(self) -> bool:
        return self._only.isChecked()

    def take_focus(self) -> None:
        self._search.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def set_only_changed(self, on: bool) -> None:
        self._only.setChecked(on)

    def _say(self, *_: object) -> None:
        self.changed.emit()
