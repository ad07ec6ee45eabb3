"""The queue of downloads: several at once, paused and resumed, kept over a restart and over a process that was killed.

A download belongs to the process that holds its lock; the others show its state from the file. When that process is
gone, the lock is free, and a program that listens takes the download up where it was.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from app.errors import TandemError
from app.library.checksum import sha256_of
from app.library.entries import Entries
from app.library.hub.carrying import Carrier
from app.library.hub.hub import Hub
from app.library.hub.listing import Offer
from app.library.hub.live import Live, Wish, shown
from app.library.hub.ownership import Addresses, Owners, elsewhere
from app.library.hub.record import ACTIVE, CANCELLED, CHECKING, DONE, FAILED, PAUSED, QUEUED, RUNNING  # isort: split

from app.library.hub.record import Download, Record, Records, unknown
from app.library.hub.transfer import Disk, Patience, disk_of
from app.library.hub.wire import StoppedError, Wire
from app.library.library import Library
from app.library.scan import PLACE
from app.library.taking_in import take_in, twin_of
from app.library.variant import Origin, Variant
from app.paths import Paths

AT_ONCE = 3
RESUMABLE = ACTIVE | {PAUSED, FAILED, CANCELLED}
GONE = frozenset({"bad_name", "bad_checksum", "changed", "too_large"})  # with what is refused: nothing of it is kept


class Downloads:
    """Thread-safe. Calls are quick; the work is done in threads of its own, which `close` ends."""

    def __init__(
        self, library: Library, paths: Paths, hub: Hub, patience: Patience | None = None, at_once: int = AT_ONCE,
        disk: Disk = disk_of, watch_s: float = 2.0,
    ) -> None:  # fmt: skip
        self._library, self._hub = library, hub
        self._patience, self._at_once, self._disk, self._watch_s = patience or hub.patience, at_once, disk, watch_s
        self._records, self._entries = Records(paths), Entries(paths)
        self._owners, self._addresses = Owners(paths, self._records), Addresses(library.secrets)
        self._live: dict[str, Live] = {}
        self._unwritten: dict[str, Record] = {}
        self._guard = threading.Condition(threading.RLock())
        self._listeners: list[Callable[[], None]] = []
        self._closed = threading.Event()
        self._watcher: threading.Thread | None = None

    # --- what a person asks -------------------------------------------------------------------

    def start(self, offer: Offer) -> str:
        """Download it; one that is under way, or was interrupted, goes on. Raises TandemError `not_usable`, `disk_full`."""
        if offer.why_not:
            raise TandemError("not_usable", f"{offer.repo}, {offer.name}: {offer.why_not}", "Choose another variant.")
        same = next((r for r in self._records.all() if r.offer.same(offer) and r.state not in (DONE, CANCELLED)), None)
        if same is not None:
            self.resume(same.id)
            return same.id
        secret = self._addresses.secret(offer)
        record = self._records.new(msgspec.structs.replace(offer, url="") if secret else offer, secret)
        if secret:
            self._addresses.keep(record.id, offer)
        self._begin(record.id)
        return record.id

    def pause(self, id: str) -> None:
        """Stop it and keep what came."""
        self._ask(id, Wish.PAUSE)

    def cancel(self, id: str) -> None:
        """Stop it and delete what came."""
        if not self._ask(id, Wish.CANCEL):
            with self._owners.alone(id) as record:
                if record.state != DONE:
                    self._records.empty(id)
                    self._records.write(
                        msgspec.structs.replace(record, state=CANCELLED, sums={}, done_bytes=0, message="", hint="")
                    )
        self._tell()

    def resume(self, id: str) -> None:
        """Go on with one that is paused, failed or cancelled. Does nothing to one that is under way or done."""
        if self._records.read(id) is None:
            raise unknown(id)
        with self._guard:
            while (live := self._live.get(id)) is not None and live.settled and not self._closed.is_set():
                self._guard.wait(0.1)
            if live is not None:
                live.wish = Wish.GO if live.wish is Wish.PAUSE else live.wish
        if live is None:
            self._begin(id)

    retry = resume

    def clear(self, id: str) -> None:
        """Take one that has ended out of the list. Raises TandemError `in_use` for one that is under way."""
        with self._guard:
            if id in self._live:
                raise TandemError("in_use", "It is being downloaded.", "Cancel it first.")
        with self._owners.alone(id) as record:
            self._addresses.forget(record)
            self._records.forget(id)
        self._owners.forget(id)
        self._tell()

    # --- what a person sees -------------------------------------------------------------------

    def all(self) -> tuple[Download, ...]:
        """Every download, oldest first."""
        records = self._records.all()
        with self._guard:
            known = {r.id: shown(self._unwritten.get(r.id, r), None) for r in records}
            known |= {key: shown(live.record, live) for key, live in self._live.items()}
            return tuple(known[key] for key in sorted(known))

    def get(self, id: str) -> Download:
        """One. Raises TandemError `unknown_download`."""
        with self._guard:
            live = self._live.get(id)
            if live is not None:
                return shown(live.record, live)
            kept = self._unwritten.get(id)
        record = self._records.read(id)
        if record is None:
            raise unknown(id)
        return shown(kept or record, None)

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """`listener` is called, from any thread, when something changed; what is returned ends that.

        Who listens also takes up what a process that is gone has left.
        """
        with self._guard:
            self._listeners.append(listener)
        self.wake()

        def end() -> None:
            with self._guard:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return end

    def wait(self, id: str, timeout: float | None = None) -> Download:
        """Until it is done, failed, cancelled or paused, or the time is over. Raises TandemError `unknown_download`."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            seen = self.get(id)
            left = 0.5 if end is None else min(0.5, end - time.monotonic())
            with self._guard:
                if (seen.state not in ACTIVE and id not in self._live) or left <= 0:
                    return self.get(id)
                self._guard.wait(left)

    def offer_of_url(self, url: str) -> Offer:
        """As `Hub.offer_of_url`. Blocks."""
        return self._hub.offer_of_url(url)

    def wake(self) -> None:
        """Take up what was under way when its process died, and watch what other processes carry."""
        self._records.sweep()
        self._take_up()
        with self._guard:
            if self._watcher is None and not self._closed.is_set():
                self._watcher = threading.Thread(target=self._watch, name="tandem-downloads", daemon=True)
                self._watcher.start()

    def close(self) -> None:
        """End every thread; what was under way goes on when the program is opened again."""
        self._closed.set()
        with self._guard:
            threads = [live.thread for live in self._live.values() if live.thread is not None]
            for live in list(self._live.values()):
                live.wish = Wish.CLOSE
                if live.wire is not None:
                    live.wire.stop()
                if live.thread is None:
                    self._let_go(live)
            threads += [self._watcher] if self._watcher is not None else []
        for thread in threads:
            thread.join()

    # --- beginning and ending -----------------------------------------------------------------

    def _begin(self, id: str, only: frozenset[str] = RESUMABLE) -> None:
        """Make it ours and queue it, if its state is in `only`. Raises TandemError `in_use` if another carries it."""
        lock = self._owners.lock(id)
        if not lock.try_acquire():
            raise elsewhere()
        record = self._records.read(id)
        if record is None or record.state not in only or self._closed.is_set():
            lock.release()
            return
        record = msgspec.structs.replace(record, state=QUEUED, message="", hint="", code="")
        live = Live(record, lock, done=record.done_bytes)
        with self._guard:
            self._live[id] = live
            self._unwritten.pop(id, None)
        try:
            self._save(live)
        except TandemError:
            self._let_go(live)
            raise
        self._pump()
        self._tell()

    def _ask(self, id: str, wish: Wish) -> bool:
        """Tell a download of ours what is wished of it. False if we do not carry it. Raises TandemError."""
        with self._guard:
            live = self._live.get(id)
            if live is None:
                record = self._records.read(id)
                if record is None:
                    raise unknown(id)
                if record.state in ACTIVE and not self._owners.free(id):
                    raise elsewhere()
                return False
            live.wish = wish
            if live.wire is not None:
                live.wire.stop()
            waiting = live.thread is None
        if waiting:
            self._stopped(live)
        return True

    def _pump(self) -> None:
        """Start as many of those that wait as may run."""
        with self._guard:
            running = sum(live.thread is not None for live in self._live.values())
            for key in sorted(self._live):
                live = self._live[key]
                if running >= self._at_once or self._closed.is_set():
                    return
                if live.thread is None and live.wish is Wish.GO:
                    live.thread = threading.Thread(
                        target=self._carry, args=(live,), name=f"tandem-download-{key}", daemon=True
                    )
                    live.thread.start()
                    running += 1

    def _carry(self, live: Live) -> None:
        """The thread of one download."""
        try:
            with contextlib.closing(self._hub.wire(self._patience)) as wire:
                self._work(live, wire)
        except StoppedError:
            self._stopped(live)
        except TandemError as error:
            self._failed(live, error)
        except OSError as error:
            why = error.strerror or type(error).__name__
            self._failed(live, TandemError("disk", f"The disk refused it: {why}.", "Check the disk, then retry."))
        finally:
            self._left_over(live)
            self._pump()
            self._tell()

    def _left_over(self, live: Live) -> None:
        """A bug ended the thread, and is shown by its traceback: the download does not hang in the list."""
        with self._guard:
            mine = self._live.get(live.record.id) is live and live.thread is threading.current_thread()
        if mine:
            self._end(
                live, state=FAILED, message="It ended by an error in Tandem.", hint="Retry; report it if it stays so."
            )

    def _work(self, live: Live, wire: Wire) -> None:
        offer = self._addresses.offer(live.record)
        sums = [f.sha256 or live.record.sums.get(f.path, "") for f in offer.files]
        twin = twin_of(self._library.variants(), sums) if all(sums) else None
        if twin is not None and (twin.origin.kind != PLACE or self._really(live, twin)):
            self._done(live, twin.ref)
            return
        with self._guard:
            live.wire = wire
            if live.wish is not Wish.GO:
                raise StoppedError
        self._set(live, state=RUNNING)
        carrier = Carrier(
            self._hub, wire, offer, self._records.of(live.record.id), lambda done, words: self._progress(live, done, words),
            lambda path, sha256: self._whole(live, path, sha256), self._patience, self._disk,
        )  # fmt: skip
        carrier.fetch(live.record.sums)
        self._set(live, state=CHECKING, done_bytes=live.record.whole_bytes)
        self._done(live, self._take_in(live, carrier, offer))

    def _really(self, live: Live, twin: Variant) -> bool:
        """True if the files in another program's cache are what their names there say. Raises StoppedError."""
        try:
            for file in twin.files:
                found = sha256_of(
                    Path(file.path),
                    lambda *_: self._progress(live, 0, "checking the copy that is here"),
                    lambda: live.wish is not Wish.GO,
                )
                if found != file.sha256:
                    return False
        except TandemError:
            raise StoppedError from None
        except OSError:
            return False
        return True

    def _take_in(self, live: Live, carrier: Carrier, offer: Offer) -> str:
        """Into the library. Its reference there."""
        sums = {offer.place(f): live.record.sums[f.path] for f in offer.files}
        path = carrier.whole / offer.load if offer.load else carrier.whole
        origin = Origin("hub", repo=offer.repo, revision=offer.revision)
        return take_in(
            self._entries, carrier.whole, path, offer.title, origin, sums, offer.licence, self._library.elsewhere()
        )[0].ref

    def _done(self, live: Live, ref: str) -> None:
        whole = sum(max(0, f.bytes) for f in live.record.offer.files)
        self._records.empty(live.record.id)
        self._addresses.forget(live.record)
        self._end(live, state=DONE, ref=ref, done_bytes=whole, message="", hint="", code="")

    def _failed(self, live: Live, error: TandemError) -> None:
        """Keep what came where it may still be right: a full disk pauses, a broken connection can be retried."""
        if error.code in GONE or error.code.startswith("refused_"):
            self._records.empty(live.record.id)
            live.done, live.record = 0, msgspec.structs.replace(live.record, sums={})
        state = PAUSED if error.code == "disk_full" else FAILED
        self._end(live, state=state, done_bytes=live.done, message=error.message, hint=error.hint, code=error.code)

    def _stopped(self, live: Live) -> None:
        """As it was wished; where it was resumed before it had stopped, it is queued again."""
        with self._guard:
            live.settled = live.wish is not Wish.GO
            if not live.settled:
                live.thread, live.wire = None, None
        if live.wish is Wish.CLOSE:
            with contextlib.suppress(TandemError):
                self._set(live, done_bytes=live.done)
            self._let_go(live)
        elif live.wish is Wish.CANCEL:
            self._records.empty(live.record.id)
            self._end(live, state=CANCELLED, sums={}, done_bytes=0, message="", hint="")
        elif live.wish is Wish.PAUSE:
            self._end(live, state=PAUSED, done_bytes=live.done, message="", hint="")
        else:
            self._set(live, state=QUEUED)

    def _end(self, live: Live, **changes: object) -> None:
        """Write its last state, then give it away. Where a full disk refuses the write, it is kept in memory."""
        live.settled = True
        try:
            self._set(live, **changes)
        except TandemError:
            with self._guard:
                self._unwritten[live.record.id] = live.record
        self._let_go(live)
        self._tell()

    def _let_go(self, live: Live) -> None:
        with self._guard:
            self._live.pop(live.record.id, None)
            live.lock.release()
            self._guard.notify_all()

    # --- state --------------------------------------------------------------------------------

    def _progress(self, live: Live, done: int, words: str) -> None:
        with self._guard:
            tell, save = live.saw(done, words, time.monotonic())
        if save:
            self._save(live)
        if tell:
            self._tell()

    def _whole(self, live: Live, path: str, sha256: str) -> None:
        self._set(live, sums={**live.record.sums, path: sha256}, done_bytes=live.done)

    def _set(self, live: Live, **changes: object) -> None:
        with self._guard:
            live.record = msgspec.structs.replace(live.record, **changes)
            self._guard.notify_all()
        self._save(live)
        self._tell()

    def _save(self, live: Live) -> None:
        with live.writing:
            self._records.write(live.record)

    def _tell(self) -> None:
        with self._guard:
            listeners = list(self._listeners)
            self._guard.notify_all()
        for listener in listeners:
            with contextlib.suppress(RuntimeError):  # of a window that closes just now
                listener()

    # --- other processes ----------------------------------------------------------------------

    def _take_up(self) -> None:
        """Queue what is under way by its file, and carried by nobody."""
        for record in self._records.all():
            with self._guard:
                mine = record.id in self._live
            if record.state in ACTIVE and not mine:
                with contextlib.suppress(TandemError):
                    self._begin(record.id, ACTIVE)

    def _watch(self) -> None:
        """Tell of what other processes do, and take up what they leave."""
        before: object = None
        while not self._closed.wait(self._watch_s):
            self._take_up()
            with self._guard:
                mine = set(self._live)
            seen = [(r.id, r.state, r.done_bytes) for r in self._records.all() if r.id not in mine]
            if before is not None and seen != before:
                self._tell()
            before = seen
