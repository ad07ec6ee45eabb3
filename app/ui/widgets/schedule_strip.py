"""The strip at the foot of the Compare page: where the schedule is, not what the machine does."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.label import Label
from app.ui.widgets.telemetry import HEIGHT

BAR_WIDTH = 240


class ScheduleStrip(QFrame):
    """Large: "block 3 of 5 · B" and the time left; dim: what is going on; at the right how far it is."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        px = theme.px
        self.setProperty("bar", "foot")
        self.setObjectName("compare.strip")
        self.setAccessibleName(tr("Progress"))
        self.setFixedHeight(px(HEIGHT))
        self.place = Label(theme, "", "figure", weight="semibold")
        self.left = Label(theme, "", "dim", "dim")
        self.words = ElidedLabel(theme, "", "dim", "dim")
        self.note = Label(theme, "", "dim", "dim")
        self.note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.bar = QProgressBar()
        self.bar.setObjectName("compare.progress")
        self.bar.setAccessibleName(tr("How far the comparison is"))
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(px(BAR_WIDTH))
        self.bar.setRange(0, 1000)
        words = QVBoxLayout()
        words.setSpacing(px(3))
        first = QHBoxLayout()
        first.setSpacing(px(12))
        first.addWidget(self.place)
        first.addWidget(self.left, 0, Qt.AlignmentFlag.AlignBottom)
        first.addStretch(1)
        words.addStretch(1)
        words.addLayout(first)
        words.addWidget(self.words)
        words.addStretch(1)
        self._gauge = QWidget()
        gauge = QVBoxLayout(self._gauge)
        gauge.setContentsMargins(0, 0, 0, 0)
        gauge.setSpacing(px(7))
        gauge.addStretch(1)
        gauge.addWidget(self.note)
        gauge.addWidget(self.bar)
        gauge.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(px(16), px(6), px(16), px(6))
        row.setSpacing(px(24))
        row.addLayout(words, 1)
        row.addWidget(self._gauge)
        self._gauge.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)

    def say(self, place: str, left: str = "", words: str = "") -> None:
        """place: where it is; left: the time left; words: what is going on, or what stands behind the result."""
        self.place.setText(place)
        self.left.setText(left)
        self.words.setText(words)
        self.words.setVisible(bool(words))
        self.setAccessibleName(tr("Progress: {place} {left}. {words}", place=place, left=left, words=words).strip())

    def set_progress(self, fraction: float | None, note: str = "") -> None:
        """How far it is, 0–1; None: it cannot be known, or nothing runs. note: above the bar, e.g. repeated runs."""
        self._gauge.setVisible(fraction is not None or bool(note))
        self.bar.setVisible(fraction is not None)
        self.note.setText(note)
        if fraction is not None:
            self.bar.setValue(round(max(0.0, min(1.0, fraction)) * 1000))
