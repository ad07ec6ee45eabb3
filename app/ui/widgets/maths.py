"""Formulas as pictures: ziamath draws in a thread of plain Python, QtSvg tints and paints here.

Drawing takes 5–20 ms, and ziamath 0.3 s to import; neither may hold the window up. Until a formula is there its source is shown.
"""

from __future__ import annotations

import importlib
import queue
import re
import threading
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QByteArray, QObject, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from app.ui.theme import Theme
from app.ui.widgets.formulas import LONGEST

INK = "#010203"  # what stands in the SVG for the text's colour
NOMINAL = 20.0  # px per em of the drawings that are kept
POLL_MS = 12
DEEPEST = 6
DEEPEST_FENCES = 3
"""ziamath's time doubles with each level: six take up to 0.2 s, fourteen take minutes, so deeper formulas stay source."""

KEPT_DRAWINGS, KEPT_PICTURES = 2_000, 400
PATIENCE_MS = 4_000  # what is not drawn by then stays as its source

Key = tuple[str, bool]
"""(tex, display)"""

_FENCES = re.compile(r"\\(left|right)\b|\\(begin|end)\b")


@dataclass(frozen=True, slots=True)
class Drawing:
    """An SVG and its measures, in em."""

    svg: bytes
    width: float
    height: float
    depth: float


def draw(tex: str, display: bool) -> Drawing | None:
    """Draw one formula; None where it cannot be, or would take too long. Slow: for a thread."""
    if len(tex) > LONGEST or depth(tex) > DEEPEST or fences(tex) > DEEPEST_FENCES:
        return None
    try:
        made = _library().Latex(tex, size=NOMINAL, color=INK, inline=not display)
        svg = made.svg()
        box = re.search(r'viewBox="(\S+) (\S+) (\S+) (\S+)"', svg)
        if box is None:
            return None
        _left, top, width, height = (float(part) for part in box.groups())
    except (Exception, RecursionError):  # noqa: BLE001 - a model's LaTeX: whatever it breaks, its source is shown
        return None
    return Drawing(svg.encode(), width / NOMINAL, height / NOMINAL, max(0.0, top + height) / NOMINAL)


def _library() -> Any:
    warnings.filterwarnings("ignore", "path is deprecated", DeprecationWarning)  # ziafont finds its fonts the old way
    ziamath = importlib.import_module("ziamath")
    ziamath.config.svg2 = False  # QtSvg knows no symbols
    return ziamath


def depth(tex: str) -> int:
    """How deep the braces nest."""
    deepest = level = 0
    for sign in re.findall(r"\\.|[{}]", tex):
        level += (sign == "{") - (sign == "}")
        deepest = max(deepest, level)
    return deepest


def fences(tex: str) -> int:
    """How deep `\\left…\\right` and `\\begin…\\end` nest."""
    deepest = level = 0
    for found in _FENCES.finditer(tex):
        level += 1 if found.group(1) == "left" or found.group(2) == "begin" else -1
        deepest = max(deepest, level)
    return deepest


class Formulas(QObject):
    """Gives a formula's drawing at once where it is known; else draws it, and `ready` follows."""

    ready = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._drawings: OrderedDict[Key, Drawing | None] = OrderedDict()
        self._pictures: OrderedDict[tuple[Key, float, str, float], QImage] = OrderedDict()
        self._line = _Line()
        self._wanted: set[Key] = set()
        self._waited = 0
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._collect)

    def drawing(self, key: Key) -> Drawing | None:
        """None where it cannot be drawn, or is not yet."""
        if key in self._drawings:
            self._drawings.move_to_end(key)
            return self._drawings[key]
        if key not in self._wanted:
            self._wanted.add(key)
            self._line.ask(key)
            self._waited = 0
            self._timer.start()
        return None

    def picture(self, key: Key, drawing: Drawing, em: float, colour: QColor) -> QImage:
        """The drawing at `em` pixels per em, in `colour`, for the densest screen in use."""
        app = QGuiApplication.instance()
        ratio = app.devicePixelRatio() if isinstance(app, QGuiApplication) else 1.0
        name = (key, em, colour.name(), ratio)
        if name not in self._pictures:
            self._pictures[name] = _paint(drawing, em, colour.name(), ratio)
            if len(self._pictures) > KEPT_PICTURES:
                self._pictures.popitem(last=False)
        return self._pictures[name]

    def _collect(self) -> None:
        """Take what is drawn. A formula that takes too long is given up: its source stays, its thread ends by itself."""
        found = self._line.take()
        self._waited = 0 if found else self._waited + POLL_MS
        if not found and self._waited > PATIENCE_MS:
            found, self._line = dict.fromkeys(self._wanted), _Line()
        for key, drawing in found.items():
            self._wanted.discard(key)
            self._drawings[key] = drawing
        while len(self._drawings) > KEPT_DRAWINGS:
            self._drawings.popitem(last=False)
        if not self._wanted:
            self._timer.stop()
        if found:
            self.ready.emit()


class _Line:
    """What the thread holds: two queues, nothing of Qt. The thread ends when there is nothing to draw."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[Key] = queue.SimpleQueue()
        self._drawn: queue.SimpleQueue[tuple[Key, Drawing | None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._running = False

    def ask(self, key: Key) -> None:
        self._asked.put(key)
        with self._lock:
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="maths", daemon=True).start()

    def take(self) -> dict[Key, Drawing | None]:
        found = {}
        while not self._drawn.empty():
            key, drawing = self._drawn.get()
            found[key] = drawing
        return found

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._asked.empty():
                    self._running = False
                    return
                key = self._asked.get()
            self._drawn.put((key, draw(*key)))


def formulas_of(theme: Theme) -> Formulas:
    """The one set of formulas of a theme, so that each is drawn once however often it is shown."""
    found = theme.findChild(Formulas)
    return found if isinstance(found, Formulas) else Formulas(theme)


def _paint(drawing: Drawing, em: float, colour: str, ratio: float) -> QImage:
    width, height = max(1.0, drawing.width * em * ratio), max(1.0, drawing.height * em * ratio)
    made = QImage(round(width + 0.5), round(height + 0.5), QImage.Format.Format_ARGB32_Premultiplied)
    made.fill(Qt.GlobalColor.transparent)
    renderer = QSvgRenderer(QByteArray(drawing.svg.replace(INK.encode(), colour.encode())))
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, width, height))
    painter.end()
    made.setDevicePixelRatio(ratio)
    return made
