"""How a saved prompt looks in the list: its title, and below it how it begins."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.ui.theme import Theme

HEIGHT = 42
START = Qt.ItemDataRole.UserRole + 1  # the role of the second line

Index = QModelIndex | QPersistentModelIndex


class PromptLines(QStyledItemDelegate):
    """Two lines; the chosen one lies on accent soft, where both are in the text's colour."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        return QSize(0, self._theme.px(HEIGHT))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme = self._theme
        box: QRect = option.rect
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent_soft"))
            painter.drawRoundedRect(box, theme.px(6), theme.px(6))
        inner = box.adjusted(theme.px(8), theme.px(4), -theme.px(8), -theme.px(4))
        half = inner.height() // 2
        self._line(painter, QRect(inner.left(), inner.top(), inner.width(), half), str(index.data() or ""), "text")
        below = QRect(inner.left(), inner.top() + half, inner.width(), half)
        self._line(painter, below, str(index.data(START) or ""), "text" if chosen else "dim", small=True)
        painter.restore()

    def _line(self, painter: QPainter, box: QRect, text: str, role: str, *, small: bool = False) -> None:
        painter.setFont(self._theme.font("caption") if small else self._theme.font("dim", "medium"))
        painter.setPen(self._theme.colour(role))
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
