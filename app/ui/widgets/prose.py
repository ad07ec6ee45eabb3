"""One rendered piece of Markdown. Model output is untrusted: no HTML, nothing is loaded, no link opens unasked."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QMimeData, QSizeF, Qt, QUrl, Signal
from PySide6.QtGui import (
    QDesktopServices,
    QFocusEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QMessageBox, QSizePolicy, QTextBrowser, QToolTip, QWidget

from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.label import hint
from app.ui.widgets.maths import formulas_of
from app.ui.widgets.rendering import FEATURES, OBJECT, PICTURE, render

__all__ = ["FEATURES", "OBJECT", "Prose", "SafeDocument", "render"]

WEB = ("http", "https")
KEYS = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason)


class SafeDocument(QTextDocument):
    """A document that answers every request for a resource itself: the default would open local files."""

    def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: N802  Qt's name
        return QByteArray()


class Prose(QTextBrowser):
    """As tall as its text; the wheel scrolls the page around it. `painted`: what was shown last is on the screen."""

    height_changed = Signal()
    painted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._markdown: str | None = None
        self._start = 0
        self._plain = ""
        self._caret = False
        self._fresh = False
        self._writing = False  # the document is between two texts, and its size means nothing
        self._ringed = False
        self._has_formulas = False
        self._listens = False
        self.setDocument(_document(theme, self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setOpenLinks(False)
        self.anchorClicked.connect(self._ask_to_open)
        self.highlighted.connect(self._say_target)
        self.setObjectName("message.text")
        self.setAccessibleName(tr("Message text"))
        self.viewport().setAutoFillBackground(False)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        theme.changed.connect(self.restyle)

    def show_markdown(self, text: str, start: int = 0) -> None:
        """Render `text`; cheap if it is what is shown already. start: number of the first item of a list that goes on."""
        if (text, start) == (self._markdown, self._start):
            return
        self._markdown, self._start, self._plain = text, start, ""
        self._render()

    def show_plain(self, text: str) -> None:
        """Show `text` as it is; cheap if it only adds to what is shown so."""
        shown, self._markdown, self._fresh = self._plain, None, True
        self._writing = True
        if shown and text.startswith(shown):
            end = QTextCursor(self.document())
            end.movePosition(QTextCursor.MoveOperation.End)
            end.insertText(text[len(shown) :])
        else:
            self.document().setPlainText(text)
        self._plain = text
        self._writing = False
        self._fit()

    def set_caret(self, on: bool) -> None:
        """Draw the block that says more is coming."""
        if on != self._caret:
            self._caret = on
            self.viewport().update()

    def ideal_width(self) -> int:
        """The width at which no line breaks, in pixels."""
        return int(self.document().idealWidth()) + 1

    @property
    def can_scroll(self) -> bool:
        """A table is wider than the column, and scrolls."""
        return self.horizontalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAsNeeded

    def restyle(self) -> None:
        """Render anew: the colours have changed, or a formula is drawn."""
        if self._markdown is not None:
            self._render()

    def setSource(self, *_: object) -> None:  # noqa: N802  Qt's name
        """Never navigates."""

    def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: N802  Qt's name
        return self.document().resource(kind, QUrl(name)) if QUrl(name).scheme() + ":" == PICTURE else QByteArray()

    def createMimeDataFromSelection(self) -> QMimeData:  # noqa: N802  Qt's name
        made = QMimeData()
        made.setText(_copied(self.textCursor()))
        return made

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802  Qt's name
        moved = super().focusNextPrevChild(forward)
        cursor = self.textCursor()
        self._say_target(QUrl(cursor.charFormat().anchorHref()) if cursor.hasSelection() else QUrl())
        return moved

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  Qt's name
        event.ignore()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        if self._has_formulas and event.size().width() != event.oldSize().width():
            self.restyle()
        self._scroll_if_wide()
        self._fit()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        super().paintEvent(event)
        if self._caret:
            self._paint_caret()
        if self._ringed:
            self._paint_ring()
        if self._fresh:
            self._fresh = False
            self.painted.emit()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt's name
        super().focusInEvent(event)
        self._ringed = event.reason() in KEYS
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt's name
        super().focusOutEvent(event)
        self._ringed = False
        self.viewport().update()

    def _paint_ring(self) -> None:
        """Where the keyboard is; a click to mark some words draws none."""
        painter = QPainter(self.viewport())
        painter.setPen(QPen(self._theme.colour("accent"), self._theme.px(1)))
        painter.drawRect(self.viewport().rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _paint_caret(self) -> None:
        """At the end of the last line, from its box: a cursor would go through all words of the paragraph."""
        block = self.document().lastBlock()
        if not (lines := block.layout().lineCount()):
            return
        line = block.layout().lineAt(lines - 1).naturalTextRect()
        line.translate(self.document().documentLayout().blockBoundingRect(block).topLeft())
        side = self._theme.px(5)
        backwards = block.textDirection() == Qt.LayoutDirection.RightToLeft
        x = round(line.left() - 1.5 * side if backwards else line.right() + 0.5 * side)
        painter = QPainter(self.viewport())
        painter.fillRect(
            x - self.horizontalScrollBar().value(), round(line.top()) + 1, side, round(line.height()) - 2,
            self._theme.colour("text"),
        )  # fmt: skip
        painter.end()

    def _render(self) -> None:
        width = self.viewport().width() if self.isVisible() else 0
        self._fresh = self._writing = True
        self._has_formulas = render(self.document(), self._markdown or "", self._theme, self._start, width)
        self._writing = False
        if self._has_formulas and not self._listens:
            self._listens = True
            formulas_of(self._theme).ready.connect(self._formulas_ready)
        self._scroll_if_wide()
        self._fit()

    def _scroll_if_wide(self) -> None:
        """Words wrap; what is still too wide, as a table of many columns, scrolls sideways."""
        wide = self.document().size().width() > self.viewport().width() + 1
        wanted = Qt.ScrollBarPolicy.ScrollBarAsNeeded if wide else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        if wanted != self.horizontalScrollBarPolicy():
            self.setHorizontalScrollBarPolicy(wanted)

    def _formulas_ready(self) -> None:
        if self._has_formulas:
            self.restyle()

    def _fit(self, _size: QSizeF | None = None) -> None:
        if self._writing:
            return
        height = max(1, round(self.document().size().height()))
        if self.can_scroll:
            height += self.horizontalScrollBar().sizeHint().height()
        if height != self.height():
            self.setFixedHeight(height)
            self.height_changed.emit()

    def _say_target(self, url: QUrl) -> None:
        """A link under the pointer or the keyboard's focus says where it leads."""
        target = url.toString()
        self.setAccessibleDescription(tr("Link to {address}", address=target) if target else "")
        if target and self.hasFocus():
            where = self.cursorRect(self.textCursor()).bottomLeft()
            QToolTip.showText(self.viewport().mapToGlobal(where), hint(target), self)

    def _ask_to_open(self, url: QUrl) -> None:
        if url.scheme().lower() not in WEB:
            return
        question = tr("Open this address in your browser?\n\n{address}", address=url.toString())
        buttons = QMessageBox.StandardButton.Open | QMessageBox.StandardButton.Cancel
        if QMessageBox.question(self, tr("Open a link"), question, buttons) == QMessageBox.StandardButton.Open:
            QDesktopServices.openUrl(url)


def _copied(cursor: QTextCursor) -> str:
    """The selected words; a formula as its source."""
    text = cursor.selection().toPlainText()
    if OBJECT not in text:
        return text
    document, at, sources = cursor.document(), cursor.selectionStart(), []
    while at < cursor.selectionEnd():
        if document.characterAt(at) == OBJECT:
            one = QTextCursor(document)
            one.setPosition(at + 1)
            sources.append(str(one.charFormat().property(QTextFormat.Property.ImageAltText) or ""))
        at += 1
    parts = text.split(OBJECT)
    return "".join(part + source for part, source in zip(parts, [*sources, ""], strict=False))


def _document(theme: Theme, parent: QWidget) -> SafeDocument:
    document = SafeDocument(parent)
    document.setDocumentMargin(0)
    document.setDefaultFont(theme.font())
    document.setUndoRedoEnabled(False)
    document.setIndentWidth(theme.px(20))
    return document
