"""Where a person writes. Enter sends, Shift+Enter breaks the line; while an answer streams the button is Stop."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QImage, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.ui import icons
from app.ui.language import tr
from app.ui.state.prompting import DraftFile
from app.ui.theme import Theme
from app.ui.widgets.composer_edit import LINES, ComposerEdit, takes
from app.ui.widgets.drop_shade import DropShade
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.file_chips import FileChips
from app.ui.widgets.label import Label
from app.ui.widgets.tool_button import ToolButton

__all__ = ["LINES", "Composer"]


class Composer(QFrame):
    """`submitted` carries the text; the composer empties itself then. `draft_changed` is for keeping drafts.

    `attach_wanted`: the person asks for a file dialog. `files_dropped(paths)`, `text_pasted(text)` (too long for the
    field), `picture_pasted(QImage)`, `file_removed(id)`: for `Prompting`. `edit_last`: Up in an empty field.
    """

    submitted = Signal(str)
    stop_requested = Signal()
    draft_changed = Signal(str)
    attach_wanted = Signal()
    files_dropped = Signal(list)
    text_pasted = Signal(str)
    picture_pasted = Signal(QImage)
    file_removed = Signal(str)
    edit_last = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._running, self._reason = False, ""
        self._files: tuple[DraftFile, ...] = ()
        self.setProperty("card", "true")
        self.setAcceptDrops(True)
        self.files = FileChips(theme)
        self.edit = ComposerEdit(theme)
        self.notice = Label(theme, "", "dim", "warning", wrap=True)
        self.notice.setObjectName("chat.composer_notice")
        self.notice.hide()
        self.attach_button = ToolButton(theme, "chat.attach", tr("Add files or pictures"), "attach")
        self.send_button = self._button("chat.send", tr("Send"), "send", "primary")
        self.stop_button = self._button("chat.stop", tr("Stop"), "stop", "")
        self.tokens = ElidedLabel(theme, "", "caption", "dim")
        self.tokens.setObjectName("chat.tokens")
        self.reason = ElidedLabel(theme, "", "dim", "dim")
        self.reason.setObjectName("chat.reason")
        self.shade = DropShade(theme, self)
        self.set_placeholder(tr("Write a message"))
        self._lay_out()
        self._bind()
        self._refresh()

    def _lay_out(self) -> None:
        px = self._theme.px
        column = QVBoxLayout(self)
        column.setContentsMargins(px(12), px(10), px(10), px(10))
        column.setSpacing(px(8))
        for part in (self.files, self.edit, self.notice):
            column.addWidget(part)
        row = QHBoxLayout()
        row.setSpacing(px(8))
        self.tools = QHBoxLayout()
        self.tools.setSpacing(px(2))
        row.addLayout(self.tools)
        row.addWidget(self.reason, 1)
        row.addWidget(self.tokens)
        row.addWidget(self.send_button)
        row.addWidget(self.stop_button)
        column.addLayout(row)
        self.add_tool(self.attach_button)

    def _bind(self) -> None:
        self.edit.entered.connect(self.submit)
        self.edit.textChanged.connect(self._changed)
        self.edit.edit_last.connect(self.edit_last)
        self.edit.text_pasted.connect(self.text_pasted)
        self.edit.files_pasted.connect(self.files_dropped)
        self.edit.picture_pasted.connect(self.picture_pasted)
        self.edit.refused.connect(self.show_notice)
        self.files.removed.connect(self.file_removed)
        self.attach_button.clicked.connect(self.attach_wanted)
        self.send_button.clicked.connect(self.submit)
        self.stop_button.clicked.connect(self.stop_requested)

    def add_tool(self, button: QWidget) -> None:
        """Put a button (System prompt, Saved prompts …) at the left of the foot."""
        self.tools.addWidget(button)

    def text(self) -> str:
        """The draft."""
        return self.edit.toPlainText()

    def set_text(self, text: str) -> None:
        """Replace the draft, e.g. by the one that was stored."""
        if text == self.text():
            return
        self.edit.setPlainText(text)
        self.edit.moveCursor(self.edit.textCursor().MoveOperation.End)

    def insert(self, text: str) -> None:
        """Put `text` (a saved prompt) where the cursor is."""
        self.edit.insertPlainText(text)
        self.edit.setFocus()

    def clear(self) -> None:
        """Empty the draft."""
        self.edit.clear()

    def set_placeholder(self, text: str) -> None:
        """What stands in the empty field, e.g. "Message SmolLM2…"."""
        hint = tr("Enter sends, Shift+Enter breaks the line")
        self.edit.setPlaceholderText(f"{text}   ({hint})")

    def set_running(self, running: bool) -> None:
        """While something runs the button is Stop; writing goes on."""
        self._running = running
        self._refresh()

    @property
    def running(self) -> bool:
        """True while the button is Stop."""
        return self._running

    def set_enabled_reason(self, reason: str) -> None:
        """Why nothing can be sent now; "" if it can. Writing is always possible."""
        self._reason = reason
        self._refresh()

    def set_files(self, files: Sequence[DraftFile]) -> None:
        """The files that the message will carry. It can be sent when all are read and none has a problem."""
        self._files = tuple(files)
        self.files.show_files(self._files)
        self._refresh()

    def show_notice(self, words: str) -> None:
        """Say something above the foot until the next key, e.g. why a paste was refused. "": nothing."""
        self.notice.setText(words)
        self.notice.setVisible(bool(words))

    def set_tokens(self, count: int | None, used: int | None = None, total: int | None = None) -> None:
        """count: tokens of the draft and its files, None while unknown. used: of the conversation before it. total: what
        the context has room for; it is a warning when both together are more."""
        self.tokens.setText(_tokens(count, used, total))
        over = count is not None and total is not None and (used or 0) + count > total
        self.tokens.set_tone("warning" if over else "dim")
        tip = _tip(count, used, total, over)
        self.tokens.set_tip(tip)
        self.tokens.setAccessibleDescription(tip)

    def submit(self) -> None:
        """Send the draft, if it may be sent."""
        text = self.text()
        if not self._can_send(text):
            return
        self.edit.clear()
        self.submitted.emit(text)

    # --- dropping -----------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  Qt's name
        if takes(event.mimeData()):
            self.shade.cover()
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802  Qt's name
        self.shade.hide()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802  Qt's name
        self.shade.hide()
        self.edit.insertFromMimeData(event.mimeData())
        event.acceptProposedAction()
        self.edit.setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        self.shade.setGeometry(self.rect())

    # --- how it stands ------------------------------------------------------------------

    def _changed(self) -> None:
        self.show_notice("")
        self._refresh()
        self.draft_changed.emit(self.text())

    def _can_send(self, text: str) -> bool:
        return not self._running and not self._why_not() and bool(text.strip() or self._files)

    def _why_not(self) -> str:
        if self._reason:
            return self._reason
        if any(file.problem for file in self._files):
            return tr("One file cannot be used.")
        reading = next((file.name for file in self._files if file.reading), "")
        return tr("Reading {name} …", name=reading) if reading else ""

    def _refresh(self) -> None:
        had_focus = self.send_button.hasFocus() or self.stop_button.hasFocus()
        why = self._why_not()
        self.send_button.setVisible(not self._running)
        self.stop_button.setVisible(self._running)
        self.send_button.setEnabled(not why and bool(self._files or not self._is_blank()))
        self.send_button.setToolTip(why or tr("Send (Enter)"))
        self.reason.setText(why)
        if had_focus:
            (self.stop_button if self._running else self.edit).setFocus()

    def _is_blank(self) -> bool:
        return self.edit.document().isEmpty() or not self.text().strip()

    def _button(self, name: str, title: str, icon: str, kind: str) -> QPushButton:
        button = QPushButton(title)
        button.setObjectName(name)
        button.setAccessibleName(title)
        if kind:
            button.setProperty("kind", kind)
        icons.bind(button, self._theme, icon, "on_accent" if kind == "primary" else "text", 16)
        return button


def _tokens(count: int | None, used: int | None, total: int | None) -> str:
    """ "412 + 38 tokens of 4,096", as much of it as is known."""
    if count is None:
        return ""
    if used and total:
        return tr("{used} + {count} tokens of {total}", used=f"{used:,}", count=f"{count:,}", total=f"{total:,}")
    if total:
        return tr("{count} tokens of {total}", count=f"{count:,}", total=f"{total:,}")
    return tr("1 token") if count == 1 else tr("{count} tokens", count=f"{count:,}")


def _tip(count: int | None, used: int | None, total: int | None, over: bool) -> str:
    if count is None or total is None:
        return ""
    words = tr(
        "{used} tokens of the conversation and {count} of this message. The context has room for {total}.",
        used=f"{used or 0:,}", count=f"{count:,}", total=f"{total:,}",
    )  # fmt: skip
    return f"{words} {tr('It does not fit.')}" if over else words
