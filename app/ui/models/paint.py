"""What the table and the cards of the Models page draw alike: a verdict's dot and word, a pill."""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QRect, QRectF, Qt
from PySide6.QtGui import QHelpEvent, QPainter
from PySide6.QtWidgets import QAbstractItemView, QStyledItemDelegate, QStyleOptionViewItem, QToolTip, QWidget

from app.ui.theme import Theme
from app.ui.widgets.label import hint
from app.ui.widgets.line_list import Index, words

TONES = {"fits": "good", "tight": "warning", "no": "bad"}


class Painted(QStyledItemDelegate):
    """A delegate whose tooltips are plain text, whatever a model's file says."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.theme = theme

    def helpEvent(  # noqa: N802  Qt's name
        self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index
    ) -> bool:
        if event.type() == QEvent.Type.ToolTip:
            text = index.data(Qt.ItemDataRole.ToolTipRole)
            QToolTip.showText(event.globalPos(), hint(str(text)) if text else "", view)
            return True
        return super().helpEvent(event, view, option, index)


def verdict(painter: QPainter, theme: Theme, box: QRect, text: str, tone: str, chosen: bool = False) -> None:
    """A dot and a word. tone: good, warning, bad, or dim, whose dot is hollow. chosen: the word is read on accent soft."""
    side = theme.px(8)
    colour = theme.colour(tone)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(colour)
    painter.setBrush(Qt.BrushStyle.NoBrush if tone == "dim" else colour)
    if text and text != "–":
        painter.drawEllipse(QRectF(box.left() + 1, box.center().y() + 1 - side / 2, side, side))
        box = box.adjusted(side + theme.px(6), 0, 0, 0)
    words(painter, theme, box, text, theme.font("dim", "medium"), "text" if chosen else tone)


def pill(painter: QPainter, theme: Theme, left: int, middle: int, text: str, chosen: bool = False) -> int:
    """A pill as `Chip` draws it, from `left`, around the height `middle`. Returns its width."""
    font = theme.font("caption", "semibold")
    painter.setFont(font)
    width = painter.fontMetrics().horizontalAdvance(text) + theme.px(16)
    box = QRectF(left, middle - theme.px(9), width, theme.px(18))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.colour("surface" if chosen else "accent_soft"))
    painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
    painter.setPen(theme.colour("accent"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
    return width


def first_line(model: QAbstractItemModel) -> QModelIndex:
    """The first line's index; not valid where there is none."""
    return model.index(0, 0) if model.rowCount() else QModelIndex()
