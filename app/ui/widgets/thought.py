"""What a model thought before its answer: one folded line with its time, and the words below it when asked for."""

from __future__ import annotations

import time

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.ui import icons
from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.message_body import MessageBody

TICK_MS = 500


class Thought(QWidget):
    """Hidden while there is no thought. Its words are rendered only once it is unfolded."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._words: list[str] = []
        self._body: MessageBody | None = None
        self._since: float | None = None
        self._seconds: float | None = None
        self.toggle = QPushButton()
        self.toggle.setObjectName("message.thought")
        self.toggle.setProperty("kind", "quiet")
        self.toggle.setProperty("fold", "true")
        self.toggle.setCheckable(True)
        self.toggle.toggled.connect(self._fold)
        self._refresh_icon = icons.bind(self.toggle, theme, "chevron-right", "dim", 12)
        theme.changed.connect(self._say)
        self._well = self._make_well()
        row = QHBoxLayout()
        row.addWidget(self.toggle)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(4))
        column.addLayout(row)
        column.addWidget(self._well)
        self._tick = QTimer(self)
        self._tick.setInterval(TICK_MS)
        self._tick.timeout.connect(self._say)
        self.hide()

    def text(self) -> str:
        """The thought."""
        return "".join(self._words)

    @property
    def seconds(self) -> float | None:
        """How long it took; None where that is not known."""
        return self._seconds

    def begin(self) -> None:
        """The model thinks from now on."""
        if self._since is None:
            self._since = time.monotonic()
            self._tick.start()
            self._say()
            self.show()

    def append(self, delta: str) -> None:
        """More of it."""
        if not self._words:
            delta = delta.lstrip("\n")
        if delta:
            self._words.append(delta)
            if self._body is not None:
                self._body.append(delta)

    def finish(self) -> None:
        """It has ended; one without words does not show."""
        if self._since is not None:
            self._seconds, self._since = time.monotonic() - self._since, None
        self._tick.stop()
        if self._body is not None:
            self._body.finish()
        self._say()
        self.setVisible(bool(self.text().strip()))

    def set_text(self, text: str) -> None:
        """Replace it; it is whole."""
        self._words, self._since, self._seconds = [text] if text else [], None, None
        self._tick.stop()
        if self._body is not None:
            self._body.set_text(text)
        self._say()
        self.setVisible(bool(text.strip()))

    def set_seconds(self, seconds: float | None) -> None:
        """How long it took, from the run's record."""
        if seconds is not None:
            self._seconds = seconds
            self._say()

    def _fold(self, unfolded: bool) -> None:
        if unfolded and self._body is None:
            self._body = MessageBody(self._theme)
            self._well_row.addWidget(self._body)
            self._body.append(self.text())
            if self._since is None:
                self._body.finish()
        self._well.setVisible(unfolded)
        self._say()

    def _say(self) -> None:
        if self._since is not None:
            title = tr("Thinking… {seconds:,.0f} s", seconds=time.monotonic() - self._since)
        elif self._seconds is not None:
            title = tr("Thought for {seconds:,.1f} s", seconds=self._seconds)
        else:
            title = tr("Thought")
        self.toggle.setText(title)
        state = tr("unfolded") if self.toggle.isChecked() else tr("folded")
        self.toggle.setAccessibleName(f"{title}, {state}")
        name = "chevron-down" if self.toggle.isChecked() else "chevron-right"
        self.toggle.setIcon(icons.icon(self._theme, name, "dim", 12))

    def _make_well(self) -> QWidget:
        rule = QFrame()
        rule.setProperty("rule", "v")
        well = QWidget()
        self._well_row = QHBoxLayout(well)
        self._well_row.setContentsMargins(self._theme.px(6), 0, 0, 0)
        self._well_row.setSpacing(self._theme.px(12))
        self._well_row.addWidget(rule)
        well.hide()
        return well
