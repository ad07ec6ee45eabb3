"""What the page says before there is a server: what one is good for, and the two ways to have one."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.library.servers import PRESETS
from app.ui.language import tr
from app.ui.servers.parts import button, row
from app.ui.theme import Theme
from app.ui.widgets.flow import Flow
from app.ui.widgets.label import Label


class ServersLesson(QWidget):
    """`add_wanted(kind)`: a server of this kind; `launch_wanted`: one that is started here."""

    add_wanted = Signal(str)
    launch_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        px = theme.px
        column = QVBoxLayout(self)
        column.setContentsMargins(0, px(48), 0, 0)
        column.setSpacing(px(12))
        column.addWidget(
            Label(theme, tr("Models on a server are models like any other"), "large", weight="semibold", wrap=True)
        )
        words = tr(
            "Name the address of an OpenAI-compatible server: on this machine or on another one. Its models then stand in Chat's "
            "picker, and they are lanes in Compare: the same model in process and on the server, side by side, with the network's "
            "time as a bar of its own."
        )  # fmt: skip
        column.addWidget(Label(theme, words, "text", "dim", wrap=True))
        column.addSpacing(px(4))
        add = button(
            "lesson_add", tr("Add a server"), lambda: self.add_wanted.emit(""), "primary", icon=(theme, "plus")
        )
        self.launch = button("lesson_launch", tr("Start one here"), self.launch_wanted.emit, icon=(theme, "play"))
        column.addLayout(row(theme, add, self.launch))
        column.addSpacing(px(12))
        column.addWidget(Label(theme, tr("Where they listen unless told otherwise:"), "dim", "dim"))
        flow = Flow(px(8))
        for preset in PRESETS:
            if preset.kind:
                flow.addWidget(self._preset(theme, preset.kind, preset.title, preset.url))
        column.addLayout(flow)
        column.addStretch(1)

    def _preset(self, theme: Theme, kind: str, title: str, url: str) -> QWidget:
        made = button(
            f"lesson_{kind}", f"{title}  {url.split('//')[1].split('/')[0]}", lambda: self.add_wanted.emit(kind)
        )
        made.setProperty("kind", "pill")
        made.setAccessibleName(tr("Add a {kind} server at {url}", kind=title, url=url))
        return made
