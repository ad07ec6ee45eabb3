"""Writes servers and their keys down in a thread: a system's keyring may take its time, or ask the person to unlock it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.library.secrets import Secrets
from app.library.servers import Server, Servers, base_url
from app.ui.bridge import Bridge
from app.ui.language import tr
from app.ui.state.background import Job, Report


@dataclass(frozen=True, slots=True)
class Draft:
    """What the form of a server holds. key "": leave the kept one as it is."""

    url: str = ""
    title: str = ""
    kind: str = ""
    key: str = ""
    ca_file: str = ""
    verify: bool = True
    forget_key: bool = False

    def __repr__(self) -> str:
        return f"Draft({self.url!r}, {self.title!r}, key={'…' if self.key else ''!r})"


class Keeping(QObject):
    """One thing at a time: `saved(Server)`, `removed(id)` or `failed(error)`; `kept(bool)`: is there a keyring?"""

    saved = Signal(object)
    removed = Signal(str)
    failed = Signal(object)
    kept = Signal(bool)

    def __init__(self, servers: Servers, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._servers, self._bridge = servers, bridge
        self._jobs: dict[int, Job] = {}
        self._begun = 0

    @property
    def busy(self) -> bool:
        """True while something is being written."""
        return any(job.title != "keyring" for job in self._jobs.values())

    def save(self, old: Server | None, draft: Draft) -> None:
        """Add a server, or change `old`. Raises TandemError `bad_url` at once for an address that is none."""
        url = base_url(draft.url)
        servers = self._servers

        def write() -> Server:
            if old is not None:
                return changed(servers, old, draft)
            return servers.add(url, draft.title, draft.kind, draft.key, draft.ca_file, draft.verify)

        self._run("save a server", write, self.saved.emit)

    def remove(self, server: str) -> None:
        """Forget a server and its key."""
        self._run("remove a server", lambda: self._servers.remove(server), lambda _none: self.removed.emit(server))

    def look(self, secrets: Secrets) -> None:
        """Find out whether keys outlive this process."""
        self._run("keyring", lambda: secrets.kept, self.kept.emit)

    def close(self) -> None:
        """At shutdown: what is being written is written."""
        for job in self._jobs.values():
            job.close()
        self._jobs.clear()

    def _run(self, title: str, do: Callable[[], object], done: Callable[[object], None]) -> None:
        def work(_report: Report, _cancelled: Callable[[], bool]) -> object:
            try:
                return do()
            except OSError as error:
                why = tr("The list of servers cannot be written: {why}.", why=error.strerror or error)
                raise TandemError("disk", why, tr("Make room, or see that Tandem's folder can be written.")) from error

        job = Job(title, work, self._bridge, self)
        self._begun += 1
        number = self._begun  # the slots hold this, never the job: it would be freed inside its own end
        self._jobs[number] = job

        def over(tell: Callable[[object], None]) -> Callable[[object], None]:
            def end(value: object) -> None:
                self._forget(number)
                tell(value)

            return end

        job.done.connect(over(done))
        job.failed.connect(over(self.failed.emit))
        job.ended.connect(lambda: self._forget(number))  # also where it ended in a bug
        job.start()

    def _forget(self, number: int) -> None:
        job = self._jobs.pop(number, None)
        if job is not None:
            job.deleteLater()


def changed(servers: Servers, old: Server, draft: Draft) -> Server:
    """The same server with other facts, written. Its key stays only while it is on the same machine. Raises `bad_url`."""
    url = base_url(draft.url)
    other = next((s for s in servers.all() if s.url == url and s.id != old.id), None)
    if other is not None:
        why = tr("“{title}” has this address already.", title=other.title)
        raise TandemError("bad_url", why, tr("Change that one, or remove it first."))
    moved = urlsplit(url).hostname != urlsplit(old.url).hostname
    if draft.forget_key or moved:
        servers.remove(old.id)  # with its key
    same = url == old.url
    made = msgspec.structs.replace(
        old, url=url, title=draft.title.strip() or urlsplit(url).netloc, kind=draft.kind, ca_file=draft.ca_file,
        verify=draft.verify, key=old.key and not (draft.forget_key or moved), models=old.models if same else (),
        asked=old.asked if same else 0.0,
    )  # fmt: skip
    servers.put(made)
    if draft.key:
        return servers.add(url, made.title, made.kind, draft.key, made.ca_file, made.verify)
    return made
