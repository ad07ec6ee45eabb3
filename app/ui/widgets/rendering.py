"""Markdown → a document in the design's type: headings, code, links, tables, formulas. Nothing is loaded from anywhere."""

from __future__ import annotations

from PySide6.QtCore import QRegularExpression, Qt, QUrl
from PySide6.QtGui import (
    QFont,
    QFontMetricsF,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextImageFormat,
    QTextLength,
    QTextTable,
)

from app.ui.language import tr
from app.ui.theme import CODE_FAMILY, Theme
from app.ui.widgets.formulas import FIRST_MARK, Formula, marked, usable
from app.ui.widgets.maths import Drawing, Formulas, formulas_of

FEATURES = QTextDocument.MarkdownFeature.MarkdownDialectGitHub | QTextDocument.MarkdownFeature.MarkdownNoHTML
OBJECT = "\ufffc"
PICTURE = "tandem-formula:"
MATHS_EM = 1.12  # Latin Modern is small beside Inter
MANY_COLUMNS, COLUMN_PX = 8, 84  # a table of more columns keeps them this wide, and scrolls
LINE_PERCENT = 122
_MARKS = QRegularExpression("[\ue000-\uf8ff]")


def render(document: QTextDocument, text: str, theme: Theme, start: int = 0, width: int = 0) -> bool:
    """Replace the document by `text` rendered; True if it has formulas.

    start: the number of the first item, where the text goes on with a numbered list. width: px that a formula may take,
    0: any.
    """
    found = usable(text)
    shown = marked(text, found) if found else text
    document.setMarkdown("\n" + shown, FEATURES)  # the line break keeps "---" from being eaten as front matter
    cursor = QTextCursor(document)
    cursor.beginEditBlock()
    if OBJECT in document.toPlainText():
        _name_images(document)
    if start:
        _number_from(document, start)
    block = document.begin()
    while block.isValid():
        _style_block(cursor, block, theme)
        block = block.next()
    for frame in document.rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            _style_table(frame, theme)
    if found:
        _Placer(document, text, theme, width).place(found)
    cursor.endEditBlock()
    return bool(found)


class _Placer:
    """Puts each formula where its mark stands: a picture on the line's baseline, or its source as code."""

    def __init__(self, document: QTextDocument, text: str, theme: Theme, width: int) -> None:
        self._document, self._text, self._theme, self._width = document, text, theme, width
        self._formulas: Formulas = formulas_of(theme)

    def place(self, found: list[Formula]) -> None:
        cursor = self._document.find(_MARKS)
        while not cursor.isNull():
            number = ord(cursor.selectedText()) - FIRST_MARK
            if number < len(found):
                self._one(cursor, number, found[number])
            cursor = self._document.find(_MARKS, cursor)

    def _one(self, cursor: QTextCursor, number: int, formula: Formula) -> None:
        shape, around = cursor.block().blockFormat(), cursor.charFormat()
        source = self._text[formula.start : formula.end]
        if shape.hasProperty(QTextFormat.Property.BlockCodeFence) or around.fontFixedPitch():
            cursor.insertText(source, around)
            return
        key = (formula.tex, formula.display)
        drawing = self._formulas.drawing(key)
        em = self._em(around)
        if drawing is None or (self._width and drawing.width * em * 0.6 > self._width):
            cursor.insertText(source, _code(self._theme))
            return
        if self._width and drawing.width * em > self._width:
            em = self._width / drawing.width
        if formula.display and cursor.block().length() == 2 and cursor.currentTable() is None:
            shape.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            shape.setLineHeight(0, QTextBlockFormat.LineHeightTypes.SingleHeight.value)
            cursor.mergeBlockFormat(shape)
        self._picture(cursor, number, formula, drawing, em)

    def _picture(self, cursor: QTextCursor, number: int, formula: Formula, drawing: Drawing, em: float) -> None:
        colour = self._theme.colour("text")
        image = self._formulas.picture((formula.tex, formula.display), drawing, em, colour)
        name = f"{PICTURE}{number}"
        self._document.addResource(QTextDocument.ResourceType.ImageResource.value, QUrl(name), image)
        shape = QTextImageFormat()
        shape.setName(name)
        shape.setWidth(drawing.width * em)
        shape.setHeight(drawing.height * em)
        shape.setProperty(QTextFormat.Property.ImageAltText, self._text[formula.start : formula.end])
        shape.setToolTip(formula.tex)
        shape.setFont(_on_baseline(self._theme.font(), drawing.depth * em))
        shape.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignBaseline)
        cursor.insertImage(shape)

    def _em(self, around: QTextCharFormat) -> float:
        size = around.intProperty(QTextFormat.Property.FontPixelSize) or self._theme.font().pixelSize()
        return size * MATHS_EM


def _on_baseline(font: QFont, depth: float) -> QFont:
    """A font whose descent is `depth`: by that much AlignBaseline lowers a picture's foot below the line."""
    made = QFont(font)
    made.setPixelSize(100)
    share = QFontMetricsF(made).descent() / 100
    made.setPixelSize(max(1, round(depth / share)))
    return made


def _code(theme: Theme) -> QTextCharFormat:
    made = QTextCharFormat()
    made.setFontFamilies([CODE_FAMILY])
    made.setFontFixedPitch(True)
    made.setProperty(QTextFormat.Property.FontPixelSize, theme.px(12))
    return made


def _number_from(document: QTextDocument, start: int) -> None:
    items = document.begin().textList() or document.begin().next().textList()
    if items is not None:
        shape = items.format()
        shape.setStart(start)
        items.setFormat(shape)


def _style_block(cursor: QTextCursor, block: QTextBlock, theme: Theme) -> None:
    shape = block.blockFormat()
    level = shape.headingLevel()
    cursor.setPosition(block.position())
    shape.setLineHeight(LINE_PERCENT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
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
    if table.columns() > MANY_COLUMNS:
        fixed = QTextLength(QTextLength.Type.FixedLength, theme.px(COLUMN_PX))
        shape.setColumnWidthConstraints([fixed] * table.columns())
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
        cursor.insertText(tr("image: {address}", address=target), link)
        cursor = document.find(OBJECT, cursor)
