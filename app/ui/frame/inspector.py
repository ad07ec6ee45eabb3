"""The inspector: Run | Load | Presets, the weights first, the knobs, what needs a reload, the memory last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from app.glossary import Glossary
from app.ui.frame.memory_card import MemoryCard, ReloadCard
from app.ui.frame.presets import Presets
from app.ui.frame.quiet_scroll import QuietScroll
from app.ui.frame.weights import Making, WeightsCard
from app.ui.language import tr
from app.ui.state import knob_book
from app.ui.state.model import ModelState
from app.ui.theme import Theme
from app.ui.widgets.knob_form import KnobForm
from engines.errors import EngineError
from engines.knobs import Scope
from engines.protocol import Described

TABS = ("run", "load", "presets")


class Inspector(QWidget):
    """One for a page. `make(target)` asks for a copy at another precision and `cancel_make` to stop making it;
    `compare` asks to apply the load settings and compare the answer with the last one."""

    make = Signal(str)
    cancel_make = Signal()
    compare = Signal()

    def __init__(self, theme: Theme, glossary: Glossary, state: ModelState, page: str) -> None:
        super().__init__()
        self._theme, self._glossary = theme, glossary
        self._state, self._page = state, page
        self._forms = {scope: KnobForm(theme, glossary) for scope in (Scope.RUN, Scope.LOAD)}
        self._shown: dict[Scope, tuple[str, Described | None]] = {}
        self._weights = WeightsCard(theme, glossary, state, page)
        self._weights.make.connect(self.make)
        self._weights.cancel_make.connect(self.cancel_make)
        self._weights.more.connect(self.show_weights)
        self._reload = ReloadCard(theme, state, page)
        self._reload.compare.connect(self.compare)
        self._presets = Presets(theme, state, page)
        self._stack = QStackedWidget()
        self._tabs = QButtonGroup(self)
        self._reset = self._quiet_button("reset", tr("Reset"), tr("Set these settings back to their defaults"))
        self._reset.clicked.connect(self._reset_clicked)
        self._lay_out()
        for scope, form in self._forms.items():
            form.changed.connect(self._set_knob(scope))
        state.changed.connect(self.refresh)
        state.knobs_changed.connect(self.refresh)
        self._choose(0)
        self.refresh()

    def refresh(self) -> None:
        """The forms follow the chosen engine and what is loaded."""
        for scope, form in self._forms.items():
            self._refresh_form(scope, form)

    def show_tab(self, name: str) -> None:
        """Bring "run", "load" or "presets" to the front."""
        self._choose(TABS.index(name))

    def show_weights(self) -> None:
        """Bring what is inside the weights to the front."""
        self.show_tab("load")
        self._weights.open_precisions()
        self._scroll.ensureVisible(0, 0)
        self._tabs.button(TABS.index("load")).setFocus(Qt.FocusReason.OtherFocusReason)

    def show_job(self, job: Making | None) -> None:
        """A copy is being made, or none (any more)."""
        self._weights.show_job(job)

    def set_can_compare(self, can: bool) -> None:
        """True while there is an answer that another could be compared with."""
        self._reload.set_can_compare(can)

    def _refresh_form(self, scope: Scope, form: KnobForm) -> None:
        state = self._state
        if state.spec is None:
            return
        knobs = tuple(k for k in state.spec.knobs if k.scope is scope)
        key = (state.spec.id, state.described)
        settings = state.settings(scope)
        if self._shown.get(scope) != key:
            self._shown[scope] = key
            form.set_knobs(knobs, settings, state.knob_states, state.spec.conflicts)
        elif form.settings() != settings:
            for name, value in settings.items():
                if form.settings().get(name) != value:
                    form.set_value(name, value)
        if scope is Scope.LOAD:
            form.set_explanations(effective_words(state))

    def _set_knob(self, scope: Scope) -> Callable[[str, Any], None]:
        def set_one(name: str, value: Any) -> None:
            try:
                self._state.set_knob(name, value)
            except EngineError:
                self._forms[scope].set_value(name, self._state.settings(scope)[name])

        return set_one

    def _reset_clicked(self) -> None:
        index = self._stack.currentIndex()
        if index < 2:
            self._state.reset_knobs((Scope.RUN, Scope.LOAD)[index])

    def _choose(self, index: int) -> None:
        self._stack.setCurrentIndex(index)
        self._tabs.button(index).setChecked(True)
        self._reset.setVisible(index < 2)
        self._weights.set_full(TABS[index] == "load")
        for i in range(self._stack.count()):  # a hidden page must not make the column longer
            policy = QSizePolicy.Policy.Preferred if i == index else QSizePolicy.Policy.Ignored
            page = self._stack.widget(i)
            if page is not None:
                page.setSizePolicy(QSizePolicy.Policy.Preferred, policy)
        self._stack.adjustSize()

    def _lay_out(self) -> None:
        px = self._theme.px
        column = QWidget()
        body = QVBoxLayout(column)
        body.setContentsMargins(px(12), 0, px(4), px(8))
        body.setSpacing(px(12))
        body.addWidget(self._weights)
        for content in (self._forms[Scope.RUN], self._forms[Scope.LOAD], self._presets):
            self._stack.addWidget(content)
        body.addWidget(self._stack)
        body.addStretch(1)
        scroll = self._scroll = QuietScroll()
        scroll.setObjectName(f"{self._page}.inspector")
        scroll.setAccessibleName(tr("Settings"))
        scroll.setWidget(column)
        foot = QVBoxLayout()
        foot.setContentsMargins(px(12), 0, px(14), px(12))
        foot.setSpacing(px(8))
        foot.addWidget(self._reload)
        foot.addWidget(MemoryCard(self._theme, self._glossary, self._state))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(px(8))
        outer.addLayout(self._head())
        outer.addWidget(scroll, 1)
        outer.addLayout(foot)

    def _head(self) -> QHBoxLayout:
        px = self._theme.px
        head = QHBoxLayout()
        head.setContentsMargins(px(12), px(12), px(14), 0)
        head.setSpacing(px(4))
        titles = {"run": tr("Run"), "load": tr("Load"), "presets": tr("Presets")}
        for index, name in enumerate(TABS):
            tab = QPushButton(titles[name])
            tab.setObjectName(f"{self._page}.tab_{name}")
            tab.setAccessibleName(tr("{tab} settings", tab=titles[name]))
            tab.setCheckable(True)
            tab.setProperty("kind", "tab")
            tab.clicked.connect(lambda _=False, i=index: self._choose(i))
            self._tabs.addButton(tab, index)
            head.addWidget(tab)
        head.addStretch(1)
        head.addWidget(self._reset)
        return head

    def _quiet_button(self, role: str, text: str, words: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(f"{self._page}.{role}")
        button.setAccessibleName(words)
        button.setToolTip(words)
        button.setProperty("kind", "quiet")
        return button


def effective_words(state: ModelState) -> dict[str, str]:
    """Load knob → what the engine made of it, for what is loaded and still set so: "Auto → 2 threads: the cores …"."""
    loaded, session, spec = state.loaded, state.session, state.spec
    if loaded is None or session is None or spec is None or not state.is_current:
        return {}
    now, asked = state.settings(Scope.LOAD), session.asked
    said = knob_book.effective_words(spec.load, asked, loaded.effective, loaded.why)
    return {name: words for name, words in said.items() if now.get(name) == asked.get(name)}
