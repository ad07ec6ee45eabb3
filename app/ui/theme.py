"""The look, as one object that every widget is given: tokens, fonts, lengths, and a signal when they change.

Fusion with our own palette and one style sheet, because a system's colour scheme stays "unknown" on many desktops.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QDir, QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication, QStyle, QStyleFactory, QToolTip, QWidget

from app.ui.theme_sheet import sheet
from app.ui.theme_tokens import DARK, LIGHT, Tokens

__all__ = ["DARK", "LIGHT", "Mode", "Size", "Theme", "Tokens", "Weight", "install", "resources"]

Mode = Literal["light", "dark", "system"]
Size = Literal["text", "dim", "caption", "figure", "large", "title"]
Weight = Literal["regular", "medium", "semibold", "bold"]

SIZES: dict[Size, int] = {"text": 13, "dim": 12, "caption": 11, "figure": 15, "title": 15, "large": 22}
"""Pixels at a scale of 1 (DESIGN "Tokens")."""

FONTS = (
    "Inter-Regular.otf", "Inter-Medium.otf", "Inter-SemiBold.otf", "Inter-Bold.otf", "Inter-Italic.otf",
    "JetBrainsMono-Regular.ttf", "JetBrainsMono-Bold.ttf",
)  # fmt: skip
TEXT_FAMILY = "Inter"
CODE_FAMILY = "JetBrains Mono"

_WEIGHTS: dict[Weight, QFont.Weight] = {
    "regular": QFont.Weight.Normal,
    "medium": QFont.Weight.Medium,
    "semibold": QFont.Weight.DemiBold,
    "bold": QFont.Weight.Bold,
}


class Theme(QObject):
    """What things look like now. `changed` fires after palette and style sheet are set."""

    changed = Signal()

    def __init__(self, app: QApplication, mode: Mode = "system", scale: float = 1.0) -> None:
        super().__init__(app)
        self._app = app
        self._mode: Mode = mode
        self.scale = scale
        self.tokens: Tokens = LIGHT
        self.motion = _wants_motion(app)
        app.styleHints().colorSchemeChanged.connect(self._system_changed)

    @property
    def mode(self) -> Mode:
        """What the person chose; `tokens` is what that means now."""
        return self._mode

    def set_mode(self, mode: Mode) -> None:
        """Choose light, dark, or what the system says."""
        self._mode = mode
        hints = self._app.styleHints()
        if mode == "system":
            hints.unsetColorScheme()
        else:
            hints.setColorScheme(Qt.ColorScheme.Dark if mode == "dark" else Qt.ColorScheme.Light)
        self._apply()

    def set_scale(self, scale: float) -> None:
        """Another size for everything; widgets that are there keep the lengths they were made with."""
        if scale != self.scale:
            self.scale = scale
            self.set_fonts()
            self._dress()

    def set_fonts(self) -> None:
        """Give the application and its tooltips the font at this scale."""
        self._app.setFont(self.font())
        QToolTip.setFont(self.font("dim"))

    def px(self, length: float) -> int:
        """A length of the 13 px design in this font's pixels; never 0 for a length that is not 0."""
        return max(1, round(length * self.scale)) if length else 0

    def font(self, size: Size = "text", weight: Weight = "regular") -> QFont:
        """Inter with tabular figures."""
        font = QFont(TEXT_FAMILY)
        font.setPixelSize(self.px(SIZES[size]))
        font.setWeight(_WEIGHTS[weight])
        font.setFeature(QFont.Tag("tnum"), 1)
        return font

    def code_font(self, size: Size = "dim") -> QFont:
        """JetBrains Mono without ligatures: code must show the characters it has."""
        font = QFont(CODE_FAMILY)
        font.setPixelSize(self.px(SIZES[size]))
        font.setStyleHint(QFont.StyleHint.Monospace)
        font.setFeature(QFont.Tag("calt"), 0)
        return font

    def colour(self, role: str) -> QColor:
        """A token by name, e.g. "accent"."""
        return QColor(getattr(self.tokens, role))

    def _system_changed(self) -> None:
        if self._mode == "system":
            self._apply()

    def _apply(self) -> None:
        wanted = self._wanted()
        if wanted is self.tokens and self._app.styleSheet():
            return
        self.tokens = wanted
        self._dress()

    def _dress(self) -> None:
        self._app.setPalette(palette(self.tokens))
        self._app.setStyleSheet(sheet(self.tokens, self.px))
        self.changed.emit()

    def _wanted(self) -> Tokens:
        if self._mode != "system":
            return DARK if self._mode == "dark" else LIGHT
        return DARK if self._app.styleHints().colorScheme() is Qt.ColorScheme.Dark else LIGHT


def install(app: QApplication, mode: Mode = "system", scale: float = 1.0) -> Theme:
    """Give `app` its style, fonts and colours. scale: text size relative to 13 px."""
    load_fonts()
    icons = str(resources() / "icons")
    if icons not in QDir.searchPaths("tandem-icons"):
        QDir.addSearchPath("tandem-icons", icons)
    app.setStyle(QStyleFactory.create("Fusion"))
    theme = Theme(app, mode, scale)
    theme.set_fonts()
    theme.set_mode(mode)
    return theme


def load_fonts() -> None:
    """Load the shipped fonts, once a process. A missing file falls back to the system's sans serif."""
    loaded = QApplication.instance()
    if loaded is None or loaded.property("tandem_fonts"):
        return
    for name in FONTS:
        QFontDatabase.addApplicationFont(str(resources() / "fonts" / name))
    loaded.setProperty("tandem_fonts", True)


def resources() -> Path:
    """The project's folder of data files."""
    return Path(__file__).resolve().parents[2] / "resources"


def set_property(widget: QWidget, name: str, value: object) -> None:
    """Set a property that the style sheet selects by, and let the sheet see it."""
    if widget.property(name) == value:
        return
    widget.setProperty(name, value)
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)


def palette(tokens: Tokens) -> QPalette:
    """Fusion's palette from tokens, for what the style sheet does not name."""
    role = QPalette.ColorRole
    made = QPalette()
    pairs = {
        role.Window: tokens.background, role.WindowText: tokens.text, role.Base: tokens.surface,
        role.AlternateBase: tokens.background, role.Text: tokens.text, role.Button: tokens.raised,
        role.ButtonText: tokens.text, role.BrightText: tokens.bad, role.Highlight: tokens.accent,
        role.HighlightedText: tokens.on_accent, role.Link: tokens.accent, role.LinkVisited: tokens.accent,
        role.ToolTipBase: tokens.raised, role.ToolTipText: tokens.text, role.PlaceholderText: tokens.dim,
        role.Mid: tokens.line, role.Dark: tokens.line, role.Midlight: tokens.line, role.Light: tokens.line,
        role.Shadow: tokens.line, role.Accent: tokens.accent,
    }  # fmt: skip
    for which, colour in pairs.items():
        made.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, which, QColor(tokens.faint))
    return made


def _wants_motion(app: QApplication) -> bool:
    """False when the system, or TANDEM_REDUCE_MOTION, asks for stillness."""
    if os.environ.get("TANDEM_REDUCE_MOTION"):
        return False
    return app.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration) > 0
