"""Cards: a quiet frame for things that belong together, and the frame that says what went wrong and mends it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.ui import icons
from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.label import Label, Tone


class Card(QFrame):
    """A surface with a line around it; put things into `body`."""

    def __init__(self, theme: Theme, title: str = "", kind: str = "true", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("card", kind)
        self.body = QVBoxLayout(self)
        edge = theme.px(12)
        self.body.setContentsMargins(edge, edge, edge, edge)
        self.body.setSpacing(theme.px(8))
        self.head = QHBoxLayout()
        self.head.setSpacing(theme.px(8))
        self.title = Label(theme, title, "dim", "dim", "semibold")
        self.head.addWidget(self.title)
        self.head.addStretch(1)
        if title:
            self.body.addLayout(self.head)
        else:
            self.title.setParent(self)
            self.title.hide()


class ErrorCard(Card):
    """What happened, why, what to do, and the buttons that do it. `details` (a log) stay folded."""

    action = Signal(str)

    def __init__(
        self,
        theme: Theme,
        title: str,
        message: str,
        hint: str = "",
        actions: Sequence[tuple[str, str]] = (),
        details: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, kind="bad", parent=parent)
        self.setObjectName("error.card")
        self.setAccessibleName(f"{title}. {message} {hint}".strip())
        self._theme = theme
        self.body.addLayout(self._heading(title))
        self.body.addWidget(self._words(message, "text"))
        if hint:
            self.body.addWidget(self._words(hint, "dim"))
        self.details = self._details(details)
        self.body.addLayout(self._buttons(actions, bool(details)))
        self.body.addWidget(self.details)
        self.details.hide()

    def _heading(self, title: str) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(self._theme.px(8))
        self._mark = QLabel()
        self._tint()
        self._theme.changed.connect(self._tint)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(Label(self._theme, title, "title", "text", "semibold", wrap=True), 1)
        return row

    def _tint(self) -> None:
        self._mark.setPixmap(icons.pixmap("error", self._theme.tokens.bad, self._theme.px(18)))

    def _words(self, text: str, tone: Tone) -> Label:
        words = Label(self._theme, text, "text", tone, wrap=True)
        words.setObjectName("error.words")
        words.setAccessibleName(text)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return words

    def _buttons(self, actions: Sequence[tuple[str, str]], more: bool) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(self._theme.px(8))
        for index, (name, label) in enumerate(actions):
            button = QPushButton(label)
            button.setObjectName(f"error.{name}")
            button.setAccessibleName(label)
            if index == 0:
                button.setProperty("kind", "primary")
            button.clicked.connect(lambda _=False, name=name: self.action.emit(name))
            row.addWidget(button)
        row.addStretch(1)
        if more:
            row.addWidget(self._fold())
        return row

    def _fold(self) -> QPushButton:
        button = QPushButton(tr("Details"))
        button.setObjectName("error.details")
        button.setAccessibleName(tr("Show what the engine wrote"))
        button.setProperty("kind", "quiet")
        button.setCheckable(True)
        button.toggled.connect(self.details.setVisible)
        return button

    def _details(self, text: str) -> QPlainTextEdit:
        view = QPlainTextEdit(text)
        view.setObjectName("error.log")
        view.setAccessibleName(tr("What the engine wrote"))
        view.setReadOnly(True)
        view.setProperty("code", "true")
        view.setFont(self._theme.code_font("caption"))
        view.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        view.setFixedHeight(self._theme.px(140))
        return view
