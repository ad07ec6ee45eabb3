"""The field in the composer: Enter sends, a long paste becomes a file, and files and pictures may be pasted too."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtWidgets import QFrame, QSizePolicy

from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.plain_edit import PlainEdit

LINES = 6

_KEYS = Qt.KeyboardModifier


class ComposerEdit(PlainEdit):
    """Grows with its text to six lines, then scrolls. Pasted text arrives without its formats.

    `entered`: Enter. `edit_last`: Up while it is empty. `text_pasted(text)`: too long for a field.
    `files_pasted(paths)`, `picture_pasted(QImage)`.
    """

    entered = Signal()
    edit_last = Signal()
    text_pasted = Signal(str)
    files_pasted = Signal(list)
    picture_pasted = Signal(QImage)

    def __init__(self, theme: Theme) -> None:
        super().__init__("chat.composer", tr("Message"))
        self._theme = theme
        self.setProperty("code", "true")  # a bare field: the card around it is the frame
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(theme.px(2))
        self.viewport().setAutoFillBackground(False)
        self.setAcceptDrops(False)  # the whole composer takes them
        self.viewport().setAcceptDrops(False)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if event.modifiers() & (_KEYS.ControlModifier | _KEYS.AltModifier | _KEYS.MetaModifier):
                event.ignore()  # a shortcut of the window
                return
            if not event.modifiers() & _KEYS.ShiftModifier:
                self.entered.emit()
                return
        plain = event.modifiers() in (_KEYS.NoModifier, _KEYS.KeypadModifier)
        if event.key() == Qt.Key.Key_Up and plain and self.document().isEmpty():
            self.edit_last.emit()
            return
        super().keyPressEvent(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:  # noqa: N802  Qt's name
        return takes(source)

    def insertFromMimeData(self, source: QMimeData) -> None:  # noqa: N802  Qt's name
        if paths := local_files(source):
            self.files_pasted.emit(paths)
        elif source.hasImage() and not source.hasText():
            image = source.imageData()
            self.picture_pasted.emit(image if isinstance(image, QImage) else image.toImage())
        else:
            super().insertFromMimeData(source)

    def take_long(self, text: str) -> None:
        self.text_pasted.emit(text)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(400), self._height())

    def _height(self) -> int:
        lines = max(2, min(LINES, int(self.document().size().height())))
        return lines * self.fontMetrics().lineSpacing() + self._theme.px(8)

    def _fit(self, _size: object = None) -> None:
        height = self._height()
        if height != self.height():
            self.setFixedHeight(height)


def takes(source: QMimeData) -> bool:
    """True for what can be put into a message: text, files, a picture."""
    return source.hasText() or source.hasImage() or bool(local_files(source))


def local_files(source: QMimeData) -> list[str]:
    """Paths of the files in it; links to web pages are none."""
    return [url.toLocalFile() for url in source.urls() if url.isLocalFile()]
