"""The rail: every page, always in the same place; pages to come are dimmed but can be opened and say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QFrame, QScrollArea, QVBoxLayout, QWidget

from app.ui import icons
from app.ui.language import tr
from app.ui.theme import Theme

FOOT = "foot"
WIDTH = 88
HEIGHT, LEAST = 50, 42  # of a button; in a low window they come closer before the rail scrolls


@dataclass(frozen=True, slots=True)
class RailItem:
    """group: items of one group stand together; the group "foot" stands at the bottom."""

    id: str
    title: str
    icon: str
    group: str = ""
    coming: bool = False


class Rail(QFrame):
    """A column of pages. `chosen` carries the id of the page a person picked."""

    chosen = Signal(str)

    def __init__(self, theme: Theme, items: Sequence[RailItem], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("bar", "rail")
        self.setObjectName("rail")
        self.setAccessibleName(tr("Pages"))
        self.setFixedWidth(theme.px(WIDTH))
        self._edge = theme.px(12)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, RailButton] = {}
        inside = QWidget()
        self._room = _Room(self)
        self._room.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._room)
        column = QVBoxLayout(inside)
        column.setContentsMargins(theme.px(8), theme.px(12), theme.px(8), theme.px(12))
        column.setSpacing(theme.px(2))
        self._theme, self._column = theme, column
        self._fill(theme, column, [item for item in items if item.group != FOOT])
        column.addStretch(1)
        self._fill(theme, column, [item for item in items if item.group == FOOT])

    def set_current(self, page: str) -> None:
        """Mark the page that is shown; says nothing."""
        button = self._buttons.get(page)
        if button is not None:
            button.setChecked(True)
            self._show_current_soon()

    def current(self) -> str:
        """The id of the marked page, or ""."""
        return next((page for page, button in self._buttons.items() if button.isChecked()), "")

    def button(self, page: str) -> QAbstractButton:
        """The button of a page. Raises KeyError."""
        return self._buttons[page]

    def _fill(self, theme: Theme, column: QVBoxLayout, items: Sequence[RailItem]) -> None:
        last = items[0].group if items else ""
        for item in items:
            if item.group != last:
                column.addSpacing(theme.px(12))
                last = item.group
            button = RailButton(theme, item)
            button.clicked.connect(lambda _=False, page=item.id: self.chosen.emit(page))
            button.focused.connect(partial(self._show, button))
            self._group.addButton(button)
            self._buttons[item.id] = button
            column.addWidget(button)

    def _show(self, button: QWidget) -> None:
        self._room.ensureWidgetVisible(button, 0, self._edge)

    def _show_current(self) -> None:
        focused = next((button for button in self._buttons.values() if button.hasFocus()), None)
        shown = focused or self._buttons.get(self.current())
        if shown is not None:
            self._show(shown)

    def _show_current_soon(self) -> None:
        QTimer.singleShot(0, self, self._show_current)  # when the buttons have their places

    def _fit(self) -> None:
        """Buttons as high as there is room for."""
        px, buttons = self._theme.px, list(self._buttons.values())
        between = self._column.minimumSize().height() - sum(button.height() for button in buttons)
        room = (self.height() - between) // max(1, len(buttons))
        for button in buttons:
            button.setFixedHeight(min(px(HEIGHT), max(px(LEAST), room)))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        self._fit()
        self._show_current_soon()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
        focused = self.focusWidget()
        buttons = list(self._buttons.values())
        if step is None or focused not in buttons:
            super().keyPressEvent(event)
            return
        buttons[(buttons.index(focused) + step) % len(buttons)].setFocus(Qt.FocusReason.TabFocusReason)


class _Room(QScrollArea):
    """A large size in a low window: then the rail scrolls, with the wheel and with the focus, rather than overlaps."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        event.ignore()  # the rail's arrows walk its buttons


class RailButton(QAbstractButton):
    """Icon over label; the chosen one on accent soft, one to come in dim with a hollow dot."""

    focused = Signal()

    def __init__(self, theme: Theme, item: RailItem, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self.item = theme, item
        self.setCheckable(True)
        self.setText(item.title)
        self.setObjectName(f"rail.{item.id}")
        self.setAccessibleName(tr("{page}, coming", page=item.title) if item.coming else item.title)
        self.setToolTip(tr("{page}: not built yet", page=item.title) if item.coming else "")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFont(theme.font("caption", "medium"))
        self.setFixedHeight(theme.px(HEIGHT))
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        theme.changed.connect(self.update)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt's name
        super().focusInEvent(event)
        self.focused.emit()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(WIDTH - 16), self._theme.px(HEIGHT))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            event.ignore()  # the rail moves the focus; a button of a group would choose the page as well
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter)
        ink = self._theme.colour("accent" if self.isChecked() else "text" if self.underMouse() else "dim")
        if self.item.coming and not self.isChecked():
            painter.setOpacity(1.0 if self.underMouse() else COMING_OPACITY)
        side, top = self._theme.px(20), (self.height() - self._theme.px(36)) // 2
        icons.paint(painter, self.item.icon, ink, QRectF((self.width() - side) / 2, top, side, side))
        painter.setOpacity(1.0)
        painter.setPen(ink)
        painter.setFont(self.font())
        line = self.rect().adjusted(self._theme.px(2), top + self._theme.px(21), -self._theme.px(2), -self._theme.px(4))
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line, Qt.AlignmentFlag.AlignCenter, shown)
        painter.end()

    def _paint_ground(self, painter: QPainter) -> None:
        radius = self._theme.px(8)
        if self.isChecked() or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("accent_soft" if self.isChecked() else "background"))
            painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.colour("accent"), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), radius, radius)


COMING_OPACITY = 0.45
"""The icon of a page to come; its word stays readable."""
