"""The Servers page: servers as a source of models, servers that are started here, the load test, and deployment."""

from __future__ import annotations

import importlib
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QFrame, QStackedWidget, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.library.servers import PRESETS
from app.ui.commands import Commands
from app.ui.frame.bones import TOP_HEIGHT
from app.ui.language import tr
from app.ui.program import Program
from app.ui.servers.bar import ServersBar
from app.ui.servers.editor import ServerForm
from app.ui.servers.lesson import ServersLesson
from app.ui.servers.listing import Line, ServerList
from app.ui.servers.parts import beside, column_page
from app.ui.servers.server_view import ServerView, kind_title
from app.ui.state.server_launch import EngineLaunch
from app.ui.state.servers import Place, ServersState
from app.ui.theme import Theme

PAGE = "servers"
LIST_WIDTH = 250
SERVER, ENGINE = "server:", "engine:"


class ServersPage(QWidget):
    """Shows what its state says and passes on what a person does; decides nothing.

    `chat_wanted(model, variant, engine)`: talk to it on the Chat page; `compare_wanted(model)`: beside a local copy.
    """

    chat_wanted = Signal(str, str, str)
    compare_wanted = Signal(str)

    def __init__(self, theme: Theme, glossary: Glossary, state: ServersState) -> None:
        super().__init__()
        self._theme, self._glossary, self.state = theme, glossary, state
        self.setObjectName("servers.page")
        self.bar = ServersBar(theme)
        self.list = ServerList(theme)
        self.lesson = ServersLesson(theme)
        self.view = ServerView(theme, glossary, state)
        self.form = ServerForm(theme)
        self._launch: Any = None  # made when it is first looked at, as the other views are
        self._others: dict[int, QWidget] = {}
        self._form_for = ""
        self._lay_out()
        self._bind()
        self.refresh()

    # --- what the state says ------------------------------------------------------------------

    def refresh(self) -> None:
        """The list and what stands in the middle."""
        state = self.state
        current = (ENGINE if state.place is Place.LAUNCH else SERVER) + state.chosen
        self.list.set_lines(self._lines(), current)
        match state.place:
            case Place.LESSON:
                self._middle.setCurrentIndex(0)
            case Place.SERVER:
                self.view.refresh()
                self._middle.setCurrentIndex(1)
            case Place.ADD | Place.EDIT:
                self._show_form()
            case Place.LAUNCH:
                self._show_launch()
        self.lesson.launch.setVisible(bool(state.launching.engines))

    def _lines(self) -> list[Line | str]:
        servers = [self._server_line(server.id) for server in self.state.all()]
        engines: list[Line | str] = [_engine_line(engine) for engine in self.state.launching.engines.values()]
        head: list[Line | str] = [tr("Servers"), *servers] if servers else []
        return [*head, *([tr("Start one here"), *engines] if engines else [])]

    def _server_line(self, id: str) -> Line:
        server = self.state.servers.get(id)
        standing = self.state.standing(server)
        return Line(SERVER + id, server.title, kind_title(server.kind), standing.word, standing.role, server.url)

    def _show_form(self) -> None:
        state = self.state
        key = f"{state.place}:{state.chosen}"
        if key != self._form_for:
            self._form_for = key
            self.form.begin(state.server if state.place is Place.EDIT else None)
            wants_key = state.place is Place.EDIT and state.standing_code(state.chosen) == "bad_key"
            QTimer.singleShot(0, self.form, self.form.take_key if wants_key else self.form.take_focus)
        self.form.show_wrong(state.refused)
        self.form.show_kept(state.kept, state.keeping.busy)
        self._middle.setCurrentIndex(2)

    def _show_launch(self) -> None:
        engine = self.state.launching.get(self.state.chosen)
        if engine is None:
            return
        if self._launch is None:
            made: Any = importlib.import_module("app.ui.servers.launch_view")
            view = made.LaunchView(self._theme, self._glossary, self.state)
            view.chat_wanted.connect(self.chat_wanted)
            view.test_wanted.connect(self._test_engine)
            scroll, body = column_page(self._theme)
            body.addWidget(view)
            self._middle.addWidget(scroll)
            self._launch = view
        self._launch.show_engine(engine)
        self._middle.setCurrentIndex(3)

    # --- what a person does ---------------------------------------------------------------------

    def show_view(self, index: int) -> None:
        """One of the three views."""
        if index and index not in self._others:
            self._others[index] = self._made(index)
            self._views.addWidget(self._others[index])
        self.bar.show_view(index)
        self._views.setCurrentWidget(self._others[index] if index else self._first)

    def add(self, kind: str = "") -> None:
        """The empty form, for a kind of server."""
        self.show_view(0)
        self._form_for = ""
        self.state.begin_add()
        preset = next((p for p in PRESETS if p.kind == kind), PRESETS[0])
        self.form.preset.setCurrentIndex(PRESETS.index(preset))
        self.form.url.setText(preset.url)
        self.form.take_focus()

    def settle(self) -> None:
        """Be as it looks when nothing moves any more, for a picture."""
        self.refresh()

    def _chosen(self, id: str) -> None:
        self._form_for = ""
        if id.startswith(SERVER):
            self.state.choose(id.removeprefix(SERVER))
        else:
            self.state.choose_engine(id.removeprefix(ENGINE))

    def _removed(self, id: str) -> None:
        if id.startswith(SERVER):
            self._chosen(id)
            self.view.remove.click()

    def _start_one(self) -> None:
        first = next(iter(self.state.launching.engines), "")
        if first:
            self.state.choose_engine(first)

    def _act(self, action: str) -> None:
        """A button on the trouble card."""
        state = self.state
        match action:
            case "ask" if state.server is not None:
                state.ask(state.server.id)
            case "edit":
                state.begin_edit()
            case "no_verify":
                state.set_certificate(verify=False)
            case "trust":
                path, _ = QFileDialog.getOpenFileName(self, tr("Certificate file"), "", "*.pem *.crt *.cer")
                if path:
                    state.set_certificate(ca_file=path)

    def _test_engine(self, engine: str) -> None:
        self.state.load_test.choose_engine(engine)
        self.show_view(1)

    def _open_results(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, tr("Results of another program"), "", "*.json")
        if paths:
            self.state.load_test.open_files(paths)

    # --- layout and wiring ----------------------------------------------------------------------

    def _made(self, index: int) -> QWidget:
        """A view, made when it is first looked at."""
        if index == 1:
            view: QWidget = importlib.import_module("app.ui.servers.load_view").LoadView(
                self._theme, self._glossary, self.state.load_test
            )
        else:
            view = importlib.import_module("app.ui.servers.deploy_view").DeployView(self._theme, self.state.deploy)
        return view

    def _lay_out(self) -> None:
        theme = self._theme
        self._middle = QStackedWidget()
        for content in (self.lesson, self.view, self.form):
            scroll, body = column_page(theme)
            body.addWidget(content)
            if content is self.form:
                body.addStretch(1)
            self._middle.addWidget(scroll)
        self._first = QWidget()
        self.list.setFixedWidth(theme.px(LIST_WIDTH))
        beside(self._first, self.list, self._middle)
        self._views = QStackedWidget()
        self._views.addWidget(self._first)
        top = QFrame()
        top.setProperty("bar", "top")
        top.setFixedHeight(theme.px(TOP_HEIGHT))
        inner = QVBoxLayout(top)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.bar)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(top)
        column.addWidget(self._views, 1)

    def _bind(self) -> None:
        state = self.state
        state.changed.connect(self.refresh)
        state.watching.changed.connect(self.view.refresh_live)
        state.watching.figures_changed.connect(self.view.refresh_live)
        state.launching.changed.connect(self.refresh)
        self.bar.view_chosen.connect(self.show_view)
        self.bar.add_wanted.connect(self.add)
        self.bar.open_wanted.connect(self._open_results)
        self.list.chosen.connect(self._chosen)
        self.list.removed.connect(self._removed)
        self.lesson.add_wanted.connect(self.add)
        self.lesson.launch_wanted.connect(self._start_one)
        self.form.saved.connect(state.save)
        self.form.cancelled.connect(self._cancelled)
        self.view.chat_wanted.connect(lambda model, variant: self.chat_wanted.emit(model, variant, "openai-server"))
        self.view.compare_wanted.connect(self.compare_wanted)
        self.view.action.connect(self._act)

    def _cancelled(self) -> None:
        self._form_for = ""
        self.state.leave_form()


def _engine_line(engine: EngineLaunch) -> Line:
    title = engine.spec.title
    if engine.loaded is not None:
        return Line(ENGINE + engine.spec.id, title, "", tr("runs"), "good", engine.address)
    if engine.busy:
        return Line(ENGINE + engine.spec.id, title, "", engine.status.word, "busy")
    if engine.failure is not None:
        return Line(ENGINE + engine.spec.id, title, "", tr("did not start, or ended"), "bad")
    off = engine.available is False
    return Line(ENGINE + engine.spec.id, title, "", tr("not installed") if off else tr("not started"), "dim")


def build(theme: Theme, program: Program, commands: Commands) -> ServersPage:
    """The page, and its ways to Chat and Compare."""
    state: ServersState = program.servers
    state.meet(program.model)
    page = ServersPage(theme, program.services.glossary, state)

    def chat(model: str, variant: str, engine: str) -> None:
        program.model.refresh()
        program.model.choose_model(model)
        program.model.choose_engine(engine)
        program.model.choose_variant(variant)
        commands["page.chat"].trigger()

    def compare(model: str) -> None:
        lanes = state.lanes(model)
        if program.compare.busy:
            page.bar.say(tr("A comparison is running."))
        else:
            program.compare.begin(lanes)
            commands["page.compare"].trigger()

    page.chat_wanted.connect(chat)
    page.compare_wanted.connect(compare)
    return page
