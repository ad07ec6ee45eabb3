"""The top bar of the Compare page: what is compared, and the verbs. While it runs there is only Stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QPoint, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QSizePolicy, QToolButton, QWidget

from app.ui import icons
from app.ui.language import tr
from app.ui.theme import Theme
from app.ui.widgets.elide import ElidedLabel

ROOMY = 900
"""Below this width the verbs that are needed less stand in a menu."""


@dataclass(frozen=True, slots=True)
class Verb:
    """folds: goes into the menu where there is little room."""

    id: str
    title: str
    says: str
    folds: bool = True


def verbs() -> tuple[Verb, ...]:
    """The buttons, in the language of now."""
    return (
        Verb("add_lane", tr("Add lane"), tr("Add a lane like the last one")),
        Verb("race", tr("Race"), tr("All lanes at once: a show, its figures are contended")),
        Verb("quick", tr("Quick"), tr("One load a lane: first figures soon, decided never")),
        Verb("replay", tr("Replay"), tr("Play the recorded answers of all lanes together")),
        Verb("again", tr("Run again"), tr("Measure the same comparison once more")),
        Verb("go_on", tr("Go on"), tr("Measure what is missing"), folds=False),
        Verb(
            "measure",
            tr("Measure"),
            tr("Blocks of fresh loads until the difference is decided (Ctrl+Shift+M)"),
            folds=False,
        ),
        Verb("stop", tr("Stop"), tr("Stop; what is done is kept (Escape)"), folds=False),
    )


class CompareBar(QWidget):
    """`asked(verb)`; `fold(side)`; `reports()` fills the Report menu when it opens."""

    asked = Signal(str)
    fold = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._wanted: dict[str, bool] = {}
        self._enabled: dict[str, bool] = {}
        self._main = ""
        self.title = ElidedLabel(theme, "", "title", weight="semibold")
        self.title.setObjectName("compare.title")
        self.title.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.title.setMinimumWidth(theme.px(120))
        self.subject = ElidedLabel(theme, "", "dim", "dim")
        self.subject.setObjectName("compare.subject")
        self.subject.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.buttons = {verb.id: self._button(verb) for verb in verbs()}
        self.buttons["measure"].setProperty("kind", "primary")
        self.report = self._menu_button(
            "report", tr("Report"), tr("Write a report, a film or a recipe of this comparison")
        )
        self.more = self._menu_button("more", tr("More"), tr("More that can be done"))
        self.report_menu = QMenu(self.report)
        self._more_menu = QMenu(self.more)
        self._more_menu.aboutToShow.connect(self._fill_more)
        self.report.clicked.connect(lambda: self._pop(self.report_menu, self.report))
        self.more.clicked.connect(lambda: self._pop(self._more_menu, self.more))
        self._lay_out()
        self.show_verbs({}, {})

    def show_title(self, title: str, subject: str) -> None:
        """What is compared."""
        self.title.setText(title)
        self.subject.setText(subject)

    def say(self, verb: str, title: str) -> None:
        """Another word on a verb's button."""
        self.buttons[verb].setText(title)
        self.buttons[verb].setAccessibleName(title)

    def show_verbs(self, wanted: dict[str, bool], enabled: dict[str, bool], main: str = "measure") -> None:
        """Which verbs are there, and which of them can be done. main: the one in the accent colour."""
        self._wanted, self._enabled, self._main = wanted, enabled, main
        for name in ("measure", "go_on", "again"):
            kind = "primary" if name == main else ""
            if self.buttons[name].property("kind") != kind:
                self.buttons[name].setProperty("kind", kind)
                self.buttons[name].style().polish(self.buttons[name])
        focused = self.focusWidget()
        held = focused is not None and focused.hasFocus()
        self._place()
        if held and focused is not None and not focused.isVisible():  # else Qt gives the focus to the rail
            self.buttons["stop" if wanted.get("stop") else main or "add_lane"].setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        roomy = self.width() >= self._theme.px(ROOMY)
        folded = False
        for verb in verbs():
            wanted, folds = self._wanted.get(verb.id, False), self._folds(verb)
            self.buttons[verb.id].setVisible(wanted and (roomy or not folds))
            self.buttons[verb.id].setEnabled(self._enabled.get(verb.id, True))
            folded = folded or (wanted and folds and not roomy)
        self.report.setVisible(self._wanted.get("report", False))
        self.report.setEnabled(self._enabled.get("report", True))
        self.more.setVisible(folded)
        self.subject.setVisible(self.width() >= self._theme.px(ROOMY - 150))

    def _folds(self, verb: Verb) -> bool:
        return verb.folds and verb.id != self._main

    def _fill_more(self) -> None:
        self._more_menu.clear()
        for verb in verbs():
            if self._folds(verb) and self._wanted.get(verb.id, False):
                action = self._more_menu.addAction(verb.title)
                action.setToolTip(verb.says)
                action.setEnabled(self._enabled.get(verb.id, True))
                action.triggered.connect(self._asker(verb.id))

    def _asker(self, verb: str) -> Callable[[], None]:
        return lambda: self.asked.emit(verb)

    def _pop(self, menu: QMenu, button: QPushButton) -> None:
        menu.popup(button.mapToGlobal(QPoint(button.width() - menu.sizeHint().width(), button.height() + 2)))

    def _button(self, verb: Verb) -> QPushButton:
        button = QPushButton(verb.title)
        button.setObjectName(f"compare.{verb.id}")
        button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        button.setAccessibleName(verb.title)
        button.setToolTip(verb.says)
        button.clicked.connect(self._asker(verb.id))
        return button

    def _menu_button(self, role: str, title: str, says: str) -> QPushButton:
        button = QPushButton(f"{title} ")  # the space keeps the arrow off the word
        button.setObjectName(f"compare.{role}")
        button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        button.setAccessibleName(f"{title}: {says}")
        button.setToolTip(says)
        button.setLayoutDirection(self.layoutDirection().RightToLeft)
        icons.bind(button, self._theme, "chevron-down", "dim", 13)
        return button

    def _fold_button(self, side: str, name: str, words: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName(f"compare.fold_{side}")
        button.setAccessibleName(words)
        button.setToolTip(words)
        button.setProperty("kind", "quiet")
        icons.bind(button, self._theme, name, "dim")
        button.clicked.connect(lambda: self.fold.emit(side))
        return button

    def _lay_out(self) -> None:
        px = self._theme.px
        row = QHBoxLayout(self)
        row.setContentsMargins(px(8), 0, px(8), 0)
        row.setSpacing(px(8))
        row.addWidget(self._fold_button("left", "fold", tr("Show or hide the list")))
        row.addWidget(self.title)
        row.addSpacing(px(4))
        row.addWidget(self.subject)
        row.addStretch(1)
        for verb in verbs():
            if verb.id not in ("measure", "stop"):
                row.addWidget(self.buttons[verb.id])
        row.addWidget(self.more)
        row.addWidget(self.report)
        row.addWidget(self.buttons["measure"])
        row.addWidget(self.buttons["stop"])
        self.inspector = self._fold_button("inspector", "fold-right", tr("Show or hide the settings of a lane"))
        row.addWidget(self.inspector)
