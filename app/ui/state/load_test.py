"""The view “Load test” without its widgets: what is tested and how, the test under way, earlier and opened results."""

from __future__ import annotations

import importlib
import queue
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.lab.loadtest.events import LevelDone, LoadEvent, LoadMoment, LoadWatcher
from app.lab.loadtest.plan import MOST_USERS, LoadPlan, LoadPreset, presets
from app.lab.loadtest.result import LoadResult
from app.library import Variant
from app.library.checksum import write_atomic
from app.store import LoadTestRecord
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state.background import Job, Report
from app.ui.state.cards import Problem
from app.ui.state.kept import Kept
from app.ui.state.load_form import kept_form, limit_texts, plan_from
from app.ui.state.ports import Services
from engines.errors import EngineError
from engines.knobs import Settings
from engines.spec import EngineSpec, Verb

if TYPE_CHECKING:
    from app.ui.state.servers import ServersState

USERS = (1, 2, 4, 8, 16, 32, 64)
KEPT = "load_test.form"
SHOWN = 40  # earlier tests in the list
SERVED_TARGET, ENGINE_TARGET = "served:", "engine:"


@dataclass(frozen=True, slots=True)
class Target:
    """What can be tested. detail: where it is. started: it is a server that the test starts, and ends, itself."""

    id: str
    title: str
    detail: str
    variant: Variant
    spec: EngineSpec
    knobs: Settings
    started: bool = False


@dataclass(slots=True)
class _Inbox:
    """What the test's thread holds: a queue and a plain callable; nothing of Qt."""

    notify: Callable[[], None]
    queue: queue.SimpleQueue[LoadEvent] = field(default_factory=queue.SimpleQueue)

    def put(self, event: LoadEvent) -> None:
        self.queue.put(event)
        self.notify()


class LoadTestState(QObject):
    """`changed`: what is chosen, the results, begin and end; `moved`: how far the test is."""

    changed = Signal()
    moved = Signal()

    def __init__(
        self, services: Services, bridge: Bridge, servers: ServersState, parent: QObject | None = None
    ) -> None:
        super().__init__(parent or servers)
        self._services, self._bridge, self._servers = services, bridge, servers
        self._kept = Kept(services.store)
        self.presets: tuple[LoadPreset, ...] = presets(services.paths.resources)
        self.form = kept_form(self._kept.get(KEPT, {}), self.presets)
        self.target = ""
        self.moment: LoadMoment | None = None
        self.result: LoadResult | None = None  # ours: of the running test, the last one, or an earlier one
        self.other: LoadResult | None = None  # another program's, beside ours
        self.problem: Problem | None = None
        self.notice = ""
        self._tests: list[LoadTestRecord] | None = None
        self._inbox = _Inbox(bridge.notify)
        self._job: Job | None = None
        self._reading: Job | None = None
        servers.served_changed.connect(self.changed)

    # --- what is tested -------------------------------------------------------------------------

    def targets(self) -> list[Target]:
        """Served models first, then those that a server can be started for here."""
        return [*self._served(), *self._startable()]

    def _served(self) -> list[Target]:
        spec = self._servers.spec
        if spec is None or Verb.LOAD_TEST not in spec.verbs:
            return []
        titles = {server.id: server.title for server in self._servers.all()}
        return [
            Target(SERVED_TARGET + v.ref, v.title, titles.get(v.origin.server, ""), v, spec, {})
            for v in self._servers.servers.variants()
        ]

    def _startable(self) -> list[Target]:
        found = []
        for engine in self._servers.launching.engines.values():
            variant = engine.variant
            if variant is not None and engine.available is not False and Verb.LOAD_TEST in engine.spec.verbs:
                detail = engine.spec.title
                title = f"{variant.title} · {variant.variant}"
                found.append(
                    Target(ENGINE_TARGET + engine.spec.id, title, detail, variant, engine.spec, engine.settings, True)
                )
        return found

    @property
    def chosen(self) -> Target | None:
        """What is chosen, or the first there is."""
        targets = self.targets()
        return next((t for t in targets if t.id == self.target), next(iter(targets), None))

    def choose(self, target: str) -> None:
        """Another target."""
        self.target = target
        self.changed.emit()

    def choose_engine(self, engine: str) -> None:
        """A server of this engine, started for the test."""
        self.choose(ENGINE_TARGET + engine)

    def set_form(self, **changes: Any) -> None:
        """Choose otherwise; another preset brings its own limits."""
        if "preset" in changes and changes["preset"] != self.form.preset:
            found = next(p for p in self.presets if p.id == changes["preset"])
            changes = limit_texts(found.limits) | changes
        self.form = replace(self.form, **changes)
        self._kept.set(KEPT, msgspec.to_builtins(self.form))
        self.changed.emit()

    def plan(self) -> LoadPlan:
        """The form as a plan. Raises TandemError `bad_plan`."""
        return plan_from(self.form, self.presets)

    def toggle_users(self, users: int) -> None:
        """Take a number of users in, or out."""
        now = set(self.form.users)
        self.set_form(users=tuple(sorted(now ^ {users})))

    def set_users(self, text: str) -> None:
        """The numbers as typed; what is none is left out."""
        found = {int(word) for word in re.findall(r"\d+", text)}
        self.set_form(users=tuple(sorted(n for n in found if 1 <= n <= MOST_USERS)))

    # --- the test ---------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """True from Start to the end."""
        return self._job is not None

    @property
    def stopping(self) -> bool:
        """True once Stop was pressed."""
        return self._job is not None and self._job.cancelled

    def start(self) -> None:
        """Carry it out in a thread. A server of the same engine that runs here already is ended first."""
        target = self.chosen
        if target is None or self._job is not None:
            return
        self.problem = None
        try:
            plan = self.plan()
        except TandemError as error:
            self.problem = _problem(tr("This test cannot be carried out"), error)
            self.changed.emit()
            return
        if target.started:
            self._make_room(target)
        self._servers.watching.stop()
        self._begin(target, plan)

    def _make_room(self, target: Target) -> None:
        engine = self._servers.launching.get(target.spec.id)
        if engine is not None and engine.busy:
            engine.stop()

    def _begin(self, target: Target, plan: LoadPlan) -> None:
        launcher, inbox = self._services.launcher, self._inbox
        running: Any = importlib.import_module("app.lab.loadtest.run")

        def work(_report: Report, cancelled: Callable[[], bool]) -> object:
            watcher = LoadWatcher(inbox.put, cancelled)
            return running.run_test(launcher, target.variant, target.spec, plan, watcher, knobs=target.knobs)

        job = Job("load test", work, self._bridge, self)
        job.done.connect(self._done)
        job.failed.connect(self._failed)
        job.ended.connect(self._ended)
        self._job, self.moment, self.result = job, LoadMoment("loading", ""), None
        self._bridge.add(self.drain)  # before the job's own drain: the last events come before its end
        job.start()
        self.changed.emit()

    def stop(self) -> None:
        """Leave off after what is under way; the levels so far are kept."""
        if self._job is not None:
            self._job.cancel()
            self.moved.emit()

    def drain(self) -> None:
        """Take what the test said; the bridge calls this."""
        moved = levels = False
        while not self._inbox.queue.empty():
            event = self._inbox.queue.get_nowait()
            if isinstance(event, LevelDone):
                self.result, levels = event.result, True
            else:
                self.moment, moved = event, True
        if levels:
            self.changed.emit()
        if moved:
            self.moved.emit()

    def close(self) -> None:
        """At shutdown."""
        for job in (self._job, self._reading):
            if job is not None:
                job.close()
        self._bridge.remove(self.drain)
        self._job = self._reading = None

    # --- results ----------------------------------------------------------------------------------

    def tests(self) -> list[LoadTestRecord]:
        """Earlier tests, newest first, without their results; read from the store when they have changed."""
        if self._tests is None:
            self._tests = self._services.store.load_test_heads(SHOWN)
        return self._tests

    def open_test(self, id: str) -> None:
        """Show an earlier test."""
        if self._job is not None:
            return
        self.problem = None
        try:
            record = self._services.store.load_test(id)
            found = msgspec.convert(record.result, LoadResult, strict=False)
            self.result = msgspec.structs.replace(found, id=record.id)
        except TandemError as error:
            self.problem = _problem(tr("It cannot be opened"), error)
        except msgspec.ValidationError as error:
            self.problem = Problem(tr("It cannot be opened"), str(error), tr("Another version of Tandem wrote it."), ())
        self.changed.emit()

    def remove_test(self, id: str) -> None:
        """Put an earlier test away."""
        if self.result is not None and self.result.id == id and self._job is None:
            self.result = None
        self._services.store.delete_load_test(id)
        self._tests = None
        self.changed.emit()

    def open_files(self, paths: Sequence[str]) -> None:
        """Results of GuideLLM or of vLLM's benchmark (which writes one a level), beside ours; read in a thread."""
        if self._reading is not None or not paths:
            return
        reading: Any = importlib.import_module("app.lab.loadtest.outside")

        def work(_report: Report, _cancelled: Callable[[], bool]) -> object:
            return reading.open_results([Path(path) for path in paths])[0]

        job = Job("open results", work, self._bridge, self)
        job.done.connect(self._opened)
        job.failed.connect(self._not_opened)
        job.ended.connect(self._read)
        self._reading, self.problem = job, None
        job.start()

    def close_file(self) -> None:
        """Only ours again."""
        self.other = None
        self.changed.emit()

    def write(self, path: Path, text: str) -> None:
        """Save what was exported; trouble becomes the problem's card."""
        try:
            write_atomic(path, text.encode())
            self.notice = tr("Written: {path}", path=path)
        except OSError as error:
            hint = tr("Choose another place.")
            self.problem = Problem(tr("It cannot be written"), f"{path.name}: {error.strerror or error}.", hint, ())
        self.changed.emit()

    def dismiss(self) -> None:
        """No word of trouble any more."""
        self.problem, self.notice = None, ""
        self.changed.emit()

    def _done(self, result: object) -> None:
        assert isinstance(result, LoadResult)
        self.result = result

    def _failed(self, error: TandemError | EngineError) -> None:
        if error.code != "cancelled":
            self.problem = _problem(tr("The load test did not work"), error)

    def _ended(self) -> None:
        self.drain()
        self._bridge.remove(self.drain)
        if self._job is not None:
            self._job.deleteLater()
        self._job = self.moment = self._tests = None
        self.changed.emit()

    def _opened(self, result: object) -> None:
        assert isinstance(result, LoadResult)
        self.other = result

    def _not_opened(self, error: TandemError | EngineError) -> None:
        self.problem = _problem(tr("These results cannot be opened"), error)

    def _read(self) -> None:
        if self._reading is not None:
            self._reading.deleteLater()
        self._reading = None
        self.changed.emit()


def _problem(title: str, error: TandemError | EngineError) -> Problem:
    return Problem(title, error.message, error.hint, (("dismiss", tr("Close")),))
