"""The Models page's state: what is on this machine, what of it is shown, what is selected, what is being done."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.errors import TandemError
from app.library import Variant
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state.background import Report
from app.ui.state.cards import Problem
from app.ui.state.kept import Kept
from app.ui.state.models_assess import Assessment, Assessor
from app.ui.state.models_details import Made, Shown, read
from app.ui.state.models_doing import Doing
from app.ui.state.models_latest import Latest
from app.ui.state.models_places import PlaceLine, Unusable, place_lines, titles, unusable
from app.ui.state.models_removing import Removal, removal
from app.ui.state.models_rows import GREAT_FIRST, SORTS, Row, Wanted, rows_of, select
from app.ui.state.models_table import VariantTable
from app.ui.state.ports import Services
from engines import registry
from engines.spec import EngineSpec

if TYPE_CHECKING:
    from app.library.disk import DiskUse
    from app.library.scan import Scan

SETTLE_MS = 120  # a person who walks down the list is asked for no file on the way
KEPT_SORT, KEPT_VIEW = "models.sort", "models.view"


@dataclass(frozen=True, slots=True)
class _Read:
    """What the library says, all at once."""

    variants: list[Variant]
    scan: Scan | None
    places: tuple[PlaceLine, ...]
    rows: list[Row]
    unusable: tuple[Unusable, ...]


class ModelsState(QObject):
    """`changed`: the lines, the places, what is said above them; `selected_changed`: what is known of the selected one;
    `assessed`: what fits; `disk_changed`; `doing.changed`: the job under way.

    For the rest of the program: `library_changed` (read the library again), `found(sentence)` after the first look,
    `chat_wanted(model id, variant)`, `notice(words)` when something is done.
    """

    changed = Signal()
    selected_changed = Signal()
    assessed = Signal()
    disk_changed = Signal()
    library_changed = Signal()
    found = Signal(str)
    chat_wanted = Signal(str, str)
    notice = Signal(str)

    def __init__(
        self,
        services: Services,
        bridge: Bridge,
        specs: Sequence[EngineSpec] | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._services = services
        self._kept = Kept(services.store)
        known = registry.visible() if specs is None else specs
        self._assessor, self._closer = Assessor(services, known), Assessor(services, known)  # one a thread
        self.table = VariantTable(self)
        self.doing = Doing(services, bridge, self)
        self.variants: list[Variant] = []
        self.rows: list[Row] = []
        self.places: tuple[PlaceLine, ...] = ()
        self.unusable: tuple[Unusable, ...] = ()
        self.scan: Scan | None = None
        self.disk: DiskUse | None = None
        self.shown: Shown | None = None
        self.selected = ""
        self.said = ""  # what was done last, until the next thing
        self.is_read = False
        self.wanted = self._kept_wanted()
        self._seen: dict[str, Assessment] = {}
        self._trouble: Problem | None = None
        self._reading = self._latest(tr("Reading the library"), bridge, self._take)
        self._assessing = self._latest(tr("Checking what fits"), bridge, self._take_assessed)
        self._measuring = self._latest(tr("Measuring the disk"), bridge, self._take_disk)
        self._looking = self._latest(tr("Reading the model’s header"), bridge, self._take_shown)
        self._first = self._latest(tr("Looking for models"), bridge, self._take_first)
        self._reading.failed.connect(self._read_failed)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._read_selected)
        self.doing.began.connect(self._began)
        self.doing.done.connect(self._done)

    # --- what is here -------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the library again, in a thread."""
        library = self._services.library

        def work(_report: Report, _cancelled: Callable[[], bool]) -> _Read:
            return _read(library)

        self._reading.ask(work)

    def first_look(self) -> None:
        """Where nobody has looked yet: look, and say what was found. Quick; call it when the window is there."""
        library = self._services.library

        def work(_report: Report, cancelled: Callable[[], bool]) -> str:
            if library.scanned() is not None:
                return ""
            return str(library.scan(_silent, cancelled).sentence)

        self._first.ask(work)

    @property
    def reading(self) -> bool:
        """True until the library was read for the first time."""
        return not self.is_read and self._reading.busy

    @property
    def settled(self) -> bool:
        """True when everything that was asked has been answered."""
        lines = (self._reading, self._assessing, self._measuring, self._looking)
        return self.is_read and not self._settle.isActive() and not any(line.busy for line in lines)

    @property
    def looking(self) -> bool:
        """True while the places are looked through."""
        return (self.doing.busy and self.doing.kind == "look") or self._first.busy

    @property
    def sentence(self) -> str:
        """ "Found 23 models, 212 GB, in 4 places", or that nobody has looked yet."""
        if self.scan is not None:
            return str(self.scan.sentence)
        return tr("Nobody has looked through this machine yet") if self.is_read else tr("Reading…")

    @property
    def problem(self) -> Problem | None:
        """What went wrong."""
        return self.doing.problem or self._trouble

    @property
    def seen(self) -> dict[str, Assessment]:
        """What is known of which variant's engines and memory, by ref."""
        return self._seen

    # --- which of it is shown -----------------------------------------------------------

    def want(self, **changes: Any) -> None:
        """Another search, filter or sort."""
        wanted = replace(self.wanted, **changes)
        if wanted == self.wanted:
            return
        sorts_differ = (wanted.sort, wanted.descending) != (self.wanted.sort, self.wanted.descending)
        self.wanted = wanted
        if sorts_differ:
            self._kept.set(KEPT_SORT, [wanted.sort, wanted.descending])
        self._fill()

    def sort_by(self, key: str) -> None:
        """By this; once more turns it round."""
        if key == self.wanted.sort:
            self.want(descending=not self.wanted.descending)
        else:
            self.want(sort=key, descending=key in GREAT_FIRST)

    def clear_filters(self) -> None:
        """Show everything."""
        self.wanted = Wanted(sort=self.wanted.sort, descending=self.wanted.descending)
        self._fill()

    def tasks(self) -> list[str]:
        """The tasks that there are models for."""
        return sorted({v.task for v in self.variants})

    def formats(self) -> list[str]:
        """The formats that there are."""
        return sorted({v.format for v in self.variants})

    @property
    def view(self) -> str:
        """ "table" or "cards", as it was left."""
        return self._kept.get(KEPT_VIEW, "table")

    def set_view(self, view: str) -> None:
        """Remember it."""
        self._kept.set(KEPT_VIEW, view)

    # --- the selected one ---------------------------------------------------------------

    @property
    def row(self) -> Row | None:
        """The selected variant."""
        return next((row for row in self.rows if row.ref == self.selected), None)

    def select(self, ref: str) -> None:
        """Choose one; its files are read when nobody chooses another for a moment."""
        if ref == self.selected:
            return
        self.selected, self.shown = ref, None
        self._looking.drop()
        self._settle.start()
        self.selected_changed.emit()

    def removal(self) -> Removal | None:
        """What removing the selected one means."""
        return removal(self.row, self.places) if self.row is not None else None

    def remove(self) -> None:
        """Remove the selected one, if that may be done here; ask the person before."""
        row, found = self.row, self.removal()
        if row is not None and found is not None and found.possible:
            self.doing.remove(row.variant)

    def make(self, made: Made) -> None:
        """Make a copy of the selected one."""
        self.doing.make(made)

    def chat(self) -> None:
        """Ask for the Chat page with the selected one."""
        if self.row is not None and not self.row.variant.problem:
            self.chat_wanted.emit(self.row.variant.id, self.row.variant.variant)

    def dismiss(self) -> None:
        """What went wrong, or was done, has been read."""
        self._trouble, self.said = None, ""
        self.doing.dismiss()
        self.changed.emit()

    def close(self) -> None:
        """At shutdown."""
        self._settle.stop()
        self.doing.close()
        for line in (self._reading, self._assessing, self._measuring, self._looking, self._first):
            line.close()

    # --- inside -------------------------------------------------------------------------

    def _latest(self, title: str, bridge: Bridge, done: Callable[[Any], None]) -> Latest:
        made = Latest(title, bridge, self)
        made.done.connect(done)
        return made

    def _kept_wanted(self) -> Wanted:
        sort = self._kept.get(KEPT_SORT, ["name", False])
        if len(sort) == 2 and sort[0] in SORTS:
            return Wanted(sort=str(sort[0]), descending=bool(sort[1]))
        return Wanted()

    def _take(self, found: _Read) -> None:
        first, self.is_read, self._trouble = not self.is_read, True, None
        self.variants, self.scan, self.rows = found.variants, found.scan, found.rows
        self.places, self.unusable = found.places, found.unusable
        if self.wanted.place and self.wanted.place not in {line.id for line in self.places}:
            self.wanted = replace(self.wanted, place="")
        if self.selected and self.row is None:
            self.selected, self.shown = "", None
            self.selected_changed.emit()
        self._fill()
        if first and not self.selected and self.table.rows:
            self.select(self.table.rows[0].ref)
        self._assess()

    def _read_failed(self, error: object) -> None:
        self.is_read = True
        if isinstance(error, TandemError):
            actions = (("refresh", tr("Try again")), ("dismiss", tr("Close")))
            self._trouble = Problem(tr("The library cannot be read"), error.message, error.hint, actions)
        self.changed.emit()

    def _fill(self) -> None:
        self.table.set_rows(select(self.rows, self.wanted, self._seen), self._seen)
        self.changed.emit()

    def _assess(self) -> None:
        variants, assessor = list(self.variants), self._assessor

        def work(_report: Report, cancelled: Callable[[], bool]) -> dict[str, Assessment]:
            assessor.look()
            return assessor.assess(variants, cancelled)

        self._assessing.ask(work)

    def _take_assessed(self, found: dict[str, Assessment]) -> None:
        self._seen = found
        self._fill()
        self.assessed.emit()
        self._measure()

    def _measure(self) -> None:
        library, paths = self._services.library, self._services.paths

        def work(_report: Report, _cancelled: Callable[[], bool]) -> object:
            return importlib.import_module("app.library.disk").disk_use(library, paths)

        self._measuring.ask(work)

    def _take_disk(self, found: DiskUse) -> None:
        self.disk = found
        self.disk_changed.emit()

    def _read_selected(self) -> None:
        row = self.row
        if row is None:
            return
        library, variants, variant, assessor = self._services.library, list(self.variants), row.variant, self._closer

        def work(_report: Report, cancelled: Callable[[], bool]) -> Shown:
            return read(library, variants, variant, assessor, cancelled)

        self._looking.ask(work)

    def _take_shown(self, found: Shown) -> None:
        if found.ref == self.selected:
            self.shown = found
            self.selected_changed.emit()

    def _take_first(self, sentence: str) -> None:
        if sentence:
            self.found.emit(sentence)
            self._changed()

    def _began(self) -> None:
        self.said, self._trouble = "", None

    def _done(self, said: str) -> None:
        self.said = said
        if self.doing.kind in ("make", "remove"):
            self.shown = None
            self._settle.start()
        self._changed()
        self.notice.emit(said)

    def _changed(self) -> None:
        """The library holds other things now."""
        self.refresh()
        self.library_changed.emit()


def _read(library: Any) -> _Read:
    """In a job's thread."""
    places = library.places()
    variants = library.variants()
    scan = library.scanned()
    names = titles(places)
    lines = tuple(place_lines(variants, places, scan))
    bad = tuple(unusable(scan, library.problems(), variants, names))
    return _Read(variants, scan, lines, rows_of(variants, names), bad)


def _silent(_step: str, _done: int, _total: int) -> None:
    """Nobody watches the first look."""
