"""Answers held against their JSON schema, in threads beside the window's work."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.lab.schema import Verdict, validate
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state.background import Job
from engines.errors import EngineError


class Checking(QObject):
    """`checked(message id, Verdict)`, once for each `check`."""

    checked = Signal(str, object)

    def __init__(self, bridge: Bridge, parent: QObject) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._jobs: list[Job] = []

    def check(self, message_id: str, schema: str, answer: str) -> None:
        """Begin; a pathological schema may take a second."""
        job = Job(tr("Checking the answer"), lambda _report, _cancelled: validate(schema, answer), self._bridge, self)
        job.done.connect(partial(self.checked.emit, message_id))
        job.failed.connect(partial(self._failed, message_id))
        job.ended.connect(job.deleteLater)
        self._jobs = [*(j for j in self._jobs if j.alive), job]
        job.start()

    def _failed(self, message_id: str, error: TandemError | EngineError) -> None:
        self.checked.emit(message_id, Verdict(False, error.message))

    def close(self) -> None:
        """At shutdown: wait for what runs."""
        for job in self._jobs:
            job.close()
