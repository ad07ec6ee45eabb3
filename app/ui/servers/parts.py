"""Pieces that the views of the Servers page share: buttons with names, a line to copy, a field with its label, columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPaintEvent, QResizeEvent, QTextOption
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from app.ui import icons
from app.ui.frame.quiet_scroll import QuietScroll
from app.ui.language import tr
from app.ui.theme import Size, Theme
from app.ui.widgets.code_card import CopyButton
from app.ui.widgets.label import Label, hint

WIDTH, OPTIONS = 860, 300
"""The middle column at its widest, and the options at its left, in design pixels."""


def button(
    name: str,
    words: str,
    does: Callable[[], object],
    kind: str = "",
    says: str = "",
    icon: tuple[Theme, str] | None = None,
) -> QPushButton:
    """A push button. name: without the page's. says: its name for those who cannot see it, and its hover."""
    made = QPushButton(words)
    made.setObjectName(f"servers.{name}")
    made.setAccessibleName(says or words)
    made.setToolTip(says)
    if kind:
        made.setProperty("kind", kind)
    if icon is not None:
        icons.bind(made, icon[0], icon[1], "on_accent" if kind == "primary" else "text", 14)
    made.clicked.connect(lambda: does())
    return made


def field(name: str, title: str, hint: str = "", text: str = "") -> QLineEdit:
    """One line of text. hint: what stands in it while it is empty."""
    made = QLineEdit(text)
    made.setObjectName(f"servers.{name}")
    made.setAccessibleName(title)
    made.setPlaceholderText(hint)
    return made


def labelled(theme: Theme, title: str, content: QWidget, words: str = "") -> QVBoxLayout:
    """A title above a field, and a dim line below it."""
    column = QVBoxLayout()
    column.setSpacing(theme.px(4))
    label = Label(theme, title, "dim", "dim", "medium")
    label.setBuddy(content)
    column.addWidget(label)
    column.addWidget(content)
    if words:
        column.addWidget(Label(theme, words, "caption", "dim", wrap=True))
    return column


def row(theme: Theme, *parts: QWidget, gap: int = 8, stretch: bool = True) -> QHBoxLayout:
    """Widgets beside one another, from the left."""
    made = QHBoxLayout()
    made.setSpacing(theme.px(gap))
    for part in parts:
        made.addWidget(part)
    if stretch:
        made.addStretch(1)
    return made


def column_page(theme: Theme, width: int = WIDTH) -> tuple[QuietScroll, QVBoxLayout]:
    """A page that scrolls, and the column of its content, at most `width` design pixels wide."""
    scroll = QuietScroll()
    column = QWidget()
    column.setMaximumWidth(theme.px(width))
    body = QVBoxLayout(column)
    body.setContentsMargins(theme.px(24), theme.px(20), theme.px(24), theme.px(24))
    body.setSpacing(theme.px(16))
    outer = QWidget()
    across = QHBoxLayout(outer)
    across.setContentsMargins(0, 0, 0, 0)
    across.addStretch(1)
    across.addWidget(column, 1000)
    across.addStretch(1)
    scroll.setWidget(outer)
    return scroll, body


def option_column(theme: Theme, *parts: QWidget | QLayout) -> tuple[QuietScroll, QWidget]:
    """What is chosen at the left of a view, from the top, and the widget that holds it."""
    column = QWidget()
    body = QVBoxLayout(column)
    body.setContentsMargins(theme.px(14), theme.px(14), theme.px(8), theme.px(14))
    body.setSpacing(theme.px(16))
    for part in parts:
        body.addWidget(part) if isinstance(part, QWidget) else body.addLayout(part)
    body.addStretch(1)
    scroll = QuietScroll()
    scroll.setFixedWidth(theme.px(OPTIONS))
    scroll.setWidget(column)
    return scroll, column


def beside(owner: QWidget, left: QWidget, right: QWidget) -> None:
    """Lay out `owner`: `left`, a hairline, and `right`, which takes the room."""
    across = QHBoxLayout(owner)
    across.setContentsMargins(0, 0, 0, 0)
    across.setSpacing(0)
    rule = QFrame()
    rule.setProperty("rule", "v")
    across.addWidget(left)
    across.addWidget(rule)
    across.addWidget(right, 1)


def heading(theme: Theme, title: QWidget, *right: QWidget, gap: int = 8) -> QVBoxLayout:
    """A view's title with what stands beside it; what is said about it comes below."""
    head = QHBoxLayout()
    head.setSpacing(theme.px(gap))
    head.addWidget(title, 1)
    for part in right:
        head.addWidget(part)
    top = QVBoxLayout()
    top.setSpacing(theme.px(6))
    top.addLayout(head)
    return top


def lesson(theme: Theme, title: str, *paragraphs: str) -> QuietScroll:
    """What a view says before there is anything to show."""
    page, body = column_page(theme)
    body.setContentsMargins(theme.px(24), theme.px(60), theme.px(24), theme.px(24))
    body.addWidget(Label(theme, title, "large", weight="semibold", wrap=True))
    for words in paragraphs:
        body.addWidget(Label(theme, words, "text", "dim", wrap=True))
    body.addStretch(1)
    return page


def code_view(theme: Theme, name: str, title: str, size: Size) -> QPlainTextEdit:
    """Code that is read, line by line as it is. name: without the page's."""
    view = QPlainTextEdit()
    view.setObjectName(f"servers.{name}")
    view.setAccessibleName(title)
    view.setReadOnly(True)
    view.setProperty("code", "true")
    view.setFont(theme.code_font(size))
    view.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
    view.setTabChangesFocus(True)
    return view


class Count(QLineEdit):
    """A whole number from 1; `counted(n)` once it is typed. What is none goes back to what it was."""

    counted = Signal(int)

    def __init__(self, name: str, title: str, most: int) -> None:
        super().__init__("1")
        self.setObjectName(f"servers.{name}")
        self.setAccessibleName(title)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._now, self._most = 1, most
        self.editingFinished.connect(self._typed)

    def set_value(self, value: int) -> None:
        """Show another number; says nothing."""
        self._now = value
        if self.text() != str(value):
            self.setText(str(value))

    def _typed(self) -> None:
        text = self.text().strip()
        value = int(text) if text.isascii() and text.isdigit() else self._now
        changed = min(max(value, 1), self._most) != self._now
        self.set_value(min(max(value, 1), self._most))
        if changed:
            self.counted.emit(self._now)


class Choice(QComboBox):
    """A menu whose chosen line ends in “…” where it does not fit; its list is as wide as its lines. name: without the page's."""

    def __init__(self, name: str, title: str) -> None:
        super().__init__()
        self.setObjectName(f"servers.{name}")
        self.setAccessibleName(title)
        self.setMinimumContentsLength(12)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)

    def set_lines(self, lines: Sequence[tuple[str, str]], chosen: str) -> None:
        """(key, words) of each, and the key of the chosen one; says nothing."""
        if [(self.itemData(i), self.itemText(i)) for i in range(self.count())] != list(lines):
            self.clear()
            for key, title in lines:
                self.addItem(title, key)
        self.setCurrentIndex(self.findData(chosen))
        self.setToolTip(hint(self.currentText()))

    def showPopup(self) -> None:  # noqa: N802  Qt's name
        view = self.view()
        view.setMinimumWidth(
            min(view.sizeHintForColumn(0) + view.verticalScrollBar().sizeHint().width(), 2 * self.width())
        )
        super().showPopup()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        style = QStyle.ComplexControl.CC_ComboBox
        room = self.style().subControlRect(style, option, QStyle.SubControl.SC_ComboBoxEditField, self).width()
        option.currentText = self.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideMiddle, room - 4)
        painter.drawComplexControl(style, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()


class CommandLine(QWidget):
    """Text that is copied, not edited: wrapped, as tall as it is, with Copy at its right."""

    def __init__(self, theme: Theme, name: str, title: str) -> None:
        super().__init__()
        self._theme = theme
        self.view = _Wrapped(theme)
        self.view.setObjectName(f"servers.{name}")
        self.view.setAccessibleName(title)
        self.copy = CopyButton(theme, self.text, f"servers.copy_{name}", tr("Copy: {what}", what=title))
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(theme.px(8))
        line.addWidget(self.view, 1)
        line.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignTop)

    def set_text(self, text: str) -> None:
        """Show something else."""
        if text != self.view.toPlainText():
            self.view.setPlainText(text)
            self.view.fit()

    def text(self) -> str:
        """What is copied."""
        return self.view.toPlainText()


class _Wrapped(QPlainTextEdit):
    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setReadOnly(True)
        self.setProperty("code", "true")
        self.setFont(theme.code_font("dim"))
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(0)
        self.document().documentLayout().documentSizeChanged.connect(lambda _size: self.fit())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """As tall as its lines."""
        lines = max(1, round(self.document().size().height()))  # a plain-text document counts in lines
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + self._theme.px(4))
