"""Whose a download is: the process that holds its lock; and where an address that carries a key is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import msgspec

from app.errors import TandemError
from app.library.hub.links import has_key
from app.library.hub.listing import Offer
from app.library.hub.record import Record, Records, unknown
from app.library.secrets import Secrets
from app.locks import FileLock
from app.paths import Paths


class Owners:
    """Locks by download. A lock vanishes with its process."""

    def __init__(self, paths: Paths, records: Records) -> None:
        self._paths, self._records = paths, records

    def lock(self, id: str) -> FileLock:
        """Asks once, without waiting. Raises TandemError `unknown_download` for what is no id."""
        self._records.of(id)
        return FileLock(self._paths.lock / f"download-{id}.lock", timeout_s=0.0)

    def free(self, id: str) -> bool:
        """True if nobody carries it."""
        lock = self.lock(id)
        free = lock.try_acquire()
        lock.release()
        return free

    @contextlib.contextmanager
    def alone(self, id: str) -> Iterator[Record]:
        """One that nobody carries, for a moment. Raises TandemError `in_use`, `unknown_download`."""
        lock = self.lock(id)
        if not lock.try_acquire():
            raise elsewhere()
        try:
            record = self._records.read(id)
            if record is None:
                raise unknown(id)
            yield record
        finally:
            lock.release()

    def forget(self, id: str) -> None:
        """Its lock file goes: the id is never used again."""
        with contextlib.suppress(OSError):
            self.lock(id).path.unlink()


class Addresses:
    """Addresses with a key are kept among the secrets, not in a download's file."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def secret(self, offer: Offer) -> bool:
        return bool(offer.url) and has_key(offer.url)

    def keep(self, id: str, offer: Offer) -> None:
        self._secrets.set(_name(id), offer.url)

    def offer(self, record: Record) -> Offer:
        """The offer with its address. Raises TandemError `no_address`."""
        if not record.secret:
            return record.offer
        url = self._secrets.get(_name(record.id))
        if not url:
            raise TandemError(
                "no_address",
                "The address carried a key, which was kept for that session only.",
                "Add the address again.",
            )
        return msgspec.structs.replace(record.offer, url=url)

    def forget(self, record: Record) -> None:
        if record.secret:
            self._secrets.forget(_name(record.id))


def elsewhere() -> TandemError:
    return TandemError("in_use", "Another Tandem carries this download.", "Do it there, or close that one.")


def _name(id: str) -> str:
    return f"download:{id}"
