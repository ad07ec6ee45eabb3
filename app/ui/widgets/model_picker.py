"""The model picker: a button that opens a list with a search: what is loaded, what was used lately, everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLineEdit,
    QListView,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionButton,
    QStyleOptionViewItem,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)

from app.ui import icons
from app.ui.language import tr
from app.ui.state.picks import PickerLine, PickerSection
from app.ui.theme import Theme
from app.ui.widgets.label import Label, hint

Index = QModelIndex | QPersistentModelIndex
Search = Callable[[str], Sequence[PickerSection]]
"""query → what is to be shown."""

LINE_ROLE = Qt.ItemDataRole.UserRole + 1
WIDTH, HEIGHT = 440, 460  # of the popup, pixels at a scale of 1
TWO_LINES, HEADING = 46, 28
MOVES = (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp)


class PickerList(QAbstractListModel):
    """Headings and lines, one after another."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[str | PickerLine] = []

    def set_sections(self, sections: Sequence[PickerSection]) -> None:
        """Show these."""
        self.beginResetModel()
        self._rows = []
        for section in sections:
            self._rows += [section.title, *section.lines]
        self.endResetModel()

    def line(self, row: int) -> PickerLine | None:
        """The line of a row; None for a heading."""
        found = self._rows[row] if 0 <= row < len(self._rows) else None
        return found if isinstance(found, PickerLine) else None

    def first(self) -> int:
        """The first row that is no heading, else -1."""
        return next((row for row, at in enumerate(self._rows) if isinstance(at, PickerLine)), -1)

    def current(self) -> int:
        """The row of the model that is in use or chosen, else -1."""
        return next((row for row, at in enumerate(self._rows) if isinstance(at, PickerLine) and at.current), -1)

    def row_of(self, line: PickerLine) -> int:
        """Where that line stands now, or -1."""
        same = [row for row, at in enumerate(self._rows) if isinstance(at, PickerLine) and at.id == line.id]
        return next(iter(same), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  Qt's name and default
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        if role == LINE_ROLE:
            return row if isinstance(row, PickerLine) else None
        if isinstance(row, str):
            return row if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole) else None
        said = {
            Qt.ItemDataRole.DisplayRole: row.title,
            Qt.ItemDataRole.AccessibleTextRole: ", ".join(p for p in (row.title, row.chip, row.detail, row.off) if p),
            Qt.ItemDataRole.ToolTipRole: hint("\n".join(p for p in (row.title, row.chip, row.detail, row.off) if p)),
        }
        return said.get(Qt.ItemDataRole(role))

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self.line(index.row()) is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


class ModelPicker(QPushButton):
    """`chosen(model id)`, `switched(key)` and `unloaded(key)` say what a person asked for; `opening` comes before the
    list is filled by `search`."""

    chosen = Signal(str)
    switched = Signal(str)
    unloaded = Signal(str)
    opening = Signal()

    def __init__(self, theme: Theme, name: str, search: Search, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._name, self._search = theme, name, search
        self._popup: PickerPopup | None = None
        self.setObjectName(name)
        self.setAccessibleName(tr("Model"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self.open)
        theme.changed.connect(self.update)

    def show_title(self, title: str) -> None:
        """The chosen model's name; "" says that there is none."""
        self.setText(title or tr("No model"))
        self.setAccessibleDescription(title)
        self.setToolTip(hint(title))

    @property
    def popup(self) -> PickerPopup:
        """The list; made when it is first needed."""
        if self._popup is None:
            self._popup = PickerPopup(self._theme, self._name, self._search, self)
            self._popup.picked.connect(self._picked)
            self._popup.unloaded.connect(self._unload)
        return self._popup

    def open(self) -> None:
        """Show the list below the button, its search empty."""
        self.opening.emit()
        self.popup.start(self.mapToGlobal(QPoint(0, self.height() + self._theme.px(4))))

    def refresh(self) -> None:
        """What is known has changed; matters only while the list is open."""
        if self._popup is not None and self.is_open:
            self._popup.fill(keep=True)

    @property
    def is_open(self) -> bool:
        """True while the list is shown."""
        return self._popup is not None and self._popup.isVisible()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open()
            return
        super().keyPressEvent(event)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(220), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(80), super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        """The button's own frame, the name at its left, elided, and the arrow."""
        painter = QStylePainter(self)
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        painter.drawControl(QStyle.ControlElement.CE_PushButton, option)
        px = self._theme.px
        side = px(14)
        inner = self.rect().adjusted(px(10), 0, -px(14) - side, 0)
        painter.setPen(self._theme.colour("text" if self.isEnabled() else "faint"))
        _elided(painter, inner, self.text())
        arrow = _square(self.width() - px(8) - side, self.height() / 2, side)
        icons.paint(painter, "chevron-down", self._theme.colour("dim"), arrow)

    def _picked(self, line: PickerLine) -> None:
        (self.switched if line.kind == "loaded" else self.chosen).emit(line.id)

    def _unload(self, key: str) -> None:
        self.unloaded.emit(key)


class PickerPopup(QFrame):
    """A search above the list. Typing narrows it, arrows walk, Enter takes, Delete unloads, Esc closes."""

    picked = Signal(object)
    unloaded = Signal(str)

    def __init__(self, theme: Theme, name: str, search: Search, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self._theme, self._find = theme, search
        self.setProperty("card", "true")
        self.rows = PickerList(self)
        self.field = QLineEdit()
        self.field.setObjectName(f"{name}.search")
        self.field.setAccessibleName(tr("Search models"))
        self.field.setPlaceholderText(tr("Search models"))
        self.field.textChanged.connect(self.fill)
        self.field.installEventFilter(self)
        self.view = _View(theme, f"{name}.list")
        self.view.setModel(self.rows)
        self.view.setItemDelegate(_Delegate(theme, self.view))
        self.view.clicked.connect(lambda index: self._take(index.row()))
        self.view.unload.connect(self._unload)
        self._none = Label(theme, tr("No model like that."), "dim", "dim")
        self._foot = Label(theme, tr("Enter chooses · Delete unloads · Esc closes"), "caption", "dim")
        column = QVBoxLayout(self)
        edge = theme.px(8)
        column.setContentsMargins(edge, edge, edge, edge)
        column.setSpacing(theme.px(6))
        for widget in (self.field, self._none, self.view, self._foot):
            column.addWidget(widget)

    def start(self, where: QPoint) -> None:
        """Open at a place of the screen, moved where it would not fit."""
        self.field.clear()
        self.fill()
        self.resize(self._theme.px(WIDTH), self._height())
        screen = self.screen().availableGeometry()
        left = max(screen.left(), min(where.x(), screen.right() - self.width()))
        top = max(screen.top(), min(where.y(), screen.bottom() - self.height()))
        self.move(left, top)
        self.show()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def fill(self, *_: object, keep: bool = False) -> None:
        """Show what the search finds. keep: the marked line stays marked, where it is still there."""
        marked = self.rows.line(self.view.currentIndex().row()) if keep else None
        self.rows.set_sections(self._find(self.field.text()))
        wanted = self.rows.row_of(marked) if marked is not None else -1
        if wanted < 0 and not self.field.text():
            wanted = self.rows.current()
        wanted = self.rows.first() if wanted < 0 else wanted
        self._none.setVisible(wanted < 0)
        self._mark(wanted)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        """Keys that the search does not need belong to the list."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._key(event)
        return super().eventFilter(watched, event)

    def _key(self, event: QKeyEvent) -> bool:
        key = event.key()
        if key in MOVES:
            self._walk(key)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take(self.view.currentIndex().row())
        elif key == Qt.Key.Key_Delete and not self.field.text():
            self._unload(self.view.currentIndex().row())
        else:
            return False
        return True

    def _walk(self, key: int) -> None:
        """The next line that is no heading."""
        step = -1 if key in (Qt.Key.Key_Up, Qt.Key.Key_PageUp) else 1
        count = 1 if key in (Qt.Key.Key_Up, Qt.Key.Key_Down) else 8
        row = found = self.view.currentIndex().row()
        while count and 0 <= row + step < self.rows.rowCount():
            row += step
            if self.rows.line(row) is not None:
                found, count = row, count - 1
        self._mark(found)

    def _mark(self, row: int) -> None:
        self.view.setCurrentIndex(self.rows.index(row) if row >= 0 else QModelIndex())
        if row == 1:
            self.view.scrollToTop()  # with its heading

    def _take(self, row: int) -> None:
        line = self.rows.line(row)
        if line is not None:
            self.hide()
            self.picked.emit(line)

    def _unload(self, row: int) -> None:
        line = self.rows.line(row)
        if line is not None and line.kind == "loaded":
            self.unloaded.emit(line.id)
            self.fill(keep=True)

    def _height(self) -> int:
        px = self._theme.px
        lines = sum(TWO_LINES if self.rows.line(row) else HEADING for row in range(min(20, self.rows.rowCount())))
        return min(px(HEIGHT), px(lines + 96))


class _View(QListView):
    """`unload(row)`: a click on the word at the right of a loaded line."""

    unload = Signal(int)

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self.setObjectName(name)
        self.setAccessibleName(tr("Models"))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the search has it, and hands the keys on
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt's name
        index = self.indexAt(event.position().toPoint())
        line = index.data(LINE_ROLE) if index.isValid() else None
        loaded = isinstance(line, PickerLine) and line.kind == "loaded"
        if loaded and unload_box(self._theme, self.visualRect(index)).contains(event.position().toPoint()):
            self.unload.emit(index.row())
            return
        super().mouseReleaseEvent(event)


def unload_box(theme: Theme, line: QRect) -> QRect:
    """Where a loaded line's “Unload” is."""
    width = theme.px(64)
    return QRect(line.right() - width - theme.px(6), line.top() + theme.px(8), width, line.height() - theme.px(16))


class _Delegate(QStyledItemDelegate):
    """A heading, or a title over its details; a loaded line has “Unload” at its right."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        return QSize(self._theme.px(80), self._theme.px(TWO_LINES if index.data(LINE_ROLE) else HEADING))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = index.data(LINE_ROLE)
        box: QRect = option.rect
        if isinstance(line, PickerLine):
            self._paint_line(painter, box, line, option.state)
        else:
            painter.setFont(self._theme.font("caption", "semibold"))
            painter.setPen(self._theme.colour("dim"))
            inner = box.adjusted(self._theme.px(8), self._theme.px(6), 0, 0)
            painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, str(index.data()))
        painter.restore()

    def _paint_line(self, painter: QPainter, box: QRect, line: PickerLine, state: QStyle.StateFlag) -> None:
        theme = self._theme
        px = theme.px
        marked, under = bool(state & QStyle.StateFlag.State_Selected), bool(state & QStyle.StateFlag.State_MouseOver)
        if marked or under:
            painter.setPen(QPen(theme.colour("accent"), 1) if marked else Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent_soft" if marked else "sunken"))
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), px(6), px(6))
        inner = box.adjusted(px(28), px(5), -px(8), -px(5))
        if line.current:
            icons.paint(painter, "check", theme.colour("accent"), _square(box.left() + px(7), box.center().y(), px(14)))
        if line.kind == "loaded":
            unload = unload_box(theme, box)
            self._words(painter, unload, tr("Unload"), "text" if marked else "dim", right=True)
            inner.setRight(unload.left() - px(6))
        top = QRect(inner.left(), inner.top(), inner.width(), inner.height() // 2)
        foot = QRect(inner.left(), top.bottom() + 1, inner.width(), inner.height() // 2)
        painter.setFont(theme.font("text"))
        painter.setPen(theme.colour("text"))
        _elided(painter, top, line.title)
        details = " · ".join(part for part in (line.chip, line.detail) if part)
        if not line.off:
            self._words(painter, foot, details, "text" if marked else "dim")
            return
        self._words(painter, foot, f"{line.off} · {details}", "text" if marked else "dim")

    def _words(self, painter: QPainter, box: QRect, text: str, role: str, right: bool = False) -> None:
        painter.setFont(self._theme.font("caption"))
        painter.setPen(self._theme.colour(role))
        _elided(painter, box, text, Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft)


def _elided(painter: QPainter, box: QRect, text: str, side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft) -> None:
    shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, box.width())
    painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | side, shown)


def _square(left: float, middle: float, side: int) -> QRectF:
    return QRectF(left, middle - side / 2, side, side)
