"""What all lanes are asked, and by which schedule: one line, which opens where one types; files can be dropped on it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QFocusEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
)

from app.lab.compare.plan import Plan
from app.ui import icons
from app.ui.compare.schedule_form import ScheduleForm
from app.ui.language import tr
from app.ui.state import compare_plan as plans
from app.ui.theme import Theme
from app.ui.widgets.elide import ElidedLabel

MOST_BYTES = 1_000_000
LINES = 5


class PromptBar(QFrame):
    """`asked(before, text)`: the prompt was changed. `planned(Plan)`: the schedule was. `step_chosen(i)`: look at that step.
    `unreadable(words)`: a file was no text."""

    asked = Signal(str, str)
    step_chosen = Signal(int)
    planned = Signal(object)
    unreadable = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._plan: Plan | None = None
        self.setProperty("card", "true")
        self.step = QComboBox()
        self.step.setObjectName("compare.prompt_step")
        self.step.setAccessibleName(tr("Which step: its question and its answers"))
        self.step.setToolTip(tr("Which step's question and answers are shown"))
        self.step.activated.connect(self._step_chosen)
        self.edit = _Edit(theme)
        self.edit.setMinimumWidth(theme.px(160))
        self.edit.left.connect(self._changed)
        self.edit.dropped.connect(self._open)
        self.words = ElidedLabel(theme, "", "dim", "dim")
        self.words.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.words.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.open = QToolButton()
        self.open.setObjectName("compare.prompt_file")
        self.open.setAccessibleName(tr("Take the prompt from a text file"))
        self.open.setToolTip(tr("Take the prompt from a text file; it can be dropped here too"))
        self.open.setProperty("kind", "quiet")
        icons.bind(self.open, theme, "attach", "dim", 16)
        self.open.clicked.connect(self._pick)
        self.schedule = QPushButton(tr("Schedule…"))
        self.schedule.setObjectName("compare.schedule")
        self.schedule.setAccessibleName(tr("Depth, length, blocks and time limit"))
        self.schedule.clicked.connect(self._show_form)
        self.form = ScheduleForm(theme, self)
        self.form.planned.connect(self.planned)
        self._lay_out()

    def show_plan(self, plan: Plan | None, words: str, editable: bool) -> None:
        """The plan's prompt and its schedule in words."""
        self._plan = plan
        self.words.setText(words)
        self.edit.setReadOnly(not editable)
        self.open.setVisible(editable)
        self.schedule.setVisible(editable)
        names = (
            [step.name or tr("step {value}", value=i + 1) for i, step in enumerate(plan.steps)]
            if plan is not None
            else []
        )
        if [self.step.itemText(i) for i in range(self.step.count())] != names:
            self.step.clear()
            self.step.addItems(names)
        self.step.setVisible(len(names) > 1)
        if not self.edit.hasFocus():
            self._show_text()
        if plan is not None:
            self.form.show_plan(plan)

    def show_step(self, step: int) -> None:
        """Show the question of another step; says nothing."""
        if 0 <= step < self.step.count() and step != self.step.currentIndex():
            self.step.setCurrentIndex(step)
            self._show_text()

    def commit(self) -> None:
        """What is typed counts, also before the focus leaves."""
        self._changed()

    def _text(self) -> str:
        return plans.prompt(self._plan, self.step.currentIndex()) if self._plan is not None else ""

    def _step_chosen(self, step: int) -> None:
        self._show_text()
        self.step_chosen.emit(step)

    def _show_text(self) -> None:
        self.edit.show_text(self._text())

    def _changed(self) -> None:
        before, now = self._text(), self.edit.toPlainText()
        if self._plan is not None and not self.edit.isReadOnly() and now.strip() and now != before:
            self.asked.emit(before, now)

    def _pick(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, tr("Take the prompt from a text file"), "", tr("Text (*)"))
        if name:
            self._open(name)

    def _open(self, name: str) -> None:
        """A file's text as the prompt; what cannot be one is refused in words."""
        text, why = _read(Path(name))
        if why:
            self.unreadable.emit(why)
            return
        self.asked.emit(self._text(), text)
        self._show_text()

    def _show_form(self) -> None:
        self.form.pop(self.schedule)

    def _lay_out(self) -> None:
        px = self._theme.px
        row = QHBoxLayout(self)
        row.setContentsMargins(px(14), px(6), px(8), px(6))
        row.setSpacing(px(8))
        row.addWidget(self.step)
        row.addWidget(self.edit, 1)
        row.addWidget(self.words)
        row.addWidget(self.open)
        row.addWidget(self.schedule)


def _read(path: Path) -> tuple[str, str]:
    """(the file's text, why it cannot be a prompt): one of them is "". Only a plain file is opened: a pipe would wait."""
    try:
        if not path.is_file():
            return "", tr("{name} is not a file. Choose a text file.", name=path.name)
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            return "", tr("{name} is larger than 1 MB. Take a shorter text.", name=path.name)
        text = data.decode("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError):
        return "", tr("{name} cannot be read as text. Choose a UTF-8 text file.", name=path.name)
    return (text, "") if text else ("", tr("{name} has no text. Choose another file.", name=path.name))


class _Edit(QPlainTextEdit):
    """One line while one looks, five while one types."""

    left = Signal()
    dropped = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._open = False
        self.setObjectName("compare.prompt")
        self.setAccessibleName(tr("What all lanes are asked"))
        self.setPlaceholderText(tr("What all lanes are asked…"))
        self.setProperty("code", "true")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(theme.px(2))
        self.viewport().setAutoFillBackground(False)
        self._fit()

    def show_text(self, text: str) -> None:
        """Replace it, if it is another."""
        if text != self.toPlainText():
            self.setPlainText(text)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt's name
        super().focusInEvent(event)
        self._open = not self.isReadOnly()
        self._fit()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt's name
        super().focusOutEvent(event)
        self._open = False
        self._fit()
        self.left.emit()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        """Closed, the beginning stands on one line that elides; a cut second line would only flicker below it."""
        if self._open or not self.toPlainText():
            super().paintEvent(event)
            return
        line = " ".join(self.toPlainText()[:1000].split())
        painter = QPainter(self.viewport())
        painter.setPen(self._theme.colour("text"))
        room = self.viewport().rect().adjusted(self._theme.px(2), 0, 0, 0)
        shown = self.fontMetrics().elidedText(line, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        painter.end()

    def canInsertFromMimeData(self, source: QMimeData) -> bool:  # noqa: N802  Qt's name
        return source.hasUrls() or source.hasText()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  Qt's name
        if event.mimeData().hasUrls() and not self.isReadOnly():
            event.acceptProposedAction()
            return
        super().dragEnterEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802  Qt's name
        self.insertFromMimeData(event.mimeData())

    def insertFromMimeData(self, source: QMimeData) -> None:  # noqa: N802  Qt's name
        files = [url.toLocalFile() for url in source.urls() if url.isLocalFile()] if source.hasUrls() else []
        if files:
            self.dropped.emit(files[0])
        else:
            self.insertPlainText(source.text())

    def _fit(self) -> None:
        lines = LINES if self._open else 1
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + self._theme.px(10))
        self.viewport().update()
