"""Files of a comparison, written in a thread: reports, films, recipes. One at a time; what goes wrong is told in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.lab.compare.result import Result
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state.background import Job, Report
from app.ui.state.cards import Problem
from app.ui.state.compare_plan import percent
from engines.errors import EngineError

Progress = Callable[[float], None]
Write = Callable[[Result, Path, Progress, Callable[[], bool]], object]
"""(result, path, progress 0–1, cancelled): writes the file. Raises TandemError or OSError."""


def problem_of(error: TandemError | EngineError) -> Problem:
    """The page's card for what a person can act on."""
    return Problem(tr("That did not work"), error.message, error.hint, (("dismiss", tr("Close")),))


class Files(QObject):
    """`changed` as a file begins and ends; `said` as `notice` gets another per cent; `failed(Problem)`."""

    changed = Signal()
    said = Signal()
    failed = Signal(object)

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._job: Job | None = None
        self.notice = ""

    @property
    def busy(self) -> bool:
        """True while a file is being written."""
        return self._job is not None

    def write(self, title: str, write: Write, result: Result, path: Path) -> None:
        """Begin; nothing may be under way. title: what it is, e.g. "The film"."""
        if self._job is not None:
            return

        def work(report: Report, cancelled: Callable[[], bool]) -> Path:
            try:
                write(result, path, lambda share: report(title, share), cancelled)
            except OSError as error:
                why = tr("{name} cannot be written: {value}.", name=path.name, value=error.strerror or error)
                raise TandemError("cannot_write", why, tr("Choose another place.")) from error
            return path

        self.notice = tr("{title} is being written…", title=title)
        job = Job(title, work, self._bridge, self)
        job.said.connect(self._say)
        job.done.connect(lambda made: self._end(tr("{title} is written: {made}", title=title, made=made)))
        job.failed.connect(self._failed)
        job.ended.connect(lambda: self._broke(title))
        self._job = job
        job.start()
        self.changed.emit()

    def cancel(self) -> None:
        """End what is being written."""
        if self._job is not None:
            self._job.cancel()

    def forget(self) -> None:
        """No word of the last file any more."""
        if not self.busy:
            self.notice = ""

    def close(self) -> None:
        """At shutdown."""
        if self._job is not None:
            self._job.close()
            self._job = None

    def _say(self, title: str, share: float) -> None:
        """A film says how far it is at each of its pictures: only whole per cents are news."""
        notice = tr("{title} is being written… {percent}", title=title, percent=percent(share))
        if notice != self.notice:
            self.notice = notice
            self.said.emit()

    def _broke(self, title: str) -> None:
        if self._job is not None:  # neither done nor failed: a bug, which is raised in this thread now
            self._end(tr("{title} could not be written.", title=title))

    def _failed(self, error: TandemError | EngineError) -> None:
        self._end("")
        if error.code != "cancelled":
            self.failed.emit(problem_of(error))

    def _end(self, notice: str) -> None:
        if self._job is not None:
            self._job.deleteLater()
            self._job = None
        self.notice = notice
        self.changed.emit()
