"""The connections of one download: redirects followed by our own rules, and an end at any moment from any thread.

The token goes to the hub's own address and nowhere else; no address is logged, as it may carry a key.
"""

from __future__ import annotations

import contextlib
import importlib
import ipaddress
import logging
import re
import socket
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from app.errors import TandemError
from app.library.hub import failures

MAX_REDIRECTS = 10
REDIRECTS = frozenset({301, 302, 303, 307, 308})
AGENT = "tandem/1"


class StoppedError(Exception):
    """The wire was cut on purpose."""


class BrokenError(Exception):
    """A connection that could not be made or did not last. The text says why, without an address."""


class Wire:
    """Requests of one download. `stop` may come from any thread and ends whatever is under way."""

    def __init__(self, endpoint: str, token: str, stall_s: float, connect_s: float) -> None:
        self._origin, self._token = origin(endpoint), token if may_carry_token(endpoint) else ""
        self._http: Any = importlib.import_module("urllib3")
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # below that it logs whole addresses
        self._timeout = self._http.Timeout(connect=connect_s, read=stall_s)
        self._sockets: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._stopped = threading.Event()
        self._pools: dict[str, Any] = {}

    @property
    def has_token(self) -> bool:
        return bool(self._token)

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep, unless it is stopped. Raises StoppedError."""
        if self._stopped.wait(seconds):
            raise StoppedError

    def stop(self) -> None:
        """End every request now."""
        with self._guard:
            self._stopped.set()
            for sock in self._sockets:
                _cut(sock)

    def close(self) -> None:
        """Stop, and give the connections back."""
        self.stop()
        for pool in self._pools.values():
            pool.clear()
        with self._guard:
            self._sockets.clear()

    @contextlib.contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[Any]:
        """The answer behind every redirect, not read yet. Raises BrokenError, StoppedError, TandemError."""
        seen: set[str] = set()
        while True:
            if self.stopped:
                raise StoppedError
            answer = self._ask(url, headers)
            try:
                if answer.status not in REDIRECTS:
                    yield answer
                    return
                seen.add(url)
                url = _next(url, answer.headers.get("location", ""), seen)
            finally:
                answer.close()

    def read(self, answer: Any, most: int) -> bytes:
        """What has come of the answer, at least one byte; b"" at its end. Raises BrokenError, StoppedError."""
        try:
            data: bytes = answer.read1(most)
        except (self._http.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            if self.stopped:
                raise StoppedError from None
            raise BrokenError(_why(self._http, error)) from None
        if self.stopped:
            raise StoppedError
        return data

    def _ask(self, url: str, headers: Mapping[str, str]) -> Any:
        sent = {"User-Agent": AGENT, "Accept-Encoding": "identity", **headers}
        if self._token and origin(url) == self._origin:
            sent["Authorization"] = f"Bearer {self._token}"
        try:
            return self._pool(url).request(
                "GET", url, headers=sent, redirect=False, retries=False, preload_content=False, timeout=self._timeout
            )
        except (self._http.exceptions.HTTPError, OSError) as error:
            if self.stopped:
                raise StoppedError from None
            raise BrokenError(_why(self._http, error)) from None

    def _pool(self, url: str) -> Any:
        parts = urlsplit(url)
        proxy = _proxy(parts.scheme, parts.hostname or "")
        if proxy not in self._pools:
            pool = self._http.ProxyManager(proxy) if proxy else self._http.PoolManager()
            pool.pool_classes_by_scheme = _watched(self._keep)
            self._pools[proxy] = pool
        return self._pools[proxy]

    def _keep(self, sock: socket.socket) -> None:
        with self._guard:
            self._sockets = {s for s in self._sockets if s.fileno() >= 0}
            self._sockets.add(sock)
            if self.stopped:
                _cut(sock)


def origin(url: str) -> tuple[str, str, int]:
    """(scheme, host, port)."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def host_of(url: str) -> str:
    """The host alone: what may be shown of an address."""
    try:
        return urlsplit(url).hostname or "the server"
    except ValueError:
        return "the server"


def may_carry_token(url: str) -> bool:
    """True for https, and on this machine itself."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    with contextlib.suppress(ValueError):
        return parts.scheme == "https" or ipaddress.ip_address(host).is_loopback
    return parts.scheme == "https" or host == "localhost"


def _next(url: str, location: str, seen: set[str]) -> str:
    """Where a redirect leads. Raises TandemError for a loop, too many, or a step to a worse scheme."""
    host = host_of(url)
    try:
        there = urljoin(url, location)
        parts = urlsplit(there)
        fine = bool(location) and parts.scheme in ("http", "https") and parts.hostname and origin(there)
    except ValueError:
        fine = False
    if not fine:
        raise TandemError("bad_redirect", f"{host} points to something that is no address.", failures.LATER)
    if urlsplit(url).scheme == "https" and parts.scheme != "https":
        raise TandemError("bad_redirect", f"{host} points from https to http, which is refused.", failures.LATER)
    if there in seen or len(seen) > MAX_REDIRECTS:
        raise TandemError("bad_redirect", f"{host} points in circles.", failures.LATER)
    return there


def _cut(sock: socket.socket) -> None:
    """Wakes the thread that reads from it; the plain socket's own call, as TLS would want to say goodbye."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _proxy(scheme: str, host: str) -> str:
    if urllib.request.proxy_bypass(host):
        return ""
    found = urllib.request.getproxies()
    return found.get(scheme) or found.get("all") or ""


def _watched(keep: Any) -> dict[str, Any]:
    """urllib3's pools, whose connections hand their sockets to `keep`."""
    pools: Any = importlib.import_module("urllib3.connectionpool")

    def connecting(base: Any) -> Any:
        def connect(self: Any) -> None:
            base.connect(self)
            keep(self.sock)

        return type(f"Watched{base.__name__}", (base,), {"connect": connect})

    def pool(base: Any) -> Any:
        return type(f"Watched{base.__name__}", (base,), {"ConnectionCls": connecting(base.ConnectionCls)})

    return {"http": pool(pools.HTTPConnectionPool), "https": pool(pools.HTTPSConnectionPool)}


def _why(http: Any, error: Exception) -> str:
    """In words, and without the address that urllib3's own messages carry."""
    kinds = http.exceptions
    cause = getattr(error, "reason", None)
    if isinstance(error, kinds.ReadTimeoutError):
        return "nothing came for too long"
    if isinstance(error, kinds.NameResolutionError) or isinstance(cause, kinds.NameResolutionError):
        return "its name is not known"
    if isinstance(error, kinds.SSLError) or isinstance(cause, kinds.SSLError) or "certificate" in str(error).lower():
        return "its certificate cannot be trusted"
    if isinstance(error, (kinds.NewConnectionError, ConnectionRefusedError)):
        return "it cannot be connected to"
    if isinstance(error, kinds.ConnectTimeoutError):
        return "it does not answer"
    return "the connection broke" if not re.search("proxy", str(error), re.IGNORECASE) else "the proxy does not work"
