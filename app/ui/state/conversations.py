"""The list of conversations as a person keeps it: pinned, in folders, by day; found, put away, brought back, carried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.library.checksum import write_atomic
from app.store import Conversation, Folder, exchange
from app.ui.language import tr
from app.ui.state import words
from app.ui.state.conversation_lines import Line, Section
from app.ui.state.kept import Kept
from app.ui.state.ports import Services

CLOSED = "chat.folders_closed"
__all__ = ["Conversations", "Line", "Section"]


@dataclass(frozen=True, slots=True)
class _Undo:
    words: str
    run: Callable[[], str]


class Conversations(QObject):
    """`changed`: the list is another one, or there is something (or nothing more) to undo."""

    changed = Signal()

    def __init__(self, services: Services, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = services.store
        self._kept = Kept(services.store)
        self._undo: _Undo | None = None

    # --- what is shown ------------------------------------------------------------------

    def sections(self, query: str = "") -> list[Section]:
        """Pinned, folders, days; what was found where there is a `query` (one section, also when nothing was)."""
        if query.strip():
            return [self._hits(query.strip())]
        found = self._store.conversations()
        pinned = [c for c in found if c.pinned]
        folders = self._store.folders()
        known = {folder.id for folder in folders}
        loose = [c for c in found if not c.pinned and c.folder_id not in known]
        closed = self._closed()
        made = [Section(tr("Pinned"), "pinned", "", _lines(pinned))] if pinned else []
        for folder in folders:
            inside = [c for c in found if c.folder_id == folder.id and not c.pinned]
            made.append(Section(folder.title, "folder", folder.id, _lines(inside), folder.id not in closed))
        days = groupby(loose, key=lambda c: words.day(c.updated))
        return [*made, *(Section(day, "day", "", _lines(list(group))) for day, group in days)]

    def set_open(self, folder_id: str, shown: bool) -> None:
        """Fold a folder open or closed; kept."""
        there = {folder.id for folder in self._store.folders()}
        closed = (self._closed() & there) - {folder_id}
        self._kept.set(CLOSED, sorted(closed if shown else closed | {folder_id}))
        self.changed.emit()

    def _closed(self) -> set[str]:
        return set(self._kept.get(CLOSED, list[str]()))

    def _hits(self, query: str) -> Section:
        hits = self._store.search(query)
        pinned = {c.id for c in self._store.conversations() if c.pinned} if hits else set()
        lines = tuple(Line(h.conversation_id, h.title, h.snippet, h.conversation_id in pinned, h.message_id or "")
                      for h in hits)  # fmt: skip
        if not lines:
            return Section(tr("Nothing found"), "hits")
        title = tr("1 found") if len(lines) == 1 else tr("{count} found", count=f"{len(lines):,}")
        return Section(title, "hits", "", lines)

    # --- what a person does -------------------------------------------------------------

    def rename(self, id: str, title: str) -> None:
        """Another title; an empty one changes nothing."""
        if title.strip():
            self._store.rename_conversation(id, title.strip())
            self.changed.emit()

    def pin(self, id: str, pinned: bool) -> None:
        """Keep it at the top of the list, or no more."""
        self._store.pin_conversation(id, pinned)
        self.changed.emit()

    def move(self, id: str, folder_id: str) -> None:
        """Into a folder, or out of any: "". A conversation that is pinned stays with the pinned."""
        self._store.move_conversation(id, folder_id or None)
        if folder_id:
            self._open_folder(folder_id)
        self.changed.emit()

    def new_folder(self, title: str = "", conversation_id: str = "") -> str:
        """Its id. conversation_id: what moves into it at once. An empty title gets a name of its own."""
        made = self._store.add_folder(title.strip() or self._free_title())
        if conversation_id:
            self._store.move_conversation(conversation_id, made.id)
        self.changed.emit()
        return made.id

    def rename_folder(self, id: str, title: str) -> None:
        """Another title; an empty one changes nothing."""
        if title.strip():
            self._store.rename_folder(id, title.strip())
            self.changed.emit()

    def delete_folder(self, id: str) -> None:
        """The folder goes, its conversations stay; `undo` brings it back with them in it."""
        folder = self.folder(id)
        inside = self._store.delete_folder(id)
        said = tr("The folder “{title}” was deleted; its conversations stay.", title=_short(folder.title))

        def back() -> str:
            self._store.restore_folder(folder, inside)
            return ""

        self._undo = _Undo(said, back)
        self.changed.emit()

    def delete(self, id: str) -> None:
        """Put a conversation away; `undo` brings it back."""
        title = self._store.conversation(id).title
        self._store.delete_conversation(id)

        def back() -> str:
            self._store.restore_conversation(id)
            return id

        self._undo = _Undo(tr("“{title}” was deleted.", title=_short(title)), back)
        self.changed.emit()

    @property
    def undo_words(self) -> str:
        """What `undo` would take back, in words; "" when there is nothing."""
        return self._undo.words if self._undo is not None else ""

    def undo(self) -> str:
        """Take the last deletion back. The conversation that is back, "" for a folder or nothing."""
        if self._undo is None:
            return ""
        run, self._undo = self._undo.run, None
        back = run()
        self.changed.emit()
        return back

    def forget_undo(self) -> None:
        """The offer to undo has been up long enough."""
        if self._undo is not None:
            self._undo = None
            self.changed.emit()

    def removed(self, most: int = 20) -> list[Line]:
        """What was deleted, the newest first."""
        return list(_lines(self._store.conversations(deleted=True)[:most]))

    def bring_back(self, id: str) -> None:
        """A conversation that was deleted long ago is in the list again."""
        self._store.restore_conversation(id)
        self._undo = None  # it may have been this one
        self.changed.emit()

    def folder(self, id: str) -> Folder:
        """Raises TandemError("not_found")."""
        found = next((folder for folder in self._store.folders() if folder.id == id), None)
        if found is None:
            raise TandemError("not_found", tr("This folder is not there any more."))
        return found

    # --- files --------------------------------------------------------------------------

    def file_name(self, id: str) -> str:
        """A name for the exported file, without its ending."""
        title = self._store.conversation(id).title
        kept = "".join(c if c.isalnum() or c in " -_.,()" else " " for c in title)
        return " ".join(kept.split())[:80].strip(" .") or tr("conversation")

    def export(self, id: str, path: str) -> None:
        """Write one conversation: JSON with every version where `path` ends in .json, else Markdown of what is shown.

        The file is whole or was never there. Raises TandemError("cannot_write").
        """
        target = Path(path)
        make = exchange.to_json if target.suffix.lower() == ".json" else exchange.to_markdown
        data = make(self._store, id).encode()
        try:
            write_atomic(target, data)
        except OSError as error:
            why = tr("{path} could not be written: {why}.", path=path, why=error.strerror or str(error))
            raise TandemError("cannot_write", why, tr("Choose another place.")) from error

    def import_file(self, path: str) -> list[str]:
        """The ids of the conversations that a Markdown or JSON file holds, newly made. Raises TandemError("bad_import")."""
        made = exchange.import_file(self._store, Path(path))
        self.changed.emit()
        return [conversation.id for conversation in made]

    # --- inside -------------------------------------------------------------------------

    def _open_folder(self, id: str) -> None:
        closed = self._closed()
        if id in closed:
            self._kept.set(CLOSED, sorted(closed - {id}))

    def _free_title(self) -> str:
        taken = {folder.title for folder in self._store.folders()}
        name = tr("New folder")
        return next(n for n in (name, *(f"{name} {k}" for k in range(2, 10_000))) if n not in taken)


def _lines(found: Sequence[Conversation]) -> tuple[Line, ...]:
    return tuple(Line(c.id, c.title, pinned=c.pinned) for c in found)


def _short(title: str) -> str:
    return words.first_words(title, 40) or tr("New conversation")
