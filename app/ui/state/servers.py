"""The Servers page without its widgets: which servers there are, what each said, what is chosen and being watched."""

from __future__ import annotations

import enum
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.lab.compare.lane import Lane
from app.library import SERVED, Variant
from app.library.servers import Server, Servers
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state.background import Job, Report
from app.ui.state.cards import Problem
from app.ui.state.model import ModelState
from app.ui.state.ports import Services
from app.ui.state.server_keeping import Draft, Keeping
from app.ui.state.server_watch import Watching
from engines import registry
from engines.errors import EngineError
from engines.spec import EngineSpec, Task

if TYPE_CHECKING:
    from app.library.server_probe import Probe
    from app.ui.state.deploy import DeployState
    from app.ui.state.load_test import LoadTestState
    from app.ui.state.server_launch import Launching

ENGINE = "openai-server"
ALIKE = 0.4  # of all words of two names so many are shared by two copies of one model


class Place(enum.StrEnum):
    """What stands in the middle of the first view."""

    LESSON = "lesson"
    SERVER = "server"
    EDIT = "edit"
    ADD = "add"
    LAUNCH = "launch"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a server is: word for its line, role for its dot ("good", "warning", "bad", "busy", "dim")."""

    word: str
    role: str


class ServersState(QObject):
    """`changed`: servers, what they said, or what is chosen. `served_changed`: other models are served: pages that list
    models read the library again."""

    changed = Signal()
    served_changed = Signal()

    def __init__(self, services: Services, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.services, self._bridge = services, bridge
        self._model: ModelState | None = None
        self.servers: Servers = services.library.servers
        self.watching = Watching(services, bridge, self)
        self.keeping = Keeping(self.servers, bridge, self)
        self.kept: bool | None = None  # do keys outlive this process? None: not known yet
        self.place = Place.LESSON
        self.chosen = ""  # a server's id, or an engine's while `place` is LAUNCH
        self.refused: TandemError | None = None  # what is wrong with the form
        self._said: dict[str, Probe] = {}
        self._wrong: dict[str, TandemError | EngineError] = {}
        self._asking: dict[str, Job] = {}
        self._launching: Launching | None = None
        self._load_test: LoadTestState | None = None
        self._deploy: DeployState | None = None
        self.keeping.saved.connect(self._saved)
        self.keeping.removed.connect(self._removed)
        self.keeping.failed.connect(self._refused)
        self.keeping.kept.connect(self._kept_known)
        first = next(iter(self.all()), None)
        if first is not None:
            self.place, self.chosen = Place.SERVER, first.id

    def meet(self, model: ModelState) -> None:
        """The Chat page's model: its settings are those of servers started here, its lane is what is deployed."""
        self._model = model

    @property
    def model(self) -> ModelState:
        """As `meet` gave it."""
        assert self._model is not None, "the page is built before its views"
        return self._model

    # --- the other views' states, made when they are first looked at ----------------------

    @property
    def launching(self) -> Launching:
        """Servers that are started here."""
        if self._launching is None:
            module = importlib.import_module("app.ui.state.server_launch")
            self._launching = module.Launching(self.services, self._bridge, self.model, self)
        return self._launching

    @property
    def load_test(self) -> LoadTestState:
        """The view “Load test”."""
        if self._load_test is None:
            module = importlib.import_module("app.ui.state.load_test")
            self._load_test = module.LoadTestState(self.services, self._bridge, self)
        return self._load_test

    @property
    def deploy(self) -> DeployState:
        """The view “Deploy”."""
        if self._deploy is None:
            module = importlib.import_module("app.ui.state.deploy")
            self._deploy = module.DeployState(self.services, self.model, self)
        return self._deploy

    @property
    def busy(self) -> bool:
        """True while a load test runs or a server is being started."""
        testing = self._load_test is not None and self._load_test.running
        return testing or (self._launching is not None and self._launching.busy)

    # --- what there is ----------------------------------------------------------------------

    def all(self) -> tuple[Server, ...]:
        """Every server, in the order in which they were added."""
        return self.servers.all()

    @property
    def server(self) -> Server | None:
        """The chosen one."""
        if self.place not in (Place.SERVER, Place.EDIT):
            return None
        return next((s for s in self.all() if s.id == self.chosen), None)

    def probe(self, server: str) -> Probe | None:
        """What it said when it was asked in this session."""
        return self._said.get(server)

    def asking(self, server: str) -> bool:
        """True while it is being asked."""
        return server in self._asking

    def standing(self, server: Server) -> Standing:
        """Its state in one word."""
        wrong = self._wrong.get(server.id)
        if server.id in self._asking:
            return Standing(tr("asking"), "busy")
        if wrong is not None:
            return _trouble(wrong.code, server.key)
        if server.id in self._said:
            return Standing(_models(len(server.models)), "good")
        if server.asked:
            return Standing(tr("{models} when last asked", models=_models(len(server.models))), "dim")
        return Standing(tr("not asked yet"), "dim")

    def problem(self, server: str) -> Problem | None:
        """Why it could not be asked, with the mends."""
        wrong = self._wrong.get(server)
        if wrong is None:
            return None
        again, edit = ("ask", tr("Ask again")), ("edit", tr("Edit"))
        actions = {
            "bad_key": (("edit", tr("Give the key")), again),
            "bad_certificate": (
                ("trust", tr("Trust a certificate file…")), ("no_verify", tr("Do not check the certificate")), again
            ),
            "not_a_server": (edit, again),
        }.get(wrong.code, (again, edit))  # fmt: skip
        found = self.servers.get(server)
        title = _trouble(wrong.code, found.key).word
        return Problem(title[:1].upper() + title[1:], wrong.message, wrong.hint, actions)

    def standing_code(self, server: str) -> str:
        """The code of why it could not be asked, or ""."""
        wrong = self._wrong.get(server)
        return wrong.code if wrong is not None else ""

    def served(self, server: Server) -> list[Variant]:
        """Its models, as variants."""
        return [v for v in self.servers.variants() if v.origin.server == server.id]

    @property
    def spec(self) -> EngineSpec | None:
        """The engine that talks to servers."""
        return next((s for s in registry.visible(Task.CHAT) if s.id == ENGINE), None)

    # --- what may be done -----------------------------------------------------------------------

    def choose(self, server: str) -> None:
        """Show a server."""
        self._go(Place.SERVER, server)

    def choose_engine(self, engine: str) -> None:
        """Show the card that starts a server here."""
        self._go(Place.LAUNCH, engine)

    def begin_add(self) -> None:
        """Show the empty form."""
        self._look()
        self._go(Place.ADD, "")

    def begin_edit(self) -> None:
        """Show the chosen server's form."""
        if self.server is not None:
            self._look()
            self._go(Place.EDIT, self.chosen)

    def _look(self) -> None:
        """Find out about the keyring once a form is shown: that takes a moment."""
        if self.kept is None:
            self.keeping.look(self.services.library.secrets)

    def leave_form(self) -> None:
        """Back to what was there before the form."""
        if self.place is Place.EDIT:
            self._go(Place.SERVER, self.chosen)
        else:
            self._go_first()

    def save(self, draft: Draft) -> None:
        """Take the form: add, or change the chosen server; then ask it. What is wrong with it stands in `refused`."""
        if self.keeping.busy:
            return
        self.refused = None
        try:
            self.keeping.save(self.server if self.place is Place.EDIT else None, draft)
        except TandemError as error:
            self.refused = error
        self.changed.emit()

    def set_certificate(self, ca_file: str = "", verify: bool = True) -> None:
        """Trust another certificate of the chosen server, or do not look at it; then ask it again."""
        if self.server is not None:
            server, self.place = self.server, Place.EDIT
            self.save(Draft(server.url, server.title, server.kind, "", ca_file, verify))

    def remove(self, server: str) -> None:
        """Forget a server and its key."""
        if self.watching.server == server:
            self.watching.stop()
        job = self._asking.pop(server, None)
        if job is not None:
            job.close(0.0)
            job.deleteLater()
        self.keeping.remove(server)

    def ask(self, server: str) -> None:
        """Ask it what it serves, in a thread."""
        if server in self._asking:
            return
        found = self.servers.get(server)
        probing = importlib.import_module("app.library.server_probe")

        def work(_report: Report, _cancelled: Callable[[], bool]) -> object:
            return probing.ask(self.servers, found)

        job = Job(f"ask {server}", work, self._bridge, self)
        self._asking[server] = job
        job.done.connect(lambda probe: self._answered(server, probe))
        job.failed.connect(lambda error: self._failed(server, error))
        job.ended.connect(
            lambda: self._ended(server)
        )  # no slot of a job holds the job: it would be freed inside its own end
        job.start()
        self.changed.emit()

    def watch(self) -> None:
        """See the chosen server's figures live."""
        server, spec = self.server, self.spec
        served = self.served(server) if server is not None else []
        if server is not None and spec is not None and served:
            self.watching.start(server.id, served[0], spec)

    def lanes(self, model: str) -> list[Lane]:
        """A served model and the local one that is most like it by its name, for Compare; twice the served one without one
        that is alike."""
        served = next((v for v in self.servers.variants() if v.id == model), None)
        if served is None:
            return []
        lane = Lane(name="", model=served.id, engine=ENGINE, variant=served.variant)
        return [lane, self._local_lane(served) or lane]

    def _local_lane(self, served: Variant) -> Lane | None:
        specs = [spec for spec in registry.visible(Task.CHAT) if not spec.remote]
        local = [v for v in self.services.library.variants("chat") if v.format != SERVED and not v.problem]
        pairs = [(v, spec) for v in local for spec in specs if v.format in spec.formats]
        if not pairs:
            return None
        variant, spec = max(pairs, key=lambda pair: likeness(served.served, pair[0]))
        if likeness(served.served, variant) < ALIKE:
            return None
        return Lane(name="", model=variant.id, engine=spec.id, variant=variant.variant)

    def close(self) -> None:
        """At shutdown: threads and workers ended."""
        for job in self._asking.values():
            job.close()
        self._asking.clear()
        self.keeping.close()
        self.watching.close()
        for part in (self._launching, self._load_test):
            if part is not None:
                part.close()

    # --- inside -----------------------------------------------------------------------------------

    def _saved(self, made: Server) -> None:
        self._said.pop(made.id, None)
        self._wrong.pop(made.id, None)
        self._go(Place.SERVER, made.id)
        self.ask(made.id)

    def _removed(self, server: str) -> None:
        self._said.pop(server, None)
        self._wrong.pop(server, None)
        self._go_first()
        self.served_changed.emit()

    def _refused(self, error: TandemError) -> None:
        self.refused = error
        self.changed.emit()

    def _kept_known(self, kept: bool) -> None:
        self.kept = kept
        self.changed.emit()

    def _go(self, place: Place, chosen: str) -> None:
        self.place, self.chosen, self.refused = place, chosen, None
        self.changed.emit()

    def _go_first(self) -> None:
        first = next(iter(self.all()), None)
        if first is None:
            self._go(Place.LESSON, "")
        else:
            self._go(Place.SERVER, first.id)

    def _answered(self, server: str, probe: Probe) -> None:
        self._said[server] = probe
        self._wrong.pop(server, None)
        self.served_changed.emit()

    def _failed(self, server: str, error: TandemError | EngineError) -> None:
        self._wrong[server] = error
        self._said.pop(server, None)

    def _ended(self, server: str) -> None:
        job = self._asking.pop(server, None)
        if job is not None:
            job.deleteLater()
        self.changed.emit()


def likeness(name: str, variant: Variant) -> float:
    """How alike a server's name of a model and a model of the library are: shared words of all words, 0–1. A server that
    names a path has the model in one of its folders: the one that is most alike counts."""
    return max(
        _alike(part, variant) for part in (name.split("/") if name.startswith("/") else [name.rsplit("/", 1)[-1]])
    )


def _alike(name: str, variant: Variant) -> float:
    one = _words_of(name)
    texts = (variant.title, variant.id, variant.origin.repo.rsplit("/", 1)[-1])
    return max((len(one & other) / len(one | other) for text in texts if (other := _words_of(text))), default=0.0)


def _words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+|\d+(?:\.\d+)?[bmk]?", text.lower()))


def _models(count: int) -> str:
    return tr("1 model") if count == 1 else tr("{n} models", n=f"{count:,}")


def _trouble(code: str, has_key: bool) -> Standing:
    """A failed question in words. has_key: one was given, now or in an earlier session."""
    table = {
        "bad_key": Standing(tr("its key is missing or wrong") if has_key else tr("asks for a key"), "warning"),
        "bad_certificate": Standing(tr("its certificate is not trusted"), "warning"),
        "not_a_server": Standing(tr("is no model server"), "bad"),
        "server_silent": Standing(tr("does not answer in time"), "bad"),
        "server_error": Standing(tr("answers with an error"), "bad"),
    }
    return table.get(code, Standing(tr("does not answer"), "bad"))
