"""The command palette: a field over the window that finds what can be done now, a conversation, or a model."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QFrame, QVBoxLayout, QWidget

from app.ui.language import tr
from app.ui.palette_list import OFFER_ROLE, ROW, Field, OfferList
from app.ui.palette_offers import Offer, Provider, found
from app.ui.theme import Theme
from app.ui.widgets.label import Label

WIDTH, TOP, ROWS = 540, 64, 10


def qapp() -> QApplication:
    """The one application."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    return app


class Palette(QWidget):
    """Covers its parent while it is open. Escape or a click beside it closes it; Enter does what is marked."""

    def __init__(self, theme: Theme, parent: QWidget, providers: Sequence[Provider]) -> None:
        super().__init__(parent)
        self._theme, self._over, self._providers = theme, parent, providers
        self._offers: list[Offer] = []
        self._before: QWidget | None = None
        self.field = Field(theme)
        self.view = OfferList(theme)
        self.nothing = Label(theme, tr("Nothing found"), "dim", "dim")
        self._lay_out()
        self.field.textChanged.connect(self._find)
        self.field.walked.connect(self._walk)
        self.field.closed.connect(self.close_palette)
        self.field.returnPressed.connect(self._do)
        self.view.clicked.connect(self._do)
        self.view.selectionModel().currentChanged.connect(self._tell)
        qapp().focusChanged.connect(self._focus_moved)
        parent.installEventFilter(self)
        self.hide()

    def _lay_out(self) -> None:
        px = self._theme.px
        self._frame = QFrame(self)
        self._frame.setProperty("card", "true")
        column = QVBoxLayout(self._frame)
        column.setContentsMargins(px(8), px(8), px(8), px(8))
        column.setSpacing(px(6))
        for widget in (self.field, self.nothing, self.view):
            column.addWidget(widget)
        self.nothing.setContentsMargins(px(8), px(4), px(8), px(4))

    def toggle(self) -> None:
        """Open it, or close it again."""
        if self.isVisible():
            self.close_palette()
        else:
            self.open_palette()

    def open_palette(self) -> None:
        """Over the window, empty, with the cursor in it."""
        self._before = QApplication.focusWidget()
        self._offers = [offer for provider in self._providers for offer in provider()]
        self.field.clear()
        self._find()
        self._place()
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def close_palette(self) -> None:
        """And the cursor is where it was."""
        self.hide()
        self._offers = []
        before, self._before = self._before, None
        if before is not None and before.isVisible():
            before.setFocus(Qt.FocusReason.PopupFocusReason)

    def _do(self) -> None:
        offer = self.view.currentIndex().data(OFFER_ROLE)
        if isinstance(offer, Offer):
            self.close_palette()
            offer.run()

    def _tell(self, index: QModelIndex) -> None:
        """A screen reader stays in the field: it hears there what is marked."""
        self.field.setAccessibleDescription(str(index.data(Qt.ItemDataRole.AccessibleTextRole) or ""))

    def _focus_moved(self, _old: QWidget | None, now: QWidget | None) -> None:
        """Something below was brought forward, by another shortcut."""
        if self.isVisible() and now is not None and not self.isAncestorOf(now):
            self._before = None
            self.close_palette()

    def _find(self) -> None:
        shown = found(self.field.text(), self._offers)
        self.view.show_offers(shown)
        self.nothing.setVisible(not shown)
        self.view.setVisible(bool(shown))
        self._place()

    def _walk(self, by: int) -> None:
        last = self.view.offers.rowCount() - 1
        row = max(0, min(last, self.view.currentIndex().row() + by))
        self.view.setCurrentIndex(self.view.offers.index(row))

    def _place(self) -> None:
        px = self._theme.px
        self.setGeometry(self._over.rect())
        width = min(px(WIDTH), self.width() - px(32))
        room = self.height() - px(TOP) * 2
        self.view.setFixedHeight(max(px(ROW), min(px(ROW) * min(ROWS, self.view.offers.rowCount()), room)))
        self._frame.setFixedWidth(max(width, 0))
        self._frame.adjustSize()
        self._frame.move((self.width() - width) // 2, min(px(TOP), self.height() // 8))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return False

    def focusNextPrevChild(self, _next: bool) -> bool:  # noqa: N802  Qt's name
        """Tab stays here: what is below cannot be seen."""
        self.field.setFocus(Qt.FocusReason.TabFocusReason)
        return True

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt's name
        self.close_palette()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        veil = QColor(self._theme.colour("background"))
        veil.setAlphaF(0.7)
        painter.fillRect(self.rect(), veil)
        painter.end()
