"""The files that messages carry: named in the database, their bytes in a folder of the home."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from app.paths import private_folder
from app.store import files
from app.store.connection import disk_in_words
from app.store.database import Database, clean, new_id, not_found, now
from app.store.records import Attachment

_COLUMNS = ", ".join(f"attachments.{name}" for name in Attachment.__struct_fields__)
_OF = f"""
SELECT {_COLUMNS} FROM attachments JOIN messages ON messages.id = message_id
WHERE conversation_id = ? ORDER BY attachments.seq
"""  # noqa: S608 - the columns are ours
_INSERT = """
INSERT INTO attachments (id, message_id, kind, name, mime, path, bytes, sha256, created)
VALUES (:id, :message_id, :kind, :name, :mime, :path, :bytes, :sha256, :created)
"""


class Attachments(Database):
    def attach(
        self, message_id: str, kind: str, name: str, mime: str, path: str | Path, bytes: int, sha256: str
    ) -> Attachment:
        """path: where the file is kept, see `keep_file`; "": it is not. Raises TandemError("not_found") without that message."""
        made = Attachment(
            id=new_id(), message_id=message_id, kind=kind, name=clean(name), mime=mime,
            path=os.fspath(path), bytes=bytes, sha256=sha256, created=now(),
        )  # fmt: skip

        def add(connection: sqlite3.Connection) -> None:
            if connection.execute("SELECT 1 FROM messages WHERE id = ?", (message_id,)).fetchone() is None:
                raise not_found("message")
            insert(connection, self.as_stored(made))

        self.write(add)
        return self._placed(made)

    def attachments(self, conversation_id: str) -> dict[str, list[Attachment]]:
        """By message id, in the order they were attached. Messages that were put away have theirs too."""
        found: dict[str, list[Attachment]] = {}
        for row in self.read(lambda c: c.execute(_OF, (conversation_id,)).fetchall()):
            each = self._placed(Attachment(**dict(row)))
            found.setdefault(each.message_id, []).append(each)
        return found

    def keep_file(self, content: bytes, ending: str = "") -> Path:
        """Write `content` (once, whatever it is called) into the home's folder of attached files, for `attach`."""
        path = self._folder / f"{hashlib.sha256(content).hexdigest()}{ending}"
        if not path.exists():
            with disk_in_words(self._paths.database), files.scratch(path, f".{new_id()}.part") as part:
                part.write_bytes(content)
                files.install(part, path)
        return path

    def forget_files(self, paths: Sequence[str]) -> None:
        """Remove those kept files that no message carries any more; files outside the home's folder stay."""
        used = self.read(lambda c: {row["path"] for row in c.execute("SELECT path FROM attachments")})
        for path in set(paths) - used:
            kept = self._paths.home / path
            if kept.parent == self._folder:
                with contextlib.suppress(OSError):
                    kept.unlink(missing_ok=True)

    def as_stored(self, attachment: Attachment) -> Attachment:
        """A path inside the home is kept without it, so that a home can be moved."""
        path, home = attachment.path, self._paths.home
        if not path or not Path(path).is_relative_to(home):
            return attachment
        return msgspec.structs.replace(attachment, path=Path(path).relative_to(home).as_posix())

    @property
    def _folder(self) -> Path:
        return private_folder(private_folder(self._paths.home) / "attachments")

    def _placed(self, attachment: Attachment) -> Attachment:
        path = str(self._paths.home / attachment.path) if attachment.path else ""
        return msgspec.structs.replace(attachment, path=path)


def insert(connection: sqlite3.Connection, attachment: Attachment) -> None:
    """As it is, see `Attachments.as_stored`."""
    connection.execute(_INSERT, {name: getattr(attachment, name) for name in Attachment.__struct_fields__})
