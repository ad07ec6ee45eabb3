"""The empty page that teaches: one sentence, one button, one thing to try; and a download's progress in its place."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.ui.language import tr
from app.ui.state.cards import Lesson
from app.ui.state.provision import Provision
from app.ui.theme import Theme
from app.ui.widgets.label import Label

WIDTH = 460


class LessonView(QWidget):
    """`action(id)`: the button. `tried(prompt)`: the recipe was chosen."""

    action = Signal(str)
    tried = Signal(str)

    def __init__(self, theme: Theme, page: str) -> None:
        super().__init__()
        self._lesson: Lesson | None = None
        self._id = ""
        self._title = Label(theme, "", "large", weight="semibold", wrap=True)
        self._sentence = Label(theme, "", "text", "dim", wrap=True)
        self._button = _button(f"{page}.lesson")
        self._button.setAccessibleName(tr("The next step"))
        self._button.setProperty("kind", "primary")
        self._button.clicked.connect(lambda: self.action.emit(self._id))
        self._recipe = _Recipe()
        self._recipe.setObjectName(f"{page}.try")
        self._recipe.setAccessibleName(tr("Send an example message"))
        self._recipe.clicked.connect(self._try)
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._progress.setAccessibleName(tr("How far it is"))
        self._message = Label(theme, "", "dim", "dim", wrap=True)
        self._error = Label(theme, "", "text", "bad", wrap=True)
        self._lay_out(theme)

    def show_lesson(self, lesson: Lesson, loading: str) -> None:
        """Teach. loading: what is going on with the model already, or ""."""
        self._lesson, self._id = lesson, lesson.action
        self._title.setText(lesson.title)
        self._sentence.setText(lesson.sentence)
        self._button.setText(lesson.button)
        self._button.setAccessibleName(lesson.button or tr("The next step"))
        self._button.setVisible(bool(lesson.button) and not loading)
        self._recipe.set_whole(tr("Try: “{recipe}”", recipe=lesson.recipe) if lesson.recipe else "")
        self._recipe.setAccessibleName(tr("Send an example message"))
        self._recipe.setVisible(bool(lesson.recipe))
        self._progress.hide()
        self._message.setVisible(bool(loading))
        self._message.setText(loading)
        self._error.hide()

    def show_job(self, provision: Provision) -> None:
        """A download or conversion under way, or why the last one failed."""
        job = provision.job
        if job is not None:
            self._id = "cancel"
            self._button.setText(tr("Cancelling…") if job.cancelled else tr("Cancel"))
            self._button.setAccessibleName(tr("Cancel"))
            self._button.setVisible(True)
            self._button.setEnabled(not job.cancelled)
            self._recipe.hide()
            self._progress.setRange(0, 0 if job.fraction is None else 1000)
            self._progress.setValue(round((job.fraction or 0) * 1000))
            share = "" if job.fraction is None else f" · {job.fraction:.0%}".replace("%", " %")
            self._message.setText(f"{job.message or job.title}{share}")
        self._button.setEnabled(job is None or not job.cancelled)
        self._button.setProperty("kind", "" if job else "primary")
        self._button.style().polish(self._button)
        self._progress.setVisible(job is not None)
        self._message.setVisible(job is not None or (bool(self._message.text()) and not self._button.isVisible()))
        self._error.setText(" ".join(part for part in (provision.error, provision.hint) if part))
        self._error.setVisible(job is None and bool(provision.error))

    def _try(self) -> None:
        if self._lesson is not None:
            self.tried.emit(self._lesson.recipe)

    def _lay_out(self, theme: Theme) -> None:
        px = theme.px
        column = QWidget()
        column.setMaximumWidth(px(WIDTH))
        body = QVBoxLayout(column)
        body.setSpacing(px(12))
        for widget in (self._title, self._sentence, self._error, self._progress, self._message):
            body.addWidget(widget)
        body.addWidget(self._button, 0, Qt.AlignmentFlag.AlignLeft)
        body.addWidget(self._recipe)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(column, 1000)
        row.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(px(24), 0, px(24), 0)
        outer.addStretch(2)
        outer.addLayout(row)
        outer.addStretch(3)


class _Recipe(QPushButton):
    """A prompt to try, as wide as its words; what does not fit is elided, with the whole in the tooltip."""

    def __init__(self) -> None:
        super().__init__()
        self._whole = ""
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def set_whole(self, text: str) -> None:
        self._whole = text
        self.setToolTip(text)
        self.updateGeometry()
        self._fit()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        hint = super().sizeHint()
        spare = hint.width() - self.fontMetrics().horizontalAdvance(self.text())
        return QSize(self.fontMetrics().horizontalAdvance(self._whole) + spare + 2, hint.height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(self.fontMetrics().averageCharWidth() * 12, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = self.width() - self.fontMetrics().averageCharWidth() * 4
        self.setText(self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, room))


def _button(name: str) -> QPushButton:
    button = QPushButton()
    button.setObjectName(name)
    return button
