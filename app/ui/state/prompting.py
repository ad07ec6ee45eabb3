"""What a person puts beside the typed text: files with what they cost in tokens, and prompts kept for later."""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.lab import documents
from app.lab.documents import Document
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state import pictures, words
from app.ui.state.background import Job, Report
from app.ui.state.kept import Kept
from app.ui.state.model import ModelState
from app.ui.state.pictures import PreparedImage
from app.ui.state.ports import Services
from app.ui.state.saved_prompts import SavedPrompt, SavedPrompts
from engines.errors import EngineError
from engines.protocol import Event, Failed, Tokens
from engines.spec import Verb

DRAFT_FILES = "chat.draft_files"
FILES = 40  # at once; more is a mistake, e.g. a whole folder
COUNTED = 400_000  # characters that are really counted; a longer text's cost is reckoned from so many

__all__ = ["DraftFile", "Prompting", "SavedPrompt"]

Work = Callable[[Report, Callable[[], bool]], Document | PreparedImage]


@dataclass(frozen=True, slots=True)
class DraftFile:
    """A file that the next message will carry. detail: "12 pages, 3,410 tokens". problem: why it cannot be used.

    tokens: what it costs, None while unknown. Of document, picture and problem, none is set while it is being read.
    """

    id: str
    name: str
    detail: str = ""
    problem: str = ""
    tokens: int | None = None
    document: Document | None = None
    picture: PreparedImage | None = None

    @property
    def reading(self) -> bool:
        """True until it is known what the file is."""
        return self.document is None and self.picture is None and not self.problem

    @property
    def notes(self) -> tuple[str, ...]:
        """What should be known of it."""
        return () if self.document is None else self.document.notes


@dataclass(slots=True)
class _Entry:
    """A file from its choice to its sending. share: the part of the text that was counted.

    path: where it can be read again after a crash. ours: it is a copy that only this draft has.
    """

    id: str
    name: str
    work: Work | None
    said: str = ""
    problem: str = ""
    document: Document | None = None
    picture: PreparedImage | None = None
    tokens: int | None = None
    share: float = 1.0
    path: str = ""
    ours: bool = False


class Prompting(QObject):
    """`changed`: files, their costs, or the saved prompts are others. Files are read one after the other, in a thread."""

    changed = Signal()

    def __init__(
        self, services: Services, bridge: Bridge, model: ModelState, kept: Kept, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._services, self._bridge, self._model, self._kept = services, bridge, model, kept
        self._saved = SavedPrompts(kept)
        self._entries: list[_Entry] = []
        self._job: Job | None = None
        self._reads = ""  # the id of what is being read
        self._counting: dict[int, str] = {}  # the counting's request → the file's id
        self._counted_for: object = None
        model.happened.connect(self._take)
        model.changed.connect(self._model_changed)

    # --- files --------------------------------------------------------------------------

    @property
    def files(self) -> tuple[DraftFile, ...]:
        """In the order they were added."""
        return tuple(self._shown(entry) for entry in self._entries)

    @property
    def busy(self) -> bool:
        """True while a file is being read."""
        return self._job is not None

    def restore(self) -> None:
        """Bring back what was beside the draft when the program ended, however it ended."""
        stored: list[object] = self._kept.get(DRAFT_FILES, [])
        for name, path, ours in filter(None, map(_draft_file, stored)):
            if Path(path).is_file():
                self._entries.append(_Entry(_id(), name, self._reader(Path(path), name), path=path, ours=ours))
        self._changed()

    def add_files(self, paths: Sequence[str]) -> None:
        """Read these; each is there at once, and says what became of it."""
        known = {entry.path for entry in self._entries}
        wanted = [path for path in dict.fromkeys(paths) if path not in known]
        free = max(0, FILES - len(self._entries))
        for path in wanted[:free]:
            self._entries.append(_Entry(_id(), Path(path).name, self._reader(Path(path), Path(path).name), path=path))
        if len(wanted) > free:
            problem = tr(
                "{count} more files were left out: at most {most} at once.", count=f"{len(wanted) - free:,}", most=FILES
            )
            self._entries.append(_Entry(_id(), tr("Too many files"), None, problem=problem))
        self._changed()

    def add_text(self, name: str, text: str) -> None:
        """A text without a file, e.g. a long paste."""
        self._entries.append(
            _Entry(_id(), name, lambda _report, _cancelled: documents.from_text(name, text), ours=True)
        )
        self._changed()

    def add_picture(self, name: str, make: Callable[[str, Path], PreparedImage]) -> None:
        """A picture without a file, e.g. a pasted one. make: (name, folder) → it, run in the reading thread."""
        folder = self._folder
        self._entries.append(_Entry(_id(), name, lambda _report, _cancelled: make(name, folder), ours=True))
        self._changed()

    def remove(self, id: str) -> None:
        """Take a file off the message; it is no longer read."""
        gone = [entry for entry in self._entries if entry.id == id]
        self._entries = [entry for entry in self._entries if entry.id != id]
        if id == self._reads and self._job is not None:
            self._job.cancel()
        self._forget(gone)
        self._changed()

    def take(self) -> tuple[Document, ...]:
        """The texts that are ready, for the message that goes out now. Nothing stays but what is still being read."""
        ready = tuple(entry.document for entry in self._entries if entry.document is not None)
        self._entries = [entry for entry in self._entries if self._shown(entry).reading]
        self._changed()
        return ready

    @property
    def pictures(self) -> tuple[PreparedImage, ...]:
        """The pictures that the loaded model can be shown. Ask before `take`."""
        return tuple(file.picture for file in self.files if file.picture is not None and not file.problem)

    @property
    def tokens(self) -> int | None:
        """What all files cost; None while one of them is not counted yet."""
        counts = [file.tokens for file in self.files if file.document is not None]
        return None if None in counts else sum(count or 0 for count in counts)

    def _shown(self, entry: _Entry) -> DraftFile:
        problem = entry.problem or (self._blind() if entry.picture is not None else "")
        return DraftFile(
            entry.id, entry.name, self._detail(entry), problem, entry.tokens, entry.document, entry.picture
        )

    def _detail(self, entry: _Entry) -> str:
        if entry.picture is not None:
            return f"{entry.picture.width:,} × {entry.picture.height:,}"
        if entry.document is None:
            return "" if entry.problem else entry.said or tr("reading")
        parts = [_pages(entry.document.pages)] if entry.document.pages is not None else []
        if entry.tokens is not None:
            about = tr("about {count} tokens", count=f"{entry.tokens:,}")
            parts.append(about if entry.share < 1 else _tokens(entry.tokens))
        elif not parts:
            parts.append(words.size(entry.document.bytes))
        return ", ".join(parts)

    def _blind(self) -> str:
        """Why a picture cannot be used now, or ""."""
        loaded = self._model.loaded
        if loaded is None or loaded.sees:  # which model will answer is not known before a load
            return ""
        title = self._model.loaded_variant.title if self._model.loaded_variant is not None else tr("This model")
        return tr(
            "{model} cannot see this: {why}. Load a model that sees, or describe the picture.",
            model=title, why=loaded.blind,
        )  # fmt: skip

    def _changed(self) -> None:
        """Other files: what is to be read next, and what is to come back after a crash."""
        self._next()
        kept = [{"name": e.name, "path": e.path, "ours": e.ours} for e in self._entries if e.path and not e.problem]
        self._kept.set(DRAFT_FILES, kept)
        self.changed.emit()

    def _keep_text(self, entry: _Entry, document: Document) -> None:
        """A pasted text is nowhere else."""
        store = self._services.store
        if entry.ours and not entry.path and not store.read_only:
            entry.path = str(store.keep_file(document.text.encode(), ".txt"))

    def _forget(self, entries: Sequence[_Entry]) -> None:
        """Remove the copies that only these had."""
        home, left = self._services.paths.home, {entry.path for entry in self._entries}
        ours = [Path(e.path) for e in entries if e.ours and e.path and e.path not in left]
        self._services.store.forget_files([p.relative_to(home).as_posix() for p in ours if p.is_relative_to(home)])

    @property
    def _folder(self) -> Path:
        """Where the store keeps what messages carry."""
        return self._services.paths.home / "attachments"

    # --- reading ------------------------------------------------------------------------

    def _reader(self, path: Path, name: str) -> Work:
        folder = self._folder

        def work(report: Report, cancelled: Callable[[], bool]) -> Document | PreparedImage:
            if pictures.is_picture(path):
                images = importlib.import_module("app.ui.images")  # states know of Qt only its core
                found: PreparedImage = images.prepare(path, folder)
                return replace(found, name=name)
            return replace(documents.read(path, report, cancelled), name=name)

        return work

    def _next(self) -> None:
        """Read the first file that nobody has read yet."""
        entry = next((e for e in self._entries if e.work is not None), None)
        if self._job is not None or entry is None or entry.work is None:
            return
        job = Job(entry.name, entry.work, self._bridge, self)
        entry.work, self._job, self._reads = None, job, entry.id
        job.said.connect(lambda said, _share: self._said(entry, said))
        job.done.connect(lambda found: self._done(entry, found))
        job.failed.connect(lambda error: self._failed(entry, error))
        job.ended.connect(self._ended)
        job.start()

    def _said(self, entry: _Entry, said: str) -> None:
        entry.said = tr("reading, {progress}", progress=said)
        self.changed.emit()

    def _done(self, entry: _Entry, found: Document | PreparedImage) -> None:
        if isinstance(found, Document):
            entry.document = found
            self._keep_text(entry, found)
        else:
            entry.picture = found
            entry.path = entry.path or str(found.path)
        self._count()

    def _failed(self, entry: _Entry, error: TandemError | EngineError) -> None:
        entry.problem = f"{error.message} {error.hint}".strip()

    def _ended(self) -> None:
        job, self._job, self._reads = self._job, None, ""
        if job is not None:
            job.deleteLater()
        self._changed()

    # --- what they cost -----------------------------------------------------------------

    def _model_changed(self) -> None:
        """Another model counts otherwise, and another may see."""
        loaded = self._model.loaded
        if loaded is not self._counted_for:
            self._counted_for = loaded
            self._counting.clear()
            for entry in self._entries:
                entry.tokens = None
            self._count()
            if self._entries:
                self.changed.emit()

    def _count(self) -> None:
        session, spec = self._model.session, self._model.spec
        if session is None or self._model.loaded is None or spec is None or Verb.TOKENIZE not in spec.verbs:
            return
        asked = set(self._counting.values())
        for entry in self._entries:
            if entry.document is not None and entry.tokens is None and entry.id not in asked:
                text = entry.document.text[:COUNTED]
                entry.share = len(text) / len(entry.document.text)
                request = session.tokenize(documents.in_prompt([(entry.name, text)], ""))
                if request:
                    self._counting[request] = entry.id

    def _take(self, event: Event) -> None:
        match event:
            case Tokens() if event.id in self._counting:
                self._counted(self._counting.pop(event.id), len(event.ids))
            case Failed() if event.id in self._counting:
                self._counting.pop(event.id)

    def _counted(self, id: str, count: int) -> None:
        for entry in self._entries:
            if entry.id == id:
                entry.tokens = round(count / entry.share)
                self.changed.emit()

    # --- saved prompts ------------------------------------------------------------------

    def prompts(self) -> list[SavedPrompt]:
        """By title."""
        return self._saved.all()

    def keep_prompt(self, title: str, text: str) -> SavedPrompt | None:
        """Keep a prompt; one of the same title is replaced. None: it is empty, or too long to be one."""
        made = self._saved.keep(title, text)
        self.changed.emit()
        return made

    def drop_prompt(self, id: str) -> None:
        """Forget a prompt."""
        self._saved.drop(id)
        self.changed.emit()

    def close(self) -> None:
        """At shutdown: stop reading and wait for the thread."""
        if self._job is not None:
            self._job.close()
            self._job = None


def _draft_file(item: object) -> tuple[str, str, bool] | None:
    if not isinstance(item, dict):
        return None
    name, path = item.get("name"), item.get("path")
    return (name, path, item.get("ours") is True) if isinstance(name, str) and isinstance(path, str) else None


def _pages(count: int) -> str:
    return tr("1 page") if count == 1 else tr("{count} pages", count=f"{count:,}")


def _tokens(count: int) -> str:
    return tr("1 token") if count == 1 else tr("{count} tokens", count=f"{count:,}")


def _id() -> str:
    return uuid.uuid4().hex
