"""The field and the list of the command palette."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import QLineEdit, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.ui.language import tr
from app.ui.palette_offers import Offer
from app.ui.theme import Theme

ROW = 32
PAGE = 8
OFFER_ROLE = Qt.ItemDataRole.UserRole + 1
STEPS = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: PAGE, Qt.Key.Key_PageUp: -PAGE}

Index = QModelIndex | QPersistentModelIndex


class Field(QLineEdit):
    """`walked(rows)`: a key that walks the list below; `closed()`: Escape, which is the window's Stop elsewhere."""

    walked = Signal(int)
    closed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("palette.field")
        self.setAccessibleName(tr("Find a command, a conversation or a model"))
        self.setPlaceholderText(tr("What do you want to do?"))
        self.setFont(theme.font("title"))

    def event(self, event: QEvent) -> bool:
        """Keeps Escape from the window's shortcut."""
        escape = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if escape and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        step = STEPS.get(Qt.Key(event.key()))
        if step is not None:
            self.walked.emit(step)
        elif event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)


class OfferList(QListView):
    """Offers, one line each; one is marked."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.offers = OfferModel(self)
        self.setObjectName("palette.list")
        self.setAccessibleName(tr("Found"))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the field keeps the cursor and its arrow keys walk here
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setModel(self.offers)
        self.setItemDelegate(_Delegate(theme, self))

    def show_offers(self, offers: Sequence[Offer]) -> None:
        """And mark the first."""
        self.offers.show_offers(offers)
        self.setCurrentIndex(self.offers.index(0))


class OfferModel(QAbstractListModel):
    """Offers in their order."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._offers: Sequence[Offer] = ()

    def show_offers(self, offers: Sequence[Offer]) -> None:
        """Show these."""
        self.beginResetModel()
        self._offers = offers
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  Qt's name and default
        return 0 if parent.isValid() else len(self._offers)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._offers):
            return None
        offer = self._offers[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return offer.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(part for part in (offer.title, offer.detail, offer.shortcut) if part)
        return offer if role == OFFER_ROLE else None


class _Delegate(QStyledItemDelegate):
    """Title at the left, what it is and its keys at the right."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(120), self._theme.px(ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme, px = self._theme, self._theme.px
        offer: Offer = index.data(OFFER_ROLE)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent_soft" if chosen else "background"))
            painter.drawRoundedRect(option.rect, px(6), px(6))
        inner = option.rect.adjusted(px(10), 0, -px(10), 0)
        side = offer.shortcut or offer.detail
        painter.setFont(theme.font("caption"))
        painter.setPen(theme.colour("text" if chosen else "dim"))
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, side)
        inner.setRight(inner.right() - painter.fontMetrics().horizontalAdvance(side) - px(12))
        painter.setFont(theme.font("text"))
        painter.setPen(theme.colour("text"))
        shown = painter.fontMetrics().elidedText(offer.title, Qt.TextElideMode.ElideRight, inner.width())
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        painter.restore()
