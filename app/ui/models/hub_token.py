"""The hub's token: given once, kept where its words say, never shown again."""

from __future__ import annotations

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton

from app.ui.frame.popup import Popup
from app.ui.language import tr
from app.ui.state.hub_token import HubToken
from app.ui.theme import Theme
from app.ui.widgets.label import Label


class TokenPopup(Popup):
    """Opens at a button; sets and forgets through `state`."""

    def __init__(self, theme: Theme, state: HubToken, make_at: str) -> None:
        super().__init__(theme, tr("Token of the hub"))
        self._state, self._make_at = state, make_at
        why = tr("For gated and private models. It is sent to the hub alone, and is in no log.")
        self.words = Label(theme, "", "text", wrap=True)
        self.field = QLineEdit()
        self.field.setObjectName("hub.token")
        self.field.setAccessibleName(tr("Token"))
        self.field.setPlaceholderText(tr("hf_…"))
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.returnPressed.connect(self._save)
        self.field.textChanged.connect(self.refresh)
        self.save = self._button("token_save", tr("Keep it"), self._save)
        self.save.setProperty("kind", "primary")
        self.forget = self._button("token_forget", tr("Forget it"), state.forget)
        self.make = self._button("token_make", tr("Make one…"), self._make)
        self.make.setToolTip(tr("Opens the hub's own page in the browser"))
        self.make.setProperty("kind", "quiet")
        row = QHBoxLayout()
        row.setSpacing(theme.px(8))
        row.addWidget(self.save)
        row.addWidget(self.forget)
        row.addStretch(1)
        row.addWidget(self.make)
        self.body.addWidget(self.words)
        self.body.addWidget(self.field)
        self.body.addLayout(row)
        self.body.addWidget(Label(theme, why, "dim", "dim", wrap=True))
        state.changed.connect(self.refresh)
        self.closed.connect(self.field.clear)
        self.refresh()

    def refresh(self) -> None:
        """Say how it stands."""
        state = self._state
        self.words.setText(state.words)
        self.words.set_tone("bad" if state.error else "text")
        self.save.setEnabled(bool(self.field.text().strip()) and not state.busy)
        self.forget.setVisible(state.can_forget)
        self.forget.setEnabled(not state.busy)

    def _save(self) -> None:
        if self.save.isEnabled():
            self._state.set(self.field.text())
            self.field.clear()

    def _make(self) -> None:
        QDesktopServices.openUrl(QUrl(self._make_at))

    def _button(self, role: str, text: str, act: object) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(f"hub.{role}")
        button.setAccessibleName(text)
        button.clicked.connect(lambda: act())  # type: ignore[operator]
        return button
