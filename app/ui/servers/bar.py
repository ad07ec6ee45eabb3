"""The top bar of the Servers page: its three views as one segmented control, and the main verb of each."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QWidget

from app.ui.language import tr
from app.ui.servers.parts import button
from app.ui.theme import Theme
from app.ui.widgets.label import Label

VIEWS = ("servers", "load", "deploy")


class ServersBar(QWidget):
    """`view_chosen(index of VIEWS)`; `add_wanted`: a server; `open_wanted`: results of another program."""

    view_chosen = Signal(int)
    add_wanted = Signal()
    open_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._tabs = QButtonGroup(self)
        line = QHBoxLayout(self)
        line.setContentsMargins(theme.px(16), 0, theme.px(16), 0)
        line.setSpacing(theme.px(4))
        titles = (tr("Servers"), tr("Load test"), tr("Deploy"))
        for index, (name, title) in enumerate(zip(VIEWS, titles, strict=True)):
            tab = button(f"view_{name}", title, self._chooser(index), "tab")
            tab.setCheckable(True)
            self._tabs.addButton(tab, index)
            line.addWidget(tab)
        line.addSpacing(theme.px(8))
        self._said = Label(theme, "", "dim", "dim")
        line.addWidget(self._said)
        line.addStretch(1)
        self.add = button("add", tr("Add a server"), self.add_wanted.emit, icon=(theme, "plus"))
        self.open = button(
            "open_results", tr("Open results…"), self.open_wanted.emit,
            says=tr("Open results of guidellm or of vLLM's own benchmark beside ours"),
        )  # fmt: skip
        line.addWidget(self.add)
        line.addWidget(self.open)
        self.show_view(0)

    def _chooser(self, index: int) -> Callable[[], None]:
        return lambda: self.view_chosen.emit(index)

    def show_view(self, index: int) -> None:
        """Mark a view and show its verb."""
        self.say("")
        self._tabs.button(index).setChecked(True)
        self.add.setVisible(index == 0)
        self.open.setVisible(index == 1)

    def say(self, words: str) -> None:
        """A short word beside the views."""
        self._said.setText(words)
