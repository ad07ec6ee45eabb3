"""The one style sheet, written from tokens: set once on the application, so that no widget parses its own."""

from __future__ import annotations

from collections.abc import Callable
from string import Template

from app.ui.theme_tokens import Tokens

_BUTTONS = """
QPushButton, QToolButton {
  background: $raised; color: $text; border: 1px solid $line; border-radius: ${p8}px;
  padding: ${p4}px ${p12}px; min-height: ${p20}px;
}
QPushButton:hover, QToolButton:hover { border-color: $faint; }
QPushButton:pressed, QToolButton:pressed { background: $sunken; }
QPushButton:focus, QToolButton:focus { border: 2px solid $accent; padding: ${p3}px ${p11}px; }
QPushButton:disabled, QToolButton:disabled { color: $faint; background: transparent; }
QPushButton[kind="primary"] { background: $accent; color: $on_accent; border: 1px solid $accent; font-weight: 600; }
QPushButton[kind="primary"]:hover { background: $accent_hover; border-color: $accent_hover; }
QPushButton[kind="primary"]:focus { border: 2px solid $text; }
QPushButton[kind="primary"]:disabled { background: $line; color: $dim; border-color: $line; }
QPushButton[kind="quiet"], QToolButton[kind="quiet"] {
  background: transparent; border: 1px solid transparent; padding: ${p2}px ${p6}px; min-height: ${p18}px; color: $dim;
}
QPushButton[kind="quiet"]:hover, QToolButton[kind="quiet"]:hover { color: $text; background: $line; }
QPushButton[kind="quiet"]:focus, QToolButton[kind="quiet"]:focus { border: 2px solid $accent; padding: ${p1}px ${p5}px; }
QPushButton[kind="quiet"]:disabled, QToolButton[kind="quiet"]:disabled { color: $faint; background: transparent; }
QPushButton[fold="true"] { text-align: left; padding-left: 0; }
QPushButton[kind="tab"] {
  background: transparent; border: 1px solid transparent; border-radius: ${p10}px; padding: ${p1}px ${p10}px;
  min-height: ${p18}px; color: $dim;
}
QPushButton[kind="tab"]:hover { color: $text; }
QPushButton[kind="tab"]:checked { background: $accent_soft; color: $accent; font-weight: 600; }
QPushButton[kind="tab"]:focus { border: 2px solid $accent; padding: 0 ${p9}px; }
QPushButton[kind="pill"] {
  background: transparent; border: 1px solid $line; border-radius: ${p9}px; padding: 0 ${p7}px; min-height: ${p18}px;
  color: $dim;
}
QPushButton[kind="pill"]:hover { border-color: $faint; color: $text; }
QPushButton[kind="pill"]:checked { background: $accent_soft; border-color: $accent_soft; color: $accent; }
QPushButton[kind="pill"]:focus { border: 2px solid $accent; padding: 0 ${p6}px; }
QPushButton[kind="pill"]:disabled { color: $faint; }
"""

_FIELDS = """
QLineEdit, QPlainTextEdit[field="true"], QComboBox, QSpinBox {
  background: $raised; color: $text; border: 1px solid $line; border-radius: ${p8}px; padding: ${p3}px ${p8}px;
  selection-background-color: $accent; selection-color: $on_accent;
}
QLineEdit, QComboBox, QSpinBox { min-height: ${p20}px; }
QLineEdit:hover, QComboBox:hover, QPlainTextEdit[field="true"]:hover { border-color: $faint; }
QLineEdit:focus, QComboBox:focus, QPlainTextEdit[field="true"]:focus, QSpinBox:focus {
  border: 2px solid $accent; padding: ${p2}px ${p7}px;
}
QLineEdit:disabled, QComboBox:disabled, QPlainTextEdit[field="true"]:disabled {
  color: $faint; background: transparent;
}
QLineEdit[wrong="true"] { border: 2px solid $bad; padding: ${p2}px ${p7}px; }
QLineEdit[bare="true"] { border: none; background: transparent; padding: 0; }
QComboBox::drop-down { border: none; width: ${p20}px; }
QComboBox::down-arrow { image: url(tandem-icons:fixed/arrow-$scheme.svg); width: ${p12}px; height: ${p12}px; }
QComboBox QAbstractItemView {
  background: $raised; color: $text; border: 1px solid $line; outline: 0; padding: ${p4}px;
  selection-background-color: $accent_soft; selection-color: $text;
}
QComboBox QAbstractItemView::item { min-height: ${p24}px; padding: 0 ${p6}px; border-radius: ${p4}px; }
QComboBox QAbstractItemView::item:selected { background: $accent_soft; color: $text; }
QComboBox QAbstractItemView::item:disabled { color: $dim; }
QCheckBox { spacing: ${p6}px; color: $text; border: 2px solid transparent; border-radius: ${p4}px; }
QCheckBox:focus { border-color: $accent; }
QCheckBox::indicator {
  width: ${p14}px; height: ${p14}px; border: 1px solid $dim; border-radius: ${p4}px; background: $raised;
}
QCheckBox::indicator:checked {
  background: $accent; border-color: $accent; image: url(tandem-icons:fixed/tick-$scheme.svg);
}
QSlider { min-height: ${p20}px; }
QSlider::groove:horizontal { height: ${p4}px; background: $line; border-radius: ${p2}px; }
QSlider::sub-page:horizontal { background: $accent; border-radius: ${p2}px; }
QSlider::handle:horizontal {
  background: $surface; border: 2px solid $accent; width: ${p12}px; height: ${p10}px; margin: -${p5}px 0;
  border-radius: ${p7}px;
}
QSlider::handle:horizontal:focus { background: $accent; }
QSlider::sub-page:horizontal:disabled { background: $faint; }
QSlider::handle:horizontal:disabled { border-color: $faint; }
"""

_TEXTS = """
QLabel { background: transparent; }
QLabel[tone="dim"] { color: $dim; }
QLabel[tone="accent"] { color: $accent; }
QLabel[tone="good"] { color: $good; }
QLabel[tone="warning"] { color: $warning; }
QLabel[tone="bad"] { color: $bad; }
QLabel:disabled { color: $faint; }
QLabel[tone="dim"]:disabled { color: $dim; }
QLabel[chip="accent"] { background: $accent_soft; color: $accent; border-radius: ${p10}px; padding: ${p1}px ${p10}px; }
QLabel[chip="plain"] {
  background: transparent; color: $dim; border: 1px solid $line; border-radius: ${p10}px; padding: 0 ${p9}px;
}
QToolTip { background: $raised; color: $text; border: 1px solid $line; padding: ${p6}px; }
"""

_FRAMES = """
QFrame[card="true"] { background: $surface; border: 1px solid $line; border-radius: ${p10}px; }
QFrame[card="bubble"] { background: $sunken; border: none; border-radius: ${p10}px; }
QFrame[card="warning"] { background: $surface; border: 1px solid $warning; border-radius: ${p10}px; }
QFrame[card="bad"] { background: $surface; border: 1px solid $bad; border-radius: ${p10}px; }
QFrame[bar="top"] { background: $surface; border: none; border-bottom: 1px solid $line; }
QFrame[bar="foot"] { background: $surface; border: none; border-top: 1px solid $line; }
QFrame[bar="rail"] { background: $surface; border: none; border-right: 1px solid $line; }
QFrame[rule="h"] { background: $line; border: none; max-height: 1px; min-height: 1px; }
QFrame[rule="v"] { background: $line; border: none; max-width: 1px; min-width: 1px; }
QScrollArea, QScrollArea > QWidget > QWidget { background: transparent; border: none; }
QTextBrowser, QPlainTextEdit[code="true"] {
  background: transparent; border: none; selection-background-color: $accent; selection-color: $on_accent;
}
QListView { background: transparent; border: none; outline: 0; }
QMenu { background: $raised; color: $text; border: 1px solid $line; padding: ${p4}px; }
QMenu::item { padding: ${p5}px ${p24}px ${p5}px ${p12}px; border-radius: ${p4}px; }
QMenu::item:selected { background: $accent_soft; color: $text; }
QMenu::item:disabled { color: $faint; }
QMenu::separator { height: 1px; background: $line; margin: ${p4}px ${p8}px; }
QProgressBar { background: $line; border: none; border-radius: ${p2}px; max-height: ${p4}px; min-height: ${p4}px; }
QProgressBar::chunk { background: $accent; border-radius: ${p2}px; }
QProgressBar[still="true"]::chunk { background: $dim; }
QScrollBar:vertical { background: transparent; width: ${p10}px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: ${p10}px; margin: 0; }
QScrollBar::handle { background: $line; border-radius: ${p3}px; margin: ${p2}px; }
QScrollBar::handle:vertical { min-height: ${p24}px; }
QScrollBar::handle:horizontal { min-width: ${p24}px; }
QScrollBar::handle:hover { background: $faint; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QSplitter::handle { background: $line; }
"""

_TEMPLATE = Template(_BUTTONS + _FIELDS + _TEXTS + _FRAMES)


def sheet(tokens: Tokens, px: Callable[[float], int]) -> str:
    """The style sheet for `tokens`; `px` scales a length of the 13 px design to the font in use."""
    colours = {name: getattr(tokens, name) for name in tokens.__slots__ if name != "dark"}
    lengths = {f"p{n}": str(px(n)) for n in range(1, 25)}
    return _TEMPLATE.substitute(colours, scheme="dark" if tokens.dark else "light", **lengths)
