"""The form of a server: a preset fills the address; the key goes to the keyring and is never shown again."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QHBoxLayout, QLineEdit, QWidget

from app.errors import TandemError
from app.library.servers import PRESETS, Server
from app.ui.language import tr
from app.ui.servers.parts import button, field, labelled, row
from app.ui.state.server_keeping import Draft
from app.ui.theme import Theme, set_property
from app.ui.widgets.card import Card
from app.ui.widgets.label import Label


class ServerForm(Card):
    """`saved(Draft)`, `cancelled`."""

    saved = Signal(object)
    cancelled = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, kind="true")
        self._theme = theme
        self.setObjectName("servers.form")
        self.heading = Label(theme, "", "title", weight="semibold")
        self.preset = QComboBox()
        self.preset.setObjectName("servers.preset")
        self.preset.setAccessibleName(tr("Kind of server"))
        for preset in PRESETS:
            self.preset.addItem(preset.title if preset.kind else tr("Another server"), preset.kind)
        self.preset.activated.connect(self._preset_chosen)
        self.url = field("url", tr("Address"), "http://127.0.0.1:8000/v1")
        self.name = field("title", tr("Name"), tr("As it should be called here"))
        self.key = field("key", tr("Key"))
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        self.where = Label(theme, "", "caption", "dim", wrap=True)
        self.forget = _check("forget_key", tr("Forget the key"))
        self.file = field(
            "ca_file", tr("Certificate file"), tr("Only for a certificate that this computer does not know")
        )
        self.unchecked = _check("no_verify", tr("Do not check the certificate"))
        self.unchecked.toggled.connect(self._weigh)
        self.warning = Label(theme, "", "caption", "warning", wrap=True)
        self.wrong = Label(theme, "", "dim", "bad", wrap=True)
        self.wrong.setObjectName("servers.form_wrong")
        self.save = button("save", tr("Save and ask it"), self._save, "primary")
        self._lay_out()
        for edit in (self.url, self.name, self.key, self.file):
            edit.returnPressed.connect(self._save)
        self.begin()

    def begin(self, server: Server | None = None) -> None:
        """Empty, or a server's facts."""
        self.heading.setText(tr("Change “{title}”", title=server.title) if server else tr("Add a server"))
        kind = server.kind if server else PRESETS[0].kind
        self.preset.setCurrentIndex(max(0, self.preset.findData(kind)))
        self.url.setText(server.url if server else PRESETS[0].url)
        self.name.setText(server.title if server else "")
        self.file.setText(server.ca_file if server else "")
        self.unchecked.setChecked(server is not None and not server.verify)
        has_key = server is not None and server.key
        self.key.clear()
        self.key.setPlaceholderText(
            tr("A key is kept; type to replace it") if has_key else tr("Only where it asks for one")
        )
        self.forget.setChecked(False)
        self.forget.setVisible(has_key)
        self.show_wrong(None)
        self._weigh()

    def show_wrong(self, error: TandemError | None) -> None:
        """What cannot be taken, below the fields; the address is marked."""
        self.wrong.setText(f"{error.message} {error.hint}".strip() if error else "")
        self.wrong.setVisible(error is not None)
        set_property(self.url, "wrong", "true" if error is not None and error.code == "bad_url" else "false")

    def show_kept(self, kept: bool | None, busy: bool) -> None:
        """Where a key goes, as far as it is known; busy: the last one is being written."""
        where = (
            tr("Kept in this system's keyring, not in Tandem's files; shown nowhere.") if kept is not False
            else tr("There is no keyring here: it is kept until Tandem is closed, and written nowhere.")
        )  # fmt: skip
        self.where.setText(where)
        self.save.setEnabled(not busy)

    def draft(self) -> Draft:
        """What stands in the fields."""
        return Draft(
            self.url.text(), self.name.text().strip(), str(self.preset.currentData() or ""), self.key.text().strip(),
            self.file.text().strip(), not self.unchecked.isChecked(), self.forget.isChecked(),
        )  # fmt: skip

    def take_focus(self) -> None:
        """Ready to type."""
        self.url.setFocus()
        self.url.selectAll()

    def take_key(self) -> None:
        """Ready to type the key."""
        self.key.setFocus()

    def _save(self) -> None:
        draft = self.draft()
        self.key.clear()  # it stands nowhere longer than it must
        self.saved.emit(draft)

    def _preset_chosen(self, index: int) -> None:
        if self.url.text().strip() in ("", *(preset.url for preset in PRESETS)):
            self.url.setText(PRESETS[index].url)

    def _weigh(self) -> None:
        on = self.unchecked.isChecked()
        self.warning.setText(
            tr("Anyone on the way could read what you send, and its key. For a server in your own network only.")
            if on
            else ""
        )
        self.warning.setVisible(on)
        self.file.setEnabled(not on)

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Certificate file"), "", "*.pem *.crt *.cer")
        if path:
            self.file.setText(path)
            self.unchecked.setChecked(False)

    def _lay_out(self) -> None:
        theme, px = self._theme, self._theme.px
        self.body.setContentsMargins(px(20), px(16), px(20), px(16))
        self.body.setSpacing(px(14))
        self.body.addWidget(self.heading)
        first = QHBoxLayout()
        first.setSpacing(px(12))
        first.addLayout(labelled(theme, tr("Kind of server"), self.preset), 1)
        first.addLayout(labelled(theme, tr("Address"), self.url), 2)
        self.body.addLayout(first)
        self.body.addLayout(labelled(theme, tr("Name"), self.name))
        key = labelled(theme, tr("Key"), self.key)
        key.addWidget(self.where)
        self.body.addLayout(key)
        self.body.addWidget(self.forget)
        self.body.addLayout(labelled(theme, tr("Certificate file"), self._file_line()))
        self.body.addWidget(self.unchecked)
        self.body.addWidget(self.warning)
        self.body.addWidget(self.wrong)
        cancel = button("cancel_form", tr("Cancel"), self.cancelled.emit)
        self.body.addLayout(row(theme, self.save, cancel))

    def _file_line(self) -> QWidget:
        line = QWidget()
        across = QHBoxLayout(line)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(self._theme.px(8))
        across.addWidget(self.file, 1)
        across.addWidget(button("browse_ca", tr("Choose…"), self._browse, says=tr("Choose a certificate file")))
        return line


def _check(name: str, words: str) -> QCheckBox:
    made = QCheckBox(words)
    made.setObjectName(f"servers.{name}")
    made.setAccessibleName(words)
    return made
