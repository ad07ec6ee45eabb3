"""Carries one download to its end: file after file, small ones first, then the whole folder into the library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from app.errors import TandemError
from app.library.checksum import sync_folder
from app.library.hub.hub import Hub
from app.library.hub.listing import HubFile, Offer
from app.library.hub.names import why_bad_path
from app.library.hub.record import PARTS, WHOLE
from app.library.hub.transfer import Disk, Patience, Transfer, Wanted, disk_of, room
from app.library.hub.wire import Wire

MAX_UNKNOWN = 1 << 40  # a file whose size nobody says


class Carrier:
    """Files of one offer into `folder`/model. told: (bytes of the whole offer, words), often. kept: a file is whole."""

    def __init__(
        self, hub: Hub, wire: Wire, offer: Offer, folder: Path, told: Callable[[int, str], None],
        kept: Callable[[str, str], None], patience: Patience, disk: Disk = disk_of,
    ) -> None:  # fmt: skip
        self._hub, self._wire, self._offer, self._folder = hub, wire, offer, folder
        self._told, self._kept, self._patience, self._disk = told, kept, patience, disk

    def fetch(self, sums: Mapping[str, str]) -> None:
        """Everything that `sums` does not name as whole. Raises TandemError, StoppedError."""
        todo = [f for f in sorted(self._offer.files, key=lambda f: (f.bytes, f.path)) if not self._there(f, sums)]
        missing = sum(max(0, f.bytes) for f in todo) - self._partial(todo)
        room(self._folder, max(0, missing), self._disk)
        done = sum(max(0, f.bytes) for f in self._offer.files if f not in todo)
        for file in todo:
            self._fetch(file, done)
            done += max(0, file.bytes)

    @property
    def whole(self) -> Path:
        return self._folder / WHOLE

    def _fetch(self, file: HubFile, before: int) -> None:
        number = self._offer.files.index(file)
        wanted = Wanted(
            url=self._hub.address(self._offer, file), name=Path(file.path).name, bytes=file.bytes, sha256=file.sha256, blob=file.blob,
            limit=MAX_UNKNOWN,
        )  # fmt: skip
        part = self._folder / PARTS / f"{number:05d}.part"
        transfer = Transfer(
            self._wire, wanted, part, lambda done, words: self._told(before + done, words), self._patience, self._disk
        )
        sha256 = transfer.run()
        target = self._target(file)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.replace(target)
        sync_folder(target.parent)
        self._kept(file.path, sha256)

    def _target(self, file: HubFile) -> Path:
        """Where the file lies when it is whole; its name is checked here once more. Raises TandemError `bad_name`."""
        place = self._offer.place(file)
        if why := why_bad_path(place):
            raise TandemError(
                "bad_name", f"A file of {self._offer.repo} is refused: {why}.", "Choose another repository."
            )
        return self.whole / place

    def _there(self, file: HubFile, sums: Mapping[str, str]) -> bool:
        path = self._target(file)
        return file.path in sums and path.is_file() and file.bytes in (-1, path.stat().st_size)

    def _partial(self, todo: list[HubFile]) -> int:
        parts = (self._folder / PARTS / f"{self._offer.files.index(f):05d}.part" for f in todo)
        return sum(p.stat().st_size for p in parts if p.is_file())
