"""The foot of the hub's view: what is downloaded, how far it is, and what can be done with each. Folds away."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from app.ui import icons
from app.ui.frame.notices import Notices
from app.ui.language import tr
from app.ui.state.hub import HubState
from app.ui.state.hub_downloads import ENDED, DownloadLine
from app.ui.theme import Theme, set_property
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.tool_button import ToolButton

HEIGHT, ROW = 150, 50

ICONS = {"pause": "pause", "resume": "play", "retry": "reload", "cancel": "close", "drop": "trash", "clear": "close"}


def verbs() -> dict[str, str]:
    """What each button says."""
    return {
        "pause": tr("Pause"), "resume": tr("Go on"), "retry": tr("Try again"),
        "cancel": tr("Cancel, and delete what has come"), "drop": tr("Delete what has come, and take it off this list"),
        "clear": tr("Take it off this list; the library keeps it"),
    }  # fmt: skip


class DownloadsView(QFrame):
    """`chat_wanted(model, variant)`. Hidden while there is nothing to show."""

    chat_wanted = Signal(str, str)

    def __init__(self, theme: Theme, state: HubState) -> None:
        super().__init__()
        px = theme.px
        self._theme, self._state = theme, state
        self._rows: dict[str, _Row] = {}
        self.setProperty("bar", "foot")
        self.setObjectName("hub.downloads")
        self.setAccessibleName(tr("Downloads"))
        self.fold = QPushButton(tr("Downloads"))
        self.fold.setObjectName("hub.fold_downloads")
        self.fold.setAccessibleName(tr("Show the downloads"))
        self.fold.setProperty("kind", "quiet")
        self.fold.setCheckable(True)
        self.fold.setChecked(True)
        self.fold.setFont(theme.font("text", "semibold"))
        self.fold.toggled.connect(self._folded)
        theme.changed.connect(self._tint)
        self._tint()
        self.summary = ElidedLabel(theme, "", "dim", "dim")
        self.tidy = QPushButton(tr("Clear finished"))
        self.tidy.setObjectName("hub.clear_finished")
        self.tidy.setAccessibleName(tr("Take finished downloads off this list"))
        self.tidy.setProperty("kind", "quiet")
        self.tidy.clicked.connect(state.downloads.clear_ended)
        self.notices = Notices(theme, "hub.downloads")
        self.notices.action.connect(state.dismiss)
        self._area, self._column = _area(theme)
        head = QHBoxLayout()
        head.setSpacing(px(12))
        head.addWidget(self.fold)
        head.addWidget(self.summary, 1)
        head.addWidget(self.tidy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(px(12), px(6), px(16), px(8))
        layout.setSpacing(px(4))
        layout.addLayout(head)
        layout.addWidget(self.notices)
        layout.addWidget(self._area)
        state.downloads.changed.connect(self.refresh)
        state.problem_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show them as they are; rows that stay are the same widgets."""
        lines = self._state.downloads.lines
        problem = self._state.problem
        for gone in set(self._rows) - {line.id for line in lines}:
            row = self._rows.pop(gone)
            row.hide()
            row.deleteLater()
        for place, line in enumerate(lines):
            if line.id not in self._rows:
                self._add(place, line.id)
            self._rows[line.id].show_line(line)
        self.summary.setText(self._state.downloads.summary)
        self.tidy.setVisible(any(line.state in ENDED for line in lines))
        self.notices.show_problem(problem)
        self.notices.setVisible(problem is not None)
        self._area.setFixedHeight(self._theme.px(min(HEIGHT, ROW * len(lines))))
        self.setVisible(bool(lines) or problem is not None)

    def _add(self, place: int, id: str) -> None:
        row = _Row(self._theme, id)
        row.acted.connect(self._state.download)
        row.chat.connect(self.chat_wanted)
        self._rows[id] = row
        self._column.insertWidget(place, row)

    def _folded(self, shown: bool) -> None:
        self._area.setVisible(shown)
        self._tint()

    def _tint(self) -> None:
        chevron = "chevron-down" if self.fold.isChecked() else "chevron-right"
        self.fold.setIcon(icons.icon(self._theme, chevron, "dim", 14))


class _Row(QWidget):
    """One download. `acted(verb, id)`."""

    acted = Signal(str, str)
    chat = Signal(str, str)

    def __init__(self, theme: Theme, id: str) -> None:
        super().__init__()
        px = theme.px
        self._id, self._line = id, None
        self._here: tuple[str, str] = ("", "")
        self.setFixedHeight(px(ROW))
        self._title = ElidedLabel(theme, "", "text", weight="medium")
        self._words = ElidedLabel(theme, "", "dim", "dim")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._talk = QPushButton(tr("Chat with it"))
        self._talk.setObjectName("hub.chat")
        self._talk.clicked.connect(lambda: self.chat.emit(*self._here))
        self._buttons = {verb: self._button(theme, verb, title) for verb, title in verbs().items()}
        left = QVBoxLayout()
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(px(3))
        top = QHBoxLayout()
        top.setSpacing(px(12))
        top.addWidget(self._title, 2)
        top.addWidget(self._words, 3)
        self._words.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        left.addLayout(top)
        left.addWidget(self._bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(px(8), 0, 0, 0)
        row.setSpacing(px(4))
        row.addLayout(left, 1)
        row.addSpacing(px(8))
        row.addWidget(self._talk)
        for button in self._buttons.values():
            row.addWidget(button)

    def show_line(self, line: DownloadLine) -> None:
        """Show how it is."""
        self._title.setText(line.title)
        self._words.setText(line.detail)
        self._words.set_tone("bad" if line.state == "failed" else "dim")
        self._here = (line.model, line.variant)
        self._talk.setVisible(line.chat)
        self._talk.setAccessibleName(tr("Chat with {title}", title=line.title))
        self._bar.setVisible(line.state not in ENDED)
        unknown = line.fraction is None and line.state in ("running", "checking")
        self._bar.setRange(0, 0 if unknown else 1000)
        self._bar.setValue(round((line.fraction or 0) * 1000))
        self._bar.setAccessibleName(tr("How far {title} is", title=line.title))
        set_property(self._bar, "still", line.state in ("paused", "queued", "failed"))
        for verb, button in self._buttons.items():
            button.setVisible(verb in line.verbs)
            button.setAccessibleName(f"{button.toolTip()}: {line.title}")

    def _button(self, theme: Theme, verb: str, title: str) -> ToolButton:
        button = ToolButton(theme, f"hub.{verb}", title, ICONS[verb], 16)
        button.clicked.connect(lambda: self.acted.emit(verb, self._id))
        return button


def _area(theme: Theme) -> tuple[QScrollArea, QVBoxLayout]:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    inner = QWidget()
    column = QVBoxLayout(inner)
    column.setContentsMargins(0, 0, theme.px(4), 0)
    column.setSpacing(0)
    column.addStretch(1)
    area.setWidget(inner)
    return area, column
