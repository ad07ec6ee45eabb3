"""At the foot: what is being added, got, made or removed, how far it is, and what was done last."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QSizePolicy

from app.ui.language import tr
from app.ui.state.models import ModelsState
from app.ui.theme import Theme
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.tool_button import ToolButton

HEIGHT = 44


class Foot(QFrame):
    """Hidden while there is nothing to say."""

    def __init__(self, theme: Theme, state: ModelsState) -> None:
        super().__init__()
        self._state = state
        self.setProperty("bar", "foot")
        self.setFixedHeight(theme.px(HEIGHT))
        self.title = ElidedLabel(theme, "", "text", weight="semibold")
        self.title.setObjectName("models.doing")
        self.step = ElidedLabel(theme, "", "dim", "dim", mode=Qt.TextElideMode.ElideMiddle)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(theme.px(180))
        self.bar.setAccessibleName(tr("How far it is"))
        self.cancel = QPushButton(tr("Cancel"))
        self.cancel.setObjectName("models.cancel")
        self.cancel.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.cancel.clicked.connect(state.doing.cancel)
        self.close_button = ToolButton(theme, "models.said_close", tr("Close"), "close", 14)
        self.close_button.clicked.connect(state.dismiss)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.px(16), 0, theme.px(12), 0)
        row.setSpacing(theme.px(12))
        row.addWidget(self.title, 2)
        row.addWidget(self.step, 1)
        row.addWidget(self.bar)
        row.addWidget(self.cancel)
        row.addWidget(self.close_button)
        state.changed.connect(self.refresh)
        state.doing.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """What the state says."""
        doing = self._state.doing
        busy = doing.busy and doing.kind != "look"
        said = self._state.said if not doing.busy and doing.kind != "look" else ""  # a look is told above the models
        for widget in (self.step, self.bar, self.cancel):
            widget.setVisible(busy)
        self.close_button.setVisible(not busy)
        self.title.setText(doing.title if busy else said)
        self.step.setText(tr("Stopping…") if doing.stopping else doing.message)
        self.cancel.setEnabled(not doing.stopping)
        self.cancel.setAccessibleName(tr("Cancel: {title}", title=doing.title))
        fraction = doing.fraction if busy else None
        self.bar.setRange(0, 0 if fraction is None else 1000)
        if fraction is not None:
            self.bar.setValue(round(fraction * 1000))
        self.setVisible(busy or bool(said))
