"""One rendered piece of markdown. Model output is untrusted: no HTML, nothing is loaded, no link opens unasked."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QSizeF, Qt, QUrl, Signal
from PySide6.QtGui import (
    QDesktopServices,
    QFont,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextTable,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QMessageBox, QSizePolicy, QTextBrowser, QWidget

from app.ui.theme import CODE_FAMILY, Theme

FEATURES = QTextDocument.MarkdownFeature.MarkdownDialectGitHub | QTextDocument.MarkdownFeature.MarkdownNoHTML
WEB = ("http", "https")
OBJECT = "\ufffc"


class SafeDocument(QTextDocument):
    """A document that answers every request for a resource itself: the default would open local files."""

    def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: N802  Qt's name
        return QByteArray()


class Prose(QTextBrowser):
    """As tall as its text; the wheel scrolls the page around it."""

    height_changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._markdown: str | None = None
        self._caret = False
        self.setDocument(_document(theme, self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setOpenLinks(False)
        self.anchorClicked.connect(self._ask_to_open)
        self.setObjectName("message.text")
        self.setAccessibleName("Message text")
        self.viewport().setAutoFillBackground(False)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        theme.changed.connect(self._restyle)

    def show_markdown(self, text: str) -> None:
        """Render `text`; cheap if it is what is shown already."""
        if text == self._markdown:
            return
        self._markdown = text
        render(self.document(), text, self._theme)
        self._fit()

    def show_plain(self, text: str) -> None:
        """Show `text` as it is."""
        self._markdown = None
        self.document().setPlainText(text)
        self._fit()

    def set_caret(self, on: bool) -> None:
        """Draw the block that says more is coming."""
        if on != self._caret:
            self._caret = on
            self.viewport().update()

    def ideal_width(self) -> int:
        """The width at which no line breaks, in pixels."""
        return int(self.document().idealWidth()) + 1

    def setSource(self, *_: object) -> None:  # noqa: N802  Qt's name
        """Never navigates."""

    def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: N802  Qt's name
        return QByteArray()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  Qt's name
        event.ignore()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        self._fit()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        super().paintEvent(event)
        if not self._caret:
            return
        end = QTextCursor(self.document())
        end.movePosition(QTextCursor.MoveOperation.End)
        where = self.cursorRect(end)
        painter = QPainter(self.viewport())
        side = self._theme.px(5)
        painter.fillRect(where.x() + side // 2, where.y() + 1, side, where.height() - 2, self._theme.colour("text"))
        painter.end()

    def _fit(self, _size: QSizeF | None = None) -> None:
        height = max(1, round(self.document().size().height()))
        if height != self.height():
            self.setFixedHeight(height)
            self.height_changed.emit()

    def _restyle(self) -> None:
        if self._markdown is not None:
            render(self.document(), self._markdown, self._theme)

    def _ask_to_open(self, url: QUrl) -> None:
        if url.scheme().lower() not in WEB:
            return
        question = f"Open this address in your browser?\n\n{url.toString()}"
        buttons = QMessageBox.StandardButton.Open | QMessageBox.StandardButton.Cancel
        if QMessageBox.question(self, "Open a link", question, buttons) == QMessageBox.StandardButton.Open:
            QDesktopServices.openUrl(url)


def _document(theme: Theme, parent: QWidget) -> SafeDocument:
    document = SafeDocument(parent)
    document.setDocumentMargin(0)
    document.setDefaultFont(theme.font())
    document.setUndoRedoEnabled(False)
    document.setIndentWidth(theme.px(20))
    return document


def render(document: QTextDocument, text: str, theme: Theme) -> None:
    """Replace the document by `text` rendered. The line break in front keeps "---" from being eaten as front matter."""
    document.setMarkdown("\n" + text, FEATURES)
    cursor = QTextCursor(document)
    cursor.beginEditBlock()
    if OBJECT in document.toPlainText():
        _name_images(document)
    block = document.begin()
    while block.isValid():
        _style_block(cursor, block, theme)
        block = block.next()
    for frame in document.rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            _style_table(frame, theme)
    cursor.endEditBlock()


def _style_block(cursor: QTextCursor, block: QTextBlock, theme: Theme) -> None:
    shape = block.blockFormat()
    level = shape.headingLevel()
    cursor.setPosition(block.position())
    shape.setLineHeight(122, 1)  # proportional, in per cent
    if level:
        shape.setTopMargin(theme.px(10) if block.position() else 0)
        shape.setBottomMargin(theme.px(4))
    elif block.textList() is not None:
        shape.setTopMargin(theme.px(1))
        shape.setBottomMargin(theme.px(2))
    elif not shape.hasProperty(QTextFormat.Property.BlockCodeFence) and not QTextCursor(block).currentTable():
        shape.setTopMargin(0)
        shape.setBottomMargin(theme.px(8) if block.next().isValid() else 0)
    cursor.setBlockFormat(shape)
    _style_words(cursor, block, theme, level)


def _style_words(cursor: QTextCursor, block: QTextBlock, theme: Theme, level: int) -> None:
    """Headings get the design's sizes, code its font. Fragments are gathered first: merging changes them."""
    spans: list[tuple[int, int, QTextCharFormat]] = []
    walk = block.begin()
    while not walk.atEnd():
        fragment = walk.fragment()
        wanted = _words_format(fragment.charFormat(), theme, level)
        if wanted is not None:
            spans.append((fragment.position(), fragment.position() + fragment.length(), wanted))
        walk += 1
    for start, end, wanted in spans:
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        cursor.mergeCharFormat(wanted)


def _words_format(now: QTextCharFormat, theme: Theme, level: int) -> QTextCharFormat | None:
    wanted = QTextCharFormat()
    if level:
        wanted.setProperty(QTextFormat.Property.FontSizeAdjustment, 0)
        wanted.setProperty(QTextFormat.Property.FontPixelSize, theme.px({1: 18, 2: 16, 3: 15}.get(level, 13)))
        wanted.setFontWeight(QFont.Weight.DemiBold)
    if now.fontFixedPitch():
        wanted.setFontFamilies([CODE_FAMILY])
        wanted.setProperty(QTextFormat.Property.FontPixelSize, theme.px(12))
    if now.isAnchor():
        wanted.setForeground(theme.colour("accent"))
        wanted.setToolTip(now.anchorHref())
    return wanted if wanted.propertyCount() else None


def _style_table(table: QTextTable, theme: Theme) -> None:
    shape = table.format()
    shape.setCellPadding(theme.px(5))
    shape.setCellSpacing(0)
    shape.setBorder(1)
    shape.setBorderCollapse(True)
    shape.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    shape.setBorderBrush(theme.colour("line"))
    shape.setTopMargin(theme.px(4))
    shape.setBottomMargin(theme.px(8))
    table.setFormat(shape)


def _name_images(document: QTextDocument) -> None:
    """An image is never fetched: its address stands in its place, as a link."""
    cursor = document.find(OBJECT)
    while not cursor.isNull():
        image = cursor.charFormat().toImageFormat()
        link = QTextCharFormat()
        target = image.name() if image.isValid() else ""
        link.setAnchor(True)
        link.setAnchorHref(target)
        cursor.insertText(f"image: {target}", link)
        cursor = document.find(OBJECT, cursor)
