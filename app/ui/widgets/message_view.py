"""One message: a person's bubble at the right, or an answer over the whole column with its thinking, figures and verbs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QEnterEvent, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.ui.language import tr
from app.ui.state.thinking import Grown, Splitter
from app.ui.state.transcript import Row
from app.ui.theme import Theme
from app.ui.widgets.label import Label, Tone, hint
from app.ui.widgets.message_body import MessageBody
from app.ui.widgets.message_bubble import MessageBubble
from app.ui.widgets.message_editor import MessageEditor
from app.ui.widgets.message_verbs import ANSWER_VERBS, PERSON_VERBS, MessageVerbs
from app.ui.widgets.thought import Thought

MAX_WIDTH = 760

Role = Literal["user", "assistant"]
Status = Literal["streaming", "done", "cancelled", "error", "interrupted"]


class MessageView(QWidget):
    """`acted(verb)`; `edited(text)`: the whole text, changed in place; `painted(n)`: n characters are on the screen."""

    acted = Signal(str)
    edited = Signal(str)
    painted = Signal(int)
    resized = Signal()

    def __init__(self, theme: Theme, role: Role, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._role = theme, role
        self.setObjectName(f"message.{role}")
        self.setAccessibleName(tr("Your message") if role == "user" else tr("Answer"))
        self.setMaximumWidth(theme.px(MAX_WIDTH))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)  # it paints nothing itself, and grows at its end
        self._status: Status = "done"
        self._raw: list[str] = []
        self._length = self._body_length = 0
        self._splitter = Splitter()
        self._thought: Thought | None = None
        self._check: Label | None = None
        self._panel: QWidget | None = None
        self._editor: MessageEditor | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.px(6))
        self.body: MessageBubble | MessageBody = MessageBubble(theme) if role == "user" else MessageBody(theme)
        self.body.painted.connect(self._body_painted)
        if isinstance(self.body, MessageBody):
            self.body.resized.connect(self._resized)
        self.foot = _Foot(theme, role)
        self.verbs = self.foot.verbs
        self.verbs.acted.connect(self._act)
        self._column.addWidget(self.body)
        self._column.addWidget(self.foot)

    @property
    def role(self) -> Role:
        """Whose message it is."""
        return self._role

    @property
    def status(self) -> Status:
        """How the message stands."""
        return self._status

    @property
    def thought(self) -> Thought | None:
        """The block of its thinking; None where there never was any."""
        return self._thought

    @property
    def editor(self) -> MessageEditor | None:
        """The editor, while the message is being changed."""
        return self._editor

    def text(self) -> str:
        """The message as it was written, thinking included."""
        if len(self._raw) > 1:
            self._raw = ["".join(self._raw)]
        return self._raw[0] if self._raw else ""

    def show_row(self, row: Row) -> None:
        """Be what `row` says; what is shown already is not rendered again."""
        if isinstance(self.body, MessageBubble):
            self.body.set_files(row.files)
        if row.status == "streaming":
            self._grow_to(row.text)
            self.set_status("streaming")
        else:
            self._settle(row)
        self.verbs.set_version(row.version, row.versions)
        self._show_check(row.check, row.check_ok)
        if self._thought is not None:
            self._thought.set_seconds(row.thought_s)

    def set_text(self, text: str) -> None:
        """Replace everything; it is whole."""
        self._raw, self._length = [text], len(text)
        if isinstance(self.body, MessageBubble):
            self.body.set_text(text)
            return
        self._splitter = Splitter()
        first, last = self._splitter.feed(text), self._splitter.finish()
        if self._thought is not None or first.thought or last.thought:
            self._make_thought().set_text((first.thought + last.thought).strip())
        answer = first.answer + last.answer
        self._body_length = len(answer)
        self.body.set_text(answer.lstrip("\n"))

    def append(self, delta: str) -> None:
        """Add text at the end: costs what the last piece costs, whatever stands before it."""
        self._raw.append(delta)
        self._length += len(delta)
        if isinstance(self.body, MessageBubble):
            self.body.append(delta)
        else:
            self._take(self._splitter.feed(delta))

    def finish(self, footer: str = "", tip: str = "") -> None:
        """No more text. footer: the run's figures in one line; tip: how they were taken."""
        if self._role == "assistant":
            self._take(self._splitter.finish())
            if self._thought is not None:
                self._thought.finish()
        self.body.finish()
        self.foot.show_figures(footer, tip)
        if self._status == "streaming":
            self.set_status("done")

    def set_status(self, status: Status) -> None:
        """Streaming shows a caret; an end that is not "done" says why."""
        self._status = status
        self.body.set_caret(status == "streaming")
        self.foot.say(*_status_words(status))

    def set_verbs(self, verbs: Collection[str]) -> None:
        """What may be done with it now."""
        self.verbs.set_verbs(verbs)

    def set_panel(self, panel: QWidget | None) -> None:
        """Show `panel` below the text, in place of the one before, which is deleted; None: nothing."""
        if self._panel is not None:
            self._column.removeWidget(self._panel)
            self._panel.hide()
            self._panel.deleteLater()
        self._panel = panel
        if panel is not None:
            self._column.insertWidget(self._column.indexOf(self.foot), panel)

    def flush(self) -> None:
        """Draw all text now (for pictures and tests)."""
        self.body.flush()

    def copy(self) -> None:
        """Put the message on the clipboard, without its thinking."""
        QGuiApplication.clipboard().setText(self.body.text())
        self.verbs.say_copied()

    def edit(self) -> None:
        """Change the message in its place."""
        if self._editor is not None:
            return
        self._editor = MessageEditor(self._theme, self.body.text(), self._role == "user")
        self._editor.saved.connect(self._save)
        self._editor.cancelled.connect(self.end_edit)
        self._column.insertWidget(self._column.indexOf(self.body), self._editor)
        self.body.hide()
        self.foot.hide()
        self._editor.edit.setFocus()

    def end_edit(self) -> None:
        """Show the message again, as it was."""
        if self._editor is None:
            return
        self._column.removeWidget(self._editor)
        self._editor.hide()
        self._editor.deleteLater()
        self._editor = None
        self.body.show()
        self.foot.show()
        self.verbs.button("edit").setFocus()

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802  Qt's name
        self.verbs.set_hovered(True)
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  Qt's name
        self.verbs.set_hovered(False)
        super().leaveEvent(event)

    def _settle(self, row: Row) -> None:
        if self._status == "streaming" and row.text.startswith(self.text()):
            self.append(row.text[self._length :])
        elif self.text() != row.text:
            self.set_text(row.text)
        self.finish(row.footer)
        self.set_status(row.status)  # type: ignore[arg-type]
        if self._role == "assistant" and row.status == "done" and not row.text.strip():
            self.foot.say(tr("The model ended at once, without a word."), "dim")

    def _grow_to(self, text: str) -> None:
        shown = self.text()
        if text.startswith(shown):
            if text != shown:
                self.append(text[len(shown) :])
            return
        self._raw, self._length, self._body_length, self._splitter = [], 0, 0, Splitter()
        if isinstance(self.body, MessageBody):
            self.body.clear()
        self.append(text)

    def _take(self, grown: Grown) -> None:
        """Give each part what it has grown by."""
        body = self.body
        if not isinstance(body, MessageBody):
            return
        if grown.moved:
            self._make_thought().set_text(body.text() + grown.thought)
            body.clear()
            self._body_length = 0
        elif grown.thought or self._splitter.open:
            thought = self._make_thought()
            thought.begin()
            thought.append(grown.thought)
        if self._thought is not None and self._splitter.settled and not grown.moved:
            self._thought.finish()
        self._body_length += len(grown.answer)
        body.append(grown.answer if body.length else grown.answer.lstrip("\n"))

    def _make_thought(self) -> Thought:
        if self._thought is None:
            self._thought = Thought(self._theme)
            self._column.insertWidget(0, self._thought)
        return self._thought

    def _show_check(self, words: str, ok: bool) -> None:
        if self._check is None and words:
            self._check = Label(self._theme, "", "dim", wrap=True)
            self._check.setObjectName("message.check")
            self._column.insertWidget(self._column.indexOf(self.body) + 1, self._check)
        if self._check is not None:
            self._check.setText(words)
            self._check.set_tone("good" if ok else "bad")
            self._check.setVisible(bool(words))

    def _body_painted(self, characters: int) -> None:
        self.painted.emit(min(self._length, self._length - self._body_length + characters))

    def _resized(self) -> None:
        """Ask for the new height now: three turns of the event loop for three layouts would be three paints."""
        self.body.updateGeometry()
        self.updateGeometry()
        self.resized.emit()

    def _act(self, verb: str) -> None:
        if verb == "copy":
            self.copy()
        elif verb == "edit":
            self.edit()
        self.acted.emit(verb)

    def _save(self, text: str) -> None:
        whole = self.text()
        before = whole.removesuffix(self.body.text()) if self._role == "assistant" else ""
        self.end_edit()
        self.edited.emit(before + text)


class _Foot(QWidget):
    """How it ended, what it cost, and what can be done with it."""

    def __init__(self, theme: Theme, role: Role) -> None:
        super().__init__()
        self.status = Label(theme, "", "dim", "dim")
        self.figures = Label(theme, "", "dim", "dim", wrap=True)
        self.verbs = MessageVerbs(theme, PERSON_VERBS if role == "user" else ANSWER_VERBS)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.px(10))
        row.addWidget(self.status)
        row.addWidget(self.figures, 1)
        row.addWidget(self.verbs)
        self.status.hide()

    def show_figures(self, words: str, tip: str) -> None:
        if self.figures.text() != words:
            self.figures.setText(words)
        self.figures.setToolTip(hint(tip))

    def say(self, words: str, tone: Tone) -> None:
        self.status.setText(words)
        self.status.set_tone(tone)
        self.status.setVisible(bool(words))


def _status_words(status: Status) -> tuple[str, Tone]:
    if status == "cancelled":
        return tr("Stopped. What there was is kept."), "dim"
    if status == "error":
        return tr("The engine failed before the end."), "bad"
    if status == "interrupted":
        return tr("Tandem ended before this answer did."), "warning"
    return "", "dim"
