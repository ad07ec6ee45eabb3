"""Getting models into the library from a page: the starter's download, and copies in an engine's own format."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.lab.convert import convert
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state.background import Job, Report, Work
from app.ui.state.model import ModelState
from app.ui.state.picks import Offer
from app.ui.state.ports import Services
from engines import registry
from engines.errors import EngineError


class Provision(QObject):
    """One job at a time; `changed` whenever there is something new to show."""

    changed = Signal()

    def __init__(self, services: Services, bridge: Bridge, model: ModelState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._bridge = bridge
        self._model = model
        self.job: Job | None = None
        self.error = ""
        self.hint = ""
        self.last = ""  # the action to try again

    @property
    def busy(self) -> bool:
        """True while something is fetched or made."""
        return self.job is not None

    def install(self, starter_id: str) -> None:
        """Fetch a starter model."""
        library = self._services.library

        def work(report: Report, cancelled: Callable[[], bool]) -> object:
            def progress(step: str, done: int, total: int) -> None:
                report(step, done / total if total else None)

            return library.install(starter_id, progress, cancelled)

        self._begin(tr("Getting the starter model"), "install", work)

    def convert(self, offer: Offer) -> None:
        """Make the copy that the engine needs, and choose it."""
        launcher, spec, plan = self._services.launcher, self._model.spec, offer.plan
        if spec is None:
            return
        maker = spec if spec.id == plan.engine else registry.spec(plan.engine)

        def work(report: Report, cancelled: Callable[[], bool]) -> object:
            def progress(fraction: float | None, message: str) -> None:
                report(message, fraction)

            return convert(launcher, maker, plan, progress, cancelled)

        self._begin(tr("Making the {precision} copy", precision=plan.precision), "convert", work)

    def cancel(self) -> None:
        """Stop what is going on; what was fetched stays for the next try."""
        if self.job is not None:
            self.job.cancel()
            self.changed.emit()

    def close(self) -> None:
        """At shutdown."""
        if self.job is not None:
            self.job.close()
            self.job = None

    def _begin(self, title: str, action: str, work: Work) -> None:
        if self.job is not None:
            return
        self.error, self.hint, self.last = "", "", action
        self.job = Job(title, work, self._bridge, self)
        self.job.said.connect(self._said)
        self.job.failed.connect(self._failed)
        self.job.ended.connect(self._ended)
        self.job.start()
        self.changed.emit()

    def _said(self, _message: str, _fraction: object) -> None:
        self.changed.emit()

    def _failed(self, error: object) -> None:
        if isinstance(error, TandemError | EngineError):
            cancelled = self.job is not None and self.job.cancelled
            self.error = "" if cancelled else error.message
            self.hint = "" if cancelled else error.hint

    def _ended(self) -> None:
        if self.job is not None:
            self.job.deleteLater()
        self.job = None
        self._model.refresh()
        self.changed.emit()
