"""How a row of the list of conversations looks: a heading, a folder, a title with its pin and where it was found."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QLineEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.ui import icons
from app.ui.language import tr
from app.ui.state.conversation_lines import pieces, starting_at_hit
from app.ui.theme import Size, Theme
from app.ui.widgets.conversation_model import ENTRY_ROLE, Entry, Index

HEIGHT, FOUND_HEIGHT = 28, 44
LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft


class ConversationDelegate(QStyledItemDelegate):
    """Paints and edits. `drop_folder`: the folder that a dragged conversation would fall into."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.drop_folder = ""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        entry: Entry = index.data(ENTRY_ROLE)
        return QSize(self._theme.px(80), self._theme.px(FOUND_HEIGHT if entry.second else HEIGHT))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        entry: Entry = index.data(ENTRY_ROLE)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if entry.kind == "heading":
            self._paint_heading(painter, option.rect, entry)
        else:
            chosen = self._paint_ground(painter, option, entry)
            inner = option.rect.adjusted(self._theme.px(8), 0, -self._theme.px(8), 0)
            if entry.kind == "folder":
                self._paint_folder(painter, inner, entry, chosen)
            else:
                self._paint_line(painter, inner, entry, chosen)
        painter.restore()

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem, entry: Entry) -> bool:
        px, state, box = self._theme.px, option.state, option.rect
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        aimed = bool(self.drop_folder) and entry.folder == self.drop_folder
        if chosen or aimed or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("accent_soft" if chosen or aimed else "sunken"))
            painter.drawRoundedRect(box, px(6), px(6))
        if aimed or (chosen and state & QStyle.StateFlag.State_HasFocus):
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.colour("accent"), 2))
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), px(6), px(6))
        return chosen

    def _paint_heading(self, painter: QPainter, box: QRect, entry: Entry) -> None:
        px = self._theme.px
        painter.setFont(self._theme.font("caption"))
        painter.setPen(self._theme.colour("dim"))
        inner = box.adjusted(px(8), px(6), -px(8), 0)
        painter.drawText(inner, LEFT, painter.fontMetrics().elidedText(entry.text, ELIDE, inner.width()))

    def _paint_folder(self, painter: QPainter, box: QRect, entry: Entry, chosen: bool) -> None:
        theme, px = self._theme, self._theme.px
        ink = theme.colour("text" if chosen else "dim")
        self._icon(painter, "chevron-down" if entry.open else "chevron-right", ink, box, box.left() - px(3), 14)
        self._icon(painter, "folder", ink, box, box.left() + px(13), 15)
        painter.setFont(theme.font("caption"))
        painter.setPen(ink)
        count = f"{entry.count:,}" if entry.count else ""
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, count)
        room = painter.fontMetrics().horizontalAdvance(count)
        painter.setFont(theme.font("text", "medium"))
        painter.setPen(theme.colour("text"))
        inner = box.adjusted(px(34), 0, -(room + px(6)), 0)
        painter.drawText(inner, LEFT, painter.fontMetrics().elidedText(entry.text, ELIDE, inner.width()))

    def _paint_line(self, painter: QPainter, box: QRect, entry: Entry, chosen: bool) -> None:
        px = self._theme.px
        if entry.folder_id:
            box = box.adjusted(px(13), 0, 0, 0)
        first, second = box, None
        if entry.second:
            half = (box.height() - px(8)) // 2
            first = QRect(box.left(), box.top() + px(4), box.width(), half)
            second = first.translated(0, half)
        if entry.pinned:
            self._icon(
                painter, "pin", self._theme.colour("text" if chosen else "dim"), first, first.right() - px(12), 13
            )
            first = first.adjusted(0, 0, -px(18), 0)
        in_title = bool(entry.snippet) and not entry.second
        parts = pieces(entry.snippet) if in_title else [(" ".join(entry.text.split()), False)]
        self._write(painter, first, parts, "text", "text")
        if second is not None:
            self._write(painter, second, starting_at_hit(entry.snippet), "dim", "text" if chosen else "dim")

    def _write(self, painter: QPainter, box: QRect, parts: Sequence[tuple[str, bool]], size: Size, ink: str) -> None:
        """The pieces after one another, hits semibold and in the text's colour; what does not fit ends in dots."""
        left = box.left()
        for text, hit in parts:
            room = box.right() + 1 - left
            if room <= 0:
                return
            painter.setFont(self._theme.font(size, "semibold" if hit else "regular"))
            painter.setPen(self._theme.colour("text" if hit else ink))
            metrics: QFontMetrics = painter.fontMetrics()
            shown = metrics.elidedText(text, ELIDE, room)
            painter.drawText(QRect(left, box.top(), room, box.height()), LEFT, shown)
            if shown != text:
                return
            left += metrics.horizontalAdvance(text)

    def _icon(self, painter: QPainter, name: str, ink: QColor, box: QRect, left: int, size: int) -> None:
        side = self._theme.px(size)
        top = box.center().y() - side / 2 + 1
        icons.paint(painter, name, ink, QRectF(left, top, side, side))

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:  # noqa: N802
        entry: Entry = index.data(ENTRY_ROLE)
        editor = QLineEdit(parent)
        editor.setObjectName("chat.rename")
        folder = entry.kind == "folder"
        editor.setAccessibleName(tr("Title of the folder") if folder else tr("Title of the conversation"))
        return editor

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:  # noqa: N802
        editor.setGeometry(QRect(QPoint(option.rect.topLeft()), QSize(option.rect.width(), self._theme.px(HEIGHT))))


ELIDE = Qt.TextElideMode.ElideRight
