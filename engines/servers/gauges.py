"""A server's figures once a second while its model is in use: one thread, which ends with the session."""

from __future__ import annotations

import contextlib
import threading
import time

import msgspec

from engines.errors import Cancelled, EngineError
from engines.servers.client import Client
from engines.servers.dialects import Dialect
from engines.servers.metrics_page import Gauges, read

EVERY_S = 1.0
GIVE_UP = 5  # failures in a row, after which it is asked once a minute alone
READ_S = 2.0
FIGURES_S = 0.5  # a server that counts a request a little after its last byte is waited for so long
AGAIN_S = 0.01
BEAT = {
    "running": "server_running", "waiting": "server_waiting", "kv_use": "server_kv_use",
    "prefix_hit_rate": "server_prefix_hit_rate", "accept_rate": "server_accept_rate",
}  # fmt: skip


class GaugeReader:
    """`sample` gives the newest figures at once; `read_now` asks the server and waits for it."""

    def __init__(self, client: Client, dialect: Dialect) -> None:
        self._client, self._paths, self._kind = client, list(dialect.metrics), dialect.id
        self._stop, self._wake = threading.Event(), threading.Event()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._counts_late = True  # False of a server that was waited for in vain
        self.latest: Gauges | None = None

    def start(self) -> bool:
        """Ask once; if the server has such a page, go on every second. False where it has none."""
        if self.read_now() is None:
            return False
        self._thread = threading.Thread(target=self._work, name="tandem-server-gauges", daemon=True)
        self._thread.start()
        return True

    def sample(self) -> dict[str, float]:
        """`Beat.sample` keys of the figures that the server gives."""
        latest = self.latest
        return {} if latest is None else {to: v for at, to in BEAT.items() if (v := getattr(latest, at)) is not None}

    def read_now(self, timeout_s: float = READ_S) -> Gauges | None:
        """The figures as they are now; None where they cannot be had."""
        if not self._guard.acquire(timeout=timeout_s):
            return None
        try:
            for path in list(self._paths):
                found = self._read(path, timeout_s)
                if found is not None:
                    self._paths = [path]
                    self.latest = found
                    return found
            return None
        finally:
            self._guard.release()

    def counted(self, before: Gauges | None, n: int = 1) -> Gauges | None:
        """The figures once `n` requests more than `before` are in them; the newest ones after 0.5 s; None without a page.

        A server that was waited for in vain is asked only once from then on.
        """
        if self.latest is None:
            return None
        end = time.monotonic() + FIGURES_S
        while True:
            found = self.read_now(FIGURES_S)
            if found is None or found.ttft_count is None or before is None or before.ttft_count is None:
                return found
            if found.ttft_count >= before.ttft_count + n:
                self._counts_late = True
                return found
            if not self._counts_late or time.monotonic() >= end:
                self._counts_late = False
                return found
            self._stop.wait(AGAIN_S)

    def nudge(self) -> None:
        """Ask at once instead of at the next second: requests of ours have ended."""
        self._wake.set()

    def close(self) -> None:
        self._stop.set()
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(READ_S + 1)

    def _read(self, path: str, timeout_s: float) -> Gauges | None:
        with contextlib.suppress(EngineError, Cancelled):
            answer = self._client.get(path, timeout_s, self._stop.is_set)
            if answer.status == 200:
                return read(answer.body.decode("utf-8", "replace"), self._kind)
        return None

    def _work(self) -> None:
        failed = 0
        while True:
            self._wake.wait(EVERY_S if failed < GIVE_UP else 60.0)
            self._wake.clear()
            if self._stop.is_set():
                return
            failed = failed + 1 if self.read_now() is None else 0
            if failed:
                self.latest = None


class Around(msgspec.Struct, frozen=True):
    """A server's figures before one request and after it."""

    before: Gauges | None
    after: Gauges | None

    def figures(self) -> dict[str, float]:
        """What the server says of the one request that ended between; {} if there were none or several."""
        names = {
            "server_ttft_s": "ttft",
            "server_queue_s": "queue",
            "server_prefill_s": "prefill",
            "server_decode_s": "decode",
        }
        return {key: v for key, stem in names.items() if (v := self._one(stem)) is not None}

    def n_cached(self) -> int | None:
        """Prompt tokens that the server found in its prefix cache, if the request was alone."""
        if self.before is None or self.after is None or self._one("ttft") is None:
            return None
        return _whole(self.before.cached_tokens, self.after.cached_tokens)

    def speculation(self) -> tuple[int, int]:
        """(tokens drafted, tokens accepted) of the request, if it was alone; (0, 0) where nothing was drafted or nobody says."""
        if self.before is None or self.after is None or self._one("ttft") is None:
            return 0, 0
        drafted = _whole(self.before.drafted, self.after.drafted)
        return drafted or 0, _whole(self.before.accepted, self.after.accepted) or 0

    def _one(self, stem: str) -> float | None:
        if self.before is None or self.after is None:
            return None
        count = _difference(getattr(self.before, f"{stem}_count"), getattr(self.after, f"{stem}_count"))
        return (
            _difference(getattr(self.before, f"{stem}_sum_s"), getattr(self.after, f"{stem}_sum_s"))
            if count == 1
            else None
        )


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _whole(before: float | None, after: float | None) -> int | None:
    change = _difference(before, after)
    return None if change is None or change < 0 else round(change)
