"""Settings by name: three to start from and the person's own, for one model or for all, with files to carry them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import TandemError
from app.ui import icons
from app.ui.language import tr
from app.ui.state import presets
from app.ui.state.model import ModelState
from app.ui.state.presets import Preset
from app.ui.theme import Theme
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.label import Label, Tone
from engines.errors import EngineError
from engines.knobs import Scope, Value, show
from engines.spec import EngineSpec

FILES = "presets.json"
MOST_VALUES = 4  # that a line spells out


class Presets(QWidget):
    """One line a preset; below them, what is set now can be kept under a name."""

    def __init__(self, theme: Theme, state: ModelState, page: str) -> None:
        super().__init__()
        self._theme, self._state, self._page = theme, state, page
        self._shelf = state.book.shelf
        self._undo: Callable[[], None] | None = None
        self._shown: tuple[object, ...] | None = None
        self._rows = QVBoxLayout()
        self._rows.setSpacing(theme.px(10))
        self._notice = Label(theme, "", "dim", "dim", wrap=True)
        self._undo_button = self._button("preset_undo", tr("Undo"), tr("Take it back"), self._undo_clicked)
        self._name = QLineEdit()
        self._name.setObjectName(f"{page}.preset_name")
        self._name.setAccessibleName(tr("Name for the current settings"))
        self._name.setPlaceholderText(tr("Name for these settings"))
        self._name.returnPressed.connect(self._keep)
        self._for_model = self._check("preset_for_model", tr("for this model only"))
        self._with_load = self._check("preset_with_load", tr("with the load settings"))
        self._lay_out()
        state.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Build the lines anew, where they differ."""
        state, spec = self._state, self._state.spec
        mine = self._shelf.for_model(state.model_id)
        now = (tuple(mine), spec.id if spec is not None else "", state.model_id)
        if now == self._shown:
            return
        self._shown = now
        self._clear()
        for title, of_model in (
            (tr("For all models"), ""),
            (tr("Only for {model}", model=state.title), state.model_id),
        ):
            found = [preset for preset in mine if preset.model == of_model]
            if found:
                self._rows.addWidget(ElidedLabel(self._theme, title, "caption", "dim", "semibold"))
            for preset in found:
                self._rows.addWidget(self._row(preset))
        elsewhere = len(self._shelf.all()) - len(mine)
        if elsewhere:
            self._rows.addWidget(Label(self._theme, _elsewhere(elsewhere), "caption", "dim", wrap=True))

    def use(self, name: str) -> None:
        """Set what a preset says, as far as this engine has it; load settings wait for Apply."""
        preset, state = self._shelf.get(name), self._state
        if preset is None or state.spec is None:
            return
        values, skipped = presets.fits(preset, state.spec, state.specs)
        for knob, value in values.items():
            try:
                state.set_knob(knob, value)
            except EngineError:
                skipped.append(knob)
        words = tr("“{name}” is set.", name=name)
        if skipped:
            listed = ", ".join(skipped)
            words += " " + tr("{engine} has no such setting or value: {list}.", engine=state.spec.title, list=listed)
        if state.reload_words():
            words += " " + tr("Its load settings wait for Apply.")
        self._say(words, "warning" if skipped else "dim")

    def import_file(self, path: Path) -> None:
        """Add what is in a file, or say why not."""
        try:
            added = self._shelf.add(presets.read_file(path))
        except TandemError as error:
            self._say(f"{error.message} {error.hint}", "bad")
            return
        self.refresh()
        names = ", ".join(preset.name for preset in added)
        self._say(tr("Added: {names}.", names=names) if added else tr("All of them are here already."))

    def export_file(self, path: Path) -> None:
        """Write the person's own presets, or say why not."""
        try:
            presets.export(path, self._shelf.own())
        except TandemError as error:
            self._say(f"{error.message} {error.hint}", "bad")
            return
        self._say(tr("Written to {file}.", file=path.name))

    # --- a line -------------------------------------------------------------------------

    def _row(self, preset: Preset) -> QWidget:
        row = PresetRow(self._theme, f"{self._page}.preset_{_slug(preset.name)}", preset.name, self._describe(preset))
        row.used.connect(lambda: self.use(preset.name))
        row.renamed.connect(lambda new: self._rename(preset.name, new))
        if self._shelf.is_own(preset.name):
            row.add_menu(self._fill_menu(preset, row))
        return row

    def _fill_menu(self, preset: Preset, row: PresetRow) -> Callable[[QMenu], None]:
        def fill(menu: QMenu) -> None:
            menu.clear()
            menu.addAction(tr("Rename"), row.rename)
            menu.addAction(tr("Replace with what is set now"), lambda: self._replace(preset))
            if preset.model:
                menu.addAction(tr("Use for all models"), lambda: self._move(preset, ""))
            elif self._state.model_id:
                menu.addAction(tr("Only for this model"), lambda: self._move(preset, self._state.model_id))
            menu.addSeparator()
            menu.addAction(tr("Forget"), lambda: self._drop(preset.name))

        return fill

    def _describe(self, preset: Preset) -> str:
        values = {**preset.load, **preset.run}
        spec = self._state.spec
        parts = _in_words(spec, values) if spec is not None else []
        more = tr(", and {n} more", n=len(parts) - MOST_VALUES) if len(parts) > MOST_VALUES else ""
        return (", ".join(parts[:MOST_VALUES]) + more) or tr("the defaults")

    # --- what a person does -------------------------------------------------------------

    def _keep(self) -> None:
        name, spec = " ".join(self._name.text().split()), self._state.spec
        if not name or spec is None:
            self._name.setFocus()
            return
        old, before = self._shelf.is_own(name), self._shelf.own()
        self._shelf.keep(self._now(name, spec, self._with_load.isChecked(), self._for_model.isChecked()))
        self._name.clear()
        self.refresh()
        if old:
            undo = next(preset for preset in before if preset.name == name)
            self._say(tr("“{name}” was replaced.", name=name), undo=lambda: self._shelf.keep(undo))
        else:
            self._say(tr("Kept as “{name}”.", name=name))

    def _now(self, name: str, spec: EngineSpec, with_load: bool, for_model: bool) -> Preset:
        state = self._state
        load = state.settings(Scope.LOAD) if with_load else None
        return presets.of_settings(name, spec, state.settings(Scope.RUN), load, state.model_id if for_model else "")

    def _replace(self, preset: Preset) -> None:
        spec = self._state.spec
        if spec is not None:
            made = self._now(preset.name, spec, bool(preset.load), False)
            self._change(msgspec.structs.replace(made, model=preset.model), preset)

    def _move(self, preset: Preset, model: str) -> None:
        self._change(msgspec.structs.replace(preset, model=model), preset)

    def _change(self, preset: Preset, before: Preset) -> None:
        self._shelf.keep(preset)
        self.refresh()
        self._say(tr("“{name}” was changed.", name=preset.name), undo=lambda: self._shelf.keep(before))

    def _rename(self, name: str, new: str) -> None:
        try:
            self._shelf.rename(name, new)
        except TandemError as error:
            self._say(f"{error.message} {error.hint}", "bad")
        self._shown = None
        self.refresh()

    def _drop(self, name: str) -> None:
        undo = self._shelf.drop(name)
        self.refresh()
        self._say(tr("“{name}” was forgotten.", name=name), undo=undo)

    def _undo_clicked(self) -> None:
        if self._undo is not None:
            self._undo()
            self.refresh()
        self._say("")

    def _import_clicked(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Import presets"), "", tr("Presets (*.json);;All files (*)"))
        if path:
            self.import_file(Path(path))

    def _export_clicked(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, tr("Export your presets"), FILES, tr("Presets (*.json)"))
        if path:
            self.export_file(Path(path))

    # --- building -----------------------------------------------------------------------

    def _say(self, words: str, tone: Tone = "dim", undo: Callable[[], None] | None = None) -> None:
        self._undo = undo
        self._notice.setText(words)
        self._notice.set_tone(tone)
        self._notice.setVisible(bool(words))
        self._undo_button.setVisible(undo is not None)
        self._export.setEnabled(bool(self._shelf.own()))

    def _clear(self) -> None:
        while (item := self._rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.setParent(None)
                widget.deleteLater()

    def _lay_out(self) -> None:
        px = self._theme.px
        keep = self._button("preset_keep", tr("Keep"), tr("Keep the current settings under this name"), self._keep)
        bring = self._button("preset_import", tr("Import…"), tr("Add presets from a file"), self._import_clicked)
        self._export = self._button(
            "preset_export", tr("Export…"), tr("Write your presets into a file"), self._export_clicked
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(px(12))
        layout.addLayout(self._rows)
        layout.addLayout(_line(px(8), (self._notice, 1), (self._undo_button, 0)))
        layout.addLayout(_line(px(8), (self._name, 1), (keep, 0)))
        layout.addWidget(self._for_model)
        layout.addWidget(self._with_load)
        layout.addLayout(_line(px(8), (bring, 1), (self._export, 1)))
        layout.addStretch(1)
        self._say("")

    def _check(self, role: str, words: str) -> QCheckBox:
        box = QCheckBox(words)
        box.setObjectName(f"{self._page}.{role}")
        box.setAccessibleName(tr("Keep {what}", what=words))
        box.setFont(self._theme.font("dim"))
        return box

    def _button(self, role: str, text: str, words: str, slot: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(f"{self._page}.{role}")
        button.setAccessibleName(words)
        button.setToolTip(words)
        button.clicked.connect(lambda: slot())
        return button


class PresetRow(QWidget):
    """A name over what it sets, Use, and a menu for one's own. `renamed(new name)` comes from the field that `rename`
    opens in the name's place: Enter takes it, Esc leaves it."""

    used = Signal()
    renamed = Signal(str)

    def __init__(self, theme: Theme, object_name: str, name: str, detail: str) -> None:
        super().__init__()
        self._theme, self._object_name, self._name = theme, object_name, name
        self._label = ElidedLabel(theme, name)
        self._field: _NameField | None = None
        self._words = QVBoxLayout()
        self._words.setSpacing(theme.px(2))
        self._words.addWidget(self._label)
        self._words.addWidget(Label(theme, detail, "caption", "dim", wrap=True))
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(theme.px(4))
        self._row.addLayout(self._words, 1)
        use = QPushButton(tr("Use"))
        use.setObjectName(object_name)
        use.setAccessibleName(tr("Use the preset {name}", name=name))
        use.clicked.connect(self.used)
        self._row.addWidget(use, 0, Qt.AlignmentFlag.AlignVCenter)

    def add_menu(self, fill: Callable[[QMenu], None]) -> None:
        """A “more” button whose menu is filled when it opens."""
        button = QToolButton()
        button.setObjectName(f"{self._object_name}.more")
        button.setAccessibleName(tr("More to do with {name}", name=self._name))
        button.setToolTip(tr("Rename, replace, forget"))
        button.setProperty("kind", "quiet")
        icons.bind(button, self._theme, "more", "dim", 16)
        menu = QMenu(button)
        menu.aboutToShow.connect(lambda: fill(menu))
        button.clicked.connect(lambda: menu.popup(button.mapToGlobal(button.rect().bottomLeft())))
        self._row.insertWidget(1, button, 0, Qt.AlignmentFlag.AlignVCenter)

    def rename(self) -> None:
        """Open the field."""
        field = self._field = _NameField(self._name)
        field.setObjectName(f"{self._object_name}.name")
        field.setAccessibleName(tr("New name of the preset"))
        field.returnPressed.connect(self._take)
        field.left.connect(self._leave)
        self._label.hide()
        self._words.insertWidget(0, field)
        field.selectAll()
        field.setFocus()

    def _take(self) -> None:
        if self._field is not None:
            text, self._field = self._field.text(), None  # this row may be gone after the signal
            self.renamed.emit(text)

    def _leave(self) -> None:
        field, self._field = self._field, None
        if field is not None:
            field.hide()
            field.deleteLater()
            self._label.show()


class _NameField(QLineEdit):
    left = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return
        super().keyPressEvent(event)


def _in_words(spec: EngineSpec, values: dict[str, Value]) -> list[str]:
    """ "temperature 0.2", load settings first; those at their default are left out where others are not."""
    known = [(knob, value) for name, value in values.items() if (knob := spec.knob(name)) is not None]
    differing = [(knob, value) for knob, value in known if value != knob.default] or known
    return [f"{knob.title.lower()} {show(knob, value)}".replace(" ", "\N{NO-BREAK SPACE}") for knob, value in differing]


def _elsewhere(count: int) -> str:
    if count == 1:
        return tr("1 more is kept for another model.")
    return tr("{n} more are kept for other models.", n=count)


def _slug(name: str) -> str:
    return name.lower().replace(" ", "_")


def _line(spacing: int, *widgets: tuple[QWidget, int]) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(spacing)
    for widget, stretch in widgets:
        row.addWidget(widget, stretch)
    return row
