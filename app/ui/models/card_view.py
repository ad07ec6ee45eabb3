"""The same variants as cards, as many side by side as there is room for; painted, so that a thousand scroll."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView, QStyle, QStyleOptionViewItem

from app.ui.language import tr
from app.ui.models.paint import TONES, Painted, pill, verdict
from app.ui.state.models_details import short_facts
from app.ui.state.models_rows import Row, bits_words, format_words
from app.ui.state.models_table import ROW_ROLE, SEEN_ROLE, VariantTable
from app.ui.state.words import size
from app.ui.theme import Theme
from app.ui.widgets.line_list import RIGHT, Index, is_chosen, words

LEAST, HEIGHT, GAP, EDGE = 240, 128, 10, 12


class CardView(QListView):
    """`opened()`, `deleted()`, `menu_wanted(where)`, as the table has them."""

    opened = Signal()
    deleted = Signal()
    menu_wanted = Signal(QPoint)

    def __init__(self, theme: Theme, table: VariantTable) -> None:
        super().__init__()
        self._theme = theme
        self.setObjectName("models.cards")
        self.setAccessibleName(tr("Models on this machine, as cards"))
        self.setModel(table)
        self.setItemDelegate(_Delegate(theme, self))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.viewport().setAutoFillBackground(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._menu)
        self.doubleClicked.connect(lambda _index: self.opened.emit())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
        elif event.key() == Qt.Key.Key_Delete:
            self.deleted.emit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        room = self.viewport().width() - 2  # else Qt puts one less in a line
        columns = max(1, room // self._theme.px(LEAST + GAP))
        self.setGridSize(QSize(room // columns, self._theme.px(HEIGHT + GAP)))
        super().resizeEvent(event)

    def _menu(self, where: QPoint) -> None:
        if self.indexAt(where).isValid():
            self.menu_wanted.emit(self.viewport().mapToGlobal(where))


class _Delegate(Painted):
    """Title and precision, what it is, figures, and at the foot where it lies and whether it fits."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt's name
        view = self.parent()
        assert isinstance(view, QListView)
        return view.gridSize()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row, seen = index.data(ROW_ROLE), index.data(SEEN_ROLE)
        if not isinstance(row, Row):
            return
        theme, px = self.theme, self.theme.px
        painter.save()
        chosen = is_chosen(option)
        box = option.rect.adjusted(0, 0, -px(GAP), -px(GAP))
        self._frame(painter, option, box, chosen)
        inner = box.adjusted(px(EDGE), px(10), -px(EDGE), -px(10))
        self._title(painter, inner, row, chosen)
        variant, tone = row.variant, "text" if chosen else "dim"
        line, step = QRect(inner.left(), inner.top() + px(26), inner.width(), px(18)), px(20)
        words(painter, theme, line, short_facts(row), theme.font("dim"), tone)
        figures = (size(variant.bytes or None), tr("{bits} bits", bits=bits_words(variant.bits_per_weight))
                   if variant.bits_per_weight else "", format_words(variant.format), variant.licence)  # fmt: skip
        words(painter, theme, line.translated(0, step), " · ".join(f for f in figures if f), theme.font("dim"), tone)
        loads = seen.loads_words if seen is not None else ""
        third = variant.problem or (tr("loads in {engines}", engines=loads) if loads else tr("no engine loads it"))
        shown = third if variant.problem or seen is not None else ""
        words(painter, theme, line.translated(0, 2 * step), shown, theme.font("caption"), tone)
        self._foot(painter, inner, row, seen.verdict if seen is not None else "", tone)
        painter.restore()

    def _frame(self, painter: QPainter, option: QStyleOptionViewItem, box: QRect, chosen: bool) -> None:
        theme = self.theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        over = bool(option.state & QStyle.StateFlag.State_MouseOver)
        focus = chosen and bool(option.state & QStyle.StateFlag.State_HasFocus)
        edge = "accent" if focus else "faint" if over else "accent_soft" if chosen else "line"
        painter.setPen(QPen(theme.colour(edge), 2 if focus else 1))
        painter.setBrush(theme.colour("accent_soft" if chosen else "surface"))
        painter.drawRoundedRect(QRectF(box).adjusted(1, 1, -1, -1), theme.px(10), theme.px(10))

    def _title(self, painter: QPainter, inner: QRect, row: Row, chosen: bool) -> None:
        theme, px = self.theme, self.theme.px
        metrics_font = theme.font("caption", "semibold")
        painter.setFont(metrics_font)
        width = painter.fontMetrics().horizontalAdvance(row.precision) + px(16)
        top = QRect(inner.left(), inner.top(), inner.width() - width - px(8), px(20))
        words(painter, theme, top, row.variant.title, theme.font("text", "semibold"))
        if row.precision:
            pill(painter, theme, inner.right() - width + 1, top.center().y(), row.precision, chosen)

    def _foot(self, painter: QPainter, inner: QRect, row: Row, found: str, tone: str) -> None:
        theme, px = self.theme, self.theme.px
        foot = QRect(inner.left(), inner.bottom() - px(18), inner.width(), px(18))
        text = tr("cannot be used") if row.variant.problem else _fit_words(found)
        half = foot.adjusted(0, 0, -foot.width() // 2, 0)
        verdict(painter, theme, half, text, "bad" if row.variant.problem else TONES.get(found, "dim"), tone == "text")
        right = foot.adjusted(foot.width() // 2, 0, 0, 0)
        words(painter, theme, right, row.where, theme.font("caption"), tone, RIGHT)


def _fit_words(found: str) -> str:
    return {"fits": tr("fits here"), "tight": tr("tight here"), "no": tr("too large here")}.get(found, "")
