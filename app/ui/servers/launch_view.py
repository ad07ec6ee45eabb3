"""Starts a server here: is the command installed, which model, its settings, the exact command line, and its log."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.lab.session import SessionState
from app.ui import icons
from app.ui.language import tr
from app.ui.servers.gauge_row import GaugeRow
from app.ui.servers.parts import Choice, CommandLine, button, code_view, heading, labelled, row
from app.ui.state.server_gauges import silence
from app.ui.state.server_launch import EngineLaunch, title
from app.ui.state.servers import ServersState
from app.ui.theme import Theme
from app.ui.widgets.card import Card, ErrorCard
from app.ui.widgets.chip import Chip
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.knob_form import KnobForm
from app.ui.widgets.label import Label
from engines.errors import EngineError

FAILED_LINES = 60
FORM_WIDTH, LABEL_WIDTH = 540, 210


HOW_TO_GET = {
    "vllm": "python3 -m venv ~/vllm && ~/vllm/bin/pip install vllm",
    "llama-server": "brew install llama.cpp",
    "sglang": "python3 -m venv ~/sglang && ~/sglang/bin/pip install sglang",
}
"""The shortest way to have each command, to be copied; the engine's own reason says the others."""


class LaunchView(QWidget):
    """One engine at a time: `show_engine`. `test_wanted`: a load test of what runs here."""

    chat_wanted = Signal(str, str, str)
    test_wanted = Signal(str)

    def __init__(self, theme: Theme, glossary: Glossary, state: ServersState) -> None:
        super().__init__()
        self._theme, self._state = theme, state
        self._engine: EngineLaunch | None = None
        self._formed: tuple[object, ...] = ()
        self._failed: object = None
        self._card: ErrorCard | None = None
        self.title = ElidedLabel(theme, "", "large", weight="semibold")
        self.chip = Chip(theme, "", "dim")
        self.about = Label(theme, "", "dim", "dim", wrap=True)
        self.missing = Card(theme, tr("Not installed here"), "warning")
        self._why = Label(theme, "", wrap=True)
        self._how = CommandLine(theme, "how_to_get", tr("How to get it"))
        self.model = Choice("launch_model", tr("Model to serve"))
        self.model.activated.connect(self._model_chosen)
        self._no_model = Label(theme, "", "dim", "warning", wrap=True)
        self.form = KnobForm(theme, glossary, label_width=LABEL_WIDTH)
        self.form.setMaximumWidth(theme.px(FORM_WIDTH))
        self.form.changed.connect(self._knob_changed)
        self.command = CommandLine(theme, "command", tr("Command line"))
        self._command_words = Label(theme, "", "caption", "dim", wrap=True)
        self.start = button("start", tr("Start"), self._start, "primary", icon=(theme, "play"))
        self.stop = button(
            "stop", tr("Stop"), self._stop, says=tr("End the server and everything it started"), icon=(theme, "stop")
        )
        self.said = Label(theme, "", "dim", "dim")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(tr("Progress of the start"))
        self.address = CommandLine(theme, "address", tr("Address"))
        self.gauges = GaugeRow(theme, glossary)
        self._silence = Label(theme, "", "dim", "dim", wrap=True)
        self.log = code_view(theme, "log", tr("What the server writes"), "caption")
        self.log.setFixedHeight(theme.px(160))
        self.log_card = Card(theme, tr("What it writes"))
        self.log_card.body.addWidget(self.log)
        self.chat = button("launch_chat", tr("Chat with this engine"), self._chat)
        self.test = button("launch_test", tr("Load test"), self._test)
        self.running_card = self._running_card()
        self.start_card = self._start_card()
        self._lay_out()

    # --- what the state says ------------------------------------------------------------------

    def show_engine(self, engine: EngineLaunch) -> None:
        """This one from now on."""
        if engine is not self._engine:
            if self._engine is not None:
                self._engine.log_changed.disconnect(self._show_log)
                self._engine.figures_changed.disconnect(self._show_figures)
            self._engine = engine
            engine.log_changed.connect(self._show_log)
            engine.figures_changed.connect(self._show_figures)
            engine.ask()
            engine.refresh()
        self.refresh()

    def refresh(self) -> None:
        """Everything of the engine shown."""
        engine = self._engine
        if engine is None:
            return
        self.title.setText(engine.spec.title)
        self.about.setText(engine.spec.about)
        self._show_installed(engine)
        self._show_models(engine)
        self._show_form(engine)
        self._show_command(engine)
        self._show_session(engine)
        self._show_log()
        self._show_figures()

    def _show_installed(self, engine: EngineLaunch) -> None:
        described = engine.described
        if engine.available:
            build = described.build if described is not None else ""
            version = described.version if described is not None else ""
            self.chip.set(tr("installed {version}", version=version).strip(), "good", build)
        elif described is None:
            self.chip.set(tr("looking for it"), "busy")
        else:
            self.chip.set(tr("not installed"), "dim")
        off = engine.available is False
        self.missing.setVisible(off)
        self._why.setText(described.reason if described is not None else "")
        command = HOW_TO_GET.get(engine.spec.id, "")
        self._how.set_text(command)
        self._how.setVisible(bool(command))

    def _show_models(self, engine: EngineLaunch) -> None:
        models = engine.models()
        chosen = engine.variant.ref if engine.variant is not None else ""
        self.model.set_lines([(v.ref, title(v)) for v in models], chosen)
        self.model.setEnabled(not engine.busy)
        self.model.setVisible(bool(models))
        formats = ", ".join(engine.spec.formats)
        self._no_model.setText(
            ""
            if models
            else tr(
                "It serves {formats}, and the library has no such model. Add one on the Models page.", formats=formats
            )
        )
        self._no_model.setVisible(not models)

    def _show_form(self, engine: EngineLaunch) -> None:
        settings = engine.settings
        key = (engine.spec.id, engine.described)
        if key != self._formed:
            self._formed = key
            states = engine.described.knobs if engine.described is not None else {}
            self.form.set_knobs(engine.spec.load, settings, states, engine.spec.conflicts)
        for name, value in settings.items():
            if self.form.settings().get(name) != value:
                self.form.set_value(name, value)
        self.form.setEnabled(not engine.busy)

    def _show_command(self, engine: EngineLaunch) -> None:
        self.command.set_text(_joined(engine.command))
        runs = engine.loaded is not None and bool(engine.loaded.command)
        self._command_words.setText(
            tr("As it was started; its key is masked and known to Tandem alone.") if runs
            else tr("A free port and a random key are chosen when it is started; it listens on this machine only.")
        )  # fmt: skip

    def _show_session(self, engine: EngineLaunch) -> None:
        status = engine.status
        runs = engine.loaded is not None
        usable = engine.variant is not None and engine.available is not False
        self.start.setVisible(not engine.busy)
        self.start.setEnabled(usable and not self.form.errors())
        self.stop.setVisible(engine.busy)
        self.said.setText(status.word if engine.busy and not runs else "")
        loading = engine.phase is SessionState.LOADING
        self.progress.setVisible(loading)
        self.progress.setRange(0, 0 if status.fraction is None else 100)
        self.progress.setValue(round(100 * (status.fraction or 0.0)))
        self.running_card.setVisible(runs)
        self.address.setVisible(bool(engine.address))
        self.address.set_text(engine.address)
        self._show_failure(engine)

    def _show_failure(self, engine: EngineLaunch) -> None:
        failure = engine.failure
        if failure == self._failed:
            return
        self._failed = failure
        if self._card is not None:
            self._card.hide()
            self._card.deleteLater()
            self._card = None
        if failure is not None:
            details = "\n".join((*failure.details[-FAILED_LINES:],) or engine.log[-FAILED_LINES:])
            said = tr("{engine} did not start, or ended", engine=engine.spec.title)
            self._card = ErrorCard(
                self._theme, said, failure.message, failure.hint, (("again", tr("Start again")),), details
            )
            self._card.action.connect(lambda _id: self._start())
            self._trouble.addWidget(self._card)

    def _show_log(self) -> None:
        engine = self._engine
        if engine is None:
            return
        text = "\n".join(engine.log)
        self.log_card.setVisible(bool(text) and engine.busy)
        if text != self.log.toPlainText():
            self.log.setPlainText(text)
            self.log.moveCursor(QTextCursor.MoveOperation.End)

    def _show_figures(self) -> None:
        engine = self._engine
        if engine is not None and engine.loaded is not None:
            silent = engine.gauges.silent
            self.gauges.setVisible(not silent)
            self.gauges.show_gauges(engine.gauges)
            self._silence.setText(silence(engine.spec.id) if silent else "")
            self._silence.setVisible(silent)

    # --- what a person does ---------------------------------------------------------------------

    def _model_chosen(self, index: int) -> None:
        if self._engine is not None:
            self._engine.choose(str(self.model.itemData(index)))

    def _knob_changed(self, name: str, value: Any) -> None:
        engine = self._engine
        if engine is None:
            return
        try:
            engine.set_knob(name, value)
        except EngineError:
            self.form.set_value(name, engine.settings[name])
        self.refresh()

    def _start(self) -> None:
        if self._engine is not None:
            self._engine.start()

    def _stop(self) -> None:
        if self._engine is not None:
            self._engine.stop()

    def _chat(self) -> None:
        engine = self._engine
        if engine is not None and engine.variant is not None:
            self.chat_wanted.emit(engine.variant.id, engine.variant.variant, engine.spec.id)

    def _test(self) -> None:
        if self._engine is not None:
            self.test_wanted.emit(self._engine.spec.id)

    # --- layout -------------------------------------------------------------------------------------

    def _start_card(self) -> Card:
        theme = self._theme
        card = Card(theme)
        card.body.setContentsMargins(theme.px(16), theme.px(14), theme.px(16), theme.px(14))
        card.body.setSpacing(theme.px(12))
        card.body.addLayout(labelled(theme, tr("Model to serve"), self.model))
        card.body.addWidget(self._no_model)
        card.body.addWidget(self.form)
        card.body.addLayout(labelled(theme, tr("Command line"), self.command))
        card.body.addWidget(self._command_words)
        card.body.addWidget(self.progress)
        card.body.addLayout(row(theme, self.start, self.stop, self.said))
        return card

    def _running_card(self) -> Card:
        theme = self._theme
        card = Card(theme, tr("It runs"))
        card.head.addWidget(self.chat)
        card.head.addWidget(self.test)
        card.body.addWidget(self.address)
        card.body.addWidget(self.gauges)
        card.body.addWidget(self._silence)
        words = tr(
            "In Chat and Compare you need nothing from here: choose this engine there, and it starts a server of its own with the "
            "same settings, and ends it afterwards. Stop this one first where the memory is small."
        )  # fmt: skip
        card.body.addWidget(Label(theme, words, "dim", "dim", wrap=True))
        return card

    def _lay_out(self) -> None:
        px = self._theme.px
        top = heading(self._theme, self.title, self.chip, gap=12)
        top.addWidget(self.about)
        self._trouble = QVBoxLayout()
        self.missing.body.addWidget(self._why)
        self.missing.body.addWidget(self._how)
        icons.bind(self.test, self._theme, "gauge", "text", 14)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(16))
        column.addLayout(top)
        column.addWidget(self.missing)
        column.addLayout(self._trouble)
        for card in (self.running_card, self.start_card, self.log_card):
            column.addWidget(card)
        column.addStretch(1)


def _joined(command: tuple[str, ...]) -> str:
    """As it is typed into a shell."""
    return " ".join(word if _plain(word) else "'" + word.replace("'", "'\"'\"'") + "'" for word in command)


def _plain(word: str) -> bool:
    return bool(word) and all(c.isalnum() or c in "@%+=:,./-_…" for c in word)
