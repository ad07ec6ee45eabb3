"""The details of the selected variant: what can be done with it, and four tabs of what is known of it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from app.glossary import Glossary
from app.library import SERVED
from app.ui import icons
from app.ui.language import tr
from app.ui.models.about import About
from app.ui.models.lines import Line, LinesList
from app.ui.state import words
from app.ui.state.models import ModelsState
from app.ui.state.models_assess import verdict_words
from app.ui.state.models_details import Made, Shown, folder_of, totals_words
from app.ui.state.models_rows import Row
from app.ui.theme import Theme
from app.ui.widgets.chip import Chip, Role
from app.ui.widgets.label import Label, hint
from app.ui.widgets.tool_button import ToolButton

TABS = ("about", "metadata", "tensors", "template")
ROLES: dict[str, Role] = {"fits": "good", "tight": "warning", "no": "bad"}


class Inspector(QWidget):
    """`remove_wanted()`: the person has still to be asked."""

    remove_wanted = Signal()

    def __init__(self, theme: Theme, glossary: Glossary, state: ModelsState) -> None:
        super().__init__()
        self._theme, self._state = theme, state
        self._details: object = None
        self.title = Label(theme, "", "title", weight="semibold", wrap=True)
        self.title.setObjectName("models.title")
        self.precision = Chip(theme)
        self.verdict = Chip(theme, "", "dim")
        self.chat = self._button("chat", tr("Chat with it"), tr("Go to Chat with this model chosen"), state.chat)
        self.chat.setProperty("kind", "primary")
        self.convert = self._button("convert", tr("Convert") + " ", tr("Make a copy at another precision"), self._pop)
        self.convert.setLayoutDirection(self.layoutDirection().RightToLeft)
        icons.bind(self.convert, theme, "chevron-down", "dim", 13)
        self.reveal = ToolButton(theme, "models.reveal", tr("Show its files in the file manager"), "folder")
        self.reveal.clicked.connect(self._reveal)
        self.remove = ToolButton(theme, "models.remove", tr("Remove…"), "trash")
        self.remove.clicked.connect(self.remove_wanted)
        self.menu = QMenu(self.convert)
        self.menu.setToolTipsVisible(True)
        self.about = About(theme, glossary)
        self.metadata = LinesList(theme, "models.metadata", tr("Metadata"), tr("Search the metadata"))
        self.tensors = LinesList(theme, "models.tensors", tr("Tensors"), tr("Search tensors and types"))
        self.template = self._text()
        self.nothing = Label(theme, tr("Choose a model to see what is known of it."), "text", "dim", wrap=True)
        self._tabs = QButtonGroup(self)
        self._lay_out()
        state.selected_changed.connect(self.refresh)
        state.changed.connect(self.refresh)
        state.assessed.connect(self.refresh)
        state.doing.changed.connect(self._show_verbs)
        self.refresh()

    def refresh(self) -> None:
        """What is known by now."""
        row = self._state.row
        self.nothing.setVisible(row is None)
        self._body.setVisible(row is not None)
        if row is None:
            return
        seen = self._state.seen.get(row.ref)
        self.title.setText(row.variant.title)
        self.precision.set(row.precision)
        found = seen.verdict if seen is not None else ""
        self.verdict.set("" if row.variant.problem or not found else verdict_words(found), ROLES.get(found, "dim"))
        self._show_verbs()
        self.about.show_row(row, self._state.shown, seen, self._state.removal())
        self._show_details(row, self._state.shown)

    def show_tab(self, name: str) -> None:
        """Bring "about", "metadata", "tensors" or "template" to the front."""
        self._tabs.button(TABS.index(name)).click()

    def _show_verbs(self) -> None:
        state, row, shown = self._state, self._state.row, self._state.shown
        if row is None:
            return
        removal, free = state.removal(), not state.doing.busy
        talks = row.variant.task == "chat"
        self.chat.setVisible(talks)
        self._tabs.button(TABS.index("template")).setVisible(talks)
        if not talks and self._stack.currentIndex() == TABS.index("template"):
            self.show_tab("about")
        self.chat.setEnabled(not row.variant.problem)
        offers = shown.offers if shown is not None else ()
        self.convert.setVisible(row.variant.format != SERVED)
        self.convert.setEnabled(free and bool(offers))
        why = tr("Make a copy at another precision") if offers else tr("No engine here makes another copy of it")
        self.convert.setToolTip(why if shown is not None else tr("Reading what could be made of it…"))
        self.reveal.setVisible(bool(folder_of(row.variant)))
        possible = removal is not None and removal.possible
        self.remove.setVisible(removal is not None and possible)
        if removal is not None and possible:
            title = tr("Forget…") if row.variant.outside else tr("Remove…")
            self.remove.setAccessibleName(title)
            self.remove.setToolTip(hint(f"{title}\n{removal.words}"))
            self.remove.setEnabled(free)

    def _show_details(self, row: Row, shown: Shown | None) -> None:
        key = (row.ref, shown)
        if key == self._details:
            return
        self._details = key
        details = shown.details if shown is not None else None
        if details is None:
            said = shown.trouble if shown is not None else tr("Reading its header…")
            self.metadata.say(said)
            self.tensors.say(said)
            self.template.setPlainText(said)
            return
        lines = [Line(key_, value) for key_, value in details.metadata]
        count = tr("1 entry") if len(lines) == 1 else tr("{n} entries", n=f"{len(lines):,}")
        self.metadata.show_lines(lines, count)
        tensors = sorted(details.tensors, key=lambda tensor: -tensor.bytes)
        said = totals_words(tensors) if tensors else tr("Its files list no tensors.")
        shapes = [Line(t.name, f"{_shape(t.shape)} · {t.type}", words.size(t.bytes)) for t in tensors]
        self.tensors.show_lines(shapes, said)
        self.template.setPlainText(details.template or tr("It has no chat template: it continues text."))

    def _pop(self) -> None:
        shown = self._state.shown
        self.menu.clear()
        for made in shown.offers if shown is not None else ():
            action = self.menu.addAction(f"{made.title}   {made.spec.title}")
            action.setToolTip(hint(f"{made.offer.words}. {made.offer.detail}"))
            action.triggered.connect(self._maker(made))
        self.menu.popup(self.convert.mapToGlobal(QPoint(0, self.convert.height() + 2)))

    def _maker(self, made: Made) -> Callable[[], None]:
        return lambda: self._state.make(made)

    def _reveal(self) -> None:
        row = self._state.row
        if row is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(folder_of(row.variant)))

    # --- inside -------------------------------------------------------------------------

    def _lay_out(self) -> None:
        px = self._theme.px
        chips, verbs, tabs = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        for row in (chips, verbs, tabs):
            row.setSpacing(px(8))
        chips.addWidget(self.precision)
        chips.addWidget(self.verdict)
        for button in (self.chat, self.convert, self.reveal, self.remove):
            verbs.addWidget(button)
        for row in (chips, verbs, tabs):
            row.addStretch(1)
        verbs.setSpacing(px(4))
        tabs.setSpacing(px(2))
        titles = (tr("About"), tr("Metadata"), tr("Tensors"), tr("Template"))
        for place, (name, title) in enumerate(zip(TABS, titles, strict=True)):
            tabs.insertWidget(place, self._tab(place, name, title))
        pages = QWidget()
        self._stack = QStackedLayout(pages)
        for page in (self.about, self.metadata, self.tensors, self.template):
            self._stack.addWidget(page)
        self._body = QWidget()
        column = QVBoxLayout(self._body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(8))
        column.addWidget(self.title)
        column.addLayout(chips)
        column.addLayout(verbs)
        column.addLayout(tabs)
        column.addWidget(pages, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(px(14), px(12), px(10), px(8))
        outer.addWidget(self.nothing, 0, Qt.AlignmentFlag.AlignTop)
        outer.addWidget(self._body, 1)

    def _tab(self, place: int, name: str, title: str) -> QPushButton:
        button = QPushButton(title)
        button.setObjectName(f"models.tab_{name}")
        button.setAccessibleName(title)
        button.setProperty("kind", "tab")
        button.setCheckable(True)
        button.setChecked(place == 0)
        button.clicked.connect(lambda: self._stack.setCurrentIndex(place))
        self._tabs.addButton(button, place)
        return button

    def _button(self, name: str, title: str, says: str, act: Callable[[], object]) -> QPushButton:
        button = QPushButton(title)
        button.setObjectName(f"models.{name}")
        button.setAccessibleName(says or title)
        button.setToolTip(says)
        button.clicked.connect(lambda: act())
        return button

    def _text(self) -> QPlainTextEdit:
        view = QPlainTextEdit()
        view.setObjectName("models.template")
        view.setAccessibleName(tr("Chat template"))
        view.setReadOnly(True)
        view.setProperty("code", "true")
        view.setFont(self._theme.code_font("caption"))
        return view


def _shape(shape: object) -> str:
    """ "576 × 1,536"; a scalar has none."""
    if isinstance(shape, tuple | list):
        return " × ".join(f"{side:,}" if isinstance(side, int) else str(side) for side in shape) or "1"
    return str(shape)
