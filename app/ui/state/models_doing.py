"""What a person sets going on the Models page: looking, adding, getting, making, removing. One job at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.lab.convert import convert
from app.library import Removed, Variant
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state import words
from app.ui.state.background import Job, Report, Work
from app.ui.state.cards import Problem
from app.ui.state.models_details import Made
from app.ui.state.ports import Services
from engines.errors import EngineError

MODEL_FOLDERS = ("config.json", "model_index.json")
"""A folder with one of these is one model; any other is a place to look in."""

PACK = "starter"


class Doing(QObject):
    """`began`; `changed` as a job begins, goes on or ends; `done(words)` once it is through: what the library holds may
    differ."""

    began = Signal()
    changed = Signal()
    done = Signal(str)

    def __init__(self, services: Services, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services, self._bridge = services, bridge
        self._job: Job | None = None
        self._again: Callable[[], None] | None = None
        self.problem: Problem | None = None
        self.kind = ""  # look | add | get | make | remove

    @property
    def busy(self) -> bool:
        """True while something is under way."""
        return self._job is not None

    @property
    def title(self) -> str:
        """What is under way, or ""."""
        return self._job.title if self._job is not None else ""

    @property
    def message(self) -> str:
        """How far it is, in words."""
        return self._job.message if self._job is not None else ""

    @property
    def fraction(self) -> float | None:
        """How far it is, where that is known."""
        return self._job.fraction if self._job is not None else None

    @property
    def stopping(self) -> bool:
        """True from Cancel until it has ended."""
        return self._job is not None and self._job.cancelled

    def look(self) -> None:
        """Look through every place."""
        library = self._services.library

        def work(report: Report, cancelled: Callable[[], bool]) -> object:
            return library.scan(_progress(report), cancelled).sentence

        self._begin("look", tr("Looking for models"), work, self.look)

    def add(self, paths: list[str]) -> None:
        """Take files and model folders in where they lie; look in other folders from now on."""
        library = self._services.library

        def work(report: Report, cancelled: Callable[[], bool]) -> object:
            taken = 0
            places = False
            for path in map(Path, paths):
                if path.is_dir() and not any((path / name).is_file() for name in MODEL_FOLDERS):
                    library.add_place(path)
                    places = True
                else:
                    taken += len(library.add(path, _progress(report), cancelled))
            if places:
                return library.scan(_progress(report), cancelled).sentence
            return tr("Added 1 model") if taken == 1 else tr("Added {n} models", n=f"{taken:,}")

        names = ", ".join(Path(path).name for path in paths[:2]) + (" …" if len(paths) > 2 else "")
        self._begin("add", tr("Adding {name}", name=names), work, lambda: self.add(paths))

    def add_folder(self, path: str) -> None:
        """Look in this folder from now on."""
        library = self._services.library

        def work(report: Report, cancelled: Callable[[], bool]) -> object:
            library.add_place(Path(path))
            return library.scan(_progress(report), cancelled).sentence

        self._begin("add", tr("Looking in the folder"), work, lambda: self.add_folder(path))

    def remove_folder(self, place: str, title: str) -> None:
        """Take a named folder off the list; its files stay."""
        library = self._services.library

        def work(_report: Report, _cancelled: Callable[[], bool]) -> object:
            library.remove_place(place)
            return tr("“{title}” is off the list; its files stay.", title=title)

        self._begin("remove", tr("Taking the folder off the list"), work, lambda: self.remove_folder(place, title))

    def get_starter(self) -> None:
        """Get the starter pack."""
        library = self._services.library

        def work(report: Report, cancelled: Callable[[], bool]) -> object:
            found = library.install(PACK, _progress(report), cancelled)
            return tr("The starter pack is here: {n} models", n=f"{len(found):,}")

        self._begin("get", tr("Getting the starter pack"), work, self.get_starter)

    def make(self, made: Made) -> None:
        """Make a copy at another precision."""
        launcher, plan = self._services.launcher, made.offer.plan

        def work(report: Report, cancelled: Callable[[], bool]) -> object:
            def progress(fraction: float | None, message: str) -> None:
                report(message, fraction)

            variant, seconds = convert(launcher, made.spec, plan, progress, cancelled)
            return tr("{title} {precision} is made: {size} in {time}", title=variant.title, precision=plan.precision,
                      size=words.size(variant.bytes), time=words.spoken(seconds))  # fmt: skip

        title = tr("Making {title} {precision}", title=plan.source.title, precision=plan.precision)
        self._begin("make", title, work, lambda: self.make(made))

    def remove(self, variant: Variant) -> None:
        """To the trash what is ours; forgotten what was added."""
        library = self._services.library

        def work(_report: Report, _cancelled: Callable[[], bool]) -> object:
            return removed_words(variant, library.remove(variant.ref))

        self._begin("remove", tr("Removing {title}", title=variant.title), work, lambda: self.remove(variant))

    def cancel(self) -> None:
        """Ask it to stop."""
        if self._job is not None:
            self._job.cancel()
            self.changed.emit()

    def again(self) -> None:
        """Try once more what failed."""
        work, self.problem = self._again, None
        if work is not None:
            work()

    def dismiss(self) -> None:
        """The person has read what went wrong."""
        self.problem = None
        self.changed.emit()

    def close(self) -> None:
        """At shutdown."""
        if self._job is not None:
            self._job.close()
            self._job = None

    def _begin(self, kind: str, title: str, work: Work, again: Callable[[], None]) -> None:
        if self._job is not None:
            return
        self.problem, self.kind, self._again = None, kind, again
        self._job = Job(title, work, self._bridge, self)
        self._job.said.connect(lambda _message, _fraction: self.changed.emit())
        self._job.failed.connect(self._failed)
        self._job.done.connect(lambda result: self.done.emit(str(result or "")))
        self._job.ended.connect(self._ended)
        self._job.start()
        self.began.emit()
        self.changed.emit()

    def _failed(self, error: object) -> None:
        if self._job is not None and self._job.cancelled:
            return
        if isinstance(error, TandemError | EngineError):
            actions = (("again", tr("Try again")), ("dismiss", tr("Close")))
            self.problem = Problem(tr("That did not work"), error.message, error.hint, actions)

    def _ended(self) -> None:
        if self._job is not None:
            self._job.deleteLater()
        self._job = None
        self.changed.emit()


def removed_words(variant: Variant, removed: Removed) -> str:
    """That it is forgotten, or removed, with the library's own notes: where it is now, what stays."""
    name = f"{variant.title} {variant.variant}"
    if variant.outside:
        return tr("“{name}” is forgotten; your files stay.", name=name)
    head = tr("Removed “{name}” ({size}).", name=name, size=words.size(variant.bytes))
    return " ".join([head, *removed.notes])


def _progress(report: Report) -> Callable[[str, int, int], None]:
    """The library's progress (step, done, total) as a job's report."""

    def progress(step: str, done: int, total: int) -> None:
        report(step, done / total if total else None)

    return progress
