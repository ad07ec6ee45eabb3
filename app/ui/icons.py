"""Line icons, drawn once as SVG with one placeholder colour and tinted from the theme's tokens."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton

from app.ui.theme import Theme, resources

PLACEHOLDER = "currentColor"
SIZE = 18  # pixels at a scale of 1


def icon(theme: Theme, name: str, role: str = "text", size: int = SIZE) -> QIcon:
    """The icon `name` in the colour of token `role`; greyed with `faint` where its button is disabled."""
    length = theme.px(size)
    made = QIcon(pixmap(name, getattr(theme.tokens, role), length))
    made.addPixmap(pixmap(name, theme.tokens.faint, length), QIcon.Mode.Disabled)
    return made


def bind(button: QAbstractButton, theme: Theme, name: str, role: str = "text", size: int = SIZE) -> Callable[[], None]:
    """Give `button` the icon now and again after every theme change. Returns the call that does it."""
    holder = _Binding(button, theme, name, role, size)
    holder.refresh()
    return holder.refresh


class _Binding(QObject):
    """Lives as long as its button, so that no signal reaches a dead one."""

    def __init__(self, button: QAbstractButton, theme: Theme, name: str, role: str, size: int) -> None:
        super().__init__(button)
        self._button, self._theme, self._what = button, theme, (name, role, size)
        theme.changed.connect(self.refresh)

    def refresh(self) -> None:
        name, role, size = self._what
        length = self._theme.px(size)
        self._button.setIconSize(QSize(length, length))
        self._button.setIcon(icon(self._theme, name, role, size))


def pixmap(name: str, colour: str, length: int) -> QPixmap:
    """The icon at `length` device-independent pixels, sharp on the densest screen in use."""
    app = QGuiApplication.instance()
    ratio = app.devicePixelRatio() if isinstance(app, QGuiApplication) else 1.0
    return _render(name, colour, length, ratio)


def paint(painter: QPainter, name: str, colour: QColor, target: QRectF) -> None:
    """Draw the icon into `target`."""
    painter.drawPixmap(target.topLeft(), pixmap(name, colour.name(), round(target.width())))


@lru_cache(maxsize=512)
def _render(name: str, colour: str, length: int, ratio: float) -> QPixmap:
    side = max(1, round(length * ratio))
    made = QPixmap(side, side)
    made.fill(Qt.GlobalColor.transparent)
    renderer = QSvgRenderer(QByteArray(_source(name).replace(PLACEHOLDER, colour).encode()))
    painter = QPainter(made)
    renderer.render(painter)
    painter.end()
    made.setDevicePixelRatio(ratio)
    return made


@lru_cache(maxsize=128)
def _source(name: str) -> str:
    return (resources() / "icons" / f"{name}.svg").read_text(encoding="utf-8")
