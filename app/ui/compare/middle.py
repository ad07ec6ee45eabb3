"""The middle of the Compare page: prompt, outputs, table, verdict; the outputs get what the table does not need."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.glossary import Glossary
from app.ui.compare.comparison_table import ComparisonTable
from app.ui.compare.outputs import Outputs
from app.ui.compare.prompt_bar import PromptBar
from app.ui.frame.quiet_scroll import BAR, QuietScroll
from app.ui.language import tr
from app.ui.state.replay import ReplayState
from app.ui.theme import Theme
from app.ui.widgets.replay_bar import ReplayBar
from app.ui.widgets.verdict_card import VerdictCard

EDGE = 16
GAP = 10
LIVE = 96  # more for the outputs while they grow


class Middle(QWidget):
    """Lays out; the page fills the parts."""

    def __init__(self, theme: Theme, glossary: Glossary, replay: ReplayState, page: str) -> None:
        super().__init__()
        self._theme = theme
        self._replay = replay
        self.prompt = PromptBar(theme)
        self.replay_bar = ReplayBar(theme, replay)
        self.outputs = Outputs(theme, glossary)
        self.table = ComparisonTable(theme, glossary)
        self.verdict = VerdictCard(theme)
        px = theme.px
        self._live = False
        body = QWidget()
        self._scroll = QuietScroll()
        self._scroll.setObjectName(f"{page}.middle")
        self._scroll.setAccessibleName(tr("Prompt, outputs, table and verdict"))
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidgetResizable(False)  # `fit` says how tall the body is
        self._scroll.setWidget(body)
        self._body = body
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._scroll)
        column = QVBoxLayout(body)
        column.setContentsMargins(px(EDGE), px(12), px(EDGE - BAR), px(12))
        column.setSpacing(px(GAP))
        column.addWidget(self.prompt)
        column.addWidget(self.replay_bar)
        column.addWidget(self.outputs, 1)
        column.addWidget(self.table)
        column.addWidget(self.verdict)
        self.verdict.unfolded.connect(self.fit)

    def show_parts(self, table: bool, verdict: bool, replay: bool, live: bool) -> None:
        """Which parts there are now. live: texts grow, so the outputs get more room than the table's last rows."""
        self._live = live
        self.table.setVisible(table)
        self.verdict.setVisible(verdict)
        self.replay_bar.setVisible(replay)
        self.fit()

    def fit(self) -> None:
        """The outputs get what they need at least; then the table its rows; then the verdict its words; the rest is theirs.
        In a window that is too low for all of it, the page scrolls."""
        px = self._theme.px
        width = self.width() - 2 * px(EDGE)
        needed = 2 * px(12) + self.outputs.least_height(width)
        for part in (self.prompt, self.replay_bar):
            if not part.isHidden():
                needed += max(part.sizeHint().height(), part.minimumHeight()) + px(GAP)
        room = self.height() - needed - (px(LIVE) if self._live else 0)
        wanted = 0 if self.table.isHidden() else self.table.natural_height() + px(GAP)
        if not self.verdict.isHidden():
            whole = self.verdict.whole_height(width) + px(GAP)
            mine = self.verdict.fold(width, wanted + whole > room) + px(GAP)
            room, needed = room - mine, needed + mine
        if not self.table.isHidden():
            mine = self.table.height_within(room - px(GAP))
            self.table.setFixedHeight(mine)
            needed += mine + px(GAP)
        self._body.resize(self.width() - px(BAR), max(self.height(), needed))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        self.fit()
