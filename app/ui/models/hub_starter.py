"""One model of the starter pack: what it is, and the button that gets it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.ui.language import tr
from app.ui.state import words
from app.ui.state.hub_lines import formats, tasks
from app.ui.state.hub_starters import HubStarters, StarterLine
from app.ui.theme import Theme, set_property
from app.ui.widgets.card import Card
from app.ui.widgets.chip import Chip
from app.ui.widgets.flow import Flow
from app.ui.widgets.label import Label


class StarterCard(QWidget):
    """`chat_wanted(model, variant)` where it is here and can talk."""

    chat_wanted = Signal(str, str)

    def __init__(self, theme: Theme, starters: HubStarters) -> None:
        super().__init__()
        px = theme.px
        self._starters = starters
        self._line: StarterLine | None = None
        self.title = Label(theme, "", "large", weight="semibold", wrap=True)
        self.about = Label(theme, "", "text", "dim", wrap=True)
        facts = QWidget()
        flow = Flow(px(6), facts)
        self._chips = [Chip(theme, "", "plain") for _ in range(4)]
        for chip in self._chips:
            flow.addWidget(chip)
        self.source = Label(theme, "", "dim", "dim", wrap=True)
        self.button = QPushButton()
        self.button.setObjectName("hub.starter")
        self.button.clicked.connect(self._clicked)
        self.state = Label(theme, "", "dim", "dim", wrap=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(tr("How far it is"))
        card = Card(theme)
        row = QHBoxLayout()
        row.setSpacing(px(12))
        row.addWidget(self.button)
        row.addWidget(self.state, 1)
        card.body.addLayout(row)
        card.body.addWidget(self.bar)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(12))
        for part in (self.title, facts, self.about, card, self.source):
            column.addWidget(part)

    def show_line(self, line: StarterLine) -> None:
        """Show it as it stands now."""
        self._line = line
        self.title.setText(line.title)
        self.about.setText(line.about)
        kind = formats().get(line.format, line.format)
        facts = (tasks().get(line.task, line.task), words.size(line.bytes), kind, line.licence)
        for chip, fact in zip(self._chips, facts, strict=True):
            chip.set(fact)
        self.source.setText(
            tr("From {upstream}, inside a Python package: it comes also where only the package index can be reached.",
               upstream=line.upstream)
        )  # fmt: skip
        self._show_button(line)
        failed = " ".join(part for part in (line.message, line.hint) if part)
        self.state.setText(tr("in your library") if line.state == "here" and not line.chat else failed)
        self.state.set_tone("bad" if line.message and not line.state else "dim")
        self.bar.setVisible(line.state in ("getting", "waiting"))
        self.bar.setRange(0, 0 if line.fraction is None and line.state == "getting" else 1000)
        self.bar.setValue(round((line.fraction or 0) * 1000))

    def _show_button(self, line: StarterLine) -> None:
        busy = line.state in ("getting", "waiting")
        text = tr("Cancel") if busy else tr("Chat with it") if line.state == "here" else tr("Get")
        if not line.state and line.message:
            text = tr("Try again")
        self.button.setText(text)
        self.button.setAccessibleName(f"{text}: {line.title}")
        self.button.setVisible(line.state != "here" or line.chat)
        set_property(self.button, "kind", "" if busy else "primary")

    def _clicked(self) -> None:
        line = self._line
        if line is None:
            return
        if line.state == "here":
            self.chat_wanted.emit(line.id, line.variant)
        elif line.state:
            self._starters.cancel(line.id)
        else:
            self._starters.get(line.id)
