"""Earlier load tests: one line each, newest first; opened with a click, put away with its button."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.library.served import telling_name
from app.store import LoadTestRecord
from app.ui.language import tr
from app.ui.state import words
from app.ui.theme import Theme
from app.ui.widgets.label import Label, hint
from app.ui.widgets.tool_button import ToolButton

MOST = 12


class TestList(QWidget):
    """`chosen(id)`, `deleted(id)`."""

    __test__ = False  # pytest takes the name for a test
    chosen = Signal(str)
    deleted = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._shown: tuple[object, ...] = ()
        self._lines: list[QWidget] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.px(2))
        self._column.addWidget(Label(theme, tr("Earlier tests"), "dim", "dim", "semibold"))

    def show_tests(self, tests: Sequence[LoadTestRecord], current: str) -> None:
        """The newest of them; the one that is shown is marked."""
        self.setVisible(bool(tests))
        shown = tuple((test.id, test.status, test.updated, test.id == current) for test in tests[:MOST])
        if shown == self._shown:
            return
        self._shown = shown
        for line in self._lines:
            line.hide()
            line.deleteLater()
        self._lines = [self._line(test, test.id == current) for test in tests[:MOST]]
        for line in self._lines:
            self._column.addWidget(line)

    def _line(self, test: LoadTestRecord, current: bool) -> QWidget:
        line = QWidget()
        across = QHBoxLayout(line)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(self._theme.px(2))
        title = f"{test.title} · {telling_name(test.model)} · {words.moment(test.created)}"
        open_ = QPushButton()
        open_.setText(open_.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, self._theme.px(220)))
        open_.setObjectName("servers.load_earlier")
        open_.setAccessibleName(tr("Open the test {title} of {day}", title=title, day=words.day(test.created)))
        open_.setProperty("kind", "quiet")
        open_.setProperty("fold", "true")
        open_.setCheckable(True)
        open_.setChecked(current)
        open_.setToolTip(hint(f"{title}\n{words.day(test.created)} · {test.url or test.engine} · {test.status}"))
        open_.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        if current:
            open_.setFont(self._theme.font("text", "semibold"))
        open_.clicked.connect(lambda: self.chosen.emit(test.id))
        gone = ToolButton(self._theme, "servers.load_delete", tr("Put away “{title}”", title=title), "trash", 14)
        gone.clicked.connect(lambda: self.deleted.emit(test.id))
        across.addWidget(open_, 1)
        across.addWidget(gone)
        return line
