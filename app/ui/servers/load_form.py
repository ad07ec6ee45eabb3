"""What is tested and how: target, kind of use, users or arrival rate, length, limits; and Start."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.lab.loadtest.plan import LoadMode
from app.ui.language import tr
from app.ui.servers.parts import Choice, button, field, labelled, row
from app.ui.state.load_test import USERS, LoadTestState
from app.ui.theme import Theme
from app.ui.widgets.flow import Flow
from app.ui.widgets.label import Label


class LoadForm(QWidget):
    """Bound to its state; `started`, `stopped`."""

    started = Signal()
    stopped = Signal()

    def __init__(self, theme: Theme, state: LoadTestState) -> None:
        super().__init__()
        self._theme, self._state = theme, state
        self.target = Choice("load_target", tr("What is tested"))
        self.target.activated.connect(lambda i: state.choose(str(self.target.itemData(i))))
        self._where = Label(theme, "", "caption", "dim", wrap=True)
        self._about = Label(theme, "", "caption", "dim", wrap=True)
        self.presets = self._group("preset", [(p.id, p.title) for p in state.presets], "pill")
        self.modes = self._group(
            "mode", [(LoadMode.CLOSED.value, tr("Users")), (LoadMode.POISSON.value, tr("Arrival rate"))], "tab"
        )
        self.lengths = self._group("length", [("requests", tr("Requests")), ("seconds", tr("Seconds"))], "tab")
        self.users: dict[int, QPushButton] = {n: self._user(n) for n in USERS}
        self.more_users = self._typed("users", tr("Users, as typed"), state.set_users)
        self.rates = self._typed("rates", tr("Requests a second"), lambda text: state.set_form(rates=text))
        self.requests = self._typed("requests", tr("Requests a level"), lambda text: state.set_form(requests=text))
        self.requests.setPlaceholderText(tr("as many as a p95 needs"))
        self.seconds = self._typed("seconds", tr("Seconds a level"), lambda text: state.set_form(seconds=text))
        self.ttft = self._typed("limit_ttft", tr("First token within, ms"), lambda text: state.set_form(ttft_ms=text))
        self.itl = self._typed("limit_itl", tr("Between tokens, ms"), lambda text: state.set_form(itl_ms=text))
        self.e2e = self._typed("limit_e2e", tr("Whole answer, s"), lambda text: state.set_form(e2e_s=text))
        for edit in (self.ttft, self.itl, self.e2e):
            edit.setPlaceholderText(tr("none"))
        self.start = button("load_start", tr("Start"), self.started.emit, "primary", icon=(theme, "play"))
        self.stop = button(
            "load_stop", tr("Stop"), self.stopped.emit, says=tr("Leave off; the levels so far are kept"), icon=(theme, "stop")
        )  # fmt: skip
        self._lay_out()

    def refresh(self) -> None:
        """Show what is chosen."""
        state, form = self._state, self._state.form
        self._show_targets()
        self._mark(self.presets, form.preset)
        self._about.setText(next((p.about for p in state.presets if p.id == form.preset), ""))
        self._mark(self.modes, form.mode)
        closed = form.mode == LoadMode.CLOSED.value
        self._user_box.setVisible(closed)
        self.rates.setVisible(not closed)
        for n, chip in self.users.items():
            chip.setChecked(n in form.users)
        self._mark(self.lengths, "seconds" if form.by_seconds else "requests")
        self.requests.setVisible(not form.by_seconds)
        self.seconds.setVisible(form.by_seconds)
        texts = (
            (self.more_users, ", ".join(str(n) for n in form.users)), (self.rates, form.rates), (self.requests, form.requests),
            (self.seconds, form.seconds), (self.ttft, form.ttft_ms), (self.itl, form.itl_ms), (self.e2e, form.e2e_s),
        )  # fmt: skip
        for edit, text in texts:
            if not edit.hasFocus() and edit.text() != text:
                edit.setText(text)
        running = state.running
        self._fields.setEnabled(not running)
        self.start.setVisible(not running)
        self.start.setEnabled(state.chosen is not None)
        self.stop.setVisible(running)
        self.stop.setEnabled(not state.stopping)
        self.stop.setText(tr("Stopping…") if state.stopping else tr("Stop"))

    def _show_targets(self) -> None:
        targets, chosen = self._state.targets(), self._state.chosen
        lines = [(t.id, f"{t.title.rsplit('/', 1)[-1]} — {t.detail}") for t in targets]
        self.target.set_lines(lines, chosen.id if chosen is not None else "")
        self.target.setEnabled(bool(targets))
        if chosen is None:
            said = tr("There is nothing to test yet: add a server, or install one that can be started here.")
        elif chosen.started:
            said = tr(
                "{engine} is started for the test, with its settings under Servers, and ended afterwards.",
                engine=chosen.spec.title,
            )
        else:
            said = tr("On {server}, with whatever else it serves meanwhile.", server=chosen.detail)
        self._where.setText(said)

    # --- pieces -----------------------------------------------------------------------------------

    def _mark(self, group: QButtonGroup, key: str) -> None:
        for made in group.buttons():
            made.setChecked(made.property("key") == key)

    def _group(self, name: str, choices: list[tuple[str, str]], kind: str) -> QButtonGroup:
        group = QButtonGroup(self)
        for key, title in choices:
            made = button(f"load_{name}_{key}", title, partial(self._picked, name, key), kind)
            made.setCheckable(True)
            made.setProperty("key", key)
            group.addButton(made)
        return group

    def _picked(self, name: str, key: str) -> None:
        match name:
            case "preset":
                self._state.set_form(preset=key)
            case "mode":
                self._state.set_form(mode=key)
            case _:
                self._state.set_form(by_seconds=key == "seconds")

    def _user(self, users: int) -> QPushButton:
        made = button(f"load_users_{users}", str(users), lambda: self._state.toggle_users(users), "pill")
        made.setAccessibleName(tr("{n} users", n=users))
        made.setCheckable(True)
        return made

    def _typed(self, name: str, title: str, put: Callable[[str], object]) -> QLineEdit:
        made = field(f"load_{name}", title)
        made.editingFinished.connect(lambda: put(made.text()))
        return made

    def _lay_out(self) -> None:
        theme, px = self._theme, self._theme.px
        self._fields = QWidget()
        fields = QVBoxLayout(self._fields)
        fields.setContentsMargins(0, 0, 0, 0)
        fields.setSpacing(px(14))
        target = labelled(theme, tr("What is tested"), self.target)
        target.addWidget(self._where)
        fields.addLayout(target)
        kinds = QWidget()
        flow = Flow(px(6), kinds)
        for made in self.presets.buttons():
            flow.addWidget(made)
        use = labelled(theme, tr("Kind of use"), kinds)
        use.addWidget(self._about)
        fields.addLayout(use)
        fields.addLayout(self._levels())
        fields.addLayout(self._length())
        fields.addLayout(self._limits())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(14))
        column.addWidget(self._fields)
        column.addLayout(row(theme, self.start, self.stop))

    def _levels(self) -> QVBoxLayout:
        theme, px = self._theme, self._theme.px
        self._user_box = QWidget()
        inner = QVBoxLayout(self._user_box)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(px(6))
        chips = QWidget()
        flow = Flow(px(4), chips)
        for chip in self.users.values():
            flow.addWidget(chip)
        inner.addWidget(chips)
        inner.addWidget(self.more_users)
        column = QVBoxLayout()
        column.setSpacing(px(6))
        column.addWidget(Label(theme, tr("Load"), "dim", "dim", "medium"))
        column.addLayout(row(theme, *self.modes.buttons(), gap=4))
        column.addWidget(self._user_box)
        column.addWidget(self.rates)
        return column

    def _length(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(self._theme.px(6))
        column.addWidget(Label(self._theme, tr("Each level"), "dim", "dim", "medium"))
        column.addLayout(row(self._theme, *self.lengths.buttons(), gap=4))
        column.addWidget(self.requests)
        column.addWidget(self.seconds)
        return column

    def _limits(self) -> QVBoxLayout:
        theme = self._theme
        column = QVBoxLayout()
        column.setSpacing(theme.px(6))
        column.addWidget(Label(theme, tr("Good enough is"), "dim", "dim", "medium"))
        for edit in (self.ttft, self.itl, self.e2e):
            edit.setFixedWidth(theme.px(84))
            line = row(theme, Label(theme, edit.accessibleName(), "dim"), stretch=False)
            line.addStretch(1)
            line.addWidget(edit)
            column.addLayout(line)
        return column
