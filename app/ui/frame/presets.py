"""Sets of run settings by name: three to start from, and the person's own."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QToolButton, QVBoxLayout, QWidget

from app.ui import icons
from app.ui.state.model import ModelState
from app.ui.theme import Theme
from app.ui.widgets.label import Label
from engines.knobs import Scope, Value, show


class Presets(QWidget):
    """One line a preset; the last line keeps the current run settings under a name."""

    def __init__(self, theme: Theme, state: ModelState, page: str) -> None:
        super().__init__()
        self._theme, self._state, self._page = theme, state, page
        self._rows = QVBoxLayout()
        self._rows.setSpacing(theme.px(8))
        self._name = QLineEdit()
        self._name.setObjectName(f"{page}.preset_name")
        self._name.setAccessibleName("Name for the current run settings")
        self._name.setPlaceholderText("Name for these settings")
        keep = QPushButton("Keep")
        keep.setObjectName(f"{page}.preset_keep")
        keep.setAccessibleName("Keep the current run settings under this name")
        keep.clicked.connect(self._keep)
        self._name.returnPressed.connect(self._keep)
        line = QHBoxLayout()
        line.addWidget(self._name, 1)
        line.addWidget(keep)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(12))
        layout.addLayout(self._rows)
        layout.addLayout(line)
        layout.addStretch(1)
        self.refresh()

    def refresh(self) -> None:
        """Build the lines anew."""
        while (item := self._rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.setParent(None)
                widget.deleteLater()
        for name, values in self._state.book.presets().items():
            self._rows.addWidget(self._row(name, values))

    def _row(self, name: str, values: dict[str, Value]) -> QWidget:
        theme = self._theme
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        words = QVBoxLayout()
        words.setSpacing(theme.px(2))
        words.addWidget(Label(theme, name))
        words.addWidget(Label(theme, self._describe(values), "caption", "dim", wrap=True))
        layout.addLayout(words, 1)
        if self._state.book.is_own(name):
            layout.addWidget(self._drop_button(name))
        use = QPushButton("Use")
        use.setObjectName(f"{self._page}.preset_{name.lower().replace(' ', '_')}")
        use.setAccessibleName(f"Use the preset {name}")
        use.clicked.connect(lambda: self._state.apply_preset(name))
        layout.addWidget(use)
        return row

    def _drop_button(self, name: str) -> QToolButton:
        drop = QToolButton()
        drop.setObjectName(f"{self._page}.preset_drop_{name.lower().replace(' ', '_')}")
        drop.setAccessibleName(f"Forget the preset {name}")
        drop.setToolTip("Forget this preset")
        drop.setProperty("kind", "quiet")
        icons.bind(drop, self._theme, "trash", "dim")
        drop.clicked.connect(lambda: self._drop(name))
        return drop

    def _describe(self, values: dict[str, Value]) -> str:
        spec = self._state.spec
        parts = []
        for name, value in values.items():
            knob = spec.knob(name) if spec is not None else None
            if knob is not None:
                parts.append(f"{knob.title.lower()}\N{NO-BREAK SPACE}{show(knob, value)}")
        return ", ".join(parts[:4]) + (" …" if len(parts) > 4 else "")

    def _keep(self) -> None:
        name = self._name.text().strip()
        spec = self._state.spec
        if name and spec is not None:
            changed = {k: v for k, v in self._state.settings(Scope.RUN).items() if k != "seed"}
            self._state.book.keep_preset(name, changed)
            self._name.clear()
            self.refresh()

    def _drop(self, name: str) -> None:
        self._state.book.drop_preset(name)
        self.refresh()
