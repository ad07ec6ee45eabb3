"""A page to come says so, in one sentence, and offers what is there today."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.chip import Chip
from app.ui.widgets.label import Label


class ComingPage(QWidget):
    """`go(page)`: to a page that is there."""

    go = Signal(str)

    def __init__(self, theme: Theme, page: str, title: str, sentence: str) -> None:
        super().__init__()
        px = theme.px
        column = QWidget()
        column.setMaximumWidth(px(460))
        body = QVBoxLayout(column)
        body.setSpacing(px(12))
        body.addWidget(Chip(theme, tr("coming"), "plain"))
        body.addWidget(Label(theme, title, "large", weight="semibold"))
        body.addWidget(Label(theme, sentence, "text", "dim", wrap=True))
        button = QPushButton(tr("Go to Chat"))
        button.setObjectName(f"{page}.go_chat")
        button.setAccessibleName(tr("Go to Chat"))
        button.clicked.connect(lambda: self.go.emit("chat"))
        body.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(column, 1000)
        row.addStretch(1)
        outer = QVBoxLayout(self)
        outer.addStretch(2)
        outer.addLayout(row)
        outer.addStretch(3)
