"""The chosen server: what it is, its own figures while it is watched, the models it serves and what to do with each."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QMessageBox, QVBoxLayout, QWidget

from app.glossary import Glossary
from app.lab.session import SessionState
from app.library import Variant
from app.library.servers import PRESETS, Server
from app.ui import icons
from app.ui.frame.notices import Notices
from app.ui.language import tr
from app.ui.servers.gauge_row import GaugeRow
from app.ui.servers.parts import button, heading
from app.ui.state import words
from app.ui.state.server_gauges import silence
from app.ui.state.servers import ServersState
from app.ui.theme import Theme
from app.ui.widgets.card import Card
from app.ui.widgets.chip import Chip
from app.ui.widgets.elide import ElidedLabel
from app.ui.widgets.label import Label

MOST_LINES = 60
"""Models that are listed; a router may serve hundreds."""


def kind_title(kind: str) -> str:
    """What a kind of server is called; "" for an unknown one."""
    return next((preset.title for preset in PRESETS if preset.kind and preset.kind == kind), "")


class ServerView(QWidget):
    """`chat_wanted(model, variant)`, `compare_wanted(model)`, `action(id)` of the trouble card."""

    chat_wanted = Signal(str, str)
    compare_wanted = Signal(str)
    action = Signal(str)

    def __init__(self, theme: Theme, glossary: Glossary, state: ServersState) -> None:
        super().__init__()
        self._theme, self._state = theme, state
        self._lines: list[QWidget] = []
        self._shown: tuple[object, ...] = ()
        self.title = ElidedLabel(theme, "", "large", weight="semibold")
        self.chip = Chip(theme)
        self.standing = Chip(theme, "", "dim")
        self.facts = Label(theme, "", "dim", "dim", wrap=True)
        self.again = button(
            "ask", tr("Ask again"), self._ask, icon=(theme, "reload"), says=tr("Ask it again what it serves")
        )
        self.edit = button("edit", tr("Edit"), state.begin_edit, icon=(theme, "edit"))
        self.remove = button(
            "remove", tr("Remove"), self._remove, icon=(theme, "trash"), says=tr("Forget this server and its key")
        )
        self.notices = Notices(theme, "servers")
        self.notices.action.connect(self.action)
        self.live = self._live_card(glossary)
        self.models = Card(theme, tr("Models"))
        self._models_more = Label(theme, "", "dim", "dim", wrap=True)
        self.models.body.addWidget(self._models_more)
        self._lay_out()

    # --- what the state says ------------------------------------------------------------------

    def refresh(self) -> None:
        """Everything of the chosen server."""
        server = self._state.server
        if server is None:
            return
        standing = self._state.standing(server)
        self.title.setText(server.title)
        self.chip.set(kind_title(server.kind))
        self.standing.set(standing.word, standing.role)  # type: ignore[arg-type]
        self.facts.setText(self._facts(server))
        self.again.setEnabled(not self._state.asking(server.id))
        self.notices.show_problem(self._state.problem(server.id))
        self.notices.setVisible(self._state.problem(server.id) is not None)
        self._show_models(server)
        self.refresh_live()

    def refresh_live(self) -> None:
        """The card of figures."""
        state, server = self._state, self._state.server
        if server is None:
            return
        watching = state.watching
        on = watching.watching(server.id)
        mine = watching.server == server.id
        served = bool(server.models)
        self.watch.setText(tr("Stop watching") if on else tr("Watch"))
        self.watch.setAccessibleName(
            tr("Stop watching this server") if on else tr("See this server's own figures live")
        )
        self.watch.setEnabled(on or (served and state.spec is not None))
        self.gauges.setVisible(on and watching.phase is not SessionState.LOADING and not watching.gauges.silent)
        if on:
            self.gauges.show_gauges(watching.gauges)
        words, tone = self._live_words(server, on, mine)
        self.said.setText(words)
        self.said.set_tone(tone)  # type: ignore[arg-type]
        self.said.setVisible(bool(words))

    def _live_words(self, server: Server, on: bool, mine: bool) -> tuple[str, str]:
        watching = self._state.watching
        if mine and watching.failure is not None:
            return f"{watching.failure.message} {watching.failure.hint}".strip(), "bad"
        if on and watching.phase is SessionState.LOADING:
            return tr("Connecting…"), "dim"
        if on and watching.gauges.silent:
            return silence(server.kind), "dim"
        if on:
            return "" if watching.gauges.beats else tr("Waiting for the first figures…"), "dim"
        if not server.models:
            return tr("Once it has told what it serves, its figures can be watched here."), "dim"
        return tr(
            "Requests running and waiting, use of the KV cache, prefix cache hits and accepted draft tokens, as the server "
            "itself tells them, each second. Nothing is sent to its models."
        ), "dim"  # fmt: skip

    def _facts(self, server: Server) -> str:
        probe = self._state.probe(server.id)
        parts = [server.url]
        if probe is not None:
            if probe.version:
                parts.append(tr("version {version}", version=probe.version))
            if probe.n_ctx:
                parts.append(tr("context up to {n} tokens", n=f"{probe.n_ctx:,}"))
            parts.append(tr("answered in {time}", time=words.spoken(probe.seconds)))
        elif server.asked:
            parts.append(tr("last asked {day}", day=_when(server.asked)))
        if server.key:
            parts.append(tr("with a key"))
        if not server.verify:
            parts.append(tr("certificate not checked"))
        elif server.ca_file:
            parts.append(tr("own certificate"))
        return "  ·  ".join(parts)

    def _show_models(self, server: Server) -> None:
        served = self._state.served(server)
        probe = self._state.probe(server.id)
        contexts = {m.id: m.n_ctx for m in probe.models} if probe else {}
        shown = (server.id, tuple(v.served for v in served), tuple(contexts.values()))
        if shown != self._shown:
            self._shown = shown
            self._set_lines([self._line(v, contexts.get(v.served)) for v in served[:MOST_LINES]])
        more = len(served) - MOST_LINES
        said = tr("and {n} more: search for them in Chat's model picker", n=f"{more:,}") if more > 0 else ""
        if not served:
            said = tr("It serves no model now.") if server.asked else tr("What it serves is not known yet: ask it.")
        self._models_more.setText(said)
        self._models_more.setVisible(bool(said))

    def _set_lines(self, lines: Sequence[QWidget]) -> None:
        for line in self._lines:
            line.hide()
            line.deleteLater()
        self._lines = list(lines)
        for index, line in enumerate(self._lines):
            self.models.body.insertWidget(1 + index, line)

    def _line(self, variant: Variant, n_ctx: int | None) -> QWidget:
        theme = self._theme
        line = QWidget()
        across = QHBoxLayout(line)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(theme.px(8))
        across.addWidget(ElidedLabel(theme, variant.served, weight="medium"), 1)
        if n_ctx:
            across.addWidget(Label(theme, tr("{n} tokens", n=f"{n_ctx:,}"), "dim", "dim"))
        chat = button("chat", tr("Chat with it"), lambda: self.chat_wanted.emit(variant.id, variant.variant))
        chat.setAccessibleName(tr("Chat with {model}", model=variant.served))
        compare = button("compare", tr("Compare with a local copy"), lambda: self.compare_wanted.emit(variant.id))
        compare.setAccessibleName(tr("Compare {model} with a local copy", model=variant.served))
        across.addWidget(chat)
        across.addWidget(compare)
        return line

    # --- what a person does ---------------------------------------------------------------------

    def _ask(self) -> None:
        if self._state.server is not None:
            self._state.ask(self._state.server.id)

    def _watch(self) -> None:
        server = self._state.server
        if server is not None and self._state.watching.watching(server.id):
            self._state.watching.stop()
        else:
            self._state.watch()

    def _remove(self) -> None:
        server = self._state.server
        if server is None:
            return
        said = tr("“{title}” and its key are forgotten here. The server itself is left alone.", title=server.title)
        if QMessageBox.question(self, tr("Remove this server?"), said) == QMessageBox.StandardButton.Yes:
            self._state.remove(server.id)

    # --- layout -------------------------------------------------------------------------------------

    def _live_card(self, glossary: Glossary) -> Card:
        card = Card(self._theme, tr("Its own figures, live"))
        self.gauges = GaugeRow(self._theme, glossary)
        self.said = Label(self._theme, "", "dim", "dim", wrap=True)
        self.said.setObjectName("servers.watch_words")
        self.watch = button("watch", tr("Watch"), self._watch)
        icons.bind(self.watch, self._theme, "gauge", "text", 14)
        card.head.addWidget(self.watch)
        card.body.addWidget(self.gauges)
        card.body.addWidget(self.said)
        return card

    def _lay_out(self) -> None:
        px = self._theme.px
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(16))
        below = QHBoxLayout()
        below.setSpacing(px(12))
        below.addWidget(self.chip)
        below.addWidget(self.standing)
        below.addStretch(1)
        top = heading(self._theme, self.title, self.again, self.edit, self.remove)
        top.addLayout(below)
        top.addWidget(self.facts)
        column.addLayout(top)
        for part in (self.notices, self.models, self.live):
            column.addWidget(part)
        column.addStretch(1)


def _when(then: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(then))
